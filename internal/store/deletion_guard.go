package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// guardLock has the deletions of a connection counted one after the other:
// side by side, each would find few.
const guardLock = "SELECT pg_advisory_xact_lock(hashtextextended('deletions/' || $1, 0))"

// What was done an hour ago is no part of the present any more.
const noteDeletion = `
INSERT INTO due_deletion (connection_id, contact_id, state) VALUES ($1, $2, 'due')
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = 'due', heard_at = now(), waiting_since = NULL
 WHERE due_deletion.state = 'done'`

const selectDeletion = `
SELECT (SELECT state FROM due_deletion WHERE connection_id = $1 AND contact_id = $2),
       EXISTS (SELECT FROM mapping WHERE connection_id = $1 AND contact_id = $2)`

const countDue = `
SELECT count(*), count(*) FILTER (WHERE state = 'waiting')
  FROM due_deletion
 WHERE connection_id = $1 AND state <> 'approved' AND (heard_at > now() - interval '1 hour' OR state = 'waiting')`

// DueDeletion notes that the deletion of a contact was heard of, and says what
// becomes of it. Once its grace has elapsed it is admitted, unless it is one of
// more within an hour than the connection's guard lets pass: then all of them
// wait, however many more come, until a person approves or rejects them.
func (s *Store) DueDeletion(ctx context.Context, connectionID, contactID string, graceElapsed bool) (v bridge.DeletionVerdict, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var state *string
		var mapped bool
		if err := tx.QueryRow(ctx, selectDeletion, connectionID, contactID).Scan(&state, &mapped); err != nil || !mapped {
			return err
		}
		switch {
		case state != nil && *state == "approved":
			v = bridge.DeletionAdmitted
			return nil
		case state != nil && *state == "waiting":
			v = bridge.DeletionWaits
			return nil
		}
		if _, err := tx.Exec(ctx, noteDeletion, connectionID, contactID); err != nil {
			return err
		}
		v = bridge.DeletionHeld
		if !graceElapsed {
			return nil
		}
		v, err = admit(ctx, tx, connectionID, contactID)
		return err
	})
	return v, wrap(err, "due_deletion of contact %s/%s", connectionID, contactID)
}

func admit(ctx context.Context, tx pgx.Tx, connectionID, contactID string) (bridge.DeletionVerdict, error) {
	if _, err := tx.Exec(ctx, guardLock, connectionID); err != nil {
		return "", err
	}
	var due, waiting int64
	if err := tx.QueryRow(ctx, countDue, connectionID).Scan(&due, &waiting); err != nil {
		return "", err
	}
	guard, err := guardOf(ctx, tx, connectionID)
	if err != nil || guard == 0 || waiting == 0 && due <= guard {
		return bridge.DeletionAdmitted, err
	}
	_, err = tx.Exec(ctx, `
UPDATE due_deletion SET state = 'waiting', waiting_since = now() WHERE connection_id = $1 AND contact_id = $2`, connectionID, contactID)
	return bridge.DeletionWaits, err
}

// guardOf counts the mapped contacts only as far as their number matters.
func guardOf(ctx context.Context, q queryer, connectionID string) (int64, error) {
	var set *int
	var mapped int64
	err := q.QueryRow(ctx, `
SELECT c.deletion_guard,
       CASE WHEN c.deletion_guard IS NULL
            THEN (SELECT count(*) FROM (SELECT FROM mapping m WHERE m.connection_id = c.id LIMIT 25000) AS counted) ELSE 0 END
  FROM connection c WHERE c.id = $1`, connectionID).Scan(&set, &mapped)
	return bridge.DeletionGuard(set, mapped), err
}

// SettleDeletion notes what became of a contact of which a deletion was heard:
// its participant was deleted, which counts for an hour, or it was no deletion
// after all.
func (s *Store) SettleDeletion(ctx context.Context, connectionID, contactID string, deleted bool) error {
	statement := "DELETE FROM due_deletion WHERE connection_id = $1 AND contact_id = $2"
	if deleted {
		statement = "UPDATE due_deletion SET state = 'done', waiting_since = NULL WHERE connection_id = $1 AND contact_id = $2"
	}
	_, err := s.pool.Exec(ctx, statement, connectionID, contactID)
	return wrap(err, "settle_deletion of contact %s/%s", connectionID, contactID)
}

