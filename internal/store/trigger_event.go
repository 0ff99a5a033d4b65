package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// TrackedState is the state of a tracked event.
type TrackedState string

// States of a tracked event.
const (
	TrackedWaiting TrackedState = "waiting" // waits for a contact that is mapped to a participant
	// TrackedAwaitingApproval: an import made the change, or it is one of too many at once.
	TrackedAwaitingApproval TrackedState = "awaiting_approval"
	TrackedPending          TrackedState = "pending"  // recorded, to be sent
	TrackedSent             TrackedState = "sent"     // accepted by the vendor, whose verdict is not known yet
	TrackedComplete         TrackedState = "complete" // it counts
	TrackedError            TrackedState = "error"    // refused, or given up without an answer; parked
	TrackedSkipped          TrackedState = "skipped"  // nothing was sent, for the reason given
	TrackedReversed         TrackedState = "reversed" // it counted, and was reversed
)

// TrackedEvent is the event of one change that a trigger matched.
type TrackedEvent struct {
	ID             int64
	ConnectionID   string
	TriggerID      string
	TriggerVersion int
	ObjectType     bridge.ObjectType
	ObjectID       string

	Property   string    // the one that changed; empty for a creation and for a form
	Form       string    // the form that was submitted; else empty
	Submission string    // a keyed hash
	OccurredAt time.Time // by HubSpot's clock

	OrderID   string // unique within a connection
	ContactID string // the customer; empty while there is none
	Imported  bool   // an import made the change

	State         TrackedState
	Reversal      bool      // the state is that of its reversal
	Guarded       Guarded   // why it awaits approval, or was skipped by a person; else empty
	ApprovedAt    time.Time // when a person approved it; zero: nobody did
	Reason        string    // ours
	VendorMessage string    // the vendor's
	Receipt       string    // the vendor's reference, by which its verdict is asked for

	Unanswered int       // attempts that got no answer: it may count
	WaitUntil  time.Time // zero: it does not wait
	Polls      int       // times the verdict was asked for
	RecordedAt time.Time
	SentAt     time.Time // zero: not sent
	DecidedAt  time.Time // zero: not final
}

const trackedColumns = `id, connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission,
       occurred_at, order_id, contact_id, imported, state, reversal, coalesce(guarded, ''), coalesce(approved_at, '0001-01-01Z'), reason, words, receipt, unanswered, coalesce(wait_until, '0001-01-01Z'), polls,
       recorded_at, coalesce(sent_at, '0001-01-01Z'), coalesce(decided_at, '0001-01-01Z')`

func (e *TrackedEvent) columns() []any {
	return []any{&e.ID, &e.ConnectionID, &e.TriggerID, &e.TriggerVersion, &e.ObjectType, &e.ObjectID, &e.Property, &e.Form, &e.Submission,
		&e.OccurredAt, &e.OrderID, &e.ContactID, &e.Imported, &e.State, &e.Reversal, &e.Guarded, &e.ApprovedAt, &e.Reason, &e.VendorMessage, &e.Receipt, &e.Unanswered, &e.WaitUntil, &e.Polls,
		&e.RecordedAt, &e.SentAt, &e.DecidedAt}
}

// MayCount reports whether the vendor may have credited it already. Then nothing
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

// Waits reports whether it waits for a customer or for a person's approval. The
// next evaluation of its record decides it again.
func (e TrackedEvent) Waits() bool {
	return e.State == TrackedWaiting || e.State == TrackedAwaitingApproval
}

// SkippedByPerson reports whether a person decided not to send it. The same change
// heard again does not alter that.
func (e TrackedEvent) SkippedByPerson() bool { return e.State == TrackedSkipped && e.Guarded != "" }

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

// TrackedOf returns the events of one record, the oldest first.
func (s *Store) TrackedOf(ctx context.Context, connectionID string, t bridge.ObjectType, objectID string) ([]TrackedEvent, error) {
	events, err := trackedEvents(ctx, s.pool, "WHERE connection_id = $1 AND object_type = $2 AND object_id = $3 ORDER BY id",
		connectionID, t, objectID)
	return events, wrap(err, "tracked_of %s %s/%s", t, connectionID, objectID)
}

