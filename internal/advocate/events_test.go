package advocate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
)

func TestLogEvent_countsOnceHoweverOftenItIsSent(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	p, err := c.Upsert(t.Context(), change(ada), program)
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1774386824964)
	event := advocate.UserEvent{
		Key: "deal_won", TriggeredAt: at, IdempotencyKey: "deal-881-abcdefgh",
		Fields: map[string]any{"deal": map[string]any{"amount": 1200.5, "stage": "closedwon"}},
	}
	for range 2 {
		if err := c.LogEvent(t.Context(), p.Identity(), event); err != nil {
			t.Fatal(err)
		}
	}
	got := s.Tenant("").Events()
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	if got[0].UserID != p.UserID || got[0].Key != "deal_won" || got[0].DateTriggered != at.UnixMilli() || !cmp.Equal(got[0].Fields, event.Fields) {
		t.Errorf("%+v", got[0])
	}
}

func TestLogEvent_ofNobody(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	for name, tt := range map[string]struct {
		id   bridge.Identity
		want bridge.Kind
	}{
		"a participant who is gone": {bridge.Identity{AccountID: ada, UserID: ada}, bridge.NotFound},
		"no ids":                    {bridge.Identity{}, bridge.Invalid},
	} {
		err := c.LogEvent(t.Context(), tt.id, advocate.UserEvent{Key: "k", IdempotencyKey: "deal-881-abcdefgh"})
		if bridge.KindOf(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
