package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// ContactHints is what the inbox heard of one contact.
type ContactHints struct {
	ConnectionID string
	ContactID    string
	Hints        bridge.Hints
}

// mayWork tells the connections whose work does not wait; see
// bridge.Connection.MayWork.
const mayWork = " c.paused_at IS NULL AND c.status NOT IN ('unauthorized', 'disconnected') "

// inbox is a table of events that wait to be relayed.
type inbox struct {
	table   string
	columns string // what its fold reads, of the event e
	claimed string // what else a claim changes
}

var (
	contactInbox = inbox{table: "inbox", columns: "e.id, e.connection_id, e.contact_id, e.kind, e.occurred_at",
		// A request that is being passed on takes no other one in: what the other
		// requester has written must be seen.
		claimed: ", requested = false"}
	objectInbox = inbox{table: "object_inbox", columns: objectColumns}
)

// RelayLease is for how long a relay has the events that it claims. The events of
// a process that died come back after it.
const RelayLease = 15 * time.Second

// Every connection with waiting events gets the same share, and one after the
// other gets its turn: a burst in one portal is not felt in another. What is
// claimed is not due before the lease is over.
func (i inbox) claim() string {
	return `
WITH waiting AS (
     SELECT c.id, count(*) OVER () AS connections
       FROM connection c
      WHERE` + mayWork + `
        AND EXISTS (SELECT FROM ` + i.table + ` i WHERE i.connection_id = c.id AND i.relayed_at IS NULL AND i.not_before <= now())),
     due AS (
     SELECT i.id
       FROM waiting w
      CROSS JOIN LATERAL (
            SELECT i.id
              FROM ` + i.table + ` i
             WHERE i.connection_id = w.id AND i.relayed_at IS NULL AND i.not_before <= now()
             ORDER BY i.not_before, i.id
             LIMIT greatest($1::bigint / w.connections, 1)
               FOR UPDATE SKIP LOCKED) i),
     claimed AS (
     UPDATE ` + i.table + ` SET not_before = clock_timestamp() + $2::interval` + i.claimed + `
      WHERE id = ANY (ARRAY (SELECT id FROM due))
     RETURNING *)
SELECT ` + i.columns + `
  FROM claimed e
 ORDER BY row_number() OVER (PARTITION BY e.connection_id ORDER BY e.id), e.connection_id`
}

func (i inbox) markRelayed() string {
	return "UPDATE " + i.table + " SET relayed_at = clock_timestamp() WHERE id = ANY($1)"
}

// releaseClaim undoes a claim.
func (i inbox) releaseClaim() string {
	return "UPDATE " + i.table + " SET not_before = received_at WHERE id = ANY($1) AND relayed_at IS NULL"
}

// What cannot be relayed steps back behind the others: 1 s, 2 s, 4 s and so on
// up to about a minute.
func (i inbox) postponeRelay() string {
	return "UPDATE " + i.table + `
   SET attempts = attempts + 1,
       not_before = clock_timestamp() + interval '1 second' * power(2, least(attempts, 6))
 WHERE id = ANY($1) AND relayed_at IS NULL`
}

// RelayHints takes about limit waiting events, the same share of every connection
// and the oldest first, folds them per contact, and hands them to send, once; send
// returns one error or nil for each contact. The events of a connection whose work
// waits stay where they are. The events of the contacts without an error are done, those of the
// others are tried again later. It returns how many contacts are done.
//
// Several relays may run at once and do not get the same events. No transaction
// is open while send runs: the events are claimed before it and marked after it.
// If the process dies in between, they are sent again once the claim has lapsed.
// If ctx ends while send runs, the events without success are due again at once.
func (s *Store) RelayHints(ctx context.Context, limit int,
	send func(ctx context.Context, batch []ContactHints) []error,
) (relayed int, err error) {
	return relayInbox(ctx, s, contactInbox, limit, foldContacts, send)
}

// relayInbox does it for any inbox. fold makes of events what is sent, and says
// for each by which events it is done.
func relayInbox[T any](ctx context.Context, s *Store, from inbox, limit int,
	fold func(pgx.Rows) ([]T, [][]int64, error), send func(ctx context.Context, batch []T) []error,
) (relayed int, err error) {
	rows, err := s.pool.Query(ctx, from.claim(), limit, RelayLease)
	if err != nil {
		return 0, wrap(err, "claim_%s", from.table)
	}
	batch, ids, err := fold(rows)
	if err != nil || len(batch) == 0 {
		return 0, wrap(err, "claim_%s", from.table)
	}
	results := send(ctx, batch)
	if len(results) != len(batch) {
		return 0, fmt.Errorf("store.relay: %d results for %d addressees", len(results), len(batch))
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
	return relayed, wrap(s.settleClaim(ctx, from, sent, failed), "relay_%s", from.table)
}

// settleTimeout bounds what is written after a relay was told to stop.
const settleTimeout = 5 * time.Second

// settleClaim notes what became of the claimed events, also when ctx has ended:
// what was sent is done, and what was not is nobody's fault.
func (s *Store) settleClaim(ctx context.Context, from inbox, sent, failed []int64) error {
	again := from.postponeRelay()
	if ctx.Err() != nil {
		again = from.releaseClaim()
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	var batch pgx.Batch
	batch.Queue(from.markRelayed(), sent)
	batch.Queue(again, failed)
	if err := s.pool.SendBatch(settling, &batch).Close(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// foldContacts folds events per contact. The second result holds, for each, the
// ids of its events.
func foldContacts(rows pgx.Rows) (batch []ContactHints, ids [][]int64, err error) {
	var (
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
