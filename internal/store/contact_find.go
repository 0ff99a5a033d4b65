package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// foundAtMost bounds how many contacts an email finds: HubSpot allows one, but a
// merge or a deleted contact may leave another.
const foundAtMost = 20

// ContactsByEmail returns the contacts that had an email when we last saw it, in
// the form of bridge.NormalEmail: as their own, or as their participant's.
func (s *Store) ContactsByEmail(ctx context.Context, connectionID, email string) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
SELECT contact_id FROM contact_ledger WHERE connection_id = $1 AND email_hash = $2
 UNION
SELECT contact_id FROM mapping WHERE connection_id = $1 AND email_hash = $2
 ORDER BY 1 LIMIT $3`, connectionID, s.hasher.Email(email), foundAtMost)
	if err != nil {
		return nil, wrap(err, "contacts_by_email in %s", connectionID)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, wrap(err, "contacts_by_email in %s", connectionID)
}
