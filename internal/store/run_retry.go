package store

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

const noRetry = 0 // no id of a run

const lockRetried = `
SELECT coalesce(r.id, 0)
  FROM parked_item p
  LEFT JOIN sync_run r ON r.id = p.retry_run AND r.finished_at IS NULL
 WHERE p.connection_id = $1 AND p.id = ANY ($2) AND p.contact_id = '' AND p.closed_at IS NULL
 ORDER BY p.id
   FOR UPDATE OF p`

const insertRetry = `
INSERT INTO sync_run (connection_id, kind, program, exported_at)
SELECT id, 'retry', program, now() FROM connection WHERE id = $1
RETURNING ` + runColumns

// BeginRetry begins a run over the participants of open parked items, which
// Stage then takes without an export. The items end as retried when the run
// finishes, except those that it parks again. Items that an unfinished retry
// has already are taken up with it; items of different retries are a conflict,
// and one that is closed, or about a contact, is a not_found error.
func (s *Store) BeginRetry(ctx context.Context, connectionID string, itemIDs []int64) (run Run, err error) {
	itemIDs = slices.Compact(slices.Sorted(slices.Values(itemIDs)))
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, lockRetried, connectionID, itemIDs)
		if err != nil {
			return err
		}
		retries, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		if len(retries) == 0 || len(retries) != len(itemIDs) {
			return &bridge.Error{Kind: bridge.NotFound, Op: "store.begin_retry", Err: errors.New("not an open item of a participant")}
		}
		retries = slices.Compact(slices.Sorted(slices.Values(retries)))
		switch {
		case len(retries) > 1:
			err = &bridge.Error{Kind: bridge.Conflict, Op: "store.begin_retry", Err: errors.New("another retry has some of the items")}
		case retries[0] != noRetry:
			run, err = oneRun(ctx, tx, "SELECT "+runColumns+" FROM sync_run WHERE id = $1", retries[0])
		default:
			run, err = beginRetry(ctx, tx, connectionID, itemIDs)
		}
		return err
	})
	return run, wrap(err, "begin_retry in %s", connectionID)
}

func beginRetry(ctx context.Context, tx pgx.Tx, connectionID string, itemIDs []int64) (Run, error) {
	run, err := oneRun(ctx, tx, insertRetry, connectionID)
	if err != nil {
		return Run{}, err
	}
	_, err = tx.Exec(ctx, "UPDATE parked_item SET retry_run = $2 WHERE id = ANY ($1)", itemIDs, run.ID)
	return run, err
}

const closeRetried = `
UPDATE parked_item SET closed_at = now(), outcome = 'retried' WHERE retry_run = $1 AND closed_at IS NULL`
