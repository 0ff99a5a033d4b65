package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"advocatesync/internal/store"
)

// After an erasure impact.com still has its orders, and alone can change them. We
// keep their ids for whoever has to ask for that, and nothing else that names the
// person; and nothing is sent for the person any more.
func TestErase_keepsOfTrackedEventsNoMoreThanTheOrderID(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "ann")}))
	sent := func(order, contact string) int64 {
		id := d.track(t, d.tracking(order, contact, store.TrackedPending))
		must(t, d.MarkSent(t.Context(), id, "A-"+order, time.Now().Add(-time.Second)))
		return id
	}
	sent("awaits-verdict", "101")
	must(t, d.EndTracked(t.Context(), sent("counts", "101"), store.TrackedEnd{State: store.TrackedComplete}))
	must(t, d.EndTracked(t.Context(), sent("refused", "101"), store.TrackedEnd{State: store.TrackedError, VendorMessage: "ann is unknown"}))
	unanswered := d.track(t, d.tracking("may-count", "101", store.TrackedPending))
	must(t, d.EndTracked(t.Context(), unanswered, store.TrackedEnd{State: store.TrackedError, Unanswered: true, KeepRequest: true}))
	d.track(t, d.tracking("never-sent", "101", store.TrackedPending))
	ofAdvocate := d.track(t, d.tracking("an-event-of-advocates", "101", store.TrackedPending))
	must(t, d.EndTracked(t.Context(), ofAdvocate, store.TrackedEnd{State: store.TrackedComplete}))
	sent("of-somebody-else", "102")

	_, err := d.Erase(t.Context(), d.erasure("101", "ann"))
	must(t, err)

	orders, err := d.ErasureOrders(t.Context(), d.conn.ID, "101")
	must(t, err)
	if want := []string{"awaits-verdict", "counts", "may-count", "refused"}; !slices.Equal(orders, want) {
		t.Errorf("orders %v, want %v", orders, want)
	}
	states := map[string]store.TrackedState{
		"awaits-verdict": store.TrackedSent, "counts": store.TrackedComplete, "refused": store.TrackedError, "may-count": store.TrackedError,
		"never-sent": store.TrackedSkipped, "an-event-of-advocates": store.TrackedComplete, "of-somebody-else": store.TrackedSent,
	}
	all, err := d.TrackedEvents(t.Context(), d.conn.ID, store.TrackedFilter{})
	must(t, err)
	for _, e := range all {
		if e.State != states[e.OrderID] {
			t.Errorf("%s is %s, want %s", e.OrderID, e.State, states[e.OrderID])
		}
		if other := e.OrderID == "of-somebody-else"; (e.ContactID != "") != other || e.VendorMessage != "" {
			t.Errorf("%s still names somebody: %+v", e.OrderID, e)
		}
		reversal := d.tracking(e.OrderID, "102", store.TrackedPending)
		reversal.Reversal = true
		if id := d.track(t, reversal); id != 0 && states[e.OrderID] == store.TrackedComplete {
			t.Errorf("%s is to be sent again", e.OrderID)
		}
	}
	var requests int
	must(t, d.side.QueryRow(t.Context(), "SELECT count(*) FROM tracked_event WHERE request IS NOT NULL").Scan(&requests))
	if requests != 0 {
		t.Errorf("%d requests are kept", requests)
	}
	due, err := d.DueVerdicts(t.Context(), d.conn.ID, 10)
	must(t, err)
	for _, e := range due { // the vendor's verdict ends it all the same
		must(t, d.EndTracked(t.Context(), e.ID, store.TrackedEnd{State: store.TrackedComplete}))
	}
	if got := d.tracked(t, "awaits-verdict"); len(due) != 2 || got != store.TrackedComplete {
		t.Errorf("%d verdicts are due, and the order is %s", len(due), got)
	}

	_, err = d.Erase(t.Context(), d.erasure("101", "ann")) // heard again
	must(t, err)
	again, err := d.ErasureOrders(t.Context(), d.conn.ID, "101")
	must(t, err)
	if fmt.Sprint(again) != fmt.Sprint(orders) {
		t.Errorf("a second erasure forgets the orders: %v", again)
	}
}
