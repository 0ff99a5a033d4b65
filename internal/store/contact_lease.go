package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// The order keeps two pages that share contacts from deadlocking.
const leaseContacts = `
INSERT INTO contact_lease (connection_id, contact_id, holder, expires_at)
SELECT $1, l.contact_id, $2, clock_timestamp() + $4::interval
  FROM unnest($3::text[]) AS l (contact_id)
 ORDER BY l.contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET holder = excluded.holder, expires_at = excluded.expires_at
 WHERE contact_lease.holder = excluded.holder OR contact_lease.expires_at < clock_timestamp()
RETURNING contact_id`

// LeaseContacts gives holder, a workflow, the sole right to work on contacts for at
// most a time, and returns those it got; others hold the rest. A holder gets its
// own leases again, so that a second attempt can continue where a worker died.
// contactIDs must be distinct.
func (s *Store) LeaseContacts(ctx context.Context, connectionID, holder string, d time.Duration, contactIDs ...string) ([]string, error) {
	rows, err := s.pool.Query(ctx, leaseContacts, connectionID, holder, contactIDs, d)
	if err != nil {
		return nil, wrap(err, "lease_contacts in %s", connectionID)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return got, wrap(err, "lease_contacts in %s", connectionID)
}

// releaseTime bounds a release, which also runs after the work was cancelled.
const releaseTime = 5 * time.Second

// ReleaseContacts releases what LeaseContacts leased, even if ctx has ended.
func (s *Store) ReleaseContacts(ctx context.Context, connectionID, holder string, contactIDs ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	_, err := s.pool.Exec(ctx, "DELETE FROM contact_lease WHERE connection_id = $1 AND holder = $2 AND contact_id = ANY($3)",
		connectionID, holder, contactIDs)
	return wrap(err, "release_contacts in %s", connectionID)
}

// PurgeLeases deletes leases that expired before a time.
func (s *Store) PurgeLeases(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM contact_lease WHERE expires_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_leases")
}
