package store

import (
	"context"
	"slices"
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

// Closing and requesting are one step: if the sync were requested first, it could
// park the contact again before the item is closed, and that would be lost.
const retryContacts = `
UPDATE parked_item SET closed_at = now(), outcome = 'retried'
 WHERE connection_id = $1 AND id = ANY ($2) AND contact_id <> '' AND tracked_event_id IS NULL AND closed_at IS NULL
RETURNING id, contact_id, hints`

// RetryContacts closes open items of contacts as retried and requests a sync of the
// contacts with the hints of the items, both or neither. It returns the ids of the
// items that were open, ascending.
func (s *Store) RetryContacts(ctx context.Context, connectionID string, itemIDs []int64, at time.Time) (retried []int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, retryContacts, connectionID, itemIDs)
		if err != nil {
			return err
		}
		var (
			requests []SyncRequest
			item     bridge.ParkedItem
		)
		if _, err := pgx.ForEachRow(rows, []any{&item.ID, &item.ContactID, &item.Hints}, func() error {
			retried = append(retried, item.ID)
			hints := item.Hints.Merge(bridge.Hints{ResyncAt: at})
			requests = append(requests, SyncRequest{ContactID: item.ContactID, Hints: hints})
			item.Hints = bridge.Hints{} // json.Unmarshal keeps fields that the text does not name
			return nil
		}); err != nil {
			return err
		}
		contacts := map[string]bool{}
		for _, r := range requests {
			contacts[r.ContactID] = true
		}
		for i, r := range requests {
			requests[i].Bulk = len(contacts) > 1 && r.Hints.ErasedAt.IsZero() // as in resyncOf; an erasure never waits
		}
		return requestSync(ctx, tx, connectionID, requests)
	})
	slices.Sort(retried)
	return retried, wrap(err, "retry_contacts in %s", connectionID)
}
