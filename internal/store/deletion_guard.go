package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// guardLock makes the deletions of a connection be counted one after the other:
// counted concurrently, each would find few.
const guardLock = "SELECT pg_advisory_xact_lock(hashtextextended('deletions/' || $1, 0))"

// What was done more than an hour ago no longer counts. The order keeps pages that
// share contacts from deadlocking.
const noteDue = `
INSERT INTO due_deletion (connection_id, contact_id, state)
SELECT $1, c.id, 'due' FROM unnest($2::text[]) AS c (id) ORDER BY c.id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = 'due', kind = 'deletion', heard_at = now(), waiting_since = NULL
 WHERE due_deletion.state = 'done' OR due_deletion.kind = 'doubted'`

const selectDeletions = `
SELECT m.contact_id, coalesce(d.state, '')
  FROM mapping m
  LEFT JOIN due_deletion d ON d.connection_id = m.connection_id AND d.contact_id = m.contact_id AND d.kind <> 'doubted'
 WHERE m.connection_id = $1 AND m.contact_id = ANY ($2)`

const countDue = `
SELECT count(*), count(*) FILTER (WHERE state = 'waiting')
  FROM due_deletion
 WHERE connection_id = $1 AND state <> 'approved' AND (kind <> 'deletion') = $2 AND (heard_at > now() - interval '1 hour' OR state = 'waiting')`

// DueDeletions records that deletions of contacts were heard, and returns the
// guard's verdict on each; a contact that is not mapped has none. Once its grace
// period has passed a deletion is admitted, unless more deletions than the
// connection's guard allows came within an hour: then all of them wait, and all that
// follow, until a person approves or rejects them.
func (s *Store) DueDeletions(ctx context.Context, connectionID string, graceElapsed bool, contactIDs ...string) (map[string]bridge.DeletionVerdict, error) {
	var verdicts map[string]bridge.DeletionVerdict
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var due []string
		var err error
		if verdicts, due, err = standingVerdicts(ctx, tx, connectionID, contactIDs); err != nil || len(due) == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, noteDue, connectionID, due); err != nil {
			return err
		}
		v := bridge.DeletionHeld
		if graceElapsed {
			if v, err = admit(ctx, tx, connectionID, due, false); err != nil {
				return err
			}
		}
		for _, id := range due {
			verdicts[id] = v
		}
		return nil
	})
	return verdicts, wrap(err, "due_deletions in %s", connectionID)
}

// standingVerdicts returns the verdicts that were given before, and the mapped
// contacts that have none yet.
func standingVerdicts(ctx context.Context, tx pgx.Tx, connectionID string, contactIDs []string) (verdicts map[string]bridge.DeletionVerdict, due []string, err error) {
	rows, err := tx.Query(ctx, selectDeletions, connectionID, contactIDs)
	if err != nil {
		return nil, nil, err
	}
	verdicts = make(map[string]bridge.DeletionVerdict, len(contactIDs))
	var contactID, state string
	_, err = pgx.ForEachRow(rows, []any{&contactID, &state}, func() error {
		switch state {
		case "approved":
			verdicts[contactID] = bridge.DeletionAdmitted
		case "waiting":
			verdicts[contactID] = bridge.DeletionWaits
		default:
			due = append(due, contactID)
		}
		return nil
	})
	return verdicts, due, err
}

// admit asks one of the two guards about contacts: the one of deletions, or the one
// of unconfirmed privacy deletions.
func admit(ctx context.Context, tx pgx.Tx, connectionID string, contactIDs []string, erasures bool) (bridge.DeletionVerdict, error) {
	if _, err := tx.Exec(ctx, guardLock, connectionID); err != nil {
		return "", err
	}
	var due, waiting int64
	if err := tx.QueryRow(ctx, countDue, connectionID, erasures).Scan(&due, &waiting); err != nil {
		return "", err
	}
	guarding := guardOf
	if erasures {
		guarding = erasureGuardOf
	}
	guard, err := guarding(ctx, tx, connectionID)
	if err != nil || guard == 0 || waiting == 0 && due <= guard {
		return bridge.DeletionAdmitted, err
	}
	_, err = tx.Exec(ctx, `
UPDATE due_deletion SET state = 'waiting', waiting_since = now() WHERE connection_id = $1 AND contact_id = ANY ($2)`, connectionID, contactIDs)
	return bridge.DeletionWaits, err
}

