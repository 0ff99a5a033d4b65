package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// ReconcileStep says what a reconcile does next.
type ReconcileStep string

// The steps, in their order.
const (
	ReconcileLive     ReconcileStep = "live"     // list the live contacts
	ReconcileArchived ReconcileStep = "archived" // list the recycle bin
	ReconcileListed   ReconcileStep = "listed"   // stage the export and compare
	ReconcileCompared ReconcileStep = "compared" // repair
)

// next is the step after a listing.
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

// Listing is where a reconcile stands in HubSpot's list of contacts.
type Listing struct {
	Step  ReconcileStep
	After string    // the record id to go on from; empty: from the beginning
	Now   time.Time // by the database's clock: what is read next is at least as new
}

// Listing returns where a reconcile stands, or a not_found error.
func (s *Store) Listing(ctx context.Context, runID int64) (Listing, error) {
	var l Listing
	err := s.pool.QueryRow(ctx, "SELECT step, list_after, clock_timestamp() FROM reconcile WHERE run_id = $1", runID).
		Scan(&l.Step, &l.After, &l.Now)
	return l, wrap(err, "listing of run %d", runID)
}

// ReconcileContact is a contact as HubSpot shows it, reduced to what a
// comparison needs. Hashes are the Hasher's; nil stands for what is not there.
type ReconcileContact struct {
	ID        string
	Presence  bridge.Presence
	CreatedAt time.Time // zero: not shown
	UpdatedAt time.Time

	EmailHash   []byte
	NamedHash   []byte // of the participant that its ids name
	HalfPair    bool   // only one of the two ids is there
	SharedHash  []byte // of what it carries of a participant
	InputsHash  []byte // of what it would send to the participant that it is mapped to
	PlainInputs []byte // the same without name and email
	HasInputs   bool   // somebody filled in one of our form fields
	MappedHash  []byte // of the participant that it is mapped to
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
// next list where after is empty. at is the Listing that led to the page. If
// somebody else has moved on from there meanwhile, nothing is staged.
func (s *Store) StageListed(ctx context.Context, runID int64, at Listing, contacts []ReconcileContact, after string) error {
	step := at.Step
	if after == "" {
		step = step.next()
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
UPDATE reconcile
   SET step = $4, list_after = $5,
       contacts = contacts + CASE WHEN step = 'live' THEN $6 ELSE 0 END, archived = archived + CASE WHEN step = 'archived' THEN $6 ELSE 0 END
 WHERE run_id = $1 AND step = $2 AND list_after = $3`, runID, at.Step, at.After, step, after, len(contacts))
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return s.stageContacts(ctx, tx, runID, at.Now, contacts)
	})
	return wrap(err, "stage_listed of run %d", runID)
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
	_, err := tx.Exec(ctx, upsertReconcileContacts, runID, ids, presences, created, updated, read, hashes,
		emails, named, halves, shared, inputs, plains, filled, mapped)
	return err
}

// Contacts that we have worked on since they were read; those that are mapped,
// and those whose participant was deleted with them, that no list has shown.
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
      WHERE l.connection_id = $2 AND l.state = 'deleted' AND l.decided_at > now() - interval '89 days'
        AND EXISTS (SELECT FROM former_mapping f WHERE f.connection_id = $2 AND f.contact_id = l.contact_id AND f.ending = 'deleted')
        AND NOT EXISTS (SELECT FROM reconcile_contact c WHERE c.run_id = $1 AND c.contact_id = l.contact_id)) AS moved
 WHERE contact_id > $3
 ORDER BY contact_id
 LIMIT $4`

// MovedContacts returns the next contacts of a reconcile, in the order of their
// ids, that have to be read again before anything is said about them.
func (s *Store) MovedContacts(ctx context.Context, run Run, after string, limit int) ([]string, error) {
	ids, err := contactIDs(ctx, s.pool, selectMoved, run.ID, run.ConnectionID, after, limit)
	return ids, wrap(err, "moved_contacts of run %d", run.ID)
}

// endReconcile deletes what a reconcile has staged.
func endReconcile(ctx context.Context, tx pgx.Tx, runID int64) error {
	var batch pgx.Batch
	batch.Queue("DELETE FROM reconcile_contact WHERE run_id = $1", runID)
	batch.Queue("DELETE FROM reconcile_finding WHERE run_id = $1", runID)
	return tx.SendBatch(ctx, &batch).Close()
}

var errProgramChanged = errors.New("the program was changed meanwhile")
