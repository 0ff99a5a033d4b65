package store_test

import (
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// Whoever adds a table has to say what becomes of it at the end of a connection.
func TestDisconnect_everyTableIsForgottenOrKeptOnPurpose(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	rows, err := d.side.Query(t.Context(), `
SELECT c.table_name FROM information_schema.columns c
 WHERE c.table_schema = current_schema() AND c.column_name = 'connection_id'`)
	must(t, err)
	defer rows.Close()
	said := map[string]bool{}
	for _, table := range append(store.DeletedTables, store.RetainedTables...) {
		said[table] = true
	}
	for rows.Next() {
		var table string
		must(t, rows.Scan(&table))
		if !said[table] {
			t.Errorf("table %s is keyed by connection: is it forgotten or kept when that ends?", table)
		}
	}
	must(t, rows.Err())
}

func TestDisconnect_forgetsEverythingButTombstones(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "101", "ann")
	d.mustPark(t, bridge.ParkedItem{ConnectionID: d.conn.ID, ContactID: "102", Cause: bridge.CauseUnreachable})
	d.mustAppend(t, d.event("103", store.EventCreated, 1))
	d.planned(t, person("bob"))
	must(t, d.AddTombstone(t.Context(), d.conn.ID, []byte("somebody")))
	other := d
	other.conn = connect(t, d.Store, 2002)
	other.link(t, "201", "ann")

	forgotten, err := d.Disconnect(t.Context(), d.conn.ID)
	must(t, err)
	if want := (store.Forgotten{Mappings: 1, ParkedItems: 1, WaitingHints: 1, Tombstones: 1}); forgotten != want {
		t.Errorf("forgotten %+v, want %+v", forgotten, want)
	}
	for _, table := range store.DeletedTables {
		if n := d.count(t, "SELECT count(*) FROM "+table+" WHERE connection_id = $1", d.conn.ID); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM staged_participant"); n != 0 {
		t.Errorf("%d staged participants are left", n)
	}
	if n := d.count(t, "SELECT count(*) FROM mapping"); n != 1 {
		t.Errorf("%d mappings are left, want the other connection's", n)
	}
	_, err = d.Connection(t.Context(), d.conn.ID)
	wantKind(t, err, bridge.NotFound)
	_, err = d.ConnectionByPortal(t.Context(), 1001)
	wantKind(t, err, bridge.NotFound)
	all, err := d.Connections(t.Context())
	must(t, err)
	if len(all) != 1 || all[0].ID != other.conn.ID {
		t.Errorf("connections %v, want the other one alone", all)
	}
	_, err = d.Disconnect(t.Context(), d.conn.ID)
	wantKind(t, err, bridge.NotFound)
	_, _, err = d.RecordAnswer(t.Context(), d.conn.ID, bridge.Answer{}) // whoever comes late
	wantKind(t, err, bridge.NotFound)
}

func TestSaveConnection_aPortalThatWasDisconnectedBeginsAfreshWithItsTombstones(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.setRules(t, bridge.Rules{})
	must(t, d.SetPaused(t.Context(), d.conn.ID, true))
	must(t, d.AddTombstone(t.Context(), d.conn.ID, []byte("somebody")))
	_, err := d.Disconnect(t.Context(), d.conn.ID)
	must(t, err)

	again, err := d.SaveConnection(t.Context(),
		bridge.Connection{PortalID: 1001, Tenant: "acme", Program: "p2", Rules: bridge.DefaultRules}, secrets)
	must(t, err)
	if again.ID != d.conn.ID || again.Program != "p2" || again.Rules != bridge.DefaultRules || again.SharePIIUpdates ||
		!again.PausedAt.IsZero() || again.Status != bridge.StatusActive {
		t.Errorf("connected again as %+v", again)
	}
	if !again.CreatedAt.After(d.conn.CreatedAt.Add(-time.Nanosecond)) {
		t.Errorf("the first report would reach back to %s", again.CreatedAt)
	}
	erased, err := d.Erased(t.Context(), again.ID, []byte("somebody"))
	must(t, err)
	if !erased {
		t.Error("a person who was erased may come back")
	}
	credentials, _, err := d.Credentials(t.Context(), again.ID)
	must(t, err)
	if credentials != secrets {
		t.Error("the credentials are not those given now")
	}
}
