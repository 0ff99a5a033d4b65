package store_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// dump returns every table as text.
func (d database) dump(t *testing.T) string {
	t.Helper()
	rows, err := d.side.Query(t.Context(), "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
	must(t, err)
	var (
		all    strings.Builder
		tables []string
	)
	for rows.Next() {
		var table string
		must(t, rows.Scan(&table))
		tables = append(tables, table)
	}
	must(t, rows.Err())
	for _, table := range tables {
		var text string
		must(t, d.side.QueryRow(t.Context(), "SELECT coalesce(string_agg(x::text, E'\n'), '') FROM "+table+" x").Scan(&text))
		all.WriteString(table + "\n" + text + "\n")
	}
	return all.String()
}

// traces returns the lines of a dump that tell of a person.
func traces(dump, name string) []string {
	var found []string
	for _, line := range strings.Split(dump, "\n") {
		if strings.Contains(strings.ToLower(line), name) {
			found = append(found, line)
		}
	}
	return found
}

// erasure of the person with a name, as the contact's life knows it.
func (d database) erasure(contact, name string) store.Erasure {
	return store.Erasure{
		ConnectionID: d.conn.ID, ContactIDs: []string{contact},
		Identities:  []bridge.Identity{person(name).Identity()},
		EmailHashes: [][]byte{d.Hasher().Email(name + "@example.com")},
		Advice:      "Look.",
	}
}

func (d database) erase(t *testing.T, contact, name string) []string {
	t.Helper()
	orphaned, err := d.Erase(t.Context(), d.erasure(contact, name))
	must(t, err)
	return orphaned
}

func TestErase_leavesNoTraceInAnyTable(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, name := range []string{"zoe", "bob"} { // bob must keep everything
		contact, partner, other := name+"1", name+"2", name+"3"
		must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping(contact, name), ByEmail: true,
			SentHash: []byte("s"), EmailHash: d.Hasher().Email(name + "@example.com")}))
		d.link(t, partner, name)
		d.link(t, other, name)
		d.link(t, other, "else") // zoe is what it was mapped to before
		for _, parked := range []bridge.ParkedItem{
			{ContactID: contact, Cause: bridge.CauseRefusedByAdvocate, VendorMessage: name + " is no name"},
			{ContactID: partner, AccountID: "a-" + name, UserID: "u-" + name, Cause: bridge.CauseTakenParticipant, VendorMessage: name + " is taken"},
			{AccountID: "a-" + name, UserID: "u-" + name, Cause: bridge.CauseTakenContact, VendorMessage: name + "@example.com is taken"},
		} {
			open, closed := parked, parked
			closed.Cause = bridge.CauseAmbiguousEmail
			d.mustPark(t, open)
			must(t, d.CloseParked(t.Context(), d.mustPark(t, closed), store.OutcomeDiscarded))
		}
		d.mustAppend(t, d.event(contact, store.EventUpdated, 1))
	}
	d.finishAll(t, d.planned(t, person("zoe"), person("bob")), store.ResultUpdated) // handled in the past
	report := d.planned(t, person("zoe"), person("bob"))
	must(t, d.FinishPage(t.Context(), report.ID, 1, []store.RowResult{{Ordinal: 1, Result: store.ResultUpdated}}))
	d.exec(t, `INSERT INTO sync_run (connection_id, kind, program, exported_at) VALUES ($1, 'mass', 'p1', now())`, d.conn.ID)
	mass := d.count(t, "SELECT id FROM sync_run WHERE kind = 'mass'")
	_, err := d.Stage(t.Context(), int64(mass), program, each(person("bob"), person("zoe")))
	must(t, err)

	before := d.dump(t)
	if n := len(traces(before, "zoe")); n != len(traces(before, "bob")) || n < 12 {
		t.Fatalf("%d traces of zoe before the erasure", n)
	}
	orphaned := d.erase(t, "zoe1", "zoe")
	if diff := cmp.Diff([]string{"zoe2"}, orphaned); diff != "" {
		t.Error(diff)
	}
	after := d.dump(t)
	for _, line := range traces(strings.NewReplacer("zoe1", "", "zoe2", "", "zoe3", "").Replace(after), "zoe") {
		t.Errorf("a trace: %s", line)
	}
	if diff := cmp.Diff(traces(before, "bob"), traces(after, "bob")); diff != "" {
		t.Errorf("somebody else changed: %s", diff)
	}
	if n := d.count(t, "SELECT count(*) FROM participant_ledger"); n != 1 {
		t.Errorf("%d participants remembered, want bob", n)
	}
}

