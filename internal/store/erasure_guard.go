package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// A privacy deletion that a reconcile inferred is known before its contact's life
// hears of it, so that all of them are counted before the first is due. It has no
// other source than ourselves.
const noteInferred = `
WITH inferred AS (
     SELECT DISTINCT contact_id FROM reconcile_finding WHERE run_id = $1 AND repair = 'erased' AND class = 'vanished_contact'),
     recorded AS (
     INSERT INTO erasure (connection_id, contact_id, source, occurred_at)
     SELECT $2, contact_id, 'request', now() FROM inferred ORDER BY contact_id
     ON CONFLICT (connection_id, contact_id) WHERE` + openErasure + ` DO NOTHING)
INSERT INTO due_deletion (connection_id, contact_id, state, kind)
SELECT $2, contact_id, 'due', 'inferred' FROM inferred
 ORDER BY contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = 'due', kind = 'inferred', heard_at = now(), waiting_since = NULL
 WHERE due_deletion.state IN ('due', 'done') AND due_deletion.kind <> 'inferred' OR due_deletion.state = 'done'`

// Once HubSpot or a person tells of it, an inferred privacy deletion is no longer
// inferred. The inbox's keys tell who did.
const selectInferred = `
SELECT state FROM due_deletion d
 WHERE connection_id = $1 AND contact_id = $2 AND kind = 'inferred'
   AND NOT EXISTS (SELECT FROM inbox i
                    WHERE i.connection_id = $1 AND i.contact_id = $2 AND i.kind = 'erased'
                      AND i.dedupe_key NOT LIKE ALL ('{"reconcile %","approved %","requested/%"}'))
   AND NOT EXISTS (SELECT FROM erasure e
                    WHERE e.connection_id = $1 AND e.contact_id = $2 AND e.source = 'operator' AND e.forgotten_at IS NULL AND e.doubted_at IS NULL)`

// DueErasure says what becomes of a privacy deletion that is about to be carried
// out. It is unguarded unless a reconcile alone inferred it: then it is one of
// more within an hour than the connection's guard of erasures lets pass, and
// waits, or it is admitted.
func (s *Store) DueErasure(ctx context.Context, connectionID, contactID string) (v bridge.DeletionVerdict, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var state string
		switch err := tx.QueryRow(ctx, selectInferred, connectionID, contactID).Scan(&state); {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		v, err = s.verdict(ctx, tx, connectionID, contactID, state)
		return err
	})
	return v, wrap(err, "due_erasure of contact %s/%s", connectionID, contactID)
}

const noteDoubted = `
INSERT INTO due_deletion (connection_id, contact_id, state, kind) VALUES ($1, $2, 'due', 'doubted')
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = CASE WHEN due_deletion.kind = 'doubted' AND due_deletion.state <> 'done' THEN due_deletion.state ELSE 'due' END,
       kind = 'doubted', heard_at = now(), waiting_since = CASE WHEN due_deletion.kind = 'doubted' THEN due_deletion.waiting_since END
RETURNING state`

// DoubtedErasure notes a privacy deletion of a contact that HubSpot goes on
// showing. It waits for a person, together with the others, if it is one of more
// within an hour than the guard of erasures lets pass; admitted, it is told by
// itself.
func (s *Store) DoubtedErasure(ctx context.Context, connectionID, contactID string) (v bridge.DeletionVerdict, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var state string
		if err := tx.QueryRow(ctx, noteDoubted, connectionID, contactID).Scan(&state); err != nil {
			return err
		}
		if v, err = s.verdict(ctx, tx, connectionID, contactID, state); err != nil || v == bridge.DeletionWaits {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE due_deletion SET state = 'done', waiting_since = NULL WHERE connection_id = $1 AND contact_id = $2",
			connectionID, contactID)
		return err
	})
	return v, wrap(err, "doubted_erasure of contact %s/%s", connectionID, contactID)
}

// verdict is what an unverifiable privacy deletion's state means, or what the guard
// says where it is due.
func (s *Store) verdict(ctx context.Context, tx pgx.Tx, connectionID, contactID, state string) (bridge.DeletionVerdict, error) {
	switch state {
	case "approved", "done":
		return bridge.DeletionAdmitted, nil
	case "waiting":
		return bridge.DeletionWaits, nil
	default:
		return admit(ctx, tx, connectionID, []string{contactID}, true)
	}
}

// erasureGuardOf is how many unverifiable privacy deletions go through.
func erasureGuardOf(ctx context.Context, q queryer, connectionID string) (int64, error) {
	var set *int
	err := q.QueryRow(ctx, "SELECT erasure_guard FROM connection WHERE id = $1", connectionID).Scan(&set)
	return bridge.ErasureGuard(set), err
}

// SetErasureGuard sets how many privacy deletions within an hour that nothing bears
// out go through without a question; 0: any number; nil: the default.
func (s *Store) SetErasureGuard(ctx context.Context, connectionID string, guard *int) error {
	return s.updateOne(ctx, "set_erasure_guard of "+connectionID, `
UPDATE connection SET erasure_guard = $2, updated_at = now() WHERE id = $1 AND`+connected, connectionID, guard)
}

// ApproveErasures has privacy deletions that wait looked at again: those of some
// contacts, or of all for nil. Who is gone is erased; a contact that HubSpot goes
// on showing never is. It returns how many waited.
func (s *Store) ApproveErasures(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	tag, err := s.pool.Exec(ctx, approveDeletions, connectionID, contacts, "erased")
	return tag.RowsAffected(), wrap(err, "approve_erasures of %s", connectionID)
}

// RejectErasures ends privacy deletions that wait, of some contacts or of all for
// nil: nobody is erased. A contact that is gone is unmapped, so that its participant
// stays. It returns how many waited.
func (s *Store) RejectErasures(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	return s.reject(ctx, connectionID, contacts, true)
}