// TrackedFilter selects tracked events. An empty field selects all.
type TrackedFilter struct {
	TriggerID string
	States    []TrackedState
	ContactID string // the customer, or the record itself
	ObjectID  string
	Before    int64 // only ids below; 0: from the latest
	Limit     int   // at most this many; 0: a hundred
}

// selectTracked has a condition only for the fields of the filter that are set, so
// that an index is used.
func selectTracked(connectionID string, f TrackedFilter) (query string, args []any) {
	query, args = "WHERE connection_id = $1", []any{connectionID}
	narrow := func(given bool, condition string, arg any) {
		if given {
			args = append(args, arg)
			query += " AND " + fmt.Sprintf(condition, len(args))
		}
	}
	narrow(f.TriggerID != "", "trigger_id = $%d", f.TriggerID)
	narrow(len(f.States) > 0, "state = ANY ($%d)", f.States)
	narrow(f.ContactID != "", "(contact_id = $%[1]d OR (object_type = 'contact' AND object_id = $%[1]d))", f.ContactID)
	narrow(f.ObjectID != "", "object_id = $%d", f.ObjectID)
	narrow(f.Before != 0, "id < $%d", f.Before)
	const usual = 100
	args = append(args, cmp.Or(max(0, f.Limit), usual))
	return query + fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args)), args
}

// TrackedEvents returns a connection's tracked events, the latest first.
func (s *Store) TrackedEvents(ctx context.Context, connectionID string, f TrackedFilter) ([]TrackedEvent, error) {
	query, args := selectTracked(connectionID, f)
	events, err := trackedEvents(ctx, s.pool, query, args...)
	return events, wrap(err, "tracked_events of %s", connectionID)
}

// Tracking is an evaluation's decision about one change.
type Tracking struct {
	TrackedEvent

	Candidates []string           // contacts of the record that are not mapped; nil: unchanged
	Request    []byte             // TrackedPending only; kept sealed
	AtOnce     int                // how many matches at once need no approval; 0: any number
	Parked     *bridge.ParkedItem // TrackedError only
}

// An order id names portal, record and trigger.
func requestContext(orderID string) string { return "tracked_event/request/" + orderID }

// Once an event may count, an evaluation can no longer change it, but can have it
// reversed, unless its customer was erased.
const upsertTracked = `
INSERT INTO tracked_event AS t (connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission,
       occurred_at, order_id, contact_id, candidates, state, reversal, reason, request, wait_until, imported, guarded, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, nullif($19, ''),
        CASE WHEN $13 IN ('error', 'skipped') THEN now() END)
ON CONFLICT (connection_id, order_id) DO UPDATE
   SET trigger_version = excluded.trigger_version, property = excluded.property, form = excluded.form,
       submission = excluded.submission, occurred_at = excluded.occurred_at, contact_id = excluded.contact_id,
       candidates = CASE WHEN cardinality(excluded.candidates) = 0 THEN t.candidates ELSE excluded.candidates END, state = excluded.state, reversal = excluded.reversal, reason = excluded.reason,
       imported = excluded.imported, guarded = excluded.guarded, approved_at = CASE WHEN excluded.state <> 'skipped' THEN t.approved_at END,
       recorded_at = CASE WHEN t.state = 'awaiting_approval' AND excluded.state = t.state THEN t.recorded_at ELSE now() END,
       words = '', request = excluded.request, receipt = '', wait_until = excluded.wait_until, woken_at = NULL,
       poll_at = NULL, polls = 0, held_at = NULL, unanswered = 0, decided_at = excluded.decided_at
 WHERE t.forgotten_at IS NULL
   AND CASE WHEN excluded.reversal THEN t.state = 'complete'
            ELSE t.state IN ('waiting', 'awaiting_approval', 'skipped') OR t.state = 'error' AND NOT t.reversal AND t.unanswered = 0 END
RETURNING id`