func TestErase_isTheLastState(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	email := d.Hasher().Email("ann@example.com")
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "ann"), ByEmail: true, SentHash: []byte("s"), EmailHash: email}))
	d.erase(t, "101", "ann")

	want := store.Known{Erased: true, Ledger: bridge.Ledger{State: bridge.StateErased, Reason: bridge.ReasonPrivacy}}
	check := func(after string) {
		t.Helper()
		got := d.known(t, "101")
		want.Ledger.DecidedAt = got.Ledger.DecidedAt
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %s: %s", after, diff)
		}
	}
	check("the erasure")
	if got := d.erase(t, "101", "ann"); got != nil {
		t.Errorf("orphans of a second erasure: %v", got)
	}
	check("a second erasure")

	for name, l := range map[string]store.Linking{
		"the contact":                     {Mapping: d.mapping("101", "other")},
		"the participant":                 {Mapping: d.mapping("102", "ann")},
		"another contact with that email": {Mapping: d.mapping("103", "other"), EmailHash: email},
	} {
		err := d.Link(t.Context(), l)
		wantKind(t, err, bridge.DoNotTrack)
		if d.mappedTo(t, l.Mapping.ContactID) != "" {
			t.Errorf("%s is mapped", name)
		}
	}
	// Somebody who looked at the contact before comes late.
	must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{
		State: bridge.StateMapped, Reason: bridge.ReasonPrivacy, SentHash: []byte("s"), WrittenHash: []byte("w"), EmailHash: email,
		Parked: []bridge.ParkedItem{{Cause: bridge.CauseUnreachable, Advice: "Retry.", VendorMessage: "no ann", AccountID: "a-ann", UserID: "u-ann"}},
	}))
	check("a late settlement")
	items, err := d.OpenParked(t.Context(), d.conn.ID, "101")
	must(t, err)
	if len(items) != 1 || items[0].Cause != bridge.CauseUnreachable || items[0].VendorMessage != "" || items[0].UserID != "" {
		t.Errorf("items %+v, want one that tells nothing of the person", items)
	}
	must(t, d.EndMapping(t.Context(), d.conn.ID, "101", bridge.EndedDeleted, store.Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonPrivacy}))
	check("a late deletion")
}

func TestSettle_canPutOffAnErasure(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "ann"), EmailHash: []byte("e")}))
	// The tombstone stands, but Advocate is away.
	must(t, d.AddTombstone(t.Context(), d.conn.ID, d.Hasher().ContactID("101")))
	must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateParked, Parked: []bridge.ParkedItem{{Cause: bridge.CauseUnreachable}}}))
	k := d.known(t, "101")
	if k.Ledger.State != bridge.StateParked || k.Mapping == nil || string(k.EmailHash) != "e" {
		t.Errorf("what the erasure needs is gone: %+v", k)
	}
}

