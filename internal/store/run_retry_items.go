package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// RetriedItems returns the items of a retry that are still open, the oldest
// first.
func (s *Store) RetriedItems(ctx context.Context, runID int64) ([]bridge.ParkedItem, error) {
	rows, err := s.pool.Query(ctx, `
SELECT `+parkedColumns+` FROM parked_item WHERE retry_run = $1 AND closed_at IS NULL ORDER BY id`, runID)
	if err != nil {
		return nil, wrap(err, "retried_items of run %d", runID)
	}
	items, err := pgx.CollectRows(rows, scanParked)
	return items, wrap(err, "retried_items of run %d", runID)
}

// Closing and asking are one step: had the contact been asked for first, its
// look could park it again before the item is closed, and that would be lost.
const retryContacts = `
WITH retried AS (
     UPDATE parked_item SET closed_at = now(), outcome = 'retried'
      WHERE connection_id = $1 AND id = ANY ($2) AND contact_id <> '' AND tracked_event_id IS NULL AND closed_at IS NULL
     RETURNING id, contact_id),
     asked AS (
     INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo)
     SELECT $1, contact_id, 'resync', '', $3, 'retry/' || min(id), false FROM retried GROUP BY contact_id)
SELECT id FROM retried ORDER BY id`

// RetryContacts closes open items of contacts as retried and has the contacts
// looked at again, both or neither. It returns the ids of the items that were
// open.
func (s *Store) RetryContacts(ctx context.Context, connectionID string, itemIDs []int64, at time.Time) (retried []int64, err error) {
	rows, err := s.pool.Query(ctx, retryContacts, connectionID, itemIDs, at)
	if err != nil {
		return nil, wrap(err, "retry_contacts in %s", connectionID)
	}
	retried, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	return retried, wrap(err, "retry_contacts in %s", connectionID)
}
