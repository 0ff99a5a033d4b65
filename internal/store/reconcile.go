package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// ReconcileStep is the next step of a reconcile.
type ReconcileStep string

// The steps, in their order.
const (
	ReconcileLive     ReconcileStep = "live"     // list the live contacts
	ReconcileArchived ReconcileStep = "archived" // list the recycle bin
	ReconcileListed   ReconcileStep = "listed"   // stage the export and compare
	ReconcileCompared ReconcileStep = "compared" // repair
)

// next returns the step after a listing.
func (s ReconcileStep) next() ReconcileStep {
	if s == ReconcileLive {
		return ReconcileArchived
	}
	return ReconcileListed
}

// BeginReconcile begins a reconcile of a connection, or its dry run. While
// another one is unfinished it returns that one instead, and begun is false.
func (s *Store) BeginReconcile(ctx context.Context, connectionID string, dryRun bool) (run Run, begun bool, err error) {
	return s.beginSteered(ctx, RunReconcile, connectionID, dryRun, "INSERT INTO reconcile (run_id) VALUES ($1)")
}

// Listing is the position of a reconcile in HubSpot's list of contacts.
type Listing struct {
	Step  ReconcileStep
	After string    // the record id to continue after; empty: from the beginning
	Now   time.Time // by the database's clock; what is read next is at least as new
}

// Ended reports whether both lists were read.
func (l Listing) Ended() bool { return l.Step != ReconcileLive && l.Step != ReconcileArchived }

// Listing returns the position of a reconcile, or a not_found error.
func (s *Store) Listing(ctx context.Context, runID int64) (Listing, error) {
	var l Listing
	err := s.pool.QueryRow(ctx, "SELECT step, list_after, clock_timestamp() FROM reconcile WHERE run_id = $1", runID).
		Scan(&l.Step, &l.After, &l.Now)
	return l, wrap(err, "listing of run %d", runID)
}

// ReconcileContact is a contact as HubSpot shows it, reduced to what a comparison
// needs. Hashes are the Hasher's; nil stands for an absent value.
type ReconcileContact struct {
	ID        string
	Presence  bridge.Presence
	CreatedAt time.Time // zero: not shown
	UpdatedAt time.Time

	EmailHash   []byte
	OtherEmails [][]byte // of its other emails
	NamedHash   []byte   // of the participant that its ids name
	HalfPair    bool     // only one of the two ids is set
	SharedHash  []byte   // of its shared properties
	InputsHash  []byte   // of what it would send to its participant
	PlainInputs []byte   // the same without name and email
	HasInputs   bool     // one of our form fields is filled in
	MappedHash  []byte   // of the participant that it is mapped to
}

const upsertReconcileContacts = `
INSERT INTO reconcile_contact (run_id, contact_id, presence, created_at, updated_at, read_at, contact_hash,
       email_hash, named_hash, half_pair, shared_hash, inputs_hash, plain_inputs_hash, has_inputs, mapped_hash)
SELECT $1, c.*
  FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::bytea[],
              $8::bytea[], $9::bytea[], $10::boolean[], $11::bytea[], $12::bytea[], $13::bytea[], $14::boolean[], $15::bytea[]) AS c
ON CONFLICT (run_id, contact_id) DO UPDATE
   SET presence = excluded.presence, created_at = excluded.created_at, updated_at = excluded.updated_at, read_at = excluded.read_at,
       email_hash = excluded.email_hash, named_hash = excluded.named_hash, half_pair = excluded.half_pair,
       shared_hash = excluded.shared_hash, inputs_hash = excluded.inputs_hash, plain_inputs_hash = excluded.plain_inputs_hash,
       has_inputs = excluded.has_inputs, mapped_hash = excluded.mapped_hash`

