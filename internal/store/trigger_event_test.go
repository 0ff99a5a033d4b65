package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// tracking of deal 9 with its order id, for a contact.
func (d database) tracking(order, contact string, state store.TrackedState) store.Tracking {
	t := store.Tracking{TrackedEvent: store.TrackedEvent{
		ConnectionID: d.conn.ID, TriggerID: "deal-won", TriggerVersion: 1, ObjectType: bridge.ObjectDeal, ObjectID: "9",
		Property: "dealstage", OccurredAt: at(1), OrderID: order, ContactID: contact, State: state,
	}}
	switch state {
	case store.TrackedPending:
		t.Request = []byte(`{"email":"zoe@example.com"}`)
	case store.TrackedWaiting:
		t.WaitUntil = time.Now().Add(time.Hour)
	case store.TrackedError:
		t.Parked = &bridge.ParkedItem{Cause: bridge.CauseEventBlocked, VendorMessage: "CurrencyCode is empty"}
	}
	return t
}

func (d database) track(t *testing.T, tracking store.Tracking) int64 {
	t.Helper()
	id, _, err := d.Track(t.Context(), tracking)
	must(t, err)
	return id
}

func (d database) tracked(t *testing.T, order string) store.TrackedState {
	t.Helper()
	all, err := d.TrackedEvents(t.Context(), d.conn.ID, store.TrackedFilter{})
	must(t, err)
	for _, e := range all {
		if e.OrderID == order {
			return e.State
		}
	}
	return ""
}

// heardObjects relays what waits and returns the ids of the records.
func (d database) heardObjects(t *testing.T) map[string]bridge.ObjectHints {
	t.Helper()
	heard := map[string]bridge.ObjectHints{}
	_, err := d.RelayObjects(t.Context(), 100, func(_ context.Context, batch []store.ObjectHints) []error {
		for _, o := range batch {
			heard[string(o.ObjectType)+" "+o.ObjectID] = o.Hints
		}
		return make([]error, len(batch))
	})
	must(t, err)
	return heard
}

func TestTrack_whatWasSentStands(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "zoe")}))
	id := d.track(t, d.tracking("o1", "101", store.TrackedPending))
	again := func() {
		t.Helper()
		for _, state := range []store.TrackedState{store.TrackedWaiting, store.TrackedPending, store.TrackedSkipped, store.TrackedError} {
			if got := d.track(t, d.tracking("o1", "101", state)); got != 0 {
				t.Errorf("%s was recorded over what stands", state)
			}
		}
	}
	again()
	e, request, err := d.PendingRequest(t.Context(), id)
	must(t, err)
	if string(request) != `{"email":"zoe@example.com"}` || e.OrderID != "o1" || e.ContactID != "101" {
		t.Errorf("pending %+v: %s", e, request)
	}
	must(t, d.MarkSent(t.Context(), id, "A-1", time.Now().Add(-time.Second)))
	again()
	_, _, err = d.PendingRequest(t.Context(), id)
	wantKind(t, err, bridge.NotFound)
	due, err := d.DueVerdicts(t.Context(), d.conn.ID, 10)
	must(t, err)
	if len(due) != 1 || due[0].Receipt != "A-1" {
		t.Fatalf("due: %+v", due)
	}
	must(t, d.PostponeVerdict(t.Context(), id, time.Hour, ""))
	if due, err = d.DueVerdicts(t.Context(), d.conn.ID, 10); err != nil || len(due) != 0 {
		t.Errorf("due: %+v, %v", due, err)
	}
	must(t, d.EndTracked(t.Context(), id, store.TrackedEnd{State: store.TrackedComplete, Recheck: true}))
	must(t, d.EndTracked(t.Context(), id, store.TrackedEnd{State: store.TrackedError})) // late, and void
	again()
	if got := d.tracked(t, "o1"); got != store.TrackedComplete {
		t.Errorf("state %s", got)
	}
	if _, told := d.heardObjects(t)["deal 9"]; !told {
		t.Error("the deal is not looked at again")
	}
}

