package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// What impact.com took, or may have taken, it alone can change: its operator is
// told the order ids. An event of Advocate's is deleted with its participant and
// has no receipt.
const listOrders = `
INSERT INTO erasure_order (connection_id, contact_id, order_id)
SELECT $1, erased, e.order_id
  FROM tracked_event e
 CROSS JOIN unnest($2::text[]) AS erased
 WHERE e.connection_id = $1 AND e.contact_id = ANY ($2) AND (e.receipt <> '' OR e.state = 'error' AND e.unanswered > 0)
 ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING`

// What was to be sent for the person is not sent any more. What was sent stays
// counted, under its order id alone, and is not looked at again: otherwise a deal
// that is lost later would have the person named to impact.com once more.
const forgetTracked = `
WITH mine AS (
     SELECT id, state IN ('pending', 'awaiting_approval') OR state = 'waiting' AND object_type = 'contact' AND object_id = ANY ($2) AS due,
            contact_id = ANY ($2) AS customer, object_type = 'contact' AND object_id = ANY ($2) AS own
       FROM tracked_event
      WHERE connection_id = $1
        AND (contact_id = ANY ($2) OR object_type = 'contact' AND object_id = ANY ($2) OR state = 'waiting' AND candidates && $2)
      ORDER BY id FOR UPDATE)
UPDATE tracked_event e
   SET words = '', request = NULL, candidates = ARRAY(SELECT c FROM unnest(e.candidates) AS c WHERE c <> ALL ($2)),
       contact_id = CASE WHEN mine.customer THEN '' ELSE e.contact_id END,
       submission = CASE WHEN mine.customer OR mine.own THEN '' ELSE e.submission END,
       forgotten_at = CASE WHEN mine.customer AND e.state NOT IN ('waiting', 'skipped') AND (e.reversal OR NOT mine.due) THEN now() ELSE e.forgotten_at END,
       state = CASE WHEN mine.due AND e.reversal THEN 'complete' WHEN mine.due THEN 'skipped' ELSE e.state END,
       reversal = e.reversal AND NOT mine.due,
       reason = CASE WHEN mine.due THEN $3 ELSE e.reason END, held_at = NULL,
       decided_at = CASE WHEN mine.due THEN now() ELSE e.decided_at END
  FROM mine
 WHERE e.id = mine.id`

// forgetTrackedEvents queues what an erasure does to what triggers tracked.
func forgetTrackedEvents(batch *pgx.Batch, e Erasure) {
	batch.Queue(listOrders, e.ConnectionID, e.ContactIDs)
	batch.Queue(forgetTracked, e.ConnectionID, e.ContactIDs, bridge.ReasonErased)
}

// ErasureOrders returns the ids of the orders at impact.com that name the person of
// an erased contact, or may, ascending.
func (s *Store) ErasureOrders(ctx context.Context, connectionID, contactID string) ([]string, error) {
	rows, err := s.pool.Query(ctx, "SELECT order_id FROM erasure_order WHERE connection_id = $1 AND contact_id = $2 ORDER BY 1", connectionID, contactID)
	if err != nil {
		return nil, wrap(err, "erasure_orders of contact %s/%s", connectionID, contactID)
	}
	orders, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return orders, wrap(err, "erasure_orders of contact %s/%s", connectionID, contactID)
}
