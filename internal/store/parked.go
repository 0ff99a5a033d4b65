package store

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Outcome says how a parked item ended.
type Outcome string

const (
	OutcomeResolved  Outcome = "resolved"  // its cause is gone
	OutcomeRetried   Outcome = "retried"   // an operator retried it
	OutcomeDiscarded Outcome = "discarded" // an operator discarded it
)

const insertParked = `
INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, tracked_event_id, cause, advice, words, hints, holder, holder_seen_at, retry_at)
VALUES ($1, $2, $3, $4, nullif($5::bigint, 0), $6, $7, $8, $9, $10, nullif($11::timestamptz, '0001-01-01Z'), CASE WHEN $12 THEN now() END) `

// A retry that parks the item again leaves it open.
const refreshParked = ` DO UPDATE
   SET account_id = excluded.account_id, user_id = excluded.user_id, cause = excluded.cause, advice = excluded.advice,
       words = excluded.words, hints = excluded.hints, retry_run = NULL, holder = excluded.holder, holder_seen_at = excluded.holder_seen_at,
       retry_at = excluded.retry_at
RETURNING id`

const parkContact = insertParked +
	"ON CONFLICT (connection_id, contact_id, cause) WHERE closed_at IS NULL AND contact_id <> '' AND tracked_event_id IS NULL" + refreshParked

const parkEvent = insertParked +
	"ON CONFLICT (tracked_event_id) WHERE closed_at IS NULL AND tracked_event_id IS NOT NULL" + refreshParked

const parkParticipant = insertParked +
	"ON CONFLICT (connection_id, account_id, user_id, cause) WHERE closed_at IS NULL AND contact_id = ''" + refreshParked

// parking returns the statement that opens an item, or refreshes the open one
// of the same subject and cause (of an event: of the same subject), and its
// arguments.
func parking(item bridge.ParkedItem) (string, []any) {
	statement := parkContact
	switch {
	case item.TrackedEventID != 0:
		statement = parkEvent
	case item.ContactID == "":
		statement = parkParticipant
	}
	return statement, []any{item.ConnectionID, item.ContactID, item.AccountID, item.UserID, item.TrackedEventID,
		item.Cause, item.Advice, storable(item.VendorMessage), item.Hints, item.Holder, item.HolderSeenAt.UTC(), item.RetrySoon}
}

func park(ctx context.Context, q queryer, item bridge.ParkedItem) (id int64, err error) {
	statement, args := parking(item)
	err = q.QueryRow(ctx, statement, args...).Scan(&id)
	return id, err
}

// storable drops the bytes that PostgreSQL does not accept as text: NUL, and
// invalid UTF-8. Vendors pass on what people typed.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// Park opens an item and returns its id. If an item of the same subject and cause
// is open, that one is refreshed instead and keeps its id and its time.
func (s *Store) Park(ctx context.Context, item bridge.ParkedItem) (int64, error) {
	id, err := park(ctx, s.pool, item)
	return id, wrap(err, "park %s in %s", item.Cause, item.ConnectionID)
}

const parkedColumns = "id, connection_id, contact_id, account_id, user_id, coalesce(tracked_event_id, 0), cause, advice, words, hints, parked_at"

func scanParked(row pgx.CollectableRow) (bridge.ParkedItem, error) {
	var p bridge.ParkedItem
	err := row.Scan(&p.ID, &p.ConnectionID, &p.ContactID, &p.AccountID, &p.UserID, &p.TrackedEventID, &p.Cause, &p.Advice, &p.VendorMessage, &p.Hints, &p.ParkedAt)
	return p, err
}

// ParkedItems returns a connection's open items, the oldest first.
func (s *Store) ParkedItems(ctx context.Context, connectionID string) ([]bridge.ParkedItem, error) {
	return s.ParkedPage(ctx, connectionID, "", 0, math.MaxInt32)
}

// ParkedPage returns at most limit open items of a connection, the oldest first:
// those with an id above after, of one cause, or of all causes for "".
func (s *Store) ParkedPage(ctx context.Context, connectionID string, cause bridge.Cause, after int64, limit int) ([]bridge.ParkedItem, error) {
	ofCause, args := "", []any{connectionID, after, limit}
	if cause != "" { // an unconditional filter would keep the planner from using the index
		ofCause, args = "AND cause = $4", append(args, cause)
	}
	rows, err := s.pool.Query(ctx, `
SELECT `+parkedColumns+` FROM parked_item
 WHERE connection_id = $1 AND closed_at IS NULL AND id > $2 `+ofCause+`
 ORDER BY id
 LIMIT $3`, args...)
	if err != nil {
		return nil, wrap(err, "parked_page of %s", connectionID)
	}
	items, err := pgx.CollectRows(rows, scanParked)
	return items, wrap(err, "parked_page of %s", connectionID)
}

