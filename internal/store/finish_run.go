package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Unchanged rows are left alone: a mass sync would rewrite the whole table. So
// are blank ones: these people were erased.
const upsertHandled = `
INSERT INTO participant_ledger (connection_id, identity_hash, row_hash)
SELECT $1, identity_hash, row_hash
  FROM staged_participant
 WHERE run_id = $2 AND account_id <> ''
 ORDER BY identity_hash
ON CONFLICT (connection_id, identity_hash) DO UPDATE
   SET row_hash = excluded.row_hash, handled_at = excluded.handled_at
 WHERE participant_ledger.row_hash <> excluded.row_hash`

const moveWatermark = `
UPDATE connection SET report_watermark = greatest(report_watermark, $2::timestamptz) WHERE id = $1`

// FinishRun ends a run whose rows all have a result: it remembers them as
// handled, moves a report's watermark forward to the export's own time, closes
// a retry's items, deletes the rows and returns the counts. It refuses while rows are left to
// do; finishing a finished run is success.
func (s *Store) FinishRun(ctx context.Context, runID int64) (Counts, error) {
	var counts Counts
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil {
			return err
		}
		switch run.State {
		case RunPlanned:
			err = finish(ctx, tx, run)
		case RunDone:
		default:
			err = run.refused("finish_run")
		}
		if err == nil {
			counts, err = runCounts(ctx, tx, runID)
		}
		return err
	})
	if err != nil {
		return Counts{}, wrap(err, "finish run %d", runID)
	}
	return counts, nil
}

func finish(ctx context.Context, tx pgx.Tx, run Run) error {
	var left bool
	if err := tx.QueryRow(ctx, `
SELECT EXISTS (SELECT 1 FROM staged_participant WHERE run_id = $1 AND state NOT IN ('done', 'parked'))`, run.ID).Scan(&left); err != nil {
		return err
	}
	if left {
		return &bridge.Error{Kind: bridge.Invalid, Op: "store.finish_run", Err: errors.New("rows are left to do")}
	}
	if _, err := tx.Exec(ctx, upsertHandled, run.ConnectionID, run.ID); err != nil {
		return err
	}
	var err error
	switch run.Kind {
	case RunReport:
		_, err = tx.Exec(ctx, moveWatermark, run.ConnectionID, run.ExportedAt)
	case RunRetry:
		_, err = tx.Exec(ctx, closeRetried, run.ID)
	case RunMass:
	}
	if err != nil {
		return err
	}
	return end(ctx, tx, run.ID, RunDone, "")
}

// AbortRun ends a run that cannot or shall not go on and deletes its rows. The
// watermark stays, so the next report asks for the same ones. A run that has
// ended stays as it is, which is success.
func (s *Store) AbortRun(ctx context.Context, runID int64, reason string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil || run.State == RunDone || run.State == RunAborted {
			return err
		}
		return end(ctx, tx, runID, RunAborted, reason)
	})
	return wrap(err, "abort run %d", runID)
}

func end(ctx context.Context, tx pgx.Tx, runID int64, state RunState, reason string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM staged_participant WHERE run_id = $1", runID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE sync_run SET state = $2, reason = $3, finished_at = now() WHERE id = $1", runID, state, reason)
	return err
}
