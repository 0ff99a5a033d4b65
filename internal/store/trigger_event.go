package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// TrackedState says how far a tracked event has come.
type TrackedState string

// States of a tracked event.
const (
	TrackedWaiting  TrackedState = "waiting"  // for a contact that is mapped to a participant
	TrackedPending  TrackedState = "pending"  // recorded, and about to be sent
	TrackedSent     TrackedState = "sent"     // taken by the vendor, who has not said yet what came of it
	TrackedComplete TrackedState = "complete" // it counts
	TrackedError    TrackedState = "error"    // refused, or given up without an answer; parked
	TrackedSkipped  TrackedState = "skipped"  // nothing was sent, for the reason given
	TrackedReversed TrackedState = "reversed" // it counted, and was taken back
)

// TrackedEvent is what became of one change that a trigger matched.
type TrackedEvent struct {
	ID             int64
	ConnectionID   string
	TriggerID      string
	TriggerVersion int
	ObjectType     bridge.ObjectType
	ObjectID       string

	Property   string    // that changed; empty for a creation and for a form
	Form       string    // that was submitted; else empty
	Submission string    // a keyed hash
	OccurredAt time.Time // by HubSpot's clock

	OrderID   string // unique within a connection
	ContactID string // the customer; empty while there is none

	State         TrackedState
	Reversal      bool   // it is the reversal that is pending, sent, in error or reversed
	Reason        string // ours
	VendorMessage string // the vendor's
	Receipt       string // by which the vendor tells its verdict

	Unanswered int       // times it was sent, or given up, without an answer: it may count
	WaitUntil  time.Time // zero: it does not wait
	Polls      int       // times the verdict was asked for
	RecordedAt time.Time
	SentAt     time.Time // zero: not sent
	DecidedAt  time.Time // zero: not final
}

const trackedColumns = `id, connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission,
       occurred_at, order_id, contact_id, state, reversal, reason, words, receipt, unanswered, coalesce(wait_until, '0001-01-01Z'), polls,
       recorded_at, coalesce(sent_at, '0001-01-01Z'), coalesce(decided_at, '0001-01-01Z')`

func (e *TrackedEvent) columns() []any {
	return []any{&e.ID, &e.ConnectionID, &e.TriggerID, &e.TriggerVersion, &e.ObjectType, &e.ObjectID, &e.Property, &e.Form, &e.Submission,
		&e.OccurredAt, &e.OrderID, &e.ContactID, &e.State, &e.Reversal, &e.Reason, &e.VendorMessage, &e.Receipt, &e.Unanswered, &e.WaitUntil, &e.Polls,
		&e.RecordedAt, &e.SentAt, &e.DecidedAt}
}

// MayCount tells whether the vendor may have credited it already, so that nothing
// else may be sent for it.
func (e TrackedEvent) MayCount() bool {
	switch e.State {
	case TrackedPending, TrackedSent, TrackedComplete, TrackedReversed:
		return true
	case TrackedError:
		return e.Unanswered > 0 || e.Reversal
	default:
		return false
	}
}

func scanTracked(row pgx.CollectableRow) (TrackedEvent, error) {
	var e TrackedEvent
	err := row.Scan(e.columns()...)
	return e, err
}

func trackedEvents(ctx context.Context, q queryer, query string, args ...any) ([]TrackedEvent, error) {
	rows, err := q.Query(ctx, "SELECT "+trackedColumns+" FROM tracked_event "+query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanTracked)
}

// TrackedOf returns what was tracked of one record, the oldest first.
func (s *Store) TrackedOf(ctx context.Context, connectionID string, t bridge.ObjectType, objectID string) ([]TrackedEvent, error) {
	events, err := trackedEvents(ctx, s.pool, "WHERE connection_id = $1 AND object_type = $2 AND object_id = $3 ORDER BY id",
		connectionID, t, objectID)
	return events, wrap(err, "tracked_of %s %s/%s", t, connectionID, objectID)
}

// TrackedFilter chooses tracked events; what is empty chooses all.
type TrackedFilter struct {
	TriggerID string
	States    []TrackedState
	ContactID string // the customer, or the record itself
	ObjectID  string
	Before    int64 // only ids below it; 0: from the latest on
	Limit     int   // at most so many; 0: a hundred
}

