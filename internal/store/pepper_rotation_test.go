package store_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

// alone closes whatever a test has opened, so that nobody else is connected, and opens
// the store as a rotation needs it.
func (d *database) alone(t *testing.T) *store.Store {
	t.Helper()
	d.Close()
	must(t, d.side.Close(context.Background()))
	s, err := store.OpenAlone(t.Context(), d.dsn, storetest.Sealer(t))
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

// hashesIn reads the hashes of every column that has any.
func hashesIn(t *testing.T, dsn string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	ask(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		for name, where := range store.HashedColumns() {
			table, column, _ := strings.Cut(name, ".")
			query := fmt.Sprintf("SELECT CASE WHEN pg_typeof(%[1]s) = 'text'::regtype THEN %[1]s::text ELSE encode(%[1]s::text::bytea, 'hex') END FROM %[2]s WHERE %[1]s::text <> ''", column, table)
			if where != "" {
				query += " AND " + where
			}
			rows, err := conn.Query(ctx, query)
			if err != nil {
				return err
			}
			if all[name], err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
				return err
			}
		}
		return nil
	})
	return all
}

// hashEverywhere has every column that can hold a hash hold one.
func (d database) hashEverywhere(t *testing.T) {
	t.Helper()
	h := d.Hasher()
	theirs := func(name string) []byte { return h.Email(name + "@example.com") }
	d.knows(t, "101", "ann")
	d.relink(t, store.Linking{Mapping: d.mapping("102", "bob"), ByEmail: true, SentHash: h.ContactID("sent"), EmailHash: theirs("bob"), ParticipantEmailHash: theirs("bob")})
	must(t, d.Settle(t.Context(), d.conn.ID, "102", store.Settlement{State: bridge.StateMapped, WrittenHash: h.ContactID("written"), Program: program.ID}))
	d.relink(t, store.Linking{Mapping: d.mapping("103", "eve"), ByEmail: true, ParticipantEmailHash: theirs("eve")})
	d.end(t, "103", bridge.EndedDeleted)
	must(t, d.AddTombstone(t.Context(), d.conn.ID, theirs("zoe"), h.Identity(person("zoe").Identity()), h.ContactID("901")))
	d.mustAppend(t, d.erased("101", "told"))

	d.finishAll(t, d.planned(t, person("dan")), store.ResultUpdated)
	d.planned(t, person("fay"))
	run, _, err := d.BeginReconcile(t.Context(), d.conn.ID, true)
	must(t, err)
	listing, err := d.Listing(t.Context(), run.ID)
	must(t, err)
	must(t, second(d.StageListed(t.Context(), run.ID, listing, []store.ReconcileContact{{
		ID: "102", Presence: bridge.PresenceLive, EmailHash: theirs("bob"), OtherEmails: [][]byte{theirs("rob")}, NamedHash: theirs("bob"), SharedHash: theirs("bob"),
		InputsHash: theirs("bob"), PlainInputs: theirs("bob"), MappedHash: theirs("bob"),
	}}, nil, "")))

	must(t, second2(d.FormCursor(t.Context(), d.conn.ID, "f-1", at(0))))
	submission := hex.EncodeToString(h.Submission("f-1", "s1", "", at(1)))
	must(t, d.TakeSubmissions(t.Context(), d.conn.ID, "f-1", []store.FormEntry{{Submission: submission, SubmittedAt: at(1)}}, at(0)))
	lead := d.tracking("o1", "", store.TrackedWaiting)
	lead.ObjectType, lead.ObjectID, lead.Form, lead.Submission = bridge.ObjectContact, "102", "f-1", submission
	d.track(t, lead)
	d.mustPark(t, bridge.ParkedItem{
		ConnectionID: d.conn.ID, Cause: bridge.CauseUnreadableRow, AccountID: bridge.RowSubject, UserID: hex.EncodeToString(h.UnreadableRowError("a row")),
	})
	d.mustPark(t, bridge.ParkedItem{ // nobody's hash, although it looks like one
		ConnectionID: d.conn.ID, Cause: bridge.CauseUnreachable, AccountID: "a-ann", UserID: strings.Repeat("ab", 32),
	})
}

