package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

const insertTombstones = `
INSERT INTO tombstone (connection_id, key_hash)
SELECT DISTINCT $1, hash FROM unnest($2::bytea[]) AS t (hash)
 ORDER BY hash
ON CONFLICT (connection_id, key_hash) DO UPDATE SET provisional = false WHERE tombstone.provisional`

// AddTombstone marks a person as erased for good, under every key by which the
// person could come back (hashes of email, identity and contact id, made by the
// Hasher). It returns once no work under way can still bring the person back: no
// mapping, and no page of a run. While such a page is being written it returns a
// pending error.
func (s *Store) AddTombstone(ctx context.Context, connectionID string, hashes ...[]byte) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := addTombstones(ctx, tx, connectionID, hashes); err != nil {
			return err
		}
		var sending bool
		err := tx.QueryRow(ctx, selectSending, connectionID, hashes).Scan(&sending)
		if err == nil && sending {
			err = errSending()
		}
		return err
	})
	return wrap(err, "add_tombstone in %s", connectionID)
}

// addTombstones adds tombstones. From then until the transaction ends, no contact of
// the connection is mapped, and no page begins or finishes.
func addTombstones(ctx context.Context, tx pgx.Tx, connectionID string, hashes [][]byte) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+erasureLock+")", connectionID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, insertTombstones, connectionID, hashes)
	return err
}

const selectSending = `
SELECT EXISTS (SELECT 1
                 FROM sync_run r
                 JOIN staged_participant s ON s.run_id = r.id
                WHERE r.connection_id = $1 AND r.finished_at IS NULL AND s.state = 'sending'
                  AND (s.identity_hash = ANY ($2) OR s.email_hash = ANY ($2)))`

// errSending returns the error of an erasure that has to wait for a page that is
// being written: that page may create a contact, which the erasure has to know.
func errSending() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "store.erase", RetryAfter: busyPause,
		Err: errors.New("a page with this person is being written")}
}

// Erased reports whether any of the keys belongs to a person who was erased. A
// person who is only blocked does not count: what was done before the block is
// recorded, so that the erasure finds it.
func (s *Store) Erased(ctx context.Context, connectionID string, hashes ...[]byte) (bool, error) {
	erased, err := erased(ctx, s.pool, connectionID, hashes...)
	return erased, wrap(err, "erased in %s", connectionID)
}

const selectErased = `
SELECT EXISTS (SELECT 1 FROM tombstone WHERE connection_id = $1 AND key_hash = ANY($2) AND NOT provisional)`

const selectErasedKeys = `
SELECT key_hash FROM tombstone WHERE connection_id = $1 AND key_hash = ANY($2) AND NOT provisional`

func erased(ctx context.Context, q queryer, connectionID string, hashes ...[]byte) (found bool, err error) {
	err = q.QueryRow(ctx, selectErased, connectionID, hashes).Scan(&found)
	return found, err
}

// erasureLock separates, within a connection, writers of personal records from an
// erasure. Without it a mapping could pass the check and still be written after the
// tombstone.
const erasureLock = "hashtextextended('erasure/' || $1, 0)"

const shareErasureLock = "SELECT pg_advisory_xact_lock_shared(" + erasureLock + ")"

// awaitErasure waits for an erasure under way, and delays the next one until the
// transaction ends.
func awaitErasure(ctx context.Context, tx pgx.Tx, connectionID string) error {
	_, err := tx.Exec(ctx, shareErasureLock, connectionID)
	return err
}

// erasedAfterWaiting does awaitErasure, and then reports whether any of the keys
// belongs to an erased person, in one round trip.
func erasedAfterWaiting(ctx context.Context, tx pgx.Tx, connectionID string, hashes ...[]byte) (found bool, err error) {
	var batch pgx.Batch
	batch.Queue(shareErasureLock, connectionID)
	batch.Queue(selectErased, connectionID, hashes).QueryRow(func(row pgx.Row) error { return row.Scan(&found) })
	err = tx.SendBatch(ctx, &batch).Close()
	return found, err
}

// contactsErased does awaitErasure, and then returns those of the contacts under whose
// id there is a tombstone.
func (s *Store) contactsErased(ctx context.Context, tx pgx.Tx, connectionID string, contactIDs ...string) (map[string]bool, error) {
	of := make(map[string]string, len(contactIDs))
	keys := make([][]byte, len(contactIDs))
	for i, id := range contactIDs {
		keys[i] = s.hasher.ContactID(id)
		of[string(keys[i])] = id
	}
	erased := map[string]bool{}
	var batch pgx.Batch
	batch.Queue(shareErasureLock, connectionID)
	batch.Queue(selectErasedKeys, connectionID, keys).Query(func(rows pgx.Rows) error {
		var key []byte
		_, err := pgx.ForEachRow(rows, []any{&key}, func() error {
			erased[of[string(key)]] = true
			return nil
		})
		return err
	})
	return erased, tx.SendBatch(ctx, &batch).Close()
}

// refuseErased returns a do_not_track error if any of the keys belongs to an erased
// person.
func refuseErased(ctx context.Context, tx pgx.Tx, connectionID string, hashes ...[]byte) error {
	found, err := erasedAfterWaiting(ctx, tx, connectionID, hashes...)
	if err == nil && found {
		err = &bridge.Error{Kind: bridge.DoNotTrack, Op: "store.map_contact"}
	}
	return err
}
