package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestRelayHints_keepsWhatIsOfAConnectionWhoseWorkWaits(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		hold, release func(t *testing.T, d database)
	}{
		"paused": {
			func(t *testing.T, d database) { must(t, d.SetPaused(t.Context(), d.conn.ID, true)) },
			func(t *testing.T, d database) { must(t, d.SetPaused(t.Context(), d.conn.ID, false)) },
		},
		"a vendor refuses the credentials": {
			func(t *testing.T, d database) {
				d.hear(t, d.conn.ID, bridge.Unauthorized)
			},
			func(t *testing.T, d database) {
				d.hear(t, d.conn.ID, "")
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			other := d
			other.conn = connect(t, d.Store, 2002)
			d.mustAppend(t, d.event("101", store.EventCreated, 1), other.event("201", store.EventCreated, 1))
			tt.hold(t, d)
			var heard all
			_, err := d.RelayHints(t.Context(), 10, heard.send)
			must(t, err)
			if len(heard.got) != 1 || heard.got[0].ContactID != "201" {
				t.Errorf("relayed %v, want contact 201 alone", heard.got)
			}
			lag, err := d.InboxLag(t.Context())
			must(t, err)
			if lag != 0 {
				t.Errorf("lag %s, want none: nobody is behind with what has to wait", lag)
			}
			tt.release(t, d)
			heard = all{}
			_, err = d.RelayHints(t.Context(), 10, heard.send)
			must(t, err)
			if len(heard.got) != 1 || heard.got[0].ContactID != "101" || heard.got[0].Hints.CreatedAt.IsZero() {
				t.Errorf("relayed %v afterwards, want the creation of contact 101", heard.got)
			}
		})
	}
}

// A burst in one portal must not make the others wait for its end.
func TestRelayHints_givesEveryConnectionTheSameShare(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	quiet := d
	quiet.conn = connect(t, d.Store, 2002)
	for i := range 50 {
		d.mustAppend(t, d.event(fmt.Sprint(100+i), store.EventCreated, 1))
	}
	quiet.mustAppend(t, quiet.event("1", store.EventCreated, 2), quiet.event("2", store.EventCreated, 3))

	var heard all
	_, err := d.RelayHints(t.Context(), 10, heard.send)
	must(t, err)
	var order []string
	for _, c := range heard.got {
		order = append(order, map[string]string{d.conn.ID: "burst", quiet.conn.ID: "quiet"}[c.ConnectionID])
	}
	turns := map[string]int{}
	for _, who := range order[:4] {
		turns[who]++
	}
	if len(order) != 7 || turns["burst"] != 2 || turns["quiet"] != 2 {
		t.Errorf("order %v, want 5 of the burst, and the quiet portal's 2 among the first 4", order)
	}
}

func TestRequestSync_saysWhatTheHintsSay(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	want := bridge.Hints{
		CreatedAt: at(1), UpdatedAt: at(2), ResyncAt: at(3), DeletedAt: at(4), ErasedAt: at(5), RestoredAt: at(6), MergedAt: at(7),
	}
	for range 2 { // the same again is no duplicate: the first was relayed since
		must(t, d.RequestSync(t.Context(), d.conn.ID, store.SyncRequest{ContactID: "101", Hints: want}))
		var heard all
		_, err := d.RelayHints(t.Context(), 10, heard.send)
		must(t, err)
		if len(heard.got) != 1 || !sameInstants(heard.got[0].Hints, want) {
			t.Errorf("heard %+v, want %+v", heard.got, want)
		}
	}
}

// A suspended connection gives back what it hears for as long as it is suspended.
func TestRequestSync_oneRequestWaitsHoweverOftenItIsMade(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for i := range 5 {
		must(t, d.RequestSync(t.Context(), d.conn.ID,
			store.SyncRequest{ContactID: "101", Hints: bridge.Hints{UpdatedAt: at(i), ResyncAt: at(i)}},
			store.SyncRequest{ContactID: "101", Hints: bridge.Hints{UpdatedAt: at(i)}}))
		must(t, d.RequestResync(t.Context(), d.conn.ID, "102", "102"))
	}
	if got := d.count(t, "SELECT count(*) FROM inbox"); got != 3 {
		t.Errorf("%d rows wait, want 3", got)
	}
	var heard all
	_, err := d.RelayHints(t.Context(), 10, heard.send)
	must(t, err)
	if len(heard.got) != 2 || !heard.got[0].Hints.UpdatedAt.Equal(at(4)) {
		t.Errorf("heard %+v, want the latest of both contacts", heard.got)
	}
}