// guardOf returns the limit of the deletion guard. It counts the mapped contacts
// only as far as their number matters.
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

// SettleDeletion records how a deletion that was heard has ended: the participant
// was deleted, which counts for an hour, or it was no deletion after all.
func (s *Store) SettleDeletion(ctx context.Context, connectionID, contactID string, deleted bool) error {
	statement := "DELETE FROM due_deletion WHERE connection_id = $1 AND contact_id = $2"
	if deleted {
		statement = "UPDATE due_deletion SET state = 'done', waiting_since = NULL WHERE connection_id = $1 AND contact_id = $2"
	}
	_, err := s.pool.Exec(ctx, statement, connectionID, contactID)
	return wrap(err, "settle_deletion of contact %s/%s", connectionID, contactID)
}

// WaitingDeletions is what the guards of a connection hold.
type WaitingDeletions struct {
	Guard    int64     // this many per hour need no approval; 0: any number
	Waiting  int64     // contacts
	Since    time.Time // when the first of them began to wait; zero: none waits
	Contacts []string  // the first of them, in the order of their ids

	ErasureGuard    int64     // this many unconfirmed privacy deletions per hour need no approval; 0: any number
	Erasures        int64     // privacy deletions that wait
	ErasuresSince   time.Time // when the first of them began to wait; zero: none waits
	ErasureContacts []string  // the first of their contacts
}

// DeletionsWaiting counts the deletions of a connection that wait for a person.
func (s *Store) DeletionsWaiting(ctx context.Context, connectionID string) (n int64, err error) {
	err = s.pool.QueryRow(ctx, `
SELECT count(*) FROM due_deletion WHERE connection_id = $1 AND state = 'waiting' AND kind = 'deletion'`, connectionID).Scan(&n)
	return n, wrap(err, "deletions_waiting of %s", connectionID)
}

// WaitingDeletions returns what waits, with at most limit contacts after one.
func (s *Store) WaitingDeletions(ctx context.Context, connectionID, after string, limit int) (w WaitingDeletions, err error) {
	if w.Guard, err = guardOf(ctx, s.pool, connectionID); err == nil {
		err = s.pool.QueryRow(ctx, `
SELECT count(*) FILTER (WHERE kind = 'deletion'), coalesce(min(waiting_since) FILTER (WHERE kind = 'deletion'), '0001-01-01Z'),
       count(*) FILTER (WHERE kind <> 'deletion'), coalesce(min(waiting_since) FILTER (WHERE kind <> 'deletion'), '0001-01-01Z')
  FROM due_deletion WHERE connection_id = $1 AND state = 'waiting'`,
			connectionID).Scan(&w.Waiting, &w.Since, &w.Erasures, &w.ErasuresSince)
	}
	if err == nil {
		w.ErasureGuard, err = erasureGuardOf(ctx, s.pool, connectionID)
	}
	if err == nil {
		w.Contacts, err = contactIDs(ctx, s.pool, selectWaiting, connectionID, after, limit, false)
	}
	if err == nil {
		w.ErasureContacts, err = contactIDs(ctx, s.pool, selectWaiting, connectionID, after, limit, true)
	}
	return w, wrap(err, "waiting_deletions of %s", connectionID)
}

const selectWaiting = `
SELECT contact_id FROM due_deletion
 WHERE connection_id = $1 AND state = 'waiting' AND (kind <> 'deletion') = $4 AND contact_id > $2
 ORDER BY contact_id LIMIT $3`