// OpenParked returns the open items of one contact, the oldest first.
func (s *Store) OpenParked(ctx context.Context, connectionID, contactID string) ([]bridge.ParkedItem, error) {
	rows, err := s.pool.Query(ctx, `
SELECT `+parkedColumns+` FROM parked_item WHERE connection_id = $1 AND contact_id = $2 AND closed_at IS NULL ORDER BY id`,
		connectionID, contactID)
	if err != nil {
		return nil, wrap(err, "open_parked of contact %s/%s", connectionID, contactID)
	}
	items, err := pgx.CollectRows(rows, scanParked)
	return items, wrap(err, "open_parked of contact %s/%s", connectionID, contactID)
}

// ParkedItem returns an open item, or a not_found error.
func (s *Store) ParkedItem(ctx context.Context, id int64) (bridge.ParkedItem, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+parkedColumns+" FROM parked_item WHERE id = $1 AND closed_at IS NULL", id)
	if err != nil {
		return bridge.ParkedItem{}, wrap(err, "parked_item %d", id)
	}
	item, err := pgx.CollectExactlyOneRow(rows, scanParked)
	return item, wrap(err, "parked_item %d", id)
}

// A request that was kept for a retry is deleted with its item.
const closeParked = `
WITH closed AS (
     UPDATE parked_item SET closed_at = coalesce(closed_at, now()), outcome = coalesce(outcome, $2) WHERE id = $1
     RETURNING tracked_event_id),
     forgotten AS (
     UPDATE tracked_event e SET request = NULL, wait_until = NULL FROM closed WHERE e.id = closed.tracked_event_id AND e.state = 'error' AND $2 = 'discarded')
SELECT 1 FROM closed`

// CloseParked closes an item. A closed item keeps its outcome, which is no error;
// an unknown id is a not_found error.
func (s *Store) CloseParked(ctx context.Context, id int64, outcome Outcome) error {
	return s.updateOne(ctx, "close_parked", closeParked, id, outcome)
}

// ParkedCause sums up the open items of one cause.
type ParkedCause struct {
	Cause  bridge.Cause
	Advice string // of the oldest
	Count  int64
	Since  time.Time // when the oldest was parked
}

// ParkedCauses groups a connection's open items by cause, the most frequent first. The
// oldest is the one with the lowest id, which an index knows without the rows.
func (s *Store) ParkedCauses(ctx context.Context, connectionID string) ([]ParkedCause, error) {
	rows, err := s.pool.Query(ctx, `
SELECT c.cause, p.advice, c.n, p.parked_at
  FROM (SELECT cause, count(*) AS n, min(id) AS first FROM parked_item
         WHERE connection_id = $1 AND closed_at IS NULL GROUP BY cause) c
  JOIN parked_item p ON p.id = c.first
 ORDER BY c.n DESC, c.cause`, connectionID)
	if err != nil {
		return nil, wrap(err, "parked_causes of %s", connectionID)
	}
	causes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c ParkedCause, err error) {
		err = row.Scan(&c.Cause, &c.Advice, &c.Count, &c.Since)
		return c, err
	})
	return causes, wrap(err, "parked_causes of %s", connectionID)
}

// ParkedFilter selects open items of a connection: those with the given ids or,
// without ids, those of a cause. The zero value selects all.
type ParkedFilter struct {
	IDs   []int64
	Cause bridge.Cause
}

// DiscardParked discards the open items that a filter selects, in one transaction,
// and returns their ids.
func (s *Store) DiscardParked(ctx context.Context, connectionID string, f ParkedFilter) ([]int64, error) {
	rows, err := s.pool.Query(ctx, `
WITH closed AS (
     UPDATE parked_item SET closed_at = now(), outcome = 'discarded'
      WHERE connection_id = $1 AND closed_at IS NULL AND ($2::bigint[] IS NULL OR id = ANY ($2)) AND ($3 = '' OR cause = $3)
     RETURNING id, tracked_event_id),
     forgotten AS (
     UPDATE tracked_event e SET request = NULL, wait_until = NULL FROM closed WHERE e.id = closed.tracked_event_id AND e.state = 'error')
SELECT id FROM closed ORDER BY id`, connectionID, f.IDs, f.Cause)
	if err != nil {
		return nil, wrap(err, "discard_parked of %s", connectionID)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "discard_parked of %s", connectionID)
}

// CloseUnreadable resolves the items of a connection's unreadable rows, except
// those with the given user ids.
func (s *Store) CloseUnreadable(ctx context.Context, connectionID string, except []string) error {
	_, err := s.pool.Exec(ctx, `
UPDATE parked_item SET closed_at = now(), outcome = 'resolved'
 WHERE connection_id = $1 AND cause = $2 AND closed_at IS NULL AND user_id <> ALL (coalesce($3::text[], '{}'))`,
		connectionID, bridge.CauseUnreadableRow, except)
	return wrap(err, "close_unreadable of %s", connectionID)
}

// PurgeParked deletes the items that were closed before a time.
func (s *Store) PurgeParked(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM parked_item WHERE closed_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_parked")
}
