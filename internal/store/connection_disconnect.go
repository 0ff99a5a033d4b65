package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// deletedTables are the tables whose rows go with their connection, in the order
// in which rows are locked. What is not listed here is kept, see retainedTables.
var deletedTables = []string{
	"sync_run", "participant_ledger", "mapping", "former_mapping", "merged_contact", "contact_ledger", "parked_item",
	"tracked_event", "form_submission", "form_cursor", "inbox", "object_inbox", "program_switch", "trigger_version", "trigger_definition", "hubspot_token", "connect_intent",
	"advocate_event", "advocate_subscription", "agreement", "due_deletion",
}

// retainedTables are the tables whose rows outlive their connection: nobody who was
// erased may come back because the portal is connected again, who did what stays on
// record, and what an operator has paused stays paused.
var retainedTables = []string{"tombstone", "erasure", "audit_entry", "schedule_pause"}

// Forgotten is what a disconnection removed and kept, in rows.
type Forgotten struct {
	Mappings     int64 `json:"mappings"`
	ParkedItems  int64 `json:"parked_items"`
	WaitingHints int64 `json:"waiting_events"` // webhook events that were never acted on
	Tombstones   int64 `json:"tombstones_kept"`
}

const selectForgotten = `
SELECT (SELECT count(*) FROM mapping WHERE connection_id = $1),
       (SELECT count(*) FROM parked_item WHERE connection_id = $1 AND closed_at IS NULL),
       (SELECT count(*) FROM inbox WHERE connection_id = $1 AND relayed_at IS NULL),
       (SELECT count(*) FROM tombstone WHERE connection_id = $1)`

// WouldForget tells what Disconnect would remove and keep.
func (s *Store) WouldForget(ctx context.Context, connectionID string) (Forgotten, error) {
	f, err := forgotten(ctx, s.pool, connectionID)
	return f, wrap(err, "would_forget %s", connectionID)
}

func forgotten(ctx context.Context, q queryer, connectionID string) (Forgotten, error) {
	var f Forgotten
	err := q.QueryRow(ctx, selectForgotten, connectionID).Scan(&f.Mappings, &f.ParkedItems, &f.WaitingHints, &f.Tombstones)
	return f, err
}

// Disconnect ends a connection: its credentials and everything that is known of
// its people go, tombstones stay. A portal that is connected again gets the same
// id, and starts afresh otherwise. It is a not_found error if the connection has
// ended.
func (s *Store) Disconnect(ctx context.Context, connectionID string) (Forgotten, error) {
	var f Forgotten
	nothing, err := s.sealCredentials(connectionID, Credentials{})
	if err != nil {
		return f, wrap(err, "disconnect %s", connectionID)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
UPDATE connection
   SET status = 'disconnected', status_reason = '', refusals = '[]', paused_at = NULL, switching = false, report_watermark = NULL,
       credentials = $2, credentials_revision = credentials_revision + 1, updated_at = now()
 WHERE id = $1 AND`+connected, connectionID, nothing)
		if err == nil && tag.RowsAffected() == 0 {
			err = pgx.ErrNoRows
		}
		if err != nil {
			return err
		}
		if f, err = forgotten(ctx, tx, connectionID); err != nil {
			return err
		}
		return forget(ctx, tx, connectionID)
	})
	return f, wrap(err, "disconnect %s", connectionID)
}

func forget(ctx context.Context, tx pgx.Tx, connectionID string) error {
	for _, table := range deletedTables {
		if _, err := tx.Exec(ctx, "DELETE FROM "+pgx.Identifier{table}.Sanitize()+" WHERE connection_id = $1", connectionID); err != nil {
			return err
		}
	}
	return nil
}

// ForgetDisconnected removes once more what connections left behind that have
// ended: work that was under way then may have written after it.
func (s *Store) ForgetDisconnected(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, "SELECT id FROM connection WHERE status = 'disconnected'")
	if err != nil {
		return wrap(err, "forget_disconnected")
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return wrap(err, "forget_disconnected")
	}
	for _, id := range ids {
		err := s.inTx(ctx, func(tx pgx.Tx) error {
			// Not while the portal is being connected again.
			var still bool
			err := tx.QueryRow(ctx, "SELECT status = 'disconnected' FROM connection WHERE id = $1 FOR UPDATE", id).Scan(&still)
			if err != nil || !still {
				return err
			}
			return forget(ctx, tx, id)
		})
		if err != nil {
			return wrap(err, "forget_disconnected %s", id)
		}
	}
	return nil
}
