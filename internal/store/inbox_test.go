package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func (d database) event(contact string, kind store.EventKind, second int) store.Event {
	return store.Event{ConnectionID: d.conn.ID, ContactID: contact, Kind: kind, OccurredAt: at(second),
		DedupeKey: fmt.Sprintf("%s/%s/%d", contact, kind, second)}
}

func (d database) mustAppend(t *testing.T, events ...store.Event) {
	t.Helper()
	n, err := d.AppendEvents(t.Context(), events)
	must(t, err)
	if n != len(events) {
		t.Fatalf("%d events are new, want %d", n, len(events))
	}
}

// all accepts every contact and keeps what it was handed.
type all struct{ got []store.ContactHints }

func (a *all) send(_ context.Context, batch []store.ContactHints) []error {
	a.got = append(a.got, batch...)
	return make([]error, len(batch))
}

func TestAppendEvents_duplicatesCountOnce(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	other := d
	other.conn = connect(t, d.Store, 2002)
	a, b := d.event("101", store.EventCreated, 1), d.event("102", store.EventCreated, 2)

	for _, step := range []struct {
		events []store.Event
		want   int
	}{
		{nil, 0},
		{[]store.Event{a, a}, 1},
		{[]store.Event{b, a}, 1},
		{[]store.Event{a, b}, 0},
		{[]store.Event{other.event("101", store.EventCreated, 1)}, 1}, // of another portal
	} {
		n, err := d.AppendEvents(t.Context(), step.events)
		must(t, err)
		if n != step.want {
			t.Errorf("%d new of %v, want %d", n, step.events, step.want)
		}
	}
}

func TestAppendEvents_allOrNone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	stray := d.event("102", store.EventCreated, 1)
	stray.ConnectionID = "caaaaaaaaa"
	_, err := d.AppendEvents(t.Context(), []store.Event{d.event("101", store.EventCreated, 1), stray})
	wantKind(t, err, bridge.NotFound)
	if n := d.count(t, "SELECT count(*) FROM inbox"); n != 0 {
		t.Errorf("%d events stored", n)
	}
}

func TestAppendEvents_deliveredTwiceAtOnce(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	var forward []store.Event
	for i := range 1000 {
		forward = append(forward, d.event(fmt.Sprint(i), store.EventUpdated, i))
	}
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	const deliveries = 8
	inserted := make(chan int)
	for i := range deliveries {
		go func() {
			n, err := d.AppendEvents(t.Context(), [][]store.Event{forward, backward}[i%2])
			if err != nil {
				t.Error(err)
			}
			inserted <- n
		}()
	}
	sum := 0
	for range deliveries {
		sum += <-inserted
	}
	if sum != 1000 {
		t.Errorf("%d events counted as new, want 1000", sum)
	}
}

func TestRelayHints_foldsPerContact(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	echo := d.event("103", store.EventUpdated, 9)
	echo.Echo = true
	d.mustAppend(t, d.event("101", store.EventUpdated, 5), d.event("101", store.EventCreated, 1),
		d.event("102", store.EventUpdated, 3), d.event("101", store.EventUpdated, 4), echo)

	var sent all
	relayed, err := d.RelayHints(t.Context(), 100, sent.send)
	must(t, err)
	if relayed != 2 {
		t.Errorf("relayed %d contacts, want 2", relayed)
	}
	want := []store.ContactHints{
		{ConnectionID: d.conn.ID, ContactID: "101", Hints: bridge.Hints{CreatedAt: at(1), UpdatedAt: at(5)}},
		{ConnectionID: d.conn.ID, ContactID: "102", Hints: bridge.Hints{UpdatedAt: at(3)}},
	}
	if diff := cmp.Diff(want, sent.got, byContact); diff != "" {
		t.Error(diff)
	}
	if relayed, err = d.RelayHints(t.Context(), 100, sent.send); err != nil || relayed != 0 {
		t.Errorf("relayed again: %d, %v", relayed, err)
	}
}

var byContact = cmpopts.SortSlices(func(a, b store.ContactHints) bool { return a.ContactID < b.ContactID })

