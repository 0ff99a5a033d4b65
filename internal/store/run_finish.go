package store

import (
	"context"
	"errors"
	"math"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Unchanged rows are left alone, because a mass sync would otherwise rewrite the
// whole table. So are rows of people who were erased or are blocked, rows that
// another run has seen with newer values, and rows that a run over mapped
// participants left out.
const upsertHandled = `
INSERT INTO participant_ledger (connection_id, identity_hash, row_hash)
SELECT $1, identity_hash, row_hash
  FROM staged_participant
 WHERE run_id = $2 AND account_id <> '' AND ordinal BETWEEN $3 AND $4
   AND NOT EXISTS (SELECT FROM tombstone t WHERE t.connection_id = $1 AND t.key_hash IN (identity_hash, email_hash))
   AND (plan <> 'blocked' OR NOT (SELECT mapped_only FROM sync_run WHERE id = $2))
 ORDER BY identity_hash
ON CONFLICT (connection_id, identity_hash) DO UPDATE
   SET row_hash = excluded.row_hash, handled_at = excluded.handled_at
 WHERE participant_ledger.row_hash <> excluded.row_hash
   AND participant_ledger.handled_at <= (SELECT coalesce(as_of, created_at) FROM sync_run WHERE id = $2)`

// A report that finds a contact in step confirms its values for the time of the
// report. Only a mass sync with an older export needs that.
const confirmInStep = `
WITH confirmed AS (
     SELECT l.contact_id, coalesce(r.as_of, r.created_at) AS as_of
       FROM sync_run r
       JOIN staged_participant s ON s.run_id = r.id AND s.plan = 'unchanged'
       JOIN mapping m ON m.connection_id = r.connection_id AND m.account_id = s.account_id AND m.user_id = s.user_id
       JOIN contact_ledger l ON l.connection_id = m.connection_id AND l.contact_id = m.contact_id AND l.written_hash = s.shared_hash
      WHERE r.id = $1 AND EXISTS (SELECT 1 FROM sync_run other
                                   WHERE other.connection_id = r.connection_id AND other.kind = 'mass' AND other.finished_at IS NULL)
      ORDER BY l.contact_id
        FOR UPDATE OF l)
UPDATE contact_ledger l SET written_as_of = greatest(l.written_as_of, confirmed.as_of)
  FROM confirmed
 WHERE l.connection_id = $2 AND l.contact_id = confirmed.contact_id`

// An export's time is by Advocate's clock. A time in the future is wrong, and would
// make later reports skip what happens until then, so the time of the request is used
// instead.
const moveWatermark = `
UPDATE connection c
   SET report_watermark = greatest(c.report_watermark, CASE WHEN r.exported_at > now() THEN coalesce(r.as_of, r.created_at) ELSE r.exported_at END)
  FROM sync_run r
 WHERE r.id = $1 AND c.id = r.connection_id`

// FinishRun ends a run whose rows all have a result: it records them as handled,
// moves a report's watermark to the export's time, closes a retry's items, deletes
// the rows and returns the counts. A dry run leaves only its counts. FinishRun
// fails while rows are left to do, and may run twice.
//
// The rows of a mass sync are deleted in many transactions before the last one. If
// it breaks off between them, finishing again does the rest.
func (s *Store) FinishRun(ctx context.Context, runID int64) (Counts, error) {
	var counts Counts
	err := s.thinOut(ctx, runID)
	if err != nil {
		return Counts{}, wrap(err, "finish run %d", runID)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
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

// finishChunk is how many rows of a mass sync are recorded and deleted in one
// transaction. A million in one would delay vacuum for minutes, also of the
// budget's rows, which change eleven times a second.
const finishChunk = 20_000

// thinOut records and deletes the rows of a mass sync that has nothing left to do.
// Other runs are short, and a dry run needs all its rows for its counts.
func (s *Store) thinOut(ctx context.Context, runID int64) error {
	for last, more := int64(0), true; more; {
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			run, err := lockRun(ctx, tx, runID)
			more = err == nil && run.State == RunPlanned && run.Kind == RunMass && !run.DryRun
			if !more {
				return err
			}
			if last == 0 {
				if err := noneLeft(ctx, tx, runID); err != nil {
					return err
				}
			}
			last, more, err = forgetSome(ctx, tx, run, last)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetSome records and deletes the next rows after an ordinal, and returns the
// ordinal of the last one. more is false if there were none.
func forgetSome(ctx context.Context, tx pgx.Tx, run Run, after int64) (last int64, more bool, err error) {
	var upTo *int64
	if err := tx.QueryRow(ctx, `
SELECT max(ordinal) FROM (
       SELECT ordinal FROM staged_participant WHERE run_id = $1 AND ordinal > $2 ORDER BY ordinal LIMIT $3) AS next_rows`,
		run.ID, after, finishChunk).Scan(&upTo); err != nil || upTo == nil {
		return after, false, err
	}
	if _, err := tx.Exec(ctx, upsertHandled, run.ConnectionID, run.ID, after+1, *upTo); err != nil {
		return after, false, err
	}
	_, err = tx.Exec(ctx, "DELETE FROM staged_participant WHERE run_id = $1 AND ordinal BETWEEN $2 AND $3", run.ID, after+1, *upTo)
	return *upTo, true, err
}

func noneLeft(ctx context.Context, tx pgx.Tx, runID int64) error {
	var left bool
	if err := tx.QueryRow(ctx, `
SELECT EXISTS (SELECT 1 FROM staged_participant WHERE run_id = $1 AND state NOT IN ('done', 'parked'))`, runID).Scan(&left); err != nil {
		return err
	}
	if left {
		return &bridge.Error{Kind: bridge.Invalid, Op: "store.finish_run", Err: errors.New("rows are left to do")}
	}
	return nil
}

func finish(ctx context.Context, tx pgx.Tx, run Run) error {
	if err := noneLeft(ctx, tx, run.ID); err != nil {
		return err
	}
	if run.DryRun {
		return finishRehearsal(ctx, tx, run)
	}
	if _, err := tx.Exec(ctx, upsertHandled, run.ConnectionID, run.ID, 0, int64(math.MaxInt64)); err != nil {
		return err
	}
	var err error
	switch run.Kind {
	case RunReport:
		if _, err = tx.Exec(ctx, confirmInStep, run.ID, run.ConnectionID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, moveWatermark, run.ID)
	case RunRetry:
		_, err = tx.Exec(ctx, closeRetried, run.ID)
	case RunMass, RunReconcile:
	}
	if err != nil {
		return err
	}
	return end(ctx, tx, run.ID, RunDone, "")
}

// AbortRun ends a run before its work is done and deletes its rows. The watermark
// stays, so the next report exports the same rows. A run that has ended stays as it
// is, which is no error.
func (s *Store) AbortRun(ctx context.Context, runID int64, reason string) error {
	return wrap(s.giveUp(ctx, runID, RunAborted, reason), "abort run %d", runID)
}

func (s *Store) giveUp(ctx context.Context, runID int64, state RunState, reason string) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil || run.State.ended() {
			return err
		}
		return end(ctx, tx, runID, state, reason)
	})
}

// forgetBegun clears the ledger's hash of the contacts that a run was writing when
// it ended: HubSpot may have its values, and nobody will record them.
const forgetBegun = `
WITH begun AS (
     SELECT DISTINCT m.connection_id, m.contact_id
       FROM sync_run r
       JOIN staged_participant s ON s.run_id = r.id AND s.state = 'sending'
       JOIN mapping m ON m.connection_id = r.connection_id AND m.account_id = s.account_id AND m.user_id = s.user_id
      WHERE r.id = $1),
     locked AS (
     SELECT l.connection_id, l.contact_id
       FROM begun JOIN contact_ledger l USING (connection_id, contact_id)
      ORDER BY l.contact_id
        FOR UPDATE OF l)
UPDATE contact_ledger l SET written_hash = NULL
  FROM locked
 WHERE l.connection_id = locked.connection_id AND l.contact_id = locked.contact_id
RETURNING l.contact_id`

// parkBegun parks the participants whose contact a run was creating or matching
// when it ended: their contact may exist, and nobody knows whose it is.
const parkBegun = `
INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, cause, advice, words, retry_at)
SELECT r.connection_id, '', s.account_id, s.user_id, $2, $3, '', now()
  FROM sync_run r
  JOIN staged_participant s ON s.run_id = r.id AND s.state = 'sending' AND s.account_id <> ''
 WHERE r.id = $1
   AND NOT EXISTS (SELECT FROM mapping m WHERE m.connection_id = r.connection_id AND m.account_id = s.account_id AND m.user_id = s.user_id)
 ORDER BY s.account_id, s.user_id
ON CONFLICT (connection_id, account_id, user_id, cause) WHERE closed_at IS NULL AND contact_id = '' DO UPDATE SET retry_at = now(), retry_run = NULL`

// leaveBegun hands over the rows that were being written when a run ended: mapped
// contacts to their own workflows, unmapped participants to a retry.
func leaveBegun(ctx context.Context, tx pgx.Tx, runID int64) error {
	var connectionID string
	if err := tx.QueryRow(ctx, "SELECT connection_id FROM sync_run WHERE id = $1", runID).Scan(&connectionID); err != nil {
		return err
	}
	contacts, err := contactIDs(ctx, tx, forgetBegun, runID)
	if err != nil {
		return err
	}
	if err := requestResync(ctx, tx, connectionID, contacts); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, parkBegun, runID, bridge.CauseUnfinishedWrite, bridge.CauseUnfinishedWrite.Advice())
	return err
}

func end(ctx context.Context, tx pgx.Tx, runID int64, state RunState, reason string) error {
	if state != RunDone {
		if err := leaveBegun(ctx, tx, runID); err != nil {
			return err
		}
	}
	if err := endReconcile(ctx, tx, runID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM staged_participant WHERE run_id = $1", runID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE sync_run SET state = $2, reason = $3, finished_at = now() WHERE id = $1", runID, state, reason)
	return err
}