// StageListed stages a page of the list and moves on to the next one: to the
// next list where after is empty. at is the Listing that led to the page, and unlisted
// what HubSpot failed to show before it, or nil. If somebody else has moved on from
// there meanwhile, nothing is staged, and moved is false.
func (s *Store) StageListed(ctx context.Context, runID int64, at Listing, contacts []ReconcileContact, unlisted *bridge.Unlisted, after string) (moved bool, err error) {
	step := at.Step
	if after == "" {
		step = step.next()
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
UPDATE reconcile
   SET step = $4, list_after = $5,
       contacts = contacts + CASE WHEN step = 'live' THEN $6 ELSE 0 END, archived = archived + CASE WHEN step = 'archived' THEN $6 ELSE 0 END
 WHERE run_id = $1 AND step = $2 AND list_after = $3`, runID, at.Step, at.After, step, after, len(contacts))
		if moved = tag.RowsAffected() > 0; err != nil || !moved {
			return err
		}
		if unlisted != nil {
			if _, err := tx.Exec(ctx, insertUnlisted, runID, at.Step, unlisted.From, unlisted.To); err != nil {
				return err
			}
		}
		return s.stageContacts(ctx, tx, runID, at.Now, contacts)
	})
	return moved, wrap(err, "stage_listed of run %d", runID)
}

const insertUnlisted = "INSERT INTO reconcile_unlisted (run_id, list, from_id, to_id) VALUES ($1, $2, $3, $4)"

func (s *Store) unlisted(ctx context.Context, runID int64) ([]bridge.Unlisted, error) {
	rows, err := s.pool.Query(ctx, `
SELECT list = 'archived', from_id, to_id FROM reconcile_unlisted WHERE run_id = $1 ORDER BY list DESC, length(from_id), from_id`, runID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[bridge.Unlisted])
}

// Restage stages contacts that were read again at a time.
func (s *Store) Restage(ctx context.Context, runID int64, readAt time.Time, contacts []ReconcileContact) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error { return s.stageContacts(ctx, tx, runID, readAt, contacts) })
	return wrap(err, "restage of run %d", runID)
}

func (s *Store) stageContacts(ctx context.Context, tx pgx.Tx, runID int64, readAt time.Time, contacts []ReconcileContact) error {
	n := len(contacts)
	var (
		ids, presences                                = make([]string, n), make([]string, n)
		created, updated, read                        = make([]*time.Time, n), make([]*time.Time, n), make([]time.Time, n)
		hashes, emails, named, shared, inputs, plains = make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
		mapped                                        = make([][]byte, n)
		halves, filled                                = make([]bool, n), make([]bool, n)
	)
	for i, c := range contacts {
		ids[i], presences[i], read[i], hashes[i] = c.ID, string(c.Presence), readAt, s.hasher.ContactID(c.ID)
		created[i], updated[i] = sinceOrNever(c.CreatedAt), sinceOrNever(c.UpdatedAt)
		emails[i], named[i], shared[i], inputs[i], plains[i], mapped[i] = c.EmailHash, c.NamedHash, c.SharedHash, c.InputsHash, c.PlainInputs, c.MappedHash
		halves[i], filled[i] = c.HalfPair, c.HasInputs
	}
	if _, err := tx.Exec(ctx, upsertReconcileContacts, runID, ids, presences, created, updated, read, hashes,
		emails, named, halves, shared, inputs, plains, filled, mapped); err != nil {
		return err
	}
	return learnEmails(ctx, tx, runID, contacts)
}

// HubSpot sends no webhook about an additional email. Only contacts that we know
// are updated, and none by a dry run. The address that noteEmails stores stays.
const learnOtherEmails = `
WITH run AS (SELECT connection_id FROM sync_run WHERE id = $1 AND NOT dry_run),
     shown AS (SELECT * FROM unnest($3::text[], $4::bytea[]) AS s (contact_id, email_hash)),
     dropped AS (
     DELETE FROM contact_email e
      USING run
      WHERE e.connection_id = run.connection_id AND e.contact_id = ANY ($2)
        AND NOT EXISTS (SELECT FROM shown s WHERE s.contact_id = e.contact_id AND s.email_hash = e.email_hash)
        AND NOT EXISTS (SELECT FROM reconcile_contact c
                         WHERE c.run_id = $1 AND c.contact_id = e.contact_id AND c.email_hash = e.email_hash))
INSERT INTO contact_email (connection_id, contact_id, email_hash)
SELECT DISTINCT run.connection_id, shown.contact_id, shown.email_hash
  FROM run
 CROSS JOIN shown
  JOIN contact_ledger l ON l.connection_id = run.connection_id AND l.contact_id = shown.contact_id AND l.state <> 'erased'
 ORDER BY shown.contact_id, shown.email_hash
ON CONFLICT (connection_id, contact_id, email_hash) DO NOTHING`

const stageOtherEmails = `
WITH shown AS (SELECT * FROM unnest($3::text[], $4::bytea[]) AS s (contact_id, email_hash)),
     dropped AS (
     DELETE FROM reconcile_email e
      WHERE e.run_id = $1 AND e.contact_id = ANY ($2)
        AND NOT EXISTS (SELECT FROM shown s WHERE s.contact_id = e.contact_id AND s.email_hash = e.email_hash))
INSERT INTO reconcile_email (run_id, contact_id, email_hash)
SELECT $1, contact_id, email_hash FROM shown
 ORDER BY contact_id, email_hash
ON CONFLICT (run_id, contact_id, email_hash) DO NOTHING`

// learnEmails stores the hashes of the additional emails of live contacts: with the
// run, for the comparison, and with what we know of the contact, by which the person
// is recognised once the contact is gone.
func learnEmails(ctx context.Context, tx pgx.Tx, runID int64, contacts []ReconcileContact) error {
	live, with, hashes := []string{}, []string{}, [][]byte{}
	for _, c := range contacts {
		if c.Presence != bridge.PresenceLive {
			continue
		}
		live = append(live, c.ID)
		for _, hash := range c.OtherEmails {
			with, hashes = append(with, c.ID), append(hashes, hash)
		}
	}
	for _, learn := range []string{stageOtherEmails, learnOtherEmails} {
		if _, err := tx.Exec(ctx, learn, runID, live, with, hashes); err != nil {
			return err
		}
	}
	return nil
}

// Contacts that we have synced since they were read; and those that no list has shown
// although we count them as live, or as deleted so lately that they would be in the
// recycle bin.
const selectMoved = `
SELECT contact_id FROM (
     SELECT c.contact_id
       FROM reconcile_contact c
       JOIN contact_ledger l ON l.connection_id = $2 AND l.contact_id = c.contact_id AND l.decided_at >= c.read_at
      WHERE c.run_id = $1
      UNION
     SELECT c.contact_id
       FROM reconcile_contact c
       JOIN mapping m ON m.connection_id = $2 AND m.contact_id = c.contact_id AND m.updated_at >= c.read_at
      WHERE c.run_id = $1
      UNION
     SELECT m.contact_id FROM mapping m
      WHERE m.connection_id = $2 AND NOT EXISTS (SELECT FROM reconcile_contact c WHERE c.run_id = $1 AND c.contact_id = m.contact_id)
      UNION
     SELECT l.contact_id FROM contact_ledger l
      WHERE l.connection_id = $2
        AND CASE l.state WHEN 'deleted' THEN l.reason <> 'erasure_rejected' AND l.decided_at > now() - interval '89 days'
                         ELSE l.state NOT IN ('erased', 'merged_away') END
        AND (l.email_hash IS NOT NULL
             OR EXISTS (SELECT FROM former_mapping f WHERE f.connection_id = $2 AND f.contact_id = l.contact_id))
        AND NOT EXISTS (SELECT FROM reconcile_contact c WHERE c.run_id = $1 AND c.contact_id = l.contact_id)) AS moved
 WHERE contact_id > $3
 ORDER BY contact_id
 LIMIT $4`

// MovedContacts returns the next contacts of a reconcile, in the order of their
// ids, that have to be read again before they are compared.
func (s *Store) MovedContacts(ctx context.Context, run Run, after string, limit int) ([]string, error) {
	ids, err := contactIDs(ctx, s.pool, selectMoved, run.ID, run.ConnectionID, after, limit)
	return ids, wrap(err, "moved_contacts of run %d", run.ID)
}

// endReconcile deletes the findings of a reconcile. PurgeListed deletes the
// contacts that it listed.
func endReconcile(ctx context.Context, tx pgx.Tx, runID int64) error {
	_, err := tx.Exec(ctx, "DELETE FROM reconcile_finding WHERE run_id = $1", runID)
	return err
}

// purgeSlice is how many listed contacts are deleted in one transaction. A million
// in one would delay vacuum, and a replica, for all that time.
const purgeSlice = 5000

const selectListedEnded = `
SELECT id FROM sync_run r
 WHERE kind = 'reconcile' AND finished_at IS NOT NULL AND EXISTS (SELECT FROM reconcile_contact c WHERE c.run_id = r.id)`

const deleteListed = `
DELETE FROM reconcile_contact
 WHERE run_id = $1 AND contact_id IN (SELECT contact_id FROM reconcile_contact WHERE run_id = $1 ORDER BY contact_id LIMIT $2)`

// PurgeListed deletes, in slices, the listed contacts of reconciles that have
// ended. It returns how many.
func (s *Store) PurgeListed(ctx context.Context) (n int64, err error) {
	rows, err := s.pool.Query(ctx, selectListedEnded)
	if err != nil {
		return 0, wrap(err, "purge_listed")
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, wrap(err, "purge_listed")
	}
	for _, run := range runs {
		if _, err := s.pool.Exec(ctx, "DELETE FROM reconcile_email WHERE run_id = $1", run); err != nil {
			return n, wrap(err, "purge_listed of run %d", run)
		}
		for {
			tag, err := s.pool.Exec(ctx, deleteListed, run, purgeSlice)
			n += tag.RowsAffected()
			if err != nil {
				return n, wrap(err, "purge_listed of run %d", run)
			}
			if tag.RowsAffected() < purgeSlice {
				break
			}
		}
	}
	return n, nil
}

var errProgramChanged = errors.New("the program was changed meanwhile")