// Track records the outcome of an evaluation, unless the recorded event cannot change
// any more; then it returns 0. A pending event may have to await approval instead;
// the returned state says so. If the customer was erased, it records nothing and
// returns a do_not_track error.
func (s *Store) Track(ctx context.Context, t Tracking) (id int64, state TrackedState, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if t.ContactID != "" {
			if err := refuseErased(ctx, tx, t.ConnectionID, s.hasher.ContactID(t.ContactID)); err != nil {
				return err
			}
		}
		if err := guardEvent(ctx, tx, &t); err != nil {
			return err
		}
		id, err = s.track(ctx, tx, t)
		return err
	})
	return id, t.State, wrap(err, "track %s %s/%s", t.ObjectType, t.ConnectionID, t.ObjectID)
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
		optional(t.WaitUntil), t.Imported, string(t.Guarded)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil // the recorded event stays as it is
	}
	if err != nil {
		return 0, err
	}
	return id, settleEvent(ctx, tx, t.TrackedEvent, id, t.Parked)
}

const resolveEvent = `
UPDATE parked_item SET closed_at = now(), outcome = 'resolved' WHERE tracked_event_id = $1 AND closed_at IS NULL`

// settleEvent parks the event's item, or closes it.
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

// PendingRequest returns a pending event and its request. An event that is not
// pending is a not_found error.
func (s *Store) PendingRequest(ctx context.Context, id int64) (e TrackedEvent, request []byte, err error) {
	var sealed []byte
	err = s.pool.QueryRow(ctx, "SELECT "+trackedColumns+", request FROM tracked_event WHERE id = $1 AND state = 'pending'", id).
		Scan(append(e.columns(), &sealed)...)
	if err == nil {
		request, err = s.sealer.Open(sealed, requestContext(e.OrderID))
	}
	return e, request, wrap(err, "pending_request of event %d", id)
}

// BeginSend records that an event is about to be sent: if this process dies, it is
// known that the event may count. begun is false if the event is no longer pending;
// it must then not be sent.
func (s *Store) BeginSend(ctx context.Context, id int64) (begun bool, err error) {
	tag, err := s.pool.Exec(ctx, "UPDATE tracked_event SET unanswered = unanswered + 1 WHERE id = $1 AND state = 'pending'", id)
	return tag.RowsAffected() == 1, wrap(err, "begin_send of event %d", id)
}

// DeclineSend undoes BeginSend: the vendor answered that it did not accept the
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

// MarkSent records that the vendor accepted the request, and when to ask for its
// verdict. An event that is no longer pending stays as it is.
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

// TrackedEnd is the end of an event that was pending or sent.
type TrackedEnd struct {
	State         TrackedState // TrackedComplete, TrackedError, TrackedReversed or TrackedSkipped
	Reason        string
	VendorMessage string             // the vendor's, without personal data
	Parked        *bridge.ParkedItem // TrackedError only
	Recheck       bool               // evaluate the record again: the event may have to be reversed

	// TrackedError only: the event may count although there was no answer. Its request
	// is kept and is sent again after AskAgain, even if no person retries it.
	Unanswered  bool
	KeepRequest bool
	AskAgain    time.Duration
}

// A refused reversal leaves its event as it is: complete.
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

// EndTracked records the end of an event. An event that has ended already stays as
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

// DueVerdicts returns sent events whose verdict is due, those that have waited
// longest first.
func (s *Store) DueVerdicts(ctx context.Context, connectionID string, limit int) ([]TrackedEvent, error) {
	events, err := trackedEvents(ctx, s.pool, "WHERE connection_id = $1 AND state = 'sent' AND poll_at <= now() ORDER BY poll_at LIMIT $2",
		connectionID, limit)
	return events, wrap(err, "due_verdicts of %s", connectionID)
}

// PostponeVerdict makes an event's verdict due again after a time. reason says why
// there is none yet.
func (s *Store) PostponeVerdict(ctx context.Context, id int64, d time.Duration, reason string) error {
	_, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET polls = polls + 1, poll_at = now() + $2::interval, reason = $3 WHERE id = $1 AND state = 'sent'`, id, d, storable(reason))
	return wrap(err, "postpone_verdict of event %d", id)
}

// PostponeVerdicts makes no verdict of a connection due for a time.
func (s *Store) PostponeVerdicts(ctx context.Context, connectionID string, d time.Duration) error {
	_, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET poll_at = greatest(poll_at, now() + $2::interval) WHERE connection_id = $1 AND state = 'sent'`, connectionID, d)
	return wrap(err, "postpone_verdicts of %s", connectionID)
}