func TestTrack_whatCountsForNothingCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	for _, first := range []store.TrackedState{store.TrackedWaiting, store.TrackedSkipped, store.TrackedError} {
		t.Run(string(first), func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			id := d.track(t, d.tracking("o1", "101", first))
			if got := d.track(t, d.tracking("o1", "101", store.TrackedPending)); got != id {
				t.Fatalf("recorded as %d, want %d", got, id)
			}
			if got := d.tracked(t, "o1"); got != store.TrackedPending {
				t.Errorf("state %s", got)
			}
			if items, err := d.ParkedItems(t.Context(), d.conn.ID); err != nil || len(items) != 0 {
				t.Errorf("still parked: %+v, %v", items, err)
			}
		})
	}
}

func TestTrack_onlyWhatIsCompleteIsReversed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.track(t, d.tracking("o1", "101", store.TrackedPending))
	reversal := d.tracking("o1", "101", store.TrackedPending)
	reversal.Reversal = true
	if got := d.track(t, reversal); got != 0 {
		t.Error("reversed what is pending")
	}
	must(t, d.EndTracked(t.Context(), id, store.TrackedEnd{State: store.TrackedComplete}))
	if got := d.track(t, reversal); got != id {
		t.Errorf("reversal recorded as %d", got)
	}
	must(t, d.EndTracked(t.Context(), id, store.TrackedEnd{State: store.TrackedError, Parked: &bridge.ParkedItem{Cause: bridge.CauseEventRefused}}))
	if got := d.track(t, d.tracking("o1", "101", store.TrackedPending)); got != 0 {
		t.Error("a reversal that was refused made the conversion count again")
	}
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	retried, err := d.RetryTracked(t.Context(), d.conn.ID, []int64{items[0].ID})
	must(t, err)
	if len(retried) != 1 || d.tracked(t, "o1") != store.TrackedComplete {
		t.Errorf("retried %v: state %s", retried, d.tracked(t, "o1"))
	}
}

func TestRetryTracked_beginsAgainAndLeavesContactsAlone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.track(t, d.tracking("o1", "101", store.TrackedError))
	d.track(t, d.tracking("o2", "101", store.TrackedError)) // another item of the same contact and cause
	contact := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	if len(items) != 3 {
		t.Fatalf("parked: %+v", items)
	}
	if got, err := d.RetryContacts(t.Context(), d.conn.ID, []int64{items[0].ID}, at(2)); err != nil || len(got) != 0 {
		t.Errorf("an event was retried as a contact: %v, %v", got, err)
	}
	got, err := d.RetryTracked(t.Context(), d.conn.ID, []int64{items[0].ID, contact})
	must(t, err)
	if diff := cmp.Diff([]int64{items[0].ID}, got); diff != "" {
		t.Error(diff)
	}
	if d.tracked(t, "o1") != store.TrackedWaiting || d.tracked(t, "o2") != store.TrackedError {
		t.Errorf("states %s and %s", d.tracked(t, "o1"), d.tracked(t, "o2"))
	}
	must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateMapped}))
	left, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	if len(left) != 1 || left[0].ID != items[1].ID {
		t.Errorf("left open: %+v, want the event's", left)
	}
}

func TestWakeWaiting_whoseContactIsMappedWhoseTimeIsOverOrWhoHasNoRun(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for object, contacts := range map[string][]string{"1": {"101", "102"}, "2": {"103"}, "3": nil} {
		waiting := d.tracking("o"+object, "", store.TrackedWaiting)
		waiting.ObjectID, waiting.Candidates = object, contacts
		if object == "3" {
			waiting.WaitUntil = time.Now().Add(-time.Second)
		}
		d.track(t, waiting)
	}
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("102", "zoe")}))
	for object, age := range map[string]string{"4": "26 hours", "5": "24 hours"} { // a run tries for a day
		pending := d.tracking("o"+object, "101", store.TrackedPending)
		pending.ObjectID = object
		d.exec(t, "UPDATE tracked_event SET recorded_at = now() - $2::interval WHERE id = $1", d.track(t, pending), age)
	}
	wake := func() int64 {
		t.Helper()
		n, err := d.WakeWaiting(t.Context(), d.conn.ID)
		must(t, err)
		return n
	}
	if n := wake(); n != 3 {
		t.Errorf("woke %d", n)
	}
	heard := d.heardObjects(t)
	if len(heard) != 3 || heard["deal 1"].Empty() || heard["deal 3"].Empty() || heard["deal 4"].Empty() {
		t.Errorf("heard of %v", heard)
	}
	if n := wake(); n != 0 {
		t.Errorf("woke %d at once again", n)
	}
}

