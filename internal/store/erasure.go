package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// ErasureSource says who told of a privacy deletion.
type ErasureSource string

const (
	ErasureByHubSpot  ErasureSource = "hubspot"  // its webhook
	ErasureByRequest  ErasureSource = "request"  // of our own: a reconcile, or work that was given back
	ErasureByOperator ErasureSource = "operator" // somebody asked for it
	ErasureByReplay   ErasureSource = "replay"   // somebody replayed it over an older dump
)

// ErasureRecord is one person's privacy deletion, from the moment it was heard
// until it is proven. It is written with the inbox's row that tells of it.
type ErasureRecord struct {
	ID           int64
	ConnectionID string
	ContactID    string
	Source       ErasureSource
	RequestedBy  string // the caller's name, with ErasureByOperator and ErasureByReplay alone
	OccurredAt   time.Time
	HeardAt      time.Time

	// When each step was done, in this order; zero: not yet.
	BlockedAt   time.Time // nobody makes the person again
	VerifiedAt  time.Time // HubSpot does not show the contact
	DeletedAt   time.Time // at Advocate, with do-not-track
	CheckedAt   time.Time // both vendors were asked again, and show nobody
	ForgottenAt time.Time // here

	DoubtedAt time.Time // HubSpot went on showing the contact: nothing was erased

	Check ErasureCheck

	Participants int // that were deleted
	Contacts     int // that were forgotten: the contact, and those merged into it
	Orphaned     int // other contacts that lost their participant

	Attempts int       // that failed
	Problem  string    // of the last one
	TriedAt  time.Time // the last one that failed
}

// Open reports whether there is something left to do.
func (e ErasureRecord) Open() bool { return e.ForgottenAt.IsZero() && e.DoubtedAt.IsZero() }

// DoneStep is a step that was done.
type DoneStep struct {
	Name string
	At   time.Time
}

// Steps returns the steps that were done, in the order of their times.
func (e ErasureRecord) Steps() []DoneStep {
	all := []DoneStep{
		{"heard", e.HeardAt}, {"blocked", e.BlockedAt}, {"verified", e.VerifiedAt}, {"deleted", e.DeletedAt},
		{"checked", e.CheckedAt}, {"forgotten", e.ForgottenAt}, {"doubted", e.DoubtedAt},
	}
	done := slices.DeleteFunc(all, func(s DoneStep) bool { return s.At.IsZero() })
	slices.SortStableFunc(done, func(a, b DoneStep) int { return a.At.Compare(b.At) })
	return done
}

// ErasureStep is a step of an erasure.
type ErasureStep string

// The steps that the contact's life takes, in this order. CheckErasure takes the
// next one, checked, and Erase itself the last one: forgotten.
const (
	ErasureVerified ErasureStep = "verified_at"
	ErasureDeleted  ErasureStep = "deleted_at"
)

const openErasure = " forgotten_at IS NULL AND doubted_at IS NULL"

// StepErasure records that a step of a contact's open erasure was done. Doing a
// step again changes nothing; without an open erasure there is nothing to record.
func (s *Store) StepErasure(ctx context.Context, connectionID, contactID string, step ErasureStep) error {
	return wrap(stepErasure(ctx, s.pool, connectionID, contactID, step), "step_erasure of contact %s/%s", connectionID, contactID)
}

func stepErasure(ctx context.Context, q queryer, connectionID, contactID string, step ErasureStep) error {
	column := pgx.Identifier{string(step)}.Sanitize()
	_, err := q.Exec(ctx, "UPDATE erasure SET "+column+" = coalesce("+column+", now())"+
		" WHERE connection_id = $1 AND contact_id = $2 AND"+openErasure, connectionID, contactID)
	return err
}

// FailErasure records that an attempt at a contact's open erasure failed, and
// what the failure says, which holds nobody's data.
func (s *Store) FailErasure(ctx context.Context, connectionID, contactID string, failure error) error {
	_, err := s.pool.Exec(ctx, `
UPDATE erasure SET attempts = attempts + 1, problem = $3, tried_at = now()
 WHERE connection_id = $1 AND contact_id = $2 AND`+openErasure, connectionID, contactID, failure.Error())
	return wrap(err, "fail_erasure of contact %s/%s", connectionID, contactID)
}

const doubtErasure = `
UPDATE erasure SET doubted_at = now(), problem = ''
 WHERE connection_id = $1 AND contact_id = $2 AND` + openErasure

