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

// BeginRetry begins a run over the participants of open parked items, which are
// staged without an export. When the run finishes the items are closed as retried,
// except those that it parks again. If an unfinished retry has the items already,
// BeginRetry returns that one; items of different retries are a conflict, and a
// closed item, or one about a contact, is a not_found error.
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
	_, err = tx.Exec(ctx, "UPDATE parked_item SET retry_run = $2, retry_at = NULL, holder_seen_at = now() WHERE id = ANY ($1)", itemIDs, run.ID)
	return run, err
}

// LeaveRetry removes an open item from its retry. The item stays parked.
func (s *Store) LeaveRetry(ctx context.Context, itemID int64) error {
	_, err := s.pool.Exec(ctx, "UPDATE parked_item SET retry_run = NULL WHERE id = $1 AND closed_at IS NULL", itemID)
	return wrap(err, "leave_retry of item %d", itemID)
}

const closeRetried = `
UPDATE parked_item SET closed_at = now(), outcome = 'retried' WHERE retry_run = $1 AND closed_at IS NULL`

// A holder that is still mapped to another participant holds, whatever else was
// decided about it. A retry that no workflow has begun is due again: its starter
// may have died before it started the workflow.
const selectDueRetries = `
SELECT p.connection_id, p.id
  FROM connection c
  JOIN parked_item p ON p.connection_id = c.id AND p.closed_at IS NULL AND (p.holder <> '' OR p.retry_at IS NOT NULL)
 WHERE` + mayWork + `AND p.contact_id = ''
   AND (p.retry_at <= now()
        OR EXISTS (SELECT FROM contact_ledger l
                    WHERE l.connection_id = p.connection_id AND l.contact_id = p.holder AND l.decided_at > p.holder_seen_at)
           AND NOT EXISTS (SELECT FROM mapping m
                            WHERE m.connection_id = p.connection_id AND m.contact_id = p.holder
                              AND (m.account_id, m.user_id) <> (p.account_id, p.user_id)))
   AND NOT EXISTS (SELECT FROM sync_run r WHERE r.id = p.retry_run AND r.finished_at IS NULL)
 ORDER BY p.connection_id, p.id
 LIMIT $1`

// DueRetries returns at most limit items of participants that are due for an
// automatic retry, by connection: those whose run ended while their contact was
// being written, and those whose contact belonged to another participant and may be
// free now.
func (s *Store) DueRetries(ctx context.Context, limit int) (map[string][]int64, error) {
	rows, err := s.pool.Query(ctx, selectDueRetries, limit)
	if err != nil {
		return nil, wrap(err, "due_retries")
	}
	var (
		due        = map[string][]int64{}
		connection string
		item       int64
	)
	_, err = pgx.ForEachRow(rows, []any{&connection, &item}, func() error {
		due[connection] = append(due[connection], item)
		return nil
	})
	return due, wrap(err, "due_retries")
}