func second2[A, B any](_ A, _ B, err error) error { return err }

// Every hash that is stored anywhere becomes what the new pepper makes of the same,
// although nobody knows any more what most of them are of.
func TestRotatePepper_carriesEveryStoredHashOver(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.hashEverywhere(t)
	before, was := hashesIn(t, d.dsn), d.Hasher()
	s := d.alone(t)
	if r := storetest.Rotate(t, s, recoveryKey(9)); r.Version != 2 || r.Rows < int64(len(before)) {
		t.Errorf("rotated: %+v", r)
	}
	after := hashesIn(t, d.dsn)
	for name, hashes := range before {
		if len(hashes) == 0 {
			t.Errorf("the test has no hash in %s", name)
		}
		want := map[string]bool{}
		for _, hash := range hashes {
			raw, err := hex.DecodeString(hash)
			must(t, err)
			want[hex.EncodeToString(s.Hasher().Carry(raw, 1))] = true
		}
		if len(after[name]) != len(hashes) {
			t.Errorf("%s holds %d hashes, and held %d", name, len(after[name]), len(hashes))
		}
		for _, hash := range after[name] {
			if !want[hash] {
				t.Errorf("%s holds %s, which is not of the new pepper", name, hash)
			}
		}
	}
	ask(t, d.dsn, func(ctx context.Context, conn *pgx.Conn) error {
		var kept bool
		err := conn.QueryRow(ctx, "SELECT count(*) = 1 FROM parked_item WHERE user_id = $1", strings.Repeat("ab", 32)).Scan(&kept)
		if !kept {
			t.Error("a participant's id was taken for a hash")
		}
		return err
	})
	if bytes.Equal(was.Email("ann@example.com"), s.Hasher().Email("ann@example.com")) {
		t.Error("the pepper is the same")
	}
	if rows, err := s.ContactsByEmail(t.Context(), d.conn.ID, "bob@example.com"); err != nil || len(rows) != 1 || rows[0] != "102" {
		t.Errorf("an email finds %v, %v", rows, err)
	}
}

// Whoever adds a column of hashes has to let a rotation carry it over, or say why not.
func TestRotatePepper_knowsEveryColumnOfHashes(t *testing.T) {
	t.Parallel()
	random := map[string]bool{ // hashes of random secrets of ours, which have no need of a pepper
		"api_token.secret_hash": true, "console_session.token_hash": true,
		"connect_intent.link_hash": true, "connect_intent.state_hash": true, "connect_intent.browser_hash": true,
	}
	d := newDatabase(t)
	known, sealed := store.HashedColumns(), store.SealedColumns()
	rows, err := d.side.Query(t.Context(), `
SELECT table_name || '.' || column_name FROM information_schema.columns
 WHERE table_schema = current_schema() AND udt_name IN ('bytea', '_bytea') AND table_name || '.' || column_name <> 'console_session.data'`)
	must(t, err)
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if len(columns) < 30 {
		t.Fatalf("the schema has %d columns of bytes", len(columns))
	}
	for _, column := range columns {
		_, hashed := known[column]
		if !hashed && !sealed[column] && !random[column] {
			t.Errorf("column %s: is it hashed under the pepper? A rotation has to carry it over", column)
		}
	}
}