// The erasures of all the contacts that are forgotten end here. One that nobody
// recorded, of a contact that was merged away for one, needs no row.
const finishErasure = `
UPDATE erasure
   SET forgotten_at = now(), verified_at = coalesce(verified_at, now()), blocked_at = coalesce(blocked_at, now()),
       deleted_at = coalesce(deleted_at, now()), checked_at = coalesce(checked_at, now()),
       participants = $3, contacts = cardinality($2::text[]), orphaned = $4, problem = ''
 WHERE connection_id = $1 AND contact_id = ANY ($2) AND` + openErasure

// RequestErasure records that somebody asks for a contact's erasure and has it
// begun, in one transaction. It returns the open erasure, which may be an
// earlier one.
func (s *Store) RequestErasure(ctx context.Context, connectionID, contactID, by string, at time.Time) (e ErasureRecord, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
INSERT INTO erasure (connection_id, contact_id, source, requested_by, occurred_at) VALUES ($1, $2, 'operator', $3, $4)
ON CONFLICT (connection_id, contact_id) WHERE`+openErasure+` DO NOTHING`, connectionID, contactID, by, at)
		if err != nil {
			return err
		}
		if err := requestSync(ctx, tx, connectionID, []SyncRequest{{ContactID: contactID, Hints: bridge.Hints{ErasedAt: at}}}); err != nil {
			return err
		}
		if err := s.blockErasures(ctx, tx, connectionID, []string{contactID}); err != nil {
			return err
		}
		e, err = oneErasure(ctx, tx, " WHERE connection_id = $1 AND contact_id = $2 AND"+openErasure, connectionID, contactID)
		return err
	})
	return e, wrap(err, "request_erasure of contact %s/%s", connectionID, contactID)
}

const selectErasure = `
SELECT id, connection_id, contact_id, source, requested_by, occurred_at, heard_at,
       coalesce(verified_at, '0001-01-01Z'), coalesce(blocked_at, '0001-01-01Z'), coalesce(deleted_at, '0001-01-01Z'),
       coalesce(checked_at, '0001-01-01Z'), coalesce(forgotten_at, '0001-01-01Z'), coalesce(doubted_at, '0001-01-01Z'),
       hubspot_answer, advocate_answer, advocate_asked,
       participants, contacts, orphaned, attempts, problem, coalesce(tried_at, '0001-01-01Z')
  FROM erasure`

func scanErasure(row pgx.CollectableRow) (e ErasureRecord, err error) {
	err = row.Scan(&e.ID, &e.ConnectionID, &e.ContactID, &e.Source, &e.RequestedBy, &e.OccurredAt, &e.HeardAt,
		&e.VerifiedAt, &e.BlockedAt, &e.DeletedAt, &e.CheckedAt, &e.ForgottenAt, &e.DoubtedAt,
		&e.Check.HubSpot, &e.Check.Advocate, &e.Check.Identities,
		&e.Participants, &e.Contacts, &e.Orphaned, &e.Attempts, &e.Problem, &e.TriedAt)
	return e, err
}

func oneErasure(ctx context.Context, q queryer, where string, args ...any) (ErasureRecord, error) {
	rows, err := q.Query(ctx, selectErasure+where, args...)
	if err != nil {
		return ErasureRecord{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanErasure)
}

// Erasure returns one erasure by id; not_found if there is none.
func (s *Store) Erasure(ctx context.Context, id int64) (ErasureRecord, error) {
	e, err := oneErasure(ctx, s.pool, " WHERE id = $1", id)
	return e, wrap(err, "erasure %d", id)
}

// Erasures returns erasures, the latest first, at most limit: those before an
// id, or the latest for 0; of one connection, or of all for "". open leaves out
// those that have ended.
func (s *Store) Erasures(ctx context.Context, connectionID string, open bool, before int64, limit int) ([]ErasureRecord, error) {
	rows, err := s.pool.Query(ctx, selectErasure+`
 WHERE ($1 = '' OR connection_id = $1) AND (NOT $2 OR`+openErasure+`) AND ($3::bigint = 0 OR id < $3)
 ORDER BY id DESC
 LIMIT $4`, connectionID, open, before, limit)
	if err != nil {
		return nil, wrap(err, "erasures")
	}
	all, err := pgx.CollectRows(rows, scanErasure)
	return all, wrap(err, "erasures")
}