func TestRelayHints_oldestFirstUpToTheLimit(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for i := range 5 {
		d.mustAppend(t, d.event(fmt.Sprint(i), store.EventCreated, 10-i)) // what counts is when we heard
	}
	for _, want := range [][]string{{"0", "1"}, {"2", "3"}, {"4"}, nil} {
		var sent all
		_, err := d.RelayHints(t.Context(), 2, sent.send)
		must(t, err)
		var got []string
		for _, c := range sent.got {
			got = append(got, c.ContactID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRelayHints_poisonedContactStepsBack(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustAppend(t, d.event("bad", store.EventCreated, 1), d.event("good", store.EventCreated, 2))
	refuseBad := func(_ context.Context, batch []store.ContactHints) []error {
		errs := make([]error, len(batch))
		for i, c := range batch {
			if c.ContactID == "bad" {
				errs[i] = errors.New("refused")
			}
		}
		return errs
	}
	if relayed, err := d.RelayHints(t.Context(), 100, refuseBad); err != nil || relayed != 1 {
		t.Fatalf("relayed %d, %v; want 1", relayed, err)
	}
	if n := d.count(t, "SELECT attempts FROM inbox WHERE contact_id = 'bad' AND not_before > received_at + interval '0.9 second'"); n != 1 {
		t.Errorf("%d attempts", n)
	}
	d.exec(t, "UPDATE inbox SET not_before = now() + interval '1 hour' WHERE contact_id = 'bad'") // hold the clock
	d.mustAppend(t, d.event("new", store.EventCreated, 3))
	var sent all
	_, err := d.RelayHints(t.Context(), 100, sent.send)
	must(t, err)
	if len(sent.got) != 1 || sent.got[0].ContactID != "new" {
		t.Errorf("relayed %v, want the new contact alone", sent.got)
	}

	d.exec(t, "UPDATE inbox SET not_before = now() WHERE contact_id = 'bad'") // its time has come
	sent = all{}
	if relayed, err := d.RelayHints(t.Context(), 100, sent.send); err != nil || relayed != 1 {
		t.Errorf("relayed %d, %v; want 1", relayed, err)
	}
}

func TestRelayHints_twoRelaysShareTheWork(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustAppend(t, d.event("101", store.EventCreated, 1), d.event("102", store.EventCreated, 2))

	var inner all
	_, err := d.RelayHints(t.Context(), 1, func(ctx context.Context, batch []store.ContactHints) []error {
		// While this one sends 101, another relay gets everything but 101.
		if _, err := d.RelayHints(ctx, 100, inner.send); err != nil {
			t.Error(err)
		}
		return make([]error, len(batch))
	})
	must(t, err)
	if len(inner.got) != 1 || inner.got[0].ContactID != "102" {
		t.Errorf("the second relay got %v", inner.got)
	}
	if n := d.count(t, "SELECT count(*) FROM inbox WHERE relayed_at IS NULL"); n != 0 {
		t.Errorf("%d events left", n)
	}
}

// What was signalled is done, what was not comes again at once: a relay that is
// stopped, or that finds Temporal away, punishes nobody.
func TestRelayHints_stoppedWhileSendingGivesTheRestBack(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustAppend(t, d.event("101", store.EventCreated, 1), d.event("102", store.EventCreated, 2))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := d.RelayHints(ctx, 100, func(context.Context, []store.ContactHints) []error {
		cancel()
		return []error{nil, context.Canceled}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	var again all
	_, err = d.RelayHints(t.Context(), 100, again.send)
	must(t, err)
	if len(again.got) != 1 || again.got[0].ContactID != "102" {
		t.Errorf("sent again: %v, want 102 alone", again.got)
	}
	if n := d.count(t, "SELECT sum(attempts) FROM inbox"); n != 0 {
		t.Errorf("%d failed attempts are counted", n)
	}
}

func TestRelayHints_whatADeadProcessClaimedComesAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustAppend(t, d.event("101", store.EventCreated, 1))
	func() {
		defer func() { _ = recover() }()
		_, _ = d.RelayHints(t.Context(), 100, func(context.Context, []store.ContactHints) []error { panic("killed") })
	}()
	var again all
	_, err := d.RelayHints(t.Context(), 100, again.send)
	must(t, err)
	if len(again.got) != 0 {
		t.Fatalf("sent twice at once: %v", again.got)
	}
	if n := d.count(t, "SELECT count(*) FROM inbox WHERE not_before <= now() + interval '20 seconds'"); n != 1 {
		t.Error("the claim does not lapse within seconds")
	}
	d.exec(t, "UPDATE inbox SET not_before = now()") // its time has come
	_, err = d.RelayHints(t.Context(), 100, again.send)
	must(t, err)
	if len(again.got) != 1 {
		t.Errorf("sent again: %v", again.got)
	}
}

// Temporal may take its time: a database that ends idle transactions, or a pool
// with few connections, must not notice.
func TestRelay_holdsNoTransactionWhileItSignals(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustAppend(t, d.event("101", store.EventCreated, 1))
	_, err := d.AppendObjectEvents(t.Context(), []store.ObjectEvent{
		{ConnectionID: d.conn.ID, ObjectType: bridge.ObjectDeal, ObjectID: "7", Kind: store.ObjectCreated, OccurredAt: at(1), DedupeKey: "a"},
	})
	must(t, err)
	signal := func(n int) []error {
		if open := d.count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"); open != 0 {
			t.Errorf("%d transactions are open while Temporal is signalled", open)
		}
		return make([]error, n)
	}
	relayed, err := d.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error { return signal(len(batch)) })
	if err != nil || relayed != 1 {
		t.Errorf("%d contacts were signalled, %v", relayed, err)
	}
	relayed, err = d.RelayObjects(t.Context(), 100, func(_ context.Context, batch []store.ObjectHints) []error { return signal(len(batch)) })
	if err != nil || relayed != 1 {
		t.Errorf("%d records were signalled, %v", relayed, err)
	}
}

func TestRelayHints_refusesResultsThatDoNotMatch(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustAppend(t, d.event("101", store.EventCreated, 1))
	_, err := d.RelayHints(t.Context(), 100, func(context.Context, []store.ContactHints) []error { return nil })
	if err == nil {
		t.Error("took no results for success")
	}
}

func TestInboxLag(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	lag := func() time.Duration {
		got, err := d.InboxLag(t.Context())
		must(t, err)
		return got
	}
	if got := lag(); got != 0 {
		t.Errorf("empty inbox lags %v", got)
	}
	d.mustAppend(t, d.event("101", store.EventCreated, 1))
	d.exec(t, "UPDATE inbox SET received_at = now() - interval '1 hour'")
	d.mustAppend(t, d.event("102", store.EventCreated, 1))
	if got := lag(); got < time.Hour || got > 2*time.Hour {
		t.Errorf("lag %v, want about an hour", got)
	}
	_, err := d.RelayHints(t.Context(), 100, new(all).send)
	must(t, err)
	if got := lag(); got != 0 {
		t.Errorf("relayed inbox lags %v", got)
	}
}

func TestPurgeInbox_leavesWhatIsWaiting(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustAppend(t, d.event("101", store.EventCreated, 1))
	_, err := d.RelayHints(t.Context(), 100, new(all).send)
	must(t, err)
	d.mustAppend(t, d.event("102", store.EventCreated, 1))

	if n, err := d.PurgeInbox(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
		t.Errorf("purged %d young events, %v", n, err)
	}
	if n, err := d.PurgeInbox(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("purged %d events, %v; want 1", n, err)
	}
	if n := d.count(t, "SELECT count(*) FROM inbox WHERE contact_id = '102'"); n != 1 {
		t.Error("the waiting event is gone")
	}
}

func TestRelayHints_whatSomebodyWaitsForGoesBeforeAnImport(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	imported := func(contact string) store.Event {
		e := d.event(contact, store.EventCreated, 1)
		e.Bulk = true
		return e
	}
	d.mustAppend(t, imported("1"), imported("2"), imported("3"))
	edited := d.event("2", store.EventUpdated, 2) // by hand, and imported
	d.mustAppend(t, edited, d.event("form", store.EventCreated, 3))

	var first, rest all
	_, err := d.RelayHints(t.Context(), 2, first.send)
	must(t, err)
	_, err = d.RelayHints(t.Context(), 10, rest.send)
	must(t, err)
	names := func(heard []store.ContactHints) map[string]bool {
		bulk := map[string]bool{}
		for _, h := range heard {
			bulk[h.ContactID] = h.Bulk
		}
		return bulk
	}
	if diff := cmp.Diff(map[string]bool{"2": false, "form": false}, names(first.got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{"1": true, "2": true, "3": true}, names(rest.got)); diff != "" {
		t.Error(diff)
	}
}

func TestRelayLive_claimsTheContactsThatSomebodyWaitsFor(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	imported := d.event("1", store.EventCreated, 1)
	imported.Bulk = true
	edited := d.event("2", store.EventUpdated, 2)
	alsoImported := d.event("2", store.EventCreated, 1)
	alsoImported.Bulk = true
	d.mustAppend(t, imported, edited, alsoImported)

	var live, rest all
	_, err := d.RelayLive(t.Context(), 100, live.send)
	must(t, err)
	want := []store.ContactHints{{ConnectionID: d.conn.ID, ContactID: "2", Hints: bridge.Hints{CreatedAt: at(1), UpdatedAt: at(2)}}}
	if diff := cmp.Diff(want, live.got); diff != "" {
		t.Errorf("what was edited by hand, and all that is known of it:\n%s", diff)
	}
	_, err = d.RelayHints(t.Context(), 100, func(ctx context.Context, batch []store.ContactHints) []error {
		d.mustAppend(t, d.event("3", store.EventCreated, 3)) // while an import is handed over
		if n, err := d.RelayLive(ctx, 100, new(all).send); n != 1 || err != nil {
			t.Errorf("%d relayed meanwhile, %v", n, err)
		}
		return rest.send(ctx, batch)
	})
	must(t, err)
	if len(rest.got) != 1 || rest.got[0].ContactID != "1" || !rest.got[0].Bulk {
		t.Errorf("the rest: %+v, want what was imported alone", rest.got)
	}
}