func TestWakeWaiting_leavesASuspendedConnectionAlone(t *testing.T) {
	t.Parallel()
	suspended := map[string]func(t *testing.T, d database){
		"paused": func(t *testing.T, d database) {
			t.Helper()
			must(t, d.SetPaused(t.Context(), d.conn.ID, true))
		},
		"a vendor refuses the credentials": func(t *testing.T, d database) {
			t.Helper()
			d.hear(t, d.conn.ID, bridge.Unauthorized)
		},
	}
	for name, suspend := range suspended {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			waiting := d.tracking("o1", "", store.TrackedWaiting)
			waiting.ObjectID, waiting.WaitUntil = "1", time.Now().Add(-time.Second)
			d.track(t, waiting)
			suspend(t, d)
			n, err := d.WakeWaiting(t.Context(), d.conn.ID)
			must(t, err)
			if rows := d.count(t, "SELECT count(*) FROM object_inbox"); n != 0 || rows != 0 {
				t.Errorf("woke %d, and %d rows fill the inbox", n, rows)
			}
		})
	}
}

func TestTrackedEvents_areFilteredLatestFirst(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	var ids []int64
	for i, order := range []string{"o1", "o2", "o3"} {
		e := d.tracking(order, "101", store.TrackedError)
		if i == 1 {
			e.TriggerID, e.ObjectType, e.ObjectID = "lead", bridge.ObjectContact, "102"
		}
		ids = append(ids, d.track(t, e))
	}
	for name, tt := range map[string]struct {
		filter store.TrackedFilter
		want   []int64
	}{
		"all":                 {store.TrackedFilter{}, []int64{ids[2], ids[1], ids[0]}},
		"of one trigger":      {store.TrackedFilter{TriggerID: "lead"}, []int64{ids[1]}},
		"of one record":       {store.TrackedFilter{ObjectID: "9"}, []int64{ids[2], ids[0]}},
		"of a contact itself": {store.TrackedFilter{ContactID: "102"}, []int64{ids[1]}},
		"of a customer":       {store.TrackedFilter{ContactID: "101", Limit: 2}, []int64{ids[2], ids[1]}},
		"the next page":       {store.TrackedFilter{Before: ids[1]}, []int64{ids[0]}},
		"in a state":          {store.TrackedFilter{States: []store.TrackedState{store.TrackedSent}}, nil},
	} {
		got, err := d.TrackedEvents(t.Context(), d.conn.ID, tt.filter)
		must(t, err)
		var found []int64
		for _, e := range got {
			found = append(found, e.ID)
		}
		if diff := cmp.Diff(tt.want, found); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestErase_nothingIsSentForThePersonAnyMore(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	pending := d.track(t, d.tracking("o1", "101", store.TrackedPending))
	sent := d.track(t, d.tracking("o2", "101", store.TrackedPending))
	must(t, d.MarkSent(t.Context(), sent, "A-1", time.Now()))
	must(t, d.EndTracked(t.Context(), sent, store.TrackedEnd{State: store.TrackedError, VendorMessage: "zoe@example.com is unknown",
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventRefused, VendorMessage: "zoe@example.com is unknown"}}))
	waiting := d.tracking("o3", "", store.TrackedWaiting)
	waiting.ObjectType, waiting.ObjectID, waiting.Candidates = bridge.ObjectContact, "101", []string{"101"}
	d.track(t, waiting)

	d.erase(t, "101", "zoe")

	_, _, err := d.PendingRequest(t.Context(), pending)
	wantKind(t, err, bridge.NotFound)
	if d.tracked(t, "o1") != store.TrackedSkipped || d.tracked(t, "o2") != store.TrackedError || d.tracked(t, "o3") != store.TrackedSkipped {
		t.Errorf("states %s, %s and %s", d.tracked(t, "o1"), d.tracked(t, "o2"), d.tracked(t, "o3"))
	}
	for _, line := range traces(d.dump(t), "zoe") {
		t.Errorf("a trace: %s", line)
	}
	_, _, err = d.Track(t.Context(), d.tracking("o4", "101", store.TrackedPending))
	wantKind(t, err, bridge.DoNotTrack)
	if d.tracked(t, "o4") != "" {
		t.Error("recorded for somebody who was erased")
	}
}

func TestTakeSubmissions_eachOnceHoweverOftenItIsRead(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const form = "f-1"
	from := at(0)
	readTo, seen, err := d.FormCursor(t.Context(), d.conn.ID, form, from)
	must(t, err)
	if !readTo.Equal(from) || len(seen) != 0 {
		t.Fatalf("a new form is read from %s, with %v", readTo, seen)
	}
	lead := d.tracking("o1", "", store.TrackedWaiting)
	lead.ObjectType, lead.ObjectID, lead.Form, lead.Submission = bridge.ObjectContact, "101", form, "s2"
	take := func(upTo time.Time) {
		t.Helper()
		must(t, d.TakeSubmissions(t.Context(), d.conn.ID, form, []store.FormEntry{
			{Submission: "s1", SubmittedAt: at(1)},
			{Submission: "s2", SubmittedAt: at(2), Events: []store.Tracking{lead}},
		}, upTo))
	}
	take(at(2))
	if heard := d.heardObjects(t); len(heard) != 1 || heard["contact 101"].Empty() {
		t.Errorf("heard of %v", heard)
	}
	take(at(2)) // another poll read the same
	if heard := d.heardObjects(t); len(heard) != 0 {
		t.Errorf("heard again of %v", heard)
	}
	readTo, seen, err = d.FormCursor(t.Context(), d.conn.ID, form, at(30))
	must(t, err)
	if diff := cmp.Diff(map[string]bool{"s2": true}, seen); diff != "" || !readTo.Equal(at(2)) {
		t.Errorf("read to %s: %s", readTo, diff)
	}
	d.exec(t, "UPDATE form_cursor SET polled_at = now() - interval '2 days'")
	if readTo, _, err = d.FormCursor(t.Context(), d.conn.ID, form, at(30)); err != nil || !readTo.Equal(at(30)) {
		t.Errorf("after two days nobody read it, it is read from %s, %v", readTo, err)
	}
}

func TestRelayObjects_foldsPerRecord(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	event := func(object string, kind store.ObjectEventKind, property string, second int) store.ObjectEvent {
		return store.ObjectEvent{ConnectionID: d.conn.ID, ObjectType: bridge.ObjectDeal, ObjectID: object, Kind: kind, Property: property,
			OccurredAt: at(second), DedupeKey: object + string(kind) + property + at(second).String()}
	}
	all := []store.ObjectEvent{
		event("1", store.ObjectCreated, "", 1), event("1", store.ObjectChanged, "dealstage", 3), event("1", store.ObjectChanged, "dealstage", 2),
		event("1", store.ObjectChanged, "amount", 1), event("2", store.ObjectRecheck, "", 4),
	}
	for want := len(all); want >= 0; want -= len(all) { // a second delivery is none
		n, err := d.AppendObjectEvents(t.Context(), all)
		must(t, err)
		if n != want {
			t.Errorf("%d new events, want %d", n, want)
		}
	}
	want := map[string]bridge.ObjectHints{
		"deal 1": {CreatedAt: at(1), Changed: map[string]time.Time{"dealstage": at(3), "amount": at(1)}},
		"deal 2": {RecheckAt: at(4)},
	}
	if diff := cmp.Diff(want, d.heardObjects(t)); diff != "" {
		t.Error(diff)
	}
	if heard := d.heardObjects(t); len(heard) != 0 {
		t.Errorf("heard again of %v", heard)
	}
	if n, err := d.PurgeObjectInbox(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 5 {
		t.Errorf("purged %d, %v", n, err)
	}
}
