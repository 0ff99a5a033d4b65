package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// meanwhile runs do, which must wait for what the side door does first, and
// returns do's error after the side door committed.
func (d database) meanwhile(t *testing.T, first func(tx pgx.Tx), do func() error) error {
	t.Helper()
	tx, err := d.side.Begin(t.Context())
	must(t, err)
	first(tx)
	done := make(chan error, 1)
	go func() { done <- do() }()
	for deadline := time.Now().Add(hang); ; {
		var waiting bool
		must(t, tx.QueryRow(t.Context(), `
SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)`).Scan(&waiting))
		if waiting {
			break
		}
		select {
		case err := <-done:
			t.Fatalf("did not wait: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("neither waits nor ends")
		}
	}
	must(t, tx.Commit(t.Context()))
	return <-done
}

func do(t *testing.T, tx pgx.Tx, statement string, args ...any) {
	t.Helper()
	_, err := tx.Exec(t.Context(), statement, args...)
	must(t, err)
}

func TestErase_seesWhatWasBeingWritten(t *testing.T) {
	t.Parallel()
	for name, writes := range map[string]func(d database, tx pgx.Tx){
		"a mapping": func(d database, tx pgx.Tx) {
			do(t, tx, "INSERT INTO mapping (connection_id, contact_id, account_id, user_id) VALUES ($1, '102', 'a-zoe', 'u-zoe')", d.conn.ID)
			do(t, tx, "INSERT INTO contact_ledger (connection_id, contact_id, state) VALUES ($1, '102', 'mapped')", d.conn.ID)
		},
		"a parked item": func(d database, tx pgx.Tx) {
			do(t, tx, `
INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, cause, advice, words)
VALUES ($1, '', 'a-zoe', 'u-zoe', 'taken_contact', '', 'zoe')`, d.conn.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			must(t, d.meanwhile(t, func(tx pgx.Tx) {
				do(t, tx, "SELECT pg_advisory_xact_lock_shared("+store.ErasureLock+")", d.conn.ID)
				writes(d, tx)
			}, func() error {
				_, err := d.Erase(t.Context(), d.erasure("101", "zoe"))
				return err
			}))
			if found := traces(d.dump(t), "zoe"); found != nil {
				t.Errorf("traces: %v", found)
			}
		})
	}
}

func TestErase_isSeenByWhoeverWritesAboutPeople(t *testing.T) {
	t.Parallel()
	type fixture struct {
		database
		run, retry store.Run
	}
	tests := map[string]struct {
		write func(ctx context.Context, f fixture) error
		want  bridge.Kind // of the error; empty: success
	}{
		"the live path maps": {func(ctx context.Context, f fixture) error {
			return f.Link(ctx, store.Linking{Mapping: f.mapping("101", "zoe")})
		}, bridge.DoNotTrack},
		"a merge moves the mapping": {func(ctx context.Context, f fixture) error {
			_, err := f.MoveMapping(ctx, f.conn.ID, "102", "101")
			return err
		}, bridge.DoNotTrack},
		"the live path parks": {func(ctx context.Context, f fixture) error {
			return f.Settle(ctx, f.conn.ID, "101", store.Settlement{Parked: []bridge.ParkedItem{{Cause: bridge.CauseHalfPair, VendorMessage: "zoe"}}})
		}, ""},
		"a contact's mapping ends": {func(ctx context.Context, f fixture) error {
			return f.EndMapping(ctx, f.conn.ID, "101", bridge.EndedDeleted, store.Settlement{
				Parked: []bridge.ParkedItem{{Cause: bridge.CauseHalfPair, VendorMessage: "zoe"}}})
		}, ""},
		"a page is begun": {func(ctx context.Context, f fixture) error {
			return f.MarkSending(ctx, f.run.ID, 1, "attempt", true)
		}, bridge.Pending},
		"a page is finished": {func(ctx context.Context, f fixture) error {
			return f.FinishPage(ctx, f.run.ID, 1, []store.RowResult{
				{Ordinal: 1, Result: store.ResultCreated, Contacts: []store.RowContact{{ContactID: "900"}}}})
		}, ""},
		"an export is staged": {func(ctx context.Context, f fixture) error {
			_, err := f.Stage(ctx, f.retry.ID, program, each(person("zoe")))
			return err
		}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fixture{database: newDatabase(t)}
			f.run, f.retry = f.planned(t, person("zoe")), f.database.retry(t, f.parkedParticipants(t, "else")...)
			f.link(t, "102", "bob")
			before := len(traces(f.dump(t), "zoe"))
			err := f.meanwhile(t, func(tx pgx.Tx) {
				do(t, tx, "SELECT pg_advisory_xact_lock("+store.ErasureLock+")", f.conn.ID)
				for _, key := range [][]byte{f.Hasher().ContactID("101"), f.Hasher().Identity(person("zoe").Identity())} {
					do(t, tx, "INSERT INTO tombstone (connection_id, key_hash) VALUES ($1, $2)", f.conn.ID, key)
				}
			}, func() error { return tt.write(t.Context(), f) })
			if tt.want == "" {
				must(t, err)
			} else {
				wantKind(t, err, tt.want)
			}
			if diff := cmp.Diff(before, len(traces(f.dump(t), "zoe"))); diff != "" {
				t.Errorf("traces of the person: %s", diff)
			}
		})
	}
}
