package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// ContactHints is what the inbox heard of one contact.
type ContactHints struct {
	ConnectionID string
	ContactID    string
	Hints        bridge.Hints
}

const claimEvents = `
SELECT id, connection_id, contact_id, kind, occurred_at
  FROM inbox
 WHERE relayed_at IS NULL AND not_before <= now()
 ORDER BY not_before, id
 LIMIT $1
   FOR UPDATE SKIP LOCKED`

const markRelayed = `UPDATE inbox SET relayed_at = clock_timestamp() WHERE id = ANY($1)`

// A contact that cannot be relayed steps back behind the others: 1 s, 2 s, 4 s
// and so on up to about a minute.
const postponeRelay = `
UPDATE inbox
   SET attempts = attempts + 1,
       not_before = clock_timestamp() + interval '1 second' * power(2, least(attempts, 6))
 WHERE id = ANY($1)`

// RelayHints takes up to limit waiting events, the oldest first, folds them per
// contact, and hands them to send, once; send returns one error or nil for each
// contact. The events of the contacts without an error are done, those of the
// others are tried again later. It returns how many contacts are done.
//
// Several relays may run at once and do not get the same events. The events are
// locked, not marked, while send runs: if the process dies, or the marking
// fails, they are sent again.
func (s *Store) RelayHints(ctx context.Context, limit int,
	send func(ctx context.Context, batch []ContactHints) []error,
) (relayed int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		batch, ids, err := claim(ctx, tx, limit)
		if err != nil || len(batch) == 0 {
			return err
		}
		results := send(ctx, batch)
		if len(results) != len(batch) {
			return fmt.Errorf("store.relay: %d results for %d contacts", len(results), len(batch))
		}
		var sent, failed []int64
		for i, result := range results {
			if result != nil {
				failed = append(failed, ids[i]...)
				continue
			}
			relayed++
			sent = append(sent, ids[i]...)
		}
		if _, err := tx.Exec(ctx, markRelayed, sent); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, postponeRelay, failed)
		return err
	})
	if err != nil {
		return 0, wrap(err, "relay")
	}
	return relayed, nil
}

// claim locks waiting events and folds them. The second result holds, for each
// contact, the ids of its events.
func claim(ctx context.Context, tx pgx.Tx, limit int) ([]ContactHints, [][]int64, error) {
	rows, err := tx.Query(ctx, claimEvents, limit)
	if err != nil {
		return nil, nil, err
	}
	var (
		batch []ContactHints
		ids   [][]int64
		index = map[ContactHints]int{} // by contact alone: the hints are zero
		id    int64
		event Event
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &event.ConnectionID, &event.ContactID, &event.Kind, &event.OccurredAt}, func() error {
		contact := ContactHints{ConnectionID: event.ConnectionID, ContactID: event.ContactID}
		i, seen := index[contact]
		if !seen {
			i = len(batch)
			index[contact] = i
			batch, ids = append(batch, contact), append(ids, nil)
		}
		batch[i].Hints = batch[i].Hints.Merge(event.hints())
		ids[i] = append(ids[i], id)
		return nil
	})
	return batch, ids, err
}
