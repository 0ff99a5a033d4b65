package workflows_test

import (
	"context"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// guardErasures lets so many privacy deletions pass that nothing bears out.
func guardErasures(t *testing.T, s *wiringtest.System, guard int) {
	t.Helper()
	if err := s.Store.SetErasureGuard(t.Context(), s.Connection.ID, &guard); err != nil {
		t.Fatal(err)
	}
}

func wantErasuresWaiting(t *testing.T, s *wiringtest.System, want int64) {
	t.Helper()
	w, err := s.Store.WaitingDeletions(t.Context(), s.Connection.ID, "", 1000)
	if err != nil || w.Erasures != want || int64(len(w.ErasureContacts)) != want || w.Waiting != 0 {
		t.Fatalf("%+v, %v; want %d privacy deletions to wait", w, err, want)
	}
}

// vanish erases contacts in HubSpot without a word to us, and has a reconcile
// infer that.
func vanish(t *testing.T, s *wiringtest.System, n int) (ids []string) {
	t.Helper()
	s.Inferred = bridge.InferredErase
	ids = mappedByReport(t, s, n)
	for _, id := range ids {
		erase(t, s, id)
	}
	s.HubSpot.Webhooks().Take()
	return ids
}

func TestErasureGuard_inferredInNumbersWaitForAPerson(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		decide func(ctx context.Context, s *store.Store, connectionID string) (int64, error)
		erased bool
	}{
		"approved, they are erased": {func(ctx context.Context, s *store.Store, id string) (int64, error) {
			return s.ApproveErasures(ctx, id, nil)
		}, true},
		"rejected, they stay": {func(ctx context.Context, s *store.Store, id string) (int64, error) {
			return s.RejectErasures(ctx, id, nil)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			guardErasures(t, s, 3)
			const many = 5
			ids := vanish(t, s, many)

			wantDrift(t, reconcile(t, s, false), map[string]int64{"vanished_contact guarded": many})

			wantErasuresWaiting(t, s, many)
			wantParticipants(t, s, 0, many, true)
			if n, err := s.Store.ApproveDeletions(t.Context(), s.Connection.ID, nil); err != nil || n != 0 {
				t.Fatalf("%d approved as ordinary deletions, %v", n, err)
			}

			if n, err := tt.decide(t.Context(), s.Store, s.Connection.ID); err != nil || n != many {
				t.Fatalf("%d decided, %v", n, err)
			}
			relayAll(t, s)
			wantErasuresWaiting(t, s, 0)
			wantParticipants(t, s, 0, many, !tt.erased)
			if !tt.erased {
				wantState(t, s, ids[0], bridge.StateDeleted)
			}
			wantAgreement(t, s) // nobody asks again
		})
	}
}

func TestErasureGuard_fewThatAreInferredGoThrough(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	guardErasures(t, s, 3)
	vanish(t, s, 3)
	wantDrift(t, reconcile(t, s, false), map[string]int64{"vanished_contact repaired": 3})
	wantParticipants(t, s, 0, 3, false)
	open, err := s.Store.Erasures(t.Context(), s.Connection.ID, false, 0, 10)
	if err != nil || len(open) != 3 || open[0].Source != store.ErasureByRequest {
		t.Errorf("recorded %+v, %v", open, err)
	}
}

func TestErasureGuard_whatHubSpotTellsOfWaitsForNobody(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	guardErasures(t, s, 1)
	ids := vanish(t, s, 3)
	reconcile(t, s, false)
	wantErasuresWaiting(t, s, 3)
	told := store.Event{ConnectionID: s.Connection.ID, ContactID: ids[0], Kind: store.EventErased, OccurredAt: time.Now(), DedupeKey: "told"}
	if _, err := s.Store.AppendEvents(t.Context(), []store.Event{told}); err != nil {
		t.Fatal(err)
	}
	relayAll(t, s)
	wantErasuresWaiting(t, s, 2)
	wantParticipant(t, s, person(0), false)
}

// Whoever tells of them is mistaken, or somebody else: HubSpot shows the contacts.
func TestErasureGuard_doubtedInNumbersAreOneQuestion(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	guardErasures(t, s, 2)
	ids := mappedByReport(t, s, 5)
	for _, id := range ids {
		live(t, s, id, erased())
	}
	wantErasuresWaiting(t, s, 3)
	wantParticipants(t, s, 0, 5, true)
	if items := s.Parked(t); len(items) != 2 {
		t.Errorf("%d items are parked, want those that the guard let pass", len(items))
	}
	wantState(t, s, ids[4], bridge.StateMapped)

	erase(t, s, ids[4]) // this one is meant
	if n, err := s.Store.ApproveErasures(t.Context(), s.Connection.ID, ids[4:]); err != nil || n != 1 {
		t.Fatalf("%d approved, %v", n, err)
	}
	if n, err := s.Store.RejectErasures(t.Context(), s.Connection.ID, nil); err != nil || n != 2 {
		t.Fatalf("%d rejected, %v", n, err)
	}
	relayAll(t, s)
	wantParticipant(t, s, person(4), false)
	wantParticipants(t, s, 0, 4, true)
	wantState(t, s, ids[2], bridge.StateMapped)
	wantErasuresWaiting(t, s, 0)
}
