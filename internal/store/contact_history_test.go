package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestContactHistory_newestFirst(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	changed := d.event("101", store.EventUpdated, 3)
	changed.Property = bridge.PropEmail
	echo := d.event("101", store.EventUpdated, 2)
	echo.Echo = true
	d.mustAppend(t, d.event("101", store.EventCreated, 1))
	d.mustAppend(t, d.event("102", store.EventCreated, 1))
	_, err := d.RelayHints(t.Context(), 100, new(all).send)
	must(t, err)
	d.mustAppend(t, changed)
	d.mustAppend(t, echo) // it came late

	events, err := d.ContactHistory(t.Context(), d.conn.ID, "101", 0, 10)
	must(t, err)
	want := []store.HeardEvent{
		{Kind: store.EventUpdated, OccurredAt: at(2), Echo: true},
		{Kind: store.EventUpdated, Property: "email", OccurredAt: at(3)},
		{Kind: store.EventCreated, OccurredAt: at(1)},
	}
	equalTimes := cmp.Comparer(time.Time.Equal)
	if diff := cmp.Diff(want, events, equalTimes, cmpopts.IgnoreFields(store.HeardEvent{}, "ID", "ReceivedAt", "RelayedAt")); diff != "" {
		t.Fatal(diff)
	}
	if events[0].RelayedAt.IsZero() || !events[1].RelayedAt.IsZero() || events[2].RelayedAt.IsZero() || events[2].ReceivedAt.IsZero() {
		t.Errorf("when it was received and relayed: %+v", events)
	}
	if events, err = d.ContactHistory(t.Context(), d.conn.ID, "101", 0, 1); err != nil || len(events) != 1 || !events[0].Echo {
		t.Errorf("the newest one: %+v, %v", events, err)
	}
	if events, err = d.ContactHistory(t.Context(), d.conn.ID, "101", events[0].ID, 1); err != nil || len(events) != 1 || events[0].Property != "email" {
		t.Errorf("the one before: %+v, %v", events, err)
	}
	if events, err = d.ContactHistory(t.Context(), d.conn.ID, "999", 0, 1); err != nil || len(events) != 0 {
		t.Errorf("of a contact never heard of: %+v, %v", events, err)
	}
}

func TestRelayHints_saysWhatHappened(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	kinds := []store.EventKind{store.EventCreated, store.EventUpdated, store.EventDeleted, store.EventErased,
		store.EventRestored, store.EventMerged, store.EventResync}
	for i, kind := range kinds {
		d.mustAppend(t, d.event("101", kind, i+1), d.event(string(kind), kind, 30))
	}
	var sent all
	_, err := d.RelayHints(t.Context(), 100, sent.send)
	must(t, err)
	got := map[string]bridge.Hints{}
	for _, c := range sent.got {
		got[c.ContactID] = c.Hints
	}
	want := map[string]bridge.Hints{
		"101":     {CreatedAt: at(1), UpdatedAt: at(2), DeletedAt: at(3), ErasedAt: at(4), RestoredAt: at(5), MergedAt: at(6), ResyncAt: at(7)},
		"created": {CreatedAt: at(30)}, "updated": {UpdatedAt: at(30)}, "deleted": {DeletedAt: at(30)}, "erased": {ErasedAt: at(30)},
		"restored": {RestoredAt: at(30)}, "merged": {MergedAt: at(30)}, "resync": {ResyncAt: at(30)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = d.AppendEvents(t.Context(), []store.Event{d.event("101", "vanished", 9)})
	wantKind(t, err, bridge.Invalid)
}

func TestDecisions_tellWhatWasDecidedTheLatestFirst(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, reason := range []bridge.Reason{bridge.ReasonNoEmail, bridge.ReasonContactUpdated} {
		must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateAwaitingEmail, Reason: reason}))
	}
	must(t, d.Settle(t.Context(), d.conn.ID, "102", store.Settlement{State: bridge.StateAwaitingEmail, Reason: bridge.ReasonNoEmail}))
	all, err := d.Decisions(t.Context(), d.conn.ID, "101", 10)
	must(t, err)
	if len(all) != 2 || all[0].Reason != bridge.ReasonContactUpdated || all[1].Reason != bridge.ReasonNoEmail || all[0].At.IsZero() {
		t.Errorf("%+v", all)
	}
	d.exec(t, "UPDATE contact_decision SET decided_at = now() - interval '8 days' WHERE contact_id = '101'")
	n, err := d.PurgeDecisions(t.Context(), time.Now().Add(-7*24*time.Hour))
	must(t, err)
	if left := d.count(t, "SELECT count(*) FROM contact_decision"); n != 2 || left != 1 {
		t.Errorf("%d went, %d are left", n, left)
	}
}
