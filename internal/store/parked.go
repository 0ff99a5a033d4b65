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
	OutcomeResolved  Outcome = "resolved"  // what was in the way is gone
	OutcomeRetried   Outcome = "retried"   // an operator had it tried again
	OutcomeDiscarded Outcome = "discarded" // an operator gave it up
)

const insertParked = `
INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, tracked_event_id, cause, advice, words, hints)
VALUES ($1, $2, $3, $4, nullif($5::bigint, 0), $6, $7, $8, $9) `

// A run that retries an item and parks it again leaves it open.
const refreshParked = ` DO UPDATE
   SET account_id = excluded.account_id, user_id = excluded.user_id, cause = excluded.cause, advice = excluded.advice,
       words = excluded.words, hints = excluded.hints, retry_run = NULL
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
		item.Cause, item.Advice, storable(item.VendorMessage), item.Hints}
}

func park(ctx context.Context, q queryer, item bridge.ParkedItem) (id int64, err error) {
	statement, args := parking(item)
	err = q.QueryRow(ctx, statement, args...).Scan(&id)
	return id, err
}

// storable drops the bytes that PostgreSQL does not take as text: NUL, and what
// is not UTF-8. Vendors pass on what people typed.
func storable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// Park keeps an item for a person to look at and returns its id. While an item
// of the same subject and cause is open, that one is refreshed instead; it
// keeps its id and the time it was parked first.
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
	return s.ParkedPage(ctx, connectionID, 0, math.MaxInt32)
}

// ParkedPage returns a connection's open items, the oldest first, at most limit
// of them: those after the item with an id.
func (s *Store) ParkedPage(ctx context.Context, connectionID string, after int64, limit int) ([]bridge.ParkedItem, error) {
	rows, err := s.pool.Query(ctx, `
SELECT `+parkedColumns+` FROM parked_item
 WHERE connection_id = $1 AND closed_at IS NULL AND id > $2
 ORDER BY id
 LIMIT $3`, connectionID, after, limit)
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

// What was kept to be sent again goes with its item.
const closeParked = `
WITH closed AS (
     UPDATE parked_item SET closed_at = coalesce(closed_at, now()), outcome = coalesce(outcome, $2) WHERE id = $1
     RETURNING tracked_event_id),
     forgotten AS (
     UPDATE tracked_event e SET request = NULL, wait_until = NULL FROM closed WHERE e.id = closed.tracked_event_id AND e.state = 'error' AND $2 = 'discarded')
SELECT 1 FROM closed`

// CloseParked ends an item. One that has ended already keeps its outcome, which
// is success; an unknown id is a not_found error.
func (s *Store) CloseParked(ctx context.Context, id int64, outcome Outcome) error {
	return s.updateOne(ctx, "close_parked", closeParked, id, outcome)
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

// PurgeParked deletes the items that ended before a time. Open ones stay.
func (s *Store) PurgeParked(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM parked_item WHERE closed_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_parked")
}
