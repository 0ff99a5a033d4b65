package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Guarded is why a tracked event awaits approval.
type Guarded string

// Reasons of the guard of triggers.
const (
	GuardedImport Guarded = "import"  // an import made the change
	GuardedAtOnce Guarded = "at_once" // its trigger matched more often within AtOnceWindow than its bound
)

// AtOnceWindow is the time within which a trigger's matches count as one burst.
const AtOnceWindow = 10 * time.Minute

// guardTriggerLock makes the matches of a trigger be counted one after the other:
// counted concurrently, each would find few.
const guardTriggerLock = "SELECT pg_advisory_xact_lock(hashtextextended('trigger/' || $1 || '/' || $2, 0))"

// Approved events are no part of a burst, and are not asked about again.
const selectTriggerGuard = `
SELECT count(*) FILTER (WHERE state IN ('pending', 'sent', 'complete', 'error', 'reversed') AND approved_at IS NULL AND order_id <> $3
                          AND recorded_at > now() - $4::interval),
       coalesce(bool_or(state = 'awaiting_approval' AND guarded = 'at_once' AND approved_at IS NULL), false),
       coalesce(bool_or(order_id = $3 AND approved_at IS NOT NULL), false)
  FROM tracked_event
 WHERE connection_id = $1 AND trigger_id = $2 AND (recorded_at > now() - $4::interval OR state = 'awaiting_approval' OR order_id = $3)`

// Events of the burst that were not sent yet wait as well.
const holdBurst = `
UPDATE tracked_event
   SET state = 'awaiting_approval', guarded = 'at_once', reason = $4, request = NULL, held_at = NULL, recorded_at = now()
 WHERE connection_id = $1 AND trigger_id = $2 AND state = 'pending' AND NOT reversal AND unanswered = 0 AND approved_at IS NULL
   AND recorded_at > now() - $3::interval`

// guardEvent makes a pending event await approval if an import made the change, or
// if it is one of too many. In the second case all events of the burst that were
// not sent wait, and all that follow. Reversals never wait.
func guardEvent(ctx context.Context, tx pgx.Tx, t *Tracking) error {
	t.Guarded = ""
	if t.State != TrackedPending || t.Reversal || t.AtOnce == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, guardTriggerLock, t.ConnectionID, t.TriggerID); err != nil {
		return err
	}
	var matches int
	var burst, approved bool
	if err := tx.QueryRow(ctx, selectTriggerGuard, t.ConnectionID, t.TriggerID, t.OrderID, AtOnceWindow).Scan(&matches, &burst, &approved); err != nil {
		return err
	}
	tooMany := fmt.Sprintf("more than %d matches within %d minutes: a person has to approve them", t.AtOnce, int(AtOnceWindow.Minutes()))
	switch {
	case approved:
		return nil
	case t.Imported:
		t.await(GuardedImport, "an import made the change: a person has to approve it")
		return nil
	case burst:
		t.await(GuardedAtOnce, tooMany)
		return nil
	case matches < t.AtOnce:
		return nil
	}
	t.await(GuardedAtOnce, tooMany)
	_, err := tx.Exec(ctx, holdBurst, t.ConnectionID, t.TriggerID, AtOnceWindow, tooMany)
	return err
}

// await drops the request: the record is read again once a person has approved.
func (t *Tracking) await(why Guarded, reason string) {
	t.State, t.Guarded, t.Reason, t.Request = TrackedAwaitingApproval, why, reason, nil
}

// TriggerApproval is one question to a person: a trigger's events that await
// approval for one reason.
type TriggerApproval struct {
	TriggerID string
	Guarded   Guarded
	Waiting   int64
	Since     time.Time // since when the first of them has waited
	ObjectIDs []string  // the first records, in the order of their events
}

const selectTriggerApprovals = `
SELECT trigger_id, guarded, count(*), min(recorded_at), (array_agg(object_id ORDER BY id))[1:$2]
  FROM tracked_event
 WHERE connection_id = $1 AND state = 'awaiting_approval' AND approved_at IS NULL
 GROUP BY trigger_id, guarded
 ORDER BY trigger_id, guarded`

// TriggerApprovals returns the events that await approval, by trigger and reason,
// each with at most limit records.
func (s *Store) TriggerApprovals(ctx context.Context, connectionID string, limit int) ([]TriggerApproval, error) {
	rows, err := s.pool.Query(ctx, selectTriggerApprovals, connectionID, limit)
	if err != nil {
		return nil, wrap(err, "trigger_approvals of %s", connectionID)
	}
	waiting, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TriggerApproval])
	return waiting, wrap(err, "trigger_approvals of %s", connectionID)
}

const awaitingOf = ` connection_id = $1 AND trigger_id = $2 AND state = 'awaiting_approval' AND approved_at IS NULL AND $3 IN ('', guarded)`

// Each record is read again; an event that no longer matches is not sent.
const approveTracked = `
WITH approved AS (
     UPDATE tracked_event SET approved_at = now() WHERE` + awaitingOf + `
     RETURNING object_type, object_id),
     asked AS (
     INSERT INTO object_inbox (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key)
     SELECT DISTINCT $1, object_type, object_id, 'recheck', '', now(),
            'approved/' || $2 || '/' || object_type || '/' || object_id || '/' || extract(epoch FROM now())
       FROM approved)
SELECT count(*) FROM approved`

// ApproveTracked approves a trigger's events that await approval: those with one
// reason, or all for "". It returns how many waited.
func (s *Store) ApproveTracked(ctx context.Context, connectionID, triggerID string, why Guarded) (n int64, err error) {
	err = s.pool.QueryRow(ctx, approveTracked, connectionID, triggerID, string(why)).Scan(&n)
	return n, wrap(err, "approve_tracked of %s/%s", connectionID, triggerID)
}

// SkipTracked skips a trigger's events that await approval, for good: those with
// one reason, or all for "". It returns how many waited.
func (s *Store) SkipTracked(ctx context.Context, connectionID, triggerID string, why Guarded) (int64, error) {
	tag, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET state = 'skipped', reason = 'a person decided not to send it', decided_at = now() WHERE`+awaitingOf,
		connectionID, triggerID, string(why))
	return tag.RowsAffected(), wrap(err, "skip_tracked of %s/%s", connectionID, triggerID)
}