// A record that does not change is not evaluated all the time, even if one of its
// contacts is mapped, or the contact that one of them was merged into. One without
// contacts is evaluated every day: HubSpot does not tell of a contact that comes back
// from the recycle bin with its deals, and what it tells may get lost. An event that has been pending for longer than a workflow
// tries has lost its workflow. Events that an account's refusal held go on once the
// account is accepted; until then one of them probes it. Events that were given up
// without an answer are sent again while their item is open.
const wakeWaiting = `
WITH account AS (
     SELECT impact_refused_at AS refused_at FROM connection c WHERE c.id = $1 AND` + mayWork + `),
     woken AS (
     UPDATE tracked_event e SET woken_at = now()
      WHERE connection_id = $1 AND state IN ('waiting', 'pending') AND (woken_at IS NULL OR woken_at < now() - interval '10 minutes')
        AND EXISTS (SELECT FROM account)
        AND CASE WHEN state = 'waiting'
                 THEN wait_until <= now()
                      OR EXISTS (
                         WITH RECURSIVE buyer (id) AS (
                              SELECT unnest(e.candidates)
                               UNION
                              SELECT c.heir_id FROM buyer JOIN merged_contact c ON c.connection_id = $1 AND c.contact_id = buyer.id)
                         SELECT FROM buyer JOIN mapping m ON m.connection_id = $1 AND m.contact_id = buyer.id)
                      OR cardinality(e.candidates) = 0 AND coalesce(woken_at, recorded_at) < now() - interval '1 day'
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

// probeAfter is how long after a refusal the account is tried again with unchanged
// credentials: a scope may have been added, or a bill paid.
const probeAfter = "15 minutes"

// WakeWaiting requests an evaluation of the records with a contact that has been
// mapped since, of those that have waited long enough, and of those whose request
// nobody sends. It returns how many. For a suspended connection it does nothing,
// because the inbox would only fill up.
func (s *Store) WakeWaiting(ctx context.Context, connectionID string) (int64, error) {
	tag, err := s.pool.Exec(ctx, wakeWaiting, connectionID)
	return tag.RowsAffected(), wrap(err, "wake_waiting of %s", connectionID)
}

// OpenTracked reports whether any event of a connection waits for a contact, to be
// sent, or for a verdict.
func (s *Store) OpenTracked(ctx context.Context, connectionID string) (open bool, err error) {
	err = s.pool.QueryRow(ctx, `
SELECT EXISTS (SELECT 1 FROM tracked_event WHERE connection_id = $1 AND state IN ('waiting', 'pending', 'sent'))`, connectionID).Scan(&open)
	return open, wrap(err, "open_tracked of %s", connectionID)
}

// An event that may count is asked for by its receipt, or else its request is sent
// again unchanged. Any other event starts again with the record as it is now; a
// reversal starts from the complete event.
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
            recorded_at = now(), approved_at = now(), woken_at = NULL, decided_at = NULL, polls = 0,
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

// RetryTracked closes open items of tracked events as retried and requests an
// evaluation of their records, both or neither. It returns the ids of the items
// that were open.
func (s *Store) RetryTracked(ctx context.Context, connectionID string, itemIDs []int64) (retried []int64, err error) {
	rows, err := s.pool.Query(ctx, retryTracked, connectionID, itemIDs)
	if err != nil {
		return nil, wrap(err, "retry_tracked in %s", connectionID)
	}
	retried, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	return retried, wrap(err, "retry_tracked in %s", connectionID)
}

// PurgeTracked deletes the events that were skipped before a time. Sent events are
// kept for good, because they must not be sent again.
func (s *Store) PurgeTracked(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM tracked_event WHERE state = 'skipped' AND decided_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_tracked")
}

// ContinueTracked assigns the events of records that were merged into another one
// to that record, with their order ids. It returns how many events it has moved.
func (s *Store) ContinueTracked(ctx context.Context, connectionID string, t bridge.ObjectType, parts []string, into string) (int64, error) {
	tag, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET object_id = $4 WHERE connection_id = $1 AND object_type = $2 AND object_id = ANY ($3) AND object_id <> $4`,
		connectionID, t, parts, into)
	return tag.RowsAffected(), wrap(err, "continue_tracked in %s", connectionID)
}