func TestRequestSync_waitsUntilItIsDue(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ask := func(after time.Duration) {
		must(t, d.RequestSync(t.Context(), d.conn.ID, store.SyncRequest{ContactID: "101", Hints: bridge.Hints{ErasedAt: at(1)}, After: after}))
	}
	ask(time.Hour)
	var heard all
	_, err := d.RelayHints(t.Context(), 10, heard.send)
	must(t, err)
	lag, err := d.InboxLag(t.Context())
	must(t, err)
	if len(heard.got) != 0 || lag != 0 {
		t.Errorf("heard %+v before its time, lag %s", heard.got, lag)
	}
	ask(0) // whoever cannot wait brings it forward
	_, err = d.RelayHints(t.Context(), 10, heard.send)
	must(t, err)
	if len(heard.got) != 1 {
		t.Errorf("heard %+v, want the request", heard.got)
	}
}

// What the requester has written must be seen: a request that a relay is about to
// pass on was made too early.
func TestRequestSync_isMadeAnewWhileAnEarlierOneIsPassedOn(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.RequestResync(t.Context(), d.conn.ID, "101"))
	_, err := d.RelayHints(t.Context(), 10, func(ctx context.Context, batch []store.ContactHints) []error {
		must(t, d.RequestResync(ctx, d.conn.ID, "101"))
		return make([]error, len(batch))
	})
	must(t, err)
	if got := d.count(t, "SELECT count(*) FROM inbox WHERE relayed_at IS NULL"); got != 1 {
		t.Errorf("%d requests wait, want the second", got)
	}
}

func sameInstants(a, b bridge.Hints) bool {
	return a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt) && a.ResyncAt.Equal(b.ResyncAt) &&
		a.DeletedAt.Equal(b.DeletedAt) && a.ErasedAt.Equal(b.ErasedAt) && a.RestoredAt.Equal(b.RestoredAt) && a.MergedAt.Equal(b.MergedAt)
}

func TestWish_aPausedConnectionsMassSyncPauses(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run, _, err := d.BeginMass(t.Context(), d.conn.ID, false)
	must(t, err)
	want := func(want store.Desired) {
		t.Helper()
		desired, err := d.Desired(t.Context(), run.ID)
		must(t, err)
		p, err := d.MassProgress(t.Context(), d.conn.ID, 0)
		must(t, err)
		if desired != want || p.Desired != want {
			t.Errorf("desired %q, shown %q, want %q", desired, p.Desired, want)
		}
	}
	must(t, d.SetPaused(t.Context(), d.conn.ID, true))
	want(store.DesiredPaused)
	must(t, d.SetDesired(t.Context(), run.ID, store.DesiredCancelled))
	want(store.DesiredCancelled)
}

// An operator who asks for one contact waits for it. A program switch, or a retry of
// everything, asks for thousands.
func TestRequests_forSeveralContactsGoBehindWhatSomebodyWaitsFor(t *testing.T) {
	t.Parallel()
	parked := func(t *testing.T, d database, contact string, heard bridge.Hints) int64 {
		t.Helper()
		return d.mustPark(t, bridge.ParkedItem{ContactID: contact, Cause: bridge.CauseUnreachable, Hints: heard})
	}
	retry := func(t *testing.T, d database, items ...int64) {
		t.Helper()
		_, err := d.RetryContacts(t.Context(), d.conn.ID, items, at(7))
		must(t, err)
	}
	tests := map[string]struct {
		request func(t *testing.T, d database)
		bulk    map[string]bool // by contact
	}{
		"a resync of one": {func(t *testing.T, d database) { must(t, d.RequestResync(t.Context(), d.conn.ID, "101")) }, map[string]bool{"101": false}},
		"a resync of two": {func(t *testing.T, d database) { must(t, d.RequestResync(t.Context(), d.conn.ID, "101", "102")) }, map[string]bool{"101": true, "102": true}},
		"of two, one of whom somebody asks for, too": {func(t *testing.T, d database) {
			must(t, d.RequestResync(t.Context(), d.conn.ID, "101", "102"))
			must(t, d.RequestResync(t.Context(), d.conn.ID, "102"))
		}, map[string]bool{"101": true, "102": false}},
		"a retry of one contact's items": {func(t *testing.T, d database) {
			first := parked(t, d, "101", bridge.Hints{UpdatedAt: at(1)})
			second := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
			retry(t, d, first, second)
		}, map[string]bool{"101": false}},
		"a retry of several, one of whom is to be erased": {func(t *testing.T, d database) {
			retry(t, d, parked(t, d, "101", bridge.Hints{UpdatedAt: at(1)}), parked(t, d, "102", bridge.Hints{ErasedAt: at(1)}))
		}, map[string]bool{"101": true, "102": false}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			tt.request(t, d)
			bulk := map[string]bool{}
			_, err := d.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error {
				for _, c := range batch {
					bulk[c.ContactID] = c.Bulk
				}
				return make([]error, len(batch))
			})
			must(t, err)
			if diff := cmp.Diff(tt.bulk, bulk); diff != "" {
				t.Error(diff)
			}
		})
	}
}
