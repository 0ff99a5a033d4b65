package operator_test

import (
	"log/slog"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

func TestRounds_runWhileSomethingIsToBeLookedAfter(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	rounds := operator.NewTriggerPolling(s.Store, schedulesOf(s, time.Minute), time.Minute, slog.New(slog.DiscardHandler))
	want := func(running bool, when string) {
		t.Helper()
		for range 2 { // the second time changes nothing
			if err := rounds.Keep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if there, _, _ := s.Temporal.Schedule(workflows.TrackRoundID(s.Connection.ID)); there != running {
			t.Errorf("%s: there is a schedule: %t", when, there)
		}
	}
	enable := func(enabled bool) {
		t.Helper()
		if err := s.Store.EnableTrigger(t.Context(), s.Connection.ID, "deal-won", enabled); err != nil {
			t.Fatal(err)
		}
	}
	want(false, "without triggers")
	apply(t, s, "deal-won")
	want(true, "with a trigger")
	enable(false)
	want(false, "with a trigger that is off")
	enable(true)
	want(true, "with a trigger that is on again")

	id, _, err := s.Store.Track(t.Context(), store.Tracking{TrackedEvent: store.TrackedEvent{
		ConnectionID: s.Connection.ID, TriggerID: "deal-won", TriggerVersion: 1, ObjectType: bridge.ObjectDeal, ObjectID: "9", OrderID: "o1",
		ContactID: "101", OccurredAt: time.Now(), State: store.TrackedPending,
	}, Request: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	enable(false)
	want(true, "while a verdict is open")
	if err := s.Store.EndTracked(t.Context(), id, store.TrackedEnd{State: store.TrackedComplete}); err != nil {
		t.Fatal(err)
	}
	want(false, "once all has ended")
}
