package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// HeardEvent is one event in the inbox.
type HeardEvent struct {
	ID         int64 // in the order of arrival
	Kind       EventKind
	Property   string
	OccurredAt time.Time
	ReceivedAt time.Time
	RelayedAt  time.Time // zero: waiting
	Echo       bool
}

// ContactHistory returns at most limit events about a contact that are still in the
// inbox, the latest first: those with ids below before, or the latest of all for 0.
func (s *Store) ContactHistory(ctx context.Context, connectionID, contactID string, before int64, limit int) ([]HeardEvent, error) {
	rows, err := s.pool.Query(ctx, `
SELECT id, kind, property, occurred_at, received_at, coalesce(relayed_at, '0001-01-01Z'), echo
  FROM inbox
 WHERE connection_id = $1 AND contact_id = $2 AND ($3::bigint = 0 OR id < $3)
 ORDER BY id DESC
 LIMIT $4`, connectionID, contactID, before, limit)
	if err != nil {
		return nil, wrap(err, "history of contact %s/%s", connectionID, contactID)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (HeardEvent, error) {
		var e HeardEvent
		err := row.Scan(&e.ID, &e.Kind, &e.Property, &e.OccurredAt, &e.ReceivedAt, &e.RelayedAt, &e.Echo)
		return e, err
	})
	return events, wrap(err, "history of contact %s/%s", connectionID, contactID)
}
