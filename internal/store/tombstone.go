package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// AddTombstone marks a person as erased for good, under every key by which the
// person could come back (hashes of email, identity and contact id, made by the
// Hasher). It returns once no mapping that was under way can still appear.
func (s *Store) AddTombstone(ctx context.Context, connectionID string, hashes ...[]byte) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+erasureLock+")", connectionID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
INSERT INTO tombstone (connection_id, key_hash)
SELECT $1, hash FROM unnest($2::bytea[]) AS t (hash)
ON CONFLICT (connection_id, key_hash) DO NOTHING`, connectionID, hashes)
		return err
	})
	return wrap(err, "add_tombstone in %s", connectionID)
}

// Erased tells whether any of the keys belongs to a person who was erased.
func (s *Store) Erased(ctx context.Context, connectionID string, hashes ...[]byte) (bool, error) {
	erased, err := erased(ctx, s.pool, connectionID, hashes...)
	return erased, wrap(err, "erased in %s", connectionID)
}

func erased(ctx context.Context, q queryer, connectionID string, hashes ...[]byte) (found bool, err error) {
	err = q.QueryRow(ctx, `
SELECT EXISTS (SELECT 1 FROM tombstone WHERE connection_id = $1 AND key_hash = ANY($2))`,
		connectionID, hashes).Scan(&found)
	return found, err
}

// erasureLock keeps apart, within a connection, those who map people and the
// one who erases: without it a mapping could pass the check and still be
// written after the tombstone.
const erasureLock = "hashtextextended('erasure/' || $1, 0)"

// awaitErasure waits for an erasure under way, and holds off the next one until
// the transaction ends.
func awaitErasure(ctx context.Context, tx pgx.Tx, connectionID string) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock_shared("+erasureLock+")", connectionID)
	return err
}

// refuseErased fails with do_not_track if the person was erased.
func (s *Store) refuseErased(ctx context.Context, tx pgx.Tx, m bridge.Mapping) error {
	if err := awaitErasure(ctx, tx, m.ConnectionID); err != nil {
		return err
	}
	found, err := erased(ctx, tx, m.ConnectionID, s.hasher.ContactID(m.ContactID), s.hasher.Identity(m.Identity()))
	if err == nil && found {
		err = &bridge.Error{Kind: bridge.DoNotTrack, Op: "store.link"}
	}
	return err
}