const selectTracked = `
WHERE connection_id = $1 AND ($2 = '' OR trigger_id = $2) AND (cardinality($3::text[]) = 0 OR state = ANY ($3))
   AND ($4 = '' OR contact_id = $4 OR (object_type = 'contact' AND object_id = $4))
   AND ($5 = '' OR object_id = $5) AND ($6 = 0 OR id < $6)
 ORDER BY id DESC LIMIT $7`

// TrackedEvents returns a connection's tracked events, the latest first.
func (s *Store) TrackedEvents(ctx context.Context, connectionID string, f TrackedFilter) ([]TrackedEvent, error) {
	const usual = 100
	if f.Limit <= 0 {
		f.Limit = usual
	}
	states := make([]string, len(f.States))
	for i, state := range f.States {
		states[i] = string(state)
	}
	events, err := trackedEvents(ctx, s.pool, selectTracked,
		connectionID, f.TriggerID, states, f.ContactID, f.ObjectID, f.Before, f.Limit)
	return events, wrap(err, "tracked_events of %s", connectionID)
}

// Tracking is what a look decided about one change.
type Tracking struct {
	TrackedEvent

	Candidates []string           // contacts of the record that are not mapped; none: as they were
	Request    []byte             // TrackedPending only; kept sealed
	Parked     *bridge.ParkedItem // TrackedError only
}

// An order id names portal, record and trigger.
func requestContext(orderID string) string { return "tracked_event/request/" + orderID }

// Once something may count, a look changes nothing about it any more, except
// that it can have it reversed.
const upsertTracked = `
INSERT INTO tracked_event AS t (connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission,
       occurred_at, order_id, contact_id, candidates, state, reversal, reason, request, wait_until, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        CASE WHEN $13 IN ('error', 'skipped') THEN now() END)
ON CONFLICT (connection_id, order_id) DO UPDATE
   SET trigger_version = excluded.trigger_version, property = excluded.property, form = excluded.form,
       submission = excluded.submission, occurred_at = excluded.occurred_at, contact_id = excluded.contact_id,
       candidates = CASE WHEN cardinality(excluded.candidates) = 0 THEN t.candidates ELSE excluded.candidates END, state = excluded.state, reversal = excluded.reversal, reason = excluded.reason,
       recorded_at = now(), words = '', request = excluded.request, receipt = '', wait_until = excluded.wait_until, woken_at = NULL,
       poll_at = NULL, polls = 0, held_at = NULL, unanswered = 0, decided_at = excluded.decided_at
 WHERE CASE WHEN excluded.reversal THEN t.state = 'complete'
            ELSE t.state IN ('waiting', 'skipped') OR t.state = 'error' AND NOT t.reversal AND t.unanswered = 0 END
RETURNING id`

// Track records the outcome of a look, unless what was recorded before stands;
// then it returns 0. It fails as do_not_track, and records nothing, if the
// customer was erased.
func (s *Store) Track(ctx context.Context, t Tracking) (id int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if t.ContactID != "" {
			if err := refuseErased(ctx, tx, t.ConnectionID, s.hasher.ContactID(t.ContactID)); err != nil {
				return err
			}
		}
		id, err = s.track(ctx, tx, t)
		return err
	})
	return id, wrap(err, "track %s %s/%s", t.ObjectType, t.ConnectionID, t.ObjectID)
}

func (s *Store) track(ctx context.Context, tx pgx.Tx, t Tracking) (id int64, err error) {
	var sealed []byte
	if t.Request != nil {
		sealed = s.sealer.Seal(t.Request, requestContext(t.OrderID))
	}
	candidates := t.Candidates
	if candidates == nil {
		candidates = []string{}
	}
	err = tx.QueryRow(ctx, upsertTracked, t.ConnectionID, t.TriggerID, t.TriggerVersion, t.ObjectType, t.ObjectID, t.Property, t.Form,
		t.Submission, t.OccurredAt, t.OrderID, t.ContactID, candidates, t.State, t.Reversal, t.Reason, sealed,
		optional(t.WaitUntil)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil // what was recorded before stands
	}
	if err != nil {
		return 0, err
	}
	return id, settleEvent(ctx, tx, t.TrackedEvent, id, t.Parked)
}

const resolveEvent = `
UPDATE parked_item SET closed_at = now(), outcome = 'resolved' WHERE tracked_event_id = $1 AND closed_at IS NULL`

