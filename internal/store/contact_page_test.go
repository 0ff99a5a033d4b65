package store_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestLinkAll_linksAllOrNone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	var links []store.Linking
	for _, contact := range []string{"103", "101", "102"} {
		links = append(links, store.Linking{
			Mapping:   bridge.Mapping{ConnectionID: d.conn.ID, ContactID: contact, AccountID: "a" + contact, UserID: "u" + contact},
			EmailHash: []byte("e" + contact),
		})
	}
	mapped := func() int { return d.count(t, "SELECT count(*) FROM mapping WHERE connection_id = $1", d.conn.ID) }

	elsewhere := links[1]
	elsewhere.Mapping.UserID = "somebody else"
	must(t, d.Link(t.Context(), elsewhere))
	if err := d.LinkAll(t.Context(), d.conn.ID, links); bridge.KindOf(err) != bridge.Pending || mapped() != 1 {
		t.Errorf("one was mapped to another participant meanwhile: %v, %d mapped", err, mapped())
	}

	links[1].Replaces = elsewhere.Mapping.Identity()
	must(t, d.LinkAll(t.Context(), d.conn.ID, links))
	must(t, d.LinkAll(t.Context(), d.conn.ID, links)) // as a second attempt does
	known, err := d.KnownAll(t.Context(), d.conn.ID, "101", "102", "103", "104")
	must(t, err)
	for _, l := range links {
		k := known[l.Mapping.ContactID]
		if k.Mapping == nil || *k.Mapping != l.Mapping || k.Ledger.State != bridge.StateMapped || string(k.EmailHash) != "e"+l.Mapping.ContactID {
			t.Errorf("contact %s: %+v", l.Mapping.ContactID, k)
		}
	}
	if known["104"].Seen() {
		t.Error("a contact that nobody knows is known")
	}

	must(t, d.AddTombstone(t.Context(), d.conn.ID, []byte("e new")))
	erased := store.Linking{Mapping: bridge.Mapping{ConnectionID: d.conn.ID, ContactID: "105", AccountID: "a", UserID: "u"}, EmailHash: []byte("e new")}
	other := store.Linking{Mapping: bridge.Mapping{ConnectionID: d.conn.ID, ContactID: "106", AccountID: "a", UserID: "u"}}
	if err := d.LinkAll(t.Context(), d.conn.ID, []store.Linking{other, erased}); bridge.KindOf(err) != bridge.DoNotTrack || mapped() != 3 {
		t.Errorf("one was erased: %v, %d mapped", err, mapped())
	}
}

func TestSettleAll_settlesEachAsAlone(t *testing.T) {
	t.Parallel()
	zero := new(int64)
	outs := map[string]store.Settlement{
		"101": {State: bridge.StateMapped, WrittenHash: []byte("w"), SentHash: []byte("s"), Program: "p1", KnownSeq: zero},
		"102": {State: bridge.StateMapped, WrittenHash: []byte("w"), Program: "another", KnownSeq: zero, KeepWarnings: true},
		"103": {State: bridge.StateParked, Reason: "r", Parked: []bridge.ParkedItem{{Cause: bridge.CauseHalfPair, Advice: "advice"}}},
		"104": {State: bridge.StateMapped, SentHash: []byte("s"), EmailHash: []byte("e")}, // was erased
		"105": {State: bridge.StateMapped, WrittenHash: []byte("w"), Program: "p1", KnownSeq: zero, OtherEmails: [][]byte{[]byte("o")}},
	}
	seen := map[string]any{}
	for _, name := range []string{"each alone", "together"} {
		d := newDatabase(t)
		must(t, d.AddTombstone(t.Context(), d.conn.ID, d.Hasher().ContactID("104")))
		for contact := range outs { // each has a warning and another item open
			for _, cause := range []bridge.Cause{bridge.CauseCookieDropped, bridge.CauseAmbiguousEmail} {
				_, err := d.Park(t.Context(), bridge.ParkedItem{ConnectionID: d.conn.ID, ContactID: contact, Cause: cause, Advice: "advice"})
				must(t, err)
			}
		}
		// A page of a run has written to it since it was read.
		d.exec(t, "INSERT INTO contact_ledger (connection_id, contact_id, state, written_hash, write_seq) VALUES ($1, '105', 'mapped', 'x', 1)", d.conn.ID)
		if name == "together" {
			must(t, d.SettleAll(t.Context(), d.conn.ID, outs))
		} else {
			for contact, out := range outs {
				must(t, d.Settle(t.Context(), d.conn.ID, contact, out))
			}
		}
		var rows []string
		for _, query := range []string{
			"SELECT contact_id, state, reason, sent_hash, written_hash, email_hash, write_seq, written_as_of IS NULL FROM contact_ledger WHERE connection_id = $1 ORDER BY 1",
			"SELECT contact_id, cause, closed_at IS NULL, outcome FROM parked_item WHERE connection_id = $1 ORDER BY 1, 2",
			"SELECT contact_id, kind FROM inbox WHERE connection_id = $1 ORDER BY 1, 2",
			"SELECT contact_id, email_hash FROM contact_email WHERE connection_id = $1",
			"SELECT contact_id, state, reason FROM contact_decision WHERE connection_id = $1 ORDER BY 1",
		} {
			found, err := d.side.Query(t.Context(), query, d.conn.ID)
			must(t, err)
			some, err := pgx.CollectRows(found, func(row pgx.CollectableRow) (string, error) {
				values, err := row.Values()
				return fmt.Sprint(values...), err
			})
			must(t, err)
			rows = append(rows, some...)
		}
		seen[name] = rows
	}
	if diff := cmp.Diff(seen["each alone"], seen["together"]); diff != "" {
		t.Errorf("alone (-) and together (+) differ:\n%s", diff)
	}
	if rows, _ := seen["together"].([]string); len(rows) < 5+11+2 {
		t.Errorf("only %d rows were compared", len(rows))
	}
}