// WaitingDeletions says which deletions of a connection wait for a person.
type WaitingDeletions struct {
	Guard    int64     // so many within an hour go through; 0: any number
	Waiting  int64     // contacts
	Since    time.Time // when the first of them began to wait; zero: none waits
	Contacts []string  // the first of them, in the order of their ids
}

// WaitingDeletions returns what waits, with at most limit contacts after one.
func (s *Store) WaitingDeletions(ctx context.Context, connectionID, after string, limit int) (w WaitingDeletions, err error) {
	if w.Guard, err = guardOf(ctx, s.pool, connectionID); err == nil {
		err = s.pool.QueryRow(ctx, `
SELECT count(*), coalesce(min(waiting_since), '0001-01-01Z') FROM due_deletion WHERE connection_id = $1 AND state = 'waiting'`,
			connectionID).Scan(&w.Waiting, &w.Since)
	}
	if err == nil {
		w.Contacts, err = contactIDs(ctx, s.pool, `
SELECT contact_id FROM due_deletion WHERE connection_id = $1 AND state = 'waiting' AND contact_id > $2 ORDER BY contact_id LIMIT $3`,
			connectionID, after, limit)
	}
	return w, wrap(err, "waiting_deletions of %s", connectionID)
}

// Each approval is an occasion of its own: the contact is looked at again, and
// deleted if it is gone still.
const approveDeletions = `
WITH approved AS (
     UPDATE due_deletion SET state = 'approved', heard_at = now(), waiting_since = NULL
      WHERE connection_id = $1 AND state = 'waiting' AND ($2::text[] IS NULL OR contact_id = ANY ($2))
     RETURNING contact_id)
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo)
SELECT $1, contact_id, 'deleted', '', now(), 'approved ' || extract(epoch FROM now()) || '/' || contact_id, false
  FROM approved
 ORDER BY contact_id
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// ApproveDeletions has deletions that wait go through: those of some contacts, or
// of all for nil. It returns how many waited.
func (s *Store) ApproveDeletions(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	tag, err := s.pool.Exec(ctx, approveDeletions, connectionID, contacts)
	return tag.RowsAffected(), wrap(err, "approve_deletions of %s", connectionID)
}

// rejectChunk is how many contacts are unmapped in one transaction.
const rejectChunk = 500

// RejectDeletions unmaps contacts whose deletion waits, so that their
// participants stay: some contacts, or all for nil. It returns how many waited.
func (s *Store) RejectDeletions(ctx context.Context, connectionID string, contacts []string) (n int64, err error) {
	for {
		rejected, err := s.rejectSome(ctx, connectionID, contacts)
		n += rejected
		if err != nil || rejected < rejectChunk {
			return n, wrap(err, "reject_deletions of %s", connectionID)
		}
	}
}

func (s *Store) rejectSome(ctx context.Context, connectionID string, contacts []string) (n int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		ids, err := contactIDs(ctx, tx, `
WITH rejected AS (
     SELECT contact_id FROM due_deletion
      WHERE connection_id = $1 AND state = 'waiting' AND ($2::text[] IS NULL OR contact_id = ANY ($2))
      ORDER BY contact_id LIMIT $3 FOR UPDATE)
DELETE FROM due_deletion d USING rejected WHERE d.connection_id = $1 AND d.contact_id = rejected.contact_id
RETURNING d.contact_id`, connectionID, contacts, rejectChunk)
		if err != nil {
			return err
		}
		for _, id := range ids {
			erased, err := s.contactErased(ctx, tx, connectionID, id)
			if err == nil {
				err = errors.Join(unmap(ctx, tx, connectionID, id, bridge.EndedUnmapped),
					settle(ctx, tx, connectionID, id, Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonRejected}, erased))
			}
			if err != nil {
				return err
			}
		}
		n = int64(len(ids))
		return nil
	})
	return n, err
}

// SetDeletionGuard sets how many deletions within an hour go through without a
// question; 0: any number; nil: the default.
func (s *Store) SetDeletionGuard(ctx context.Context, connectionID string, guard *int) error {
	return s.updateOne(ctx, "set_deletion_guard of "+connectionID, `
UPDATE connection SET deletion_guard = $2, updated_at = now() WHERE id = $1 AND`+connected, connectionID, guard)
}

// PurgeDeletions forgets deletions that were done before a time.
func (s *Store) PurgeDeletions(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM due_deletion WHERE state IN ('done', 'due') AND heard_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_deletions")
}
