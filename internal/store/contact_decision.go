package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Decision is what was decided about a contact at one time.
type Decision struct {
	At     time.Time
	State  bridge.State
	Reason bridge.Reason
}

// addDecisions stores the ledger's new decisions together with the previous ones.
const addDecisions = `
INSERT INTO contact_decision (connection_id, contact_id, decided_at, state, reason)
SELECT connection_id, contact_id, decided_at, state, reason FROM contact_ledger
 WHERE connection_id = $1 AND contact_id = ANY ($2)
 ORDER BY contact_id`

// Decisions returns at most limit decisions about a contact, the latest first, as
// far back as they are kept. Those of reports and mass syncs are not stored; the
// ledger has the last of them.
func (s *Store) Decisions(ctx context.Context, connectionID, contactID string, limit int) ([]Decision, error) {
	rows, err := s.pool.Query(ctx, `
SELECT decided_at, state, reason FROM contact_decision
 WHERE connection_id = $1 AND contact_id = $2
 ORDER BY id DESC
 LIMIT $3`, connectionID, contactID, limit)
	if err != nil {
		return nil, wrap(err, "decisions about contact %s/%s", connectionID, contactID)
	}
	decisions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Decision])
	return decisions, wrap(err, "decisions about contact %s/%s", connectionID, contactID)
}

// PurgeDecisions deletes decisions before a time, and returns how many.
func (s *Store) PurgeDecisions(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM contact_decision WHERE decided_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_decisions")
}