// settleEvent parks what has become of an event, or closes what was parked.
func settleEvent(ctx context.Context, tx pgx.Tx, e TrackedEvent, id int64, parked *bridge.ParkedItem) error {
	if parked == nil {
		_, err := tx.Exec(ctx, resolveEvent, id)
		return err
	}
	item := *parked
	item.ConnectionID, item.ContactID, item.TrackedEventID = e.ConnectionID, e.ContactID, id
	_, err := park(ctx, tx, item)
	return err
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// PendingRequest returns an event that is to be sent, and the request. One that
// is not pending (any more) is a not_found error.
func (s *Store) PendingRequest(ctx context.Context, id int64) (e TrackedEvent, request []byte, err error) {
	var sealed []byte
	err = s.pool.QueryRow(ctx, "SELECT "+trackedColumns+", request FROM tracked_event WHERE id = $1 AND state = 'pending'", id).
		Scan(append(e.columns(), &sealed)...)
	if err == nil {
		request, err = s.sealer.Open(sealed, requestContext(e.OrderID))
	}
	return e, request, wrap(err, "pending_request of event %d", id)
}

// BeginSend notes that an event is being sent, before it is: whatever becomes of
// this process, it is known that it may count. An event that is not pending any
// more is not to be sent.
func (s *Store) BeginSend(ctx context.Context, id int64) (begun bool, err error) {
	tag, err := s.pool.Exec(ctx, "UPDATE tracked_event SET unanswered = unanswered + 1 WHERE id = $1 AND state = 'pending'", id)
	return tag.RowsAffected() == 1, wrap(err, "begin_send of event %d", id)
}

// DeclineSend takes BeginSend back: the vendor answered that it did not take the
// request.
func (s *Store) DeclineSend(ctx context.Context, id int64) error {
	_, err := s.pool.Exec(ctx, "UPDATE tracked_event SET unanswered = greatest(unanswered - 1, 0) WHERE id = $1 AND state = 'pending'", id)
	return wrap(err, "decline_send of event %d", id)
}

const markSent = `
UPDATE tracked_event
   SET state = 'sent', request = NULL, receipt = $2, poll_at = $3, polls = 0, sent_at = now(), reason = '', words = '',
       held_at = NULL, wait_until = NULL, unanswered = greatest(unanswered - 1, 0)
 WHERE id = $1 AND state = 'pending'`

// MarkSent records that the vendor took the request, and when to ask for its
// verdict. An event that is not pending any more stays as it is.
func (s *Store) MarkSent(ctx context.Context, id int64, receipt string, pollAt time.Time) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, markSent, id, receipt, pollAt)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, resolveEvent, id)
		return err
	})
	return wrap(err, "mark_sent event %d", id)
}

// TrackedEnd is how an event that was pending or sent came to its end.
type TrackedEnd struct {
	State         TrackedState // TrackedComplete, TrackedError, TrackedReversed or TrackedSkipped
	Reason        string
	VendorMessage string             // the vendor's, without personal data
	Parked        *bridge.ParkedItem // TrackedError only
	Recheck       bool               // look at the record again: now it may have to be reversed

	// TrackedError only: it may count all the same, its request is kept to be sent
	// again, after some time even if no person asks for it.
	Unanswered  bool
	KeepRequest bool
	AskAgain    time.Duration
}

// A reversal that was refused leaves what it was to reverse as it is: complete.
const endTracked = `
UPDATE tracked_event
   SET state = $2, reason = $3, words = $4, poll_at = NULL, held_at = NULL, decided_at = now(),
       unanswered = CASE WHEN $5 THEN greatest(unanswered, 1) ELSE 0 END,
       request = CASE WHEN $6 THEN request END,
       wait_until = CASE WHEN $7 > interval '0' THEN now() + $7 END,
       sent_at = CASE WHEN $2 IN ('complete', 'reversed') THEN coalesce(sent_at, now()) ELSE sent_at END
 WHERE id = $1 AND state IN ('pending', 'sent')
RETURNING ` + trackedColumns