// The drill: the pepper is replaced, then the encryption key is lost. The recovery key
// opens every version; whoever was erased before, between and after stays out.
func TestPepperDrill_tombstonesMatchUnderEveryVersion(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	gone := func(s *store.Store, name string) {
		t.Helper()
		must(t, s.AddTombstone(t.Context(), d.conn.ID, s.Hasher().Email(name+"@example.com"), s.Hasher().Identity(person(name).Identity())))
	}
	gone(d.Store, "ann")
	must(t, second(d.SetRecoveryKey(t.Context(), recoveryKey(8), true)))
	s := d.alone(t)
	storetest.Rotate(t, s, recoveryKey(9))
	gone(s, "bob")
	if r := storetest.Rotate(t, s, recoveryKey(9)); r.Version != 3 {
		t.Errorf("rotated twice, the pepper is version %d", r.Version)
	}
	gone(s, "eve")
	s.Close()

	if _, err := store.Recover(t.Context(), d.dsn, sealer(t, 2), recoveryKey(8)); err == nil {
		t.Error("the recovery key from before the rotation opens what came after it")
	}
	must(t, second(store.Recover(t.Context(), d.dsn, sealer(t, 2), recoveryKey(9))))
	after, err := store.Open(t.Context(), d.dsn, sealer(t, 3, 2))
	must(t, err)
	t.Cleanup(after.Close)
	must(t, second(after.Reseal(t.Context()))) // the ordinary change of the encryption key, on top
	after, err = store.Open(t.Context(), d.dsn, sealer(t, 3))
	must(t, err)
	t.Cleanup(after.Close)
	for _, name := range []string{"ann", "bob", "eve"} {
		for _, key := range [][]byte{after.Hasher().Email(name + "@example.com"), after.Hasher().Identity(person(name).Identity())} {
			if erased, err := after.Erased(t.Context(), d.conn.ID, key); err != nil || !erased {
				t.Errorf("%s may come back: %v", name, err)
			}
		}
		wantKind(t, after.Link(t.Context(), store.Linking{Mapping: d.mapping("777", name)}), bridge.DoNotTrack)
	}
	must(t, after.Link(t.Context(), store.Linking{Mapping: d.mapping("777", "dan")})) // who was not erased is nobody's concern
}

// A process with the former pepper would let erased people in: it keeps a rotation
// from beginning, and is kept out after one that it slept through.
func TestRotatePepper_leavesNoProcessBehind(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	s, err := store.OpenAlone(t.Context(), d.dsn, storetest.Sealer(t))
	must(t, err)
	t.Cleanup(s.Close)
	_, err = s.RotatePepper(t.Context(), recoveryKey(9))
	wantKind(t, err, bridge.Conflict)
	if err == nil || !strings.Contains(err.Error(), "stop all workers, starters and poolers first") {
		t.Errorf("it says %v", err)
	}
	if n := d.count(t, "SELECT pepper_version FROM installation"); n != 1 {
		t.Errorf("the pepper is version %d all the same", n)
	}

	// The network has cut a process off, so nobody sees it.
	asleep, err := store.Open(t.Context(), d.dsn, storetest.Sealer(t))
	must(t, err)
	t.Cleanup(asleep.Close)
	d.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	s.Close()
	storetest.Rotate(t, d.alone(t), recoveryKey(9))
	await(t, "the process to notice", func() bool { // its dead connections fail first
		err := asleep.Ping(t.Context())
		return err != nil && strings.Contains(err.Error(), "restart it")
	})
	err = asleep.AddTombstone(t.Context(), d.conn.ID, asleep.Hasher().Email("ann@example.com"))
	wantKind(t, err, bridge.Unavailable)
}

// A release from before peppers had versions takes what it finds for one pepper. It
// must not open several.
func TestRotatePepper_keepsFormerReleasesOut(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	storetest.Rotate(t, d.alone(t), recoveryKey(9))
	ask(t, d.dsn, func(ctx context.Context, conn *pgx.Conn) error {
		var sealed []byte
		if err := conn.QueryRow(ctx, "SELECT pepper FROM installation").Scan(&sealed); err != nil {
			return err
		}
		if _, err := storetest.Sealer(t).Open(sealed, "installation/pepper"); !errors.Is(err, seal.ErrCorrupt) {
			t.Errorf("it opens: %v", err)
		}
		return nil
	})
}

// What was exported before a rotation still keeps people out after it.
func TestReplayTombstones_understandsExportsOfFormerVersions(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	former := d.Hasher()
	exported := former.Email("ann@example.com")
	s := d.alone(t)
	storetest.Rotate(t, s, recoveryKey(9))
	version := s.Hasher().VersionOf(former.Check())
	if added, err := s.ReplayTombstones(t.Context(), d.conn.ID, [][]byte{exported}, version); err != nil || added != 1 {
		t.Errorf("added %d, %v", added, err)
	}
	if erased, err := s.Erased(t.Context(), d.conn.ID, s.Hasher().Email("ann@example.com")); err != nil || !erased {
		t.Errorf("may come back: %v", err)
	}
}
