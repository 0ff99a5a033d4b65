package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// ContactHints are the hints about one contact, folded from its events.
type ContactHints struct {
	ConnectionID string
	ContactID    string
	Hints        bridge.Hints
	Bulk         bool // created or changed as one of many, so nobody waits for it
}

// mayWork selects the connections that are not suspended; see
// bridge.Connection.MayWork.
const mayWork = " c.paused_at IS NULL AND c.status NOT IN ('unauthorized', 'disconnected') "

// inbox is a table of events that wait to be relayed.
type inbox struct {
	table   string
	columns string // the columns of an event e that its fold reads
	claimed string // what else a claim sets
	order   string // the order of due events within a connection
	only    string // which events i are claimed
	lanes   string // leads the index over every lane to the events i that are due
	along   string // which events o go along with the claimed events l of the same contact; empty: none
}

var (
	contactInbox = inbox{table: "inbox", columns: "e.id, e.connection_id, e.contact_id, e.kind, e.occurred_at, e.bulk",
		order: "i.bulk, i.not_before, i.id", lanes: " AND i.bulk IN (false, true)",
		// A claimed request no longer absorbs another one: the sync must see what the
		// other requester has written.
		claimed: ", requested = false"}
	// liveInbox are the contacts that somebody may wait for.
	liveInbox = inbox{table: contactInbox.table, columns: contactInbox.columns, claimed: contactInbox.claimed,
		order: "i.not_before, i.id", only: " AND NOT i.bulk", along: "o.connection_id = l.connection_id AND o.contact_id = l.contact_id AND o.bulk"}
	objectInbox = inbox{table: "object_inbox", columns: objectColumns, order: "i.not_before, i.id"}
)

// eachLane are the conditions on events i, one of which selects each lane.
func (i inbox) eachLane() []string {
	if i.lanes == "" {
		return []string{""}
	}
	return []string{" AND NOT i.bulk", " AND i.bulk"}
}

// RelayLease is how long a relay's claim on events lasts. After that, the events of
// a process that died are claimed again.
const RelayLease = 15 * time.Second

// claim selects the same number of events from every connection that has some, in
// turn, so that a burst in one portal does not delay another. Within a connection,
// live events go before bulk. Claimed events are not due before the lease ends.
func (i inbox) claim() string {
	all, along := "SELECT id FROM due", ""
	if i.along != "" {
		all += " UNION ALL SELECT id FROM along"
		along = `
     along AS (
     SELECT o.id
       FROM ` + i.table + ` l JOIN ` + i.table + ` o ON ` + i.along + `
      WHERE l.id = ANY (ARRAY (SELECT id FROM due)) AND o.relayed_at IS NULL AND o.not_before <= now()
        FOR UPDATE OF o SKIP LOCKED),`
	}
	return `
WITH waiting AS (
     SELECT c.id, count(*) OVER () AS connections
       FROM connection c
      WHERE` + mayWork + `
        AND EXISTS (SELECT FROM ` + i.table + ` i WHERE i.connection_id = c.id AND i.relayed_at IS NULL AND i.not_before <= now()` + i.only + i.lanes + `)),
     due AS (
     SELECT i.id
       FROM waiting w
      CROSS JOIN LATERAL (
            SELECT i.id
              FROM ` + i.table + ` i
             WHERE i.connection_id = w.id AND i.relayed_at IS NULL AND i.not_before <= now()` + i.only + `
             ORDER BY ` + i.order + `
             LIMIT greatest($1::bigint / w.connections, 1)
               FOR UPDATE SKIP LOCKED) i),` + along + `
     claimed AS (
     UPDATE ` + i.table + ` SET not_before = clock_timestamp() + $2::interval` + i.claimed + `
      WHERE id = ANY (ARRAY (` + all + `))
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

// postponeRelay delays events that could not be relayed: 1 s, 2 s, 4 s and so on,
// up to about a minute.
func (i inbox) postponeRelay() string {
	return "UPDATE " + i.table + `
   SET attempts = attempts + 1,
       not_before = clock_timestamp() + interval '1 second' * power(2, least(attempts, 6))
 WHERE id = ANY($1) AND relayed_at IS NULL`
}

// RelayHints claims about limit waiting events, the same share of every connection and the
// oldest first, folds them per contact, and calls send once with the result; send returns an
// error or nil for each contact. Events of a suspended connection stay where they are. Events
// of contacts without an error are done, the others are retried later. RelayHints returns how
// many contacts are done.
//
// Several relays may run at once; they never claim the same events. No transaction is open
// while send runs: events are claimed before it and marked after it. If the process dies in
// between, they are sent again once the claim has expired. If ctx ends while send runs, the
// events that failed are due again at once.
func (s *Store) RelayHints(ctx context.Context, limit int,
	send func(ctx context.Context, batch []ContactHints) []error,
) (relayed int, err error) {
	return relayInbox(ctx, s, contactInbox, limit, foldContacts, send)
}

// RelayLive is RelayHints for the contacts that somebody may wait for, whatever else
// waits. What else is due of them goes along: a merge and a deletion of one contact
// belong together.
func (s *Store) RelayLive(ctx context.Context, limit int,
	send func(ctx context.Context, batch []ContactHints) []error,
) (relayed int, err error) {
	return relayInbox(ctx, s, liveInbox, limit, foldContacts, send)
}

// relayInbox does what RelayHints does, for any inbox. fold turns events into what
// is sent, and returns the ids of the events of each.
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

// settleTimeout bounds the writes after a relay was told to stop.
const settleTimeout = 5 * time.Second

// settleClaim marks the claimed events, even if ctx has ended: those sent are done,
// and the others are delayed. If ctx has ended, the others are due again at once.
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
		index = map[ContactHints]int{} // keyed by contact alone: the hints are zero
		id    int64
		event Event
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &event.ConnectionID, &event.ContactID, &event.Kind, &event.OccurredAt, &event.Bulk}, func() error {
		contact := ContactHints{ConnectionID: event.ConnectionID, ContactID: event.ContactID}
		i, seen := index[contact]
		if !seen {
			i = len(batch)
			index[contact] = i
			batch, ids = append(batch, contact), append(ids, nil)
			batch[i].Bulk = true
		}
		batch[i].Bulk = batch[i].Bulk && event.Bulk
		batch[i].Hints = batch[i].Hints.Merge(event.hints())
		ids[i] = append(ids[i], id)
		return nil
	})
	return batch, ids, err
}
