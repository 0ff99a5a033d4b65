package store_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestRetryContacts_closesTheItemsAndAsksOnceForEachContact(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	first := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
	second := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseUnknownPair})
	other := d.mustPark(t, bridge.ParkedItem{ContactID: "102", Cause: bridge.CauseHalfPair})
	closed := d.mustPark(t, bridge.ParkedItem{ContactID: "103", Cause: bridge.CauseHalfPair})
	must(t, d.CloseParked(t.Context(), closed, store.OutcomeDiscarded))
	participant := d.mustPark(t, bridge.ParkedItem{AccountID: "a", UserID: "u", Cause: bridge.CauseHalfPair})
	untouched := d.mustPark(t, bridge.ParkedItem{ContactID: "104", Cause: bridge.CauseHalfPair})

	got, err := d.RetryContacts(t.Context(), d.conn.ID, []int64{other, first, second, closed, participant, 4711}, at(7))
	must(t, err)

	if diff := cmp.Diff([]int64{first, second, other}, got); diff != "" {
		t.Error(diff)
	}
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	if len(items) != 2 || items[0].ID != participant || items[1].ID != untouched {
		t.Errorf("left open: %+v", items)
	}
	heard := map[string]bridge.Hints{}
	_, err = d.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error {
		for _, c := range batch {
			heard[c.ContactID] = c.Hints
		}
		return make([]error, len(batch))
	})
	must(t, err)
	want := map[string]bridge.Hints{"101": {ResyncAt: at(7)}, "102": {ResyncAt: at(7)}}
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Error(diff)
	}
	if again, err := d.RetryContacts(t.Context(), d.conn.ID, []int64{first, other}, at(8)); err != nil || len(again) != 0 {
		t.Errorf("retried %v a second time, %v", again, err)
	}
}

func TestRetryContacts_leavesOtherConnectionsAlone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	foreign := connect(t, d.Store, 1002)
	id := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
	if got, err := d.RetryContacts(t.Context(), foreign.ID, []int64{id}, at(7)); err != nil || len(got) != 0 {
		t.Errorf("retried %v, %v", got, err)
	}
}

func TestRetriedItems_areTheOpenOnesOfTheRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	a := d.mustPark(t, bridge.ParkedItem{AccountID: "a", UserID: "a", Cause: bridge.CauseRefusedByHubSpot})
	b := d.mustPark(t, bridge.ParkedItem{AccountID: "b", UserID: "b", Cause: bridge.CauseRefusedByHubSpot})
	d.mustPark(t, bridge.ParkedItem{AccountID: "c", UserID: "c", Cause: bridge.CauseRefusedByHubSpot})
	run, err := d.BeginRetry(t.Context(), d.conn.ID, []int64{a, b})
	must(t, err)
	must(t, d.CloseParked(t.Context(), b, store.OutcomeResolved))

	items, err := d.RetriedItems(t.Context(), run.ID)
	must(t, err)
	if len(items) != 1 || items[0].ID != a || items[0].UserID != "a" {
		t.Errorf("items %+v, want the one of a", items)
	}
}