const recheckRecord = `
INSERT INTO object_inbox (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key)
VALUES ($1, $2, $3, 'recheck', '', now(), $4)
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// EndTracked records the end of an event. One that has ended already stays as
// it is.
func (s *Store) EndTracked(ctx context.Context, id int64, end TrackedEnd) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var e TrackedEvent
		err := tx.QueryRow(ctx, endTracked, id, end.State, end.Reason, storable(end.VendorMessage), end.Unanswered, end.KeepRequest, end.AskAgain).Scan(e.columns()...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if end.Recheck {
			if _, err := tx.Exec(ctx, recheckRecord, e.ConnectionID, e.ObjectType, e.ObjectID, "verdict/"+e.OrderID); err != nil {
				return err
			}
		}
		return settleEvent(ctx, tx, e, id, end.Parked)
	})
	return wrap(err, "end_tracked event %d", id)
}

// DueVerdicts returns sent events whose verdict is to be asked for now, those
// that have waited longest first.
func (s *Store) DueVerdicts(ctx context.Context, connectionID string, limit int) ([]TrackedEvent, error) {
	events, err := trackedEvents(ctx, s.pool, "WHERE connection_id = $1 AND state = 'sent' AND poll_at <= now() ORDER BY poll_at LIMIT $2",
		connectionID, limit)
	return events, wrap(err, "due_verdicts of %s", connectionID)
}

// PostponeVerdict asks for an event's verdict again after a time. reason says what
// there is in its place.
func (s *Store) PostponeVerdict(ctx context.Context, id int64, d time.Duration, reason string) error {
	_, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET polls = polls + 1, poll_at = now() + $2::interval, reason = $3 WHERE id = $1 AND state = 'sent'`, id, d, storable(reason))
	return wrap(err, "postpone_verdict of event %d", id)
}