// Each approval has a key of its own: the contact is synced again, and deleted if
// it is still gone. Nobody waits for a deletion, so those go by the page.
const approveDeletions = `
WITH approved AS (
     UPDATE due_deletion SET state = 'approved', heard_at = now(), waiting_since = NULL
      WHERE connection_id = $1 AND state = 'waiting' AND (kind = 'deletion') = ($3 = 'deleted') AND ($2::text[] IS NULL OR contact_id = ANY ($2))
     RETURNING contact_id)
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, bulk)
SELECT $1, contact_id, $3, '', now(), 'approved ' || extract(epoch FROM now()) || '/' || contact_id, false, $3 = 'deleted'
  FROM approved
 ORDER BY contact_id
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// ApproveDeletions admits waiting deletions: those of some contacts, or all for
// nil. It returns how many waited.
func (s *Store) ApproveDeletions(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	tag, err := s.pool.Exec(ctx, approveDeletions, connectionID, contacts, "deleted")
	return tag.RowsAffected(), wrap(err, "approve_deletions of %s", connectionID)
}

// rejectChunk is how many contacts are unmapped in one transaction.
const rejectChunk = 500

// RejectDeletions unmaps contacts whose deletion waits, some or all for nil, so
// that their participants stay. It returns how many waited.
func (s *Store) RejectDeletions(ctx context.Context, connectionID string, contacts []string) (int64, error) {
	return s.reject(ctx, connectionID, contacts, false)
}

func (s *Store) reject(ctx context.Context, connectionID string, contacts []string, erasures bool) (n int64, err error) {
	for {
		rejected, err := s.rejectSome(ctx, connectionID, contacts, erasures)
		n += rejected
		if err != nil || rejected < rejectChunk {
			return n, wrap(err, "reject_deletions of %s", connectionID)
		}
	}
}

const rejectDeletions = `
WITH rejected AS (
     SELECT contact_id FROM due_deletion
      WHERE connection_id = $1 AND state = 'waiting' AND (kind <> 'deletion') = $4 AND ($2::text[] IS NULL OR contact_id = ANY ($2))
      ORDER BY contact_id LIMIT $3 FOR UPDATE)
DELETE FROM due_deletion d USING rejected WHERE d.connection_id = $1 AND d.contact_id = rejected.contact_id
RETURNING d.contact_id, d.kind`

func (s *Store) rejectSome(ctx context.Context, connectionID string, contacts []string, erasures bool) (n int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, rejectDeletions, connectionID, contacts, rejectChunk, erasures)
		if err != nil {
			return err
		}
		type rejected struct{ contactID, kind string }
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r rejected, err error) {
			err = row.Scan(&r.contactID, &r.kind)
			return r, err
		})
		if err != nil {
			return err
		}
		for _, r := range all {
			if err := s.rejectOne(ctx, tx, connectionID, r.contactID, r.kind); err != nil {
				return err
			}
		}
		n = int64(len(all))
		return nil
	})
	return n, err
}

// rejectOne rejects one deletion; the participant stays. A contact that HubSpot
// shows keeps its mapping.
func (s *Store) rejectOne(ctx context.Context, tx pgx.Tx, connectionID, contactID, kind string) error {
	if kind == "doubted" {
		return nil
	}
	reason := bridge.ReasonRejected
	err := unmap(ctx, tx, connectionID, contactID, bridge.EndedUnmapped)
	if err == nil && kind == "inferred" {
		reason = bridge.ReasonErasureDenied
		err = s.liftErasure(ctx, tx, connectionID, contactID)
	}
	if err != nil {
		return err
	}
	erased, err := s.contactsErased(ctx, tx, connectionID, contactID)
	if err == nil {
		err = settle(ctx, tx, connectionID, map[string]Settlement{contactID: {State: bridge.StateDeleted, Reason: reason}}, erased)
	}
	return err
}

// SetDeletionGuard sets how many deletions within an hour need no approval; 0: any
// number; nil: the default.
func (s *Store) SetDeletionGuard(ctx context.Context, connectionID string, guard *int) error {
	return s.updateOne(ctx, "set_deletion_guard of "+connectionID, `
UPDATE connection SET deletion_guard = $2, updated_at = now() WHERE id = $1 AND`+connected, connectionID, guard)
}

// PurgeDeletions deletes the records of deletions that were done before a time.
func (s *Store) PurgeDeletions(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM due_deletion WHERE state IN ('done', 'due') AND heard_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_deletions")
}
