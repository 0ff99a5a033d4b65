package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// TombstoneKey is one tombstone, under one of the keyed hashes of a person.
type TombstoneKey struct {
	ConnectionID string
	Hash         []byte
}

const selectTombstones = `
SELECT connection_id, key_hash FROM tombstone WHERE (connection_id, key_hash) > ($1, $2) AND NOT provisional ORDER BY connection_id, key_hash LIMIT $3`

// Tombstones returns tombstones of all connections in a fixed order, at most limit:
// those after a key, or the first for the zero key. Provisional ones are left out:
// the record of their erasure stands for them.
func (s *Store) Tombstones(ctx context.Context, after TombstoneKey, limit int) ([]TombstoneKey, error) {
	hash := after.Hash
	if hash == nil {
		hash = []byte{}
	}
	rows, err := s.pool.Query(ctx, selectTombstones, after.ConnectionID, hash, limit)
	if err != nil {
		return nil, wrap(err, "tombstones")
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k TombstoneKey, err error) {
		err = row.Scan(&k.ConnectionID, &k.Hash)
		return k, err
	})
	return all, wrap(err, "tombstones")
}

// ErasuresSince returns erasures in the order in which they were recorded, at most
// limit: those after an id, or the first for 0.
func (s *Store) ErasuresSince(ctx context.Context, after int64, limit int) ([]ErasureRecord, error) {
	rows, err := s.pool.Query(ctx, selectErasure+" WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
	if err != nil {
		return nil, wrap(err, "erasures_since %d", after)
	}
	all, err := pgx.CollectRows(rows, scanErasure)
	return all, wrap(err, "erasures_since %d", after)
}

// ReplayTombstones adds tombstones of a connection again, whose hashes are of a
// version of the pepper, and returns how many there were not. What is known of
// participants under these keys is forgotten.
func (s *Store) ReplayTombstones(ctx context.Context, connectionID string, exported [][]byte, version int) (added int64, err error) {
	hashes := make([][]byte, len(exported))
	for i, hash := range exported {
		hashes[i] = s.hasher.Carry(hash, version)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var before, after int64
		const count = "SELECT count(*) FROM tombstone WHERE connection_id = $1 AND key_hash = ANY ($2)"
		if err := tx.QueryRow(ctx, count, connectionID, hashes).Scan(&before); err != nil {
			return err
		}
		if err := addTombstones(ctx, tx, connectionID, hashes); err != nil {
			return err
		}
		if err := forgetRows(ctx, tx, connectionID, hashes, hashes); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, count, connectionID, hashes).Scan(&after); err != nil {
			return err
		}
		added = after - before
		return nil
	})
	return added, wrap(err, "replay_tombstones of %s", connectionID)
}

// A contact whose erasure is on record here, and is as late as the exported one,
// needs no second one.
const replayErasure = `
INSERT INTO erasure (connection_id, contact_id, source, requested_by, occurred_at)
SELECT $1, $2, 'replay', $3, $4
 WHERE NOT EXISTS (SELECT 1 FROM erasure e
                    WHERE e.connection_id = $1 AND e.contact_id = $2 AND e.doubted_at IS NULL AND e.heard_at >= $5)
ON CONFLICT (connection_id, contact_id) WHERE` + openErasure + ` DO NOTHING`

// ReplayErasure has a contact erased again that was erased before, as an export
// tells: this database is older. It blocks the contact and begins the erasure in
// one transaction. It reports false, and does nothing, where the erasure is on
// record.
func (s *Store) ReplayErasure(ctx context.Context, e ErasureRecord, by string) (begun bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, replayErasure, e.ConnectionID, e.ContactID, by, e.OccurredAt, e.HeardAt)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		begun = true
		if err := addTombstones(ctx, tx, e.ConnectionID, [][]byte{s.hasher.ContactID(e.ContactID)}); err != nil {
			return err
		}
		if err := s.blockErasures(ctx, tx, e.ConnectionID, []string{e.ContactID}); err != nil {
			return err
		}
		return requestSync(ctx, tx, e.ConnectionID, []SyncRequest{{ContactID: e.ContactID, Hints: bridge.Hints{ErasedAt: time.Now()}}})
	})
	return begun, wrap(err, "replay_erasure of contact %s/%s", e.ConnectionID, e.ContactID)
}

// ConnectionRef names a connection, also one that has ended: erasures and tombstones
// outlive it.
type ConnectionRef struct {
	ID       string
	PortalID int64
	Tenant   string
	Ended    bool
}

// ConnectionRefs names every connection that there ever was, the oldest first.
func (s *Store) ConnectionRefs(ctx context.Context) ([]ConnectionRef, error) {
	rows, err := s.pool.Query(ctx, "SELECT id, portal_id, tenant, status = 'disconnected' FROM connection ORDER BY created_at, id")
	if err != nil {
		return nil, wrap(err, "connection_refs")
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ConnectionRef])
	return all, wrap(err, "connection_refs")
}
