package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// deletedTables are the tables whose rows are deleted with their connection, in the
// order in which rows are locked. Every other table is in retainedTables.
var deletedTables = []string{
	"sync_run", "participant_ledger", "mapping", "former_mapping", "merged_contact", "contact_ledger", "contact_email", "parked_item",
	"tracked_event", "form_submission", "form_cursor", "inbox", "object_inbox", "program_switch", "trigger_version", "trigger_definition", "hubspot_token", "connect_intent",
	"advocate_event", "advocate_subscription", "agreement", "due_deletion", "contact_lease", "connection_minute", "connection_hour", "contact_decision",
}

// retainedTables are the tables whose rows outlive their connection: an erased
// person must not come back when the portal is connected again, the audit log
// stays, and what an operator paused stays paused.
var retainedTables = []string{"tombstone", "erasure_block", "erasure", "erasure_order", "audit_entry", "schedule_pause"}

// Forgotten counts the rows that a disconnection deletes and keeps.
type Forgotten struct {
	Mappings     int64 `json:"mappings"`
	ParkedItems  int64 `json:"parked_items"`
	WaitingHints int64 `json:"waiting_events"` // webhook events that were never acted on
	Tombstones   int64 `json:"tombstones_kept"`
	OpenErasures int64 `json:"open_erasures"` // privacy deletions that can no longer be done

	Counted Counted `json:"-"` // of the first three, before they are removed
}

const selectForgotten = `
SELECT (SELECT count(*) FROM mapping WHERE connection_id = $1),
       (SELECT count(*) FROM parked_item WHERE connection_id = $1 AND closed_at IS NULL),
       (SELECT count(*) FROM inbox WHERE connection_id = $1 AND relayed_at IS NULL),
       (SELECT count(*) FROM tombstone WHERE connection_id = $1),
       (SELECT count(*) FROM erasure WHERE connection_id = $1 AND` + openErasure + `)`

const selectKept = `
SELECT (SELECT count(*) FROM tombstone WHERE connection_id = $1),
       (SELECT count(*) FROM erasure WHERE connection_id = $1 AND` + openErasure + `)`

// WouldForget returns what Disconnect would delete and keep.
func (s *Store) WouldForget(ctx context.Context, connectionID string) (Forgotten, error) {
	health, err := s.ConnectionHealth(ctx, connectionID)
	if err != nil {
		return Forgotten{}, err
	}
	f := Forgotten{Mappings: health.Mapped, ParkedItems: health.Parked, WaitingHints: health.WaitingEvents, Counted: health.Counted}
	err = s.pool.QueryRow(ctx, selectKept, connectionID).Scan(&f.Tombstones, &f.OpenErasures)
	return f, wrap(err, "would_forget %s", connectionID)
}

func forgotten(ctx context.Context, q queryer, connectionID string) (Forgotten, error) {
	var f Forgotten
	err := q.QueryRow(ctx, selectForgotten, connectionID).Scan(&f.Mappings, &f.ParkedItems, &f.WaitingHints, &f.Tombstones, &f.OpenErasures)
	return f, err
}

// Disconnect ends a connection: it deletes the credentials and all that we know of
// its people, and keeps the tombstones. If the portal is connected again, the
// connection gets the same id and otherwise starts afresh. Disconnect returns a
// not_found error if the connection has ended already.
func (s *Store) Disconnect(ctx context.Context, connectionID string) (Forgotten, error) {
	var f Forgotten
	nothing, err := s.sealCredentials(connectionID, Credentials{})
	if err != nil {
		return f, wrap(err, "disconnect %s", connectionID)
	}
	err = s.Bulk().inTx(ctx, func(tx pgx.Tx) error { // a large connection takes long
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

// ForgetDisconnected deletes the rows of disconnected connections once more: work
// that was under way at the time may have written rows afterwards.
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
			// Skip it if the portal has been connected again.
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