func TestErase_reportsWhoSharedTheParticipant(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, contact := range []string{"103", "101", "102"} {
		must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping(contact, "ann"), SentHash: []byte("s"), EmailHash: []byte("e" + contact)}))
	}
	d.link(t, "104", "bob")
	d.mustPark(t, bridge.ParkedItem{ContactID: "102", Cause: bridge.CauseHalfPair})
	if diff := cmp.Diff([]string{"102", "103"}, d.erase(t, "101", "ann")); diff != "" {
		t.Error(diff)
	}
	for _, contact := range []string{"102", "103"} {
		k := d.known(t, contact)
		if k.Mapping != nil || k.Former != nil || k.Erased || k.Ledger.State != bridge.StateParked ||
			k.Ledger.Reason != bridge.Reason(bridge.CauseParticipantErased) || k.Ledger.SentHash != nil || string(k.EmailHash) != "e"+contact {
			t.Errorf("contact %s: %+v", contact, k)
		}
	}
	if d.mappedTo(t, "104") != "u-bob" {
		t.Error("somebody else is unmapped")
	}
	var got []bridge.ParkedItem
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	for _, item := range items {
		got = append(got, bridge.ParkedItem{ContactID: item.ContactID, Cause: item.Cause, Advice: item.Advice, VendorMessage: item.VendorMessage})
	}
	want := []bridge.ParkedItem{
		{ContactID: "102", Cause: bridge.CauseHalfPair},
		{ContactID: "102", Cause: bridge.CauseParticipantErased, Advice: "Look."},
		{ContactID: "103", Cause: bridge.CauseParticipantErased, Advice: "Look."},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := d.erase(t, "101", "ann"); got != nil {
		t.Errorf("reported again: %v", got)
	}
}

func TestErase_ofSomebodyNeverSeen(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	orphaned, err := d.Erase(t.Context(), store.Erasure{ConnectionID: d.conn.ID, ContactIDs: []string{"101"}})
	must(t, err)
	if k := d.known(t, "101"); orphaned != nil || !k.Erased || k.Ledger.State != bridge.StateErased {
		t.Errorf("orphans %v, known %+v", orphaned, k)
	}
	_, err = d.Erase(t.Context(), store.Erasure{ConnectionID: "caaaaaaaaa", ContactIDs: []string{"101"}})
	wantKind(t, err, bridge.NotFound)
}

func TestErase_waitsForAPageBeingWritten(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("bob"))
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	h := d.Hasher()
	tombstone := func(hash []byte) error { return d.AddTombstone(t.Context(), d.conn.ID, hash) }
	for name, err := range map[string]error{
		"erasure":                func() error { _, err := d.Erase(t.Context(), d.erasure("101", "ann")); return err }(),
		"tombstone of the email": tombstone(h.Email("ann@example.com")),
		"tombstone of the ids":   tombstone(h.Identity(person("ann").Identity())),
		"erasure by email alone": func() error {
			e := d.erasure("101", "ann")
			e.Identities = nil
			_, err := d.Erase(t.Context(), e)
			return err
		}(),
		"erasure by the ids alone": func() error {
			e := d.erasure("101", "ann")
			e.EmailHashes = nil
			_, err := d.Erase(t.Context(), e)
			return err
		}(),
	} {
		if bridge.KindOf(err) != bridge.Pending {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM tombstone"); n != 0 || d.known(t, "101").Ledger.State != bridge.StateNew {
		t.Error("half an erasure")
	}
	must(t, tombstone(h.Email("eve@example.com"))) // is not on the page

	must(t, d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{
		{Ordinal: 1, Result: store.ResultCreated, Contacts: []store.RowContact{{ContactID: "900"}}}, {Ordinal: 2, Result: store.ResultCreated}}))
	if diff := cmp.Diff([]string{"900"}, d.erase(t, "101", "ann")); diff != "" {
		t.Errorf("the contact that the page made: %s", diff)
	}
}

func TestErase_stopsAPageThatWasRead(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("bob"))
	if n := len(d.page(t, run, 1)); n != 2 {
		t.Fatalf("%d rows", n)
	}
	d.erase(t, "101", "ann")
	wantKind(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true), bridge.Pending)
	rows := d.page(t, run, 1)
	if len(rows) != 1 || rows[0].Participant.UserID != "u-bob" {
		t.Fatalf("rows %+v, want bob's", rows)
	}
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	counts := d.finishAll(t, run, store.ResultCreated)
	if counts.Blocked != 1 || counts.Created != 1 || counts.Done() != counts.Total {
		t.Errorf("counts %+v", counts)
	}
	if n := d.count(t, "SELECT count(*) FROM participant_ledger"); n != 1 {
		t.Errorf("%d participants remembered, want bob", n)
	}
}