// PostponeVerdicts asks for no verdict of a connection for a time.
func (s *Store) PostponeVerdicts(ctx context.Context, connectionID string, d time.Duration) error {
	_, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET poll_at = greatest(poll_at, now() + $2::interval) WHERE connection_id = $1 AND state = 'sent'`, connectionID, d)
	return wrap(err, "postpone_verdicts of %s", connectionID)
}

// A record that stays as it is is not looked at all the time, even if one of
// its contacts is mapped. What has been about to be sent for longer than a run
// tries has lost its run. What an account's refusal held goes on once that is
// over; until then one of it tries whether it is. What was given up without an
// answer is asked for again while somebody can see that it is.
const wakeWaiting = `
WITH account AS (
     SELECT impact_refused_at AS refused_at FROM connection c WHERE c.id = $1 AND` + mayWork + `),
     woken AS (
     UPDATE tracked_event e SET woken_at = now()
      WHERE connection_id = $1 AND state IN ('waiting', 'pending') AND (woken_at IS NULL OR woken_at < now() - interval '10 minutes')
        AND EXISTS (SELECT FROM account)
        AND CASE WHEN state = 'waiting'
                 THEN wait_until <= now()
                      OR EXISTS (SELECT 1 FROM mapping m WHERE m.connection_id = $1 AND m.contact_id = ANY (e.candidates))
                 WHEN held_at IS NULL THEN recorded_at < now() - interval '25 hours'
                 ELSE (SELECT refused_at IS NULL FROM account)
                      OR id = (SELECT min(id) FROM tracked_event h, account
                                WHERE h.connection_id = $1 AND h.state = 'pending' AND h.held_at IS NOT NULL
                                  AND refused_at < now() - interval '` + probeAfter + `') END
     RETURNING object_type, object_id, id),
     asked AS (
     UPDATE tracked_event e SET state = 'pending', recorded_at = now(), woken_at = now(), wait_until = NULL, decided_at = NULL, reason = 'asked again'
      WHERE connection_id = $1 AND state = 'error' AND request IS NOT NULL AND wait_until <= now()
        AND EXISTS (SELECT FROM account)
        AND EXISTS (SELECT 1 FROM parked_item p WHERE p.tracked_event_id = e.id AND p.closed_at IS NULL)
     RETURNING object_type, object_id, id)
INSERT INTO object_inbox (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key)
SELECT $1, object_type, object_id, 'recheck', '', now(), 'woken/' || max(id) || '/' || extract(epoch FROM now())
  FROM (SELECT * FROM woken UNION ALL SELECT * FROM asked) AS due GROUP BY object_type, object_id`

// probeAfter is how long after a refusal of the account it is tried again without
// anybody having changed its credentials: a scope may have been added, or a bill
// paid.
const probeAfter = "15 minutes"

// WakeWaiting has the records looked at again one of whose contacts is mapped
// by now, that have waited long enough, or whose request nobody sends. It returns
// how many. A suspended connection wakes nothing: nobody would look, and the inbox
// would fill.
func (s *Store) WakeWaiting(ctx context.Context, connectionID string) (int64, error) {
	tag, err := s.pool.Exec(ctx, wakeWaiting, connectionID)
	return tag.RowsAffected(), wrap(err, "wake_waiting of %s", connectionID)
}

// OpenTracked tells whether any event of a connection waits, for a contact, to
// be sent, or for a verdict.
func (s *Store) OpenTracked(ctx context.Context, connectionID string) (open bool, err error) {
	err = s.pool.QueryRow(ctx, `
SELECT EXISTS (SELECT 1 FROM tracked_event WHERE connection_id = $1 AND state IN ('waiting', 'pending', 'sent'))`, connectionID).Scan(&open)
	return open, wrap(err, "open_tracked of %s", connectionID)
}

// What may count is asked for again as it was sent: by its receipt, or else by
// sending the same. The rest begins again, with the record as it is now; a
// reversal from where it began.
const retryTracked = `
WITH retried AS (
     UPDATE parked_item SET closed_at = now(), outcome = 'retried'
      WHERE connection_id = $1 AND id = ANY ($2) AND tracked_event_id IS NOT NULL AND closed_at IS NULL
     RETURNING id, tracked_event_id),
     due AS (
     SELECT e.id, CASE WHEN request IS NOT NULL THEN 'pending' WHEN unanswered > 0 AND receipt <> '' THEN 'sent'
                       WHEN reversal THEN 'complete' ELSE 'waiting' END AS next
       FROM tracked_event e JOIN retried r ON e.id = r.tracked_event_id
      WHERE e.state = 'error'
      ORDER BY e.id FOR UPDATE OF e),
     begun AS (
     UPDATE tracked_event e
        SET state = due.next, reversal = reversal AND due.next IN ('pending', 'sent'), words = '', reason = 'to be tried again',
            recorded_at = now(), woken_at = NULL, decided_at = NULL, polls = 0,
            poll_at = CASE due.next WHEN 'sent' THEN now() END, sent_at = CASE due.next WHEN 'sent' THEN now() ELSE sent_at END,
            wait_until = CASE due.next WHEN 'waiting' THEN greatest(wait_until, now() + interval '1 hour') END,
            candidates = CASE WHEN contact_id = '' THEN candidates ELSE ARRAY[contact_id] END
       FROM due
      WHERE e.id = due.id
     RETURNING object_type, object_id),
     asked AS (
     INSERT INTO object_inbox (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key)
     SELECT $1, object_type, object_id, 'recheck', '', now(), 'retry/' || object_type || '/' || object_id || '/' || extract(epoch FROM now())
       FROM begun GROUP BY object_type, object_id)
SELECT id FROM retried ORDER BY id`

// RetryTracked closes open items of tracked events as retried and has their
// records looked at again, both or neither. It returns the ids of the items
// that were open.
func (s *Store) RetryTracked(ctx context.Context, connectionID string, itemIDs []int64) (retried []int64, err error) {
	rows, err := s.pool.Query(ctx, retryTracked, connectionID, itemIDs)
	if err != nil {
		return nil, wrap(err, "retry_tracked in %s", connectionID)
	}
	retried, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	return retried, wrap(err, "retry_tracked in %s", connectionID)
}

// PurgeTracked deletes the events that were skipped before a time. What was
// sent stays for good: it must not be sent again.
func (s *Store) PurgeTracked(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM tracked_event WHERE state = 'skipped' AND decided_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_tracked")
}

// ContinueTracked makes what was tracked of records that have been merged into
// another one that record's own, under the order ids that it has. It returns how
// many events were not yet.
func (s *Store) ContinueTracked(ctx context.Context, connectionID string, t bridge.ObjectType, parts []string, into string) (int64, error) {
	tag, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET object_id = $4 WHERE connection_id = $1 AND object_type = $2 AND object_id = ANY ($3) AND object_id <> $4`,
		connectionID, t, parts, into)
	return tag.RowsAffected(), wrap(err, "continue_tracked in %s", connectionID)
}
