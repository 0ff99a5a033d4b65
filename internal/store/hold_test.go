package store_test

import (
	"fmt"
	"testing"

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
				must(t, d.SetStatus(t.Context(), d.conn.ID, bridge.StatusUnauthorized, "hubspot.x: unauthorized"))
			},
			func(t *testing.T, d database) {
				must(t, d.SetStatus(t.Context(), d.conn.ID, bridge.StatusActive, ""))
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

func TestHintEvents_sayWhatTheHintsSay(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	want := bridge.Hints{
		CreatedAt: at(1), UpdatedAt: at(2), ResyncAt: at(3), DeletedAt: at(4), ErasedAt: at(5), RestoredAt: at(6), MergedAt: at(7),
	}
	for range 2 { // the same again is no duplicate: the first may have been relayed since
		d.mustAppend(t, store.HintEvents(d.conn.ID, "101", want)...)
		var heard all
		_, err := d.RelayHints(t.Context(), 10, heard.send)
		must(t, err)
		if len(heard.got) != 1 || !sameInstants(heard.got[0].Hints, want) {
			t.Errorf("heard %+v, want %+v", heard.got, want)
		}
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