func TestErase_blocksTheRowsOfAnOlderExport(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.erase(t, "101", "zoe")
	run := d.staged(t, person("zoe"), person("bob"))
	if found := traces(d.dump(t), "zoe"); found != nil {
		t.Errorf("staged all the same: %v", found)
	}
	counts, err := d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	if want := (store.Counts{Total: 2, ToMatchOrCreate: 1, Blocked: 1}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
}

func TestErase_doesNotWaitForARunBeingPlanned(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.staged(t, person("ann"))
	planning, err := d.side.Begin(t.Context())
	must(t, err)
	_, err = planning.Exec(t.Context(), "UPDATE staged_participant SET page = 1 WHERE run_id = $1", run.ID)
	must(t, err)
	_, err = d.Erase(t.Context(), d.erasure("101", "ann"))
	wantKind(t, err, bridge.Pending)
	must(t, planning.Rollback(t.Context()))
	d.erase(t, "101", "ann")
}

// A worker writes the page, the contact's life maps it, and somebody asks for
// the person's erasure, all at once.
func TestErase_winsHoweverItInterleaves(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for range 15 {
		run := d.planned(t, person("zoe"))
		var (
			all    sync.WaitGroup
			erased atomic.Bool
			wrote  atomic.Bool
			orphan []string
		)
		all.Go(func() { wrote.Store(d.writePage(t, run, &erased)) })
		all.Go(func() {
			l := store.Linking{Mapping: d.mapping("101", "zoe"), ByEmail: true}
			if err := d.Link(t.Context(), l); err != nil && bridge.KindOf(err) != bridge.DoNotTrack {
				t.Error(err)
			}
		})
		all.Go(func() {
			for {
				var err error
				if orphan, err = d.Erase(t.Context(), d.erasure("101", "zoe")); err == nil {
					break
				}
				if bridge.KindOf(err) != bridge.Pending {
					t.Error(err)
					return
				}
			}
			erased.Store(true)
		})
		all.Wait()
		if wrote.Load() != (len(orphan) == 1) {
			t.Errorf("a contact was made: %t, reported: %v", wrote.Load(), orphan)
		}
		if _, err := d.FinishRun(t.Context(), run.ID); err != nil {
			t.Error(err)
		}
		if found := traces(d.dump(t), "zoe"); found != nil {
			t.Errorf("traces: %v", found)
		}
		d.exec(t, "TRUNCATE tombstone, parked_item, contact_ledger, participant_ledger")
	}
}

// writePage does what a worker does with a page of one row, and reports whether
// it made a contact.
func (d database) writePage(t *testing.T, run store.Run, erased *atomic.Bool) bool {
	for {
		rows, err := d.Page(t.Context(), run.ID, 1)
		if err != nil {
			t.Error(err)
			return false
		}
		if len(rows) == 0 {
			return false
		}
		before := erased.Load()
		err = d.MarkSending(t.Context(), run.ID, 1, "attempt", true)
		if bridge.KindOf(err) == bridge.Pending {
			continue
		}
		if err != nil || before {
			t.Errorf("would be written after the erasure: %t (%v)", before, err)
			return false
		}
		contact := "900"
		if len(rows[0].Contacts) > 0 {
			contact = rows[0].Contacts[0].ContactID
		}
		if err := d.FinishPage(t.Context(), run.ID, 1, []store.RowResult{
			{Ordinal: 1, Result: store.ResultCreated, Contacts: []store.RowContact{{ContactID: contact}}}}); err != nil {
			t.Error(err)
		}
		return contact == "900"
	}
}
