package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Desired is the desired state of a run. It is stored beside the run, so that it
// holds even while no worker runs.
type Desired string

const (
	DesiredRunning   Desired = ""
	DesiredPaused    Desired = "pause"  // finish the pages that were begun, then wait
	DesiredCancelled Desired = "cancel" // finish the pages that were begun, then end
)

const insertSteered = `
INSERT INTO sync_run (connection_id, kind, program, dry_run)
SELECT id, $3, program, $2 FROM connection WHERE id = $1
ON CONFLICT (connection_id, kind) WHERE finished_at IS NULL AND kind <> 'retry' DO NOTHING
RETURNING ` + runColumns

const selectUnfinishedSteered = "SELECT " + runColumns + `
  FROM sync_run WHERE connection_id = $1 AND kind = $2 AND finished_at IS NULL`

// BeginMass begins a mass sync of a connection, or a dry run. If one is unfinished
// it returns that one, and begun is false.
func (s *Store) BeginMass(ctx context.Context, connectionID string, dryRun bool) (run Run, begun bool, err error) {
	return s.beginSteered(ctx, RunMass, connectionID, dryRun)
}

// BeginVerify is BeginMass for a mass sync that reads and compares contacts instead
// of trusting the ledger.
func (s *Store) BeginVerify(ctx context.Context, connectionID string, dryRun bool) (run Run, begun bool, err error) {
	return s.beginSteered(ctx, RunMass, connectionID, dryRun, "UPDATE sync_run SET verify = true WHERE id = $1")
}

// beginSteered begins a run that an operator can pause, resume and cancel, or
// returns the unfinished one. also are statements to run with the new run's id.
func (s *Store) beginSteered(ctx context.Context, kind RunKind, connectionID string, dryRun bool, also ...string) (run Run, begun bool, err error) {
	for range 2 { // an unfinished run may end between the two statements
		run, err = s.insertSteered(ctx, kind, connectionID, dryRun, also)
		if err == nil {
			return run, true, nil
		}
		if errors.Is(err, pgx.ErrNoRows) {
			run, err = oneRun(ctx, s.pool, selectUnfinishedSteered, connectionID, kind)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			break
		}
	}
	return run, false, wrap(err, "begin_%s of %s", kind, connectionID)
}

func (s *Store) insertSteered(ctx context.Context, kind RunKind, connectionID string, dryRun bool, also []string) (run Run, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if run, err = oneRun(ctx, tx, insertSteered, connectionID, dryRun, kind); err != nil {
			return err
		}
		for _, statement := range append([]string{"INSERT INTO mass_wish (run_id) VALUES ($1)"}, also...) {
			if _, err := tx.Exec(ctx, statement, run.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return run, err
}

const updateDesired = `
UPDATE mass_wish w SET wish = $2
  FROM sync_run r
 WHERE w.run_id = $1 AND r.id = w.run_id AND r.finished_at IS NULL AND (w.wish <> 'cancel' OR $2 = 'cancel')`

// SetDesired stores the desired state of a run. It returns a not_found error if the
// run has ended or was cancelled.
func (s *Store) SetDesired(ctx context.Context, runID int64, desired Desired) error {
	return s.updateOne(ctx, fmt.Sprintf("set_desired of run %d", runID), updateDesired, runID, desired)
}

// effectiveDesired is the desired state of a row of sync_run. A paused connection
// pauses its runs as well.
const effectiveDesired = ` coalesce(nullif((SELECT w.wish FROM mass_wish w WHERE w.run_id = sync_run.id), ''),
       (SELECT 'pause' FROM connection c WHERE c.id = sync_run.connection_id AND c.paused_at IS NOT NULL), '') `

// Desired returns the desired state of a run, or DesiredRunning if the run is gone.
func (s *Store) Desired(ctx context.Context, runID int64) (Desired, error) {
	var desired Desired
	err := s.pool.QueryRow(ctx, "SELECT"+effectiveDesired+"FROM sync_run WHERE id = $1", runID).Scan(&desired)
	if errors.Is(err, pgx.ErrNoRows) {
		return DesiredRunning, nil
	}
	return desired, wrap(err, "desired state of run %d", runID)
}

// Brake is why no page of a run may be written now.
type Brake string

const (
	BrakeOff     Brake = ""
	BrakeDesired Brake = "desired" // the operator wants the run to pause or to end
	BrakeSwitch  Brake = "switch"  // a program switch is under way
	BrakeEnded   Brake = "ended"   // the run is over
)

const selectBrake = `
SELECT CASE WHEN finished_at IS NOT NULL THEN 'ended'
            WHEN (SELECT c.switching FROM connection c WHERE c.id = sync_run.connection_id) THEN 'switch'
            WHEN` + effectiveDesired + `<> '' THEN 'desired'
            ELSE '' END
  FROM sync_run WHERE id = $1`

// Brake returns whether pages of a run may be written. It reads only two rows, so
// that writers can ask twice a second.
func (s *Store) Brake(ctx context.Context, runID int64) (Brake, error) {
	var brake Brake
	err := s.pool.QueryRow(ctx, selectBrake, runID).Scan(&brake)
	if errors.Is(err, pgx.ErrNoRows) {
		return BrakeEnded, nil
	}
	return brake, wrap(err, "brake of run %d", runID)
}

// CancelRun ends a run as cancelled and deletes its rows. A run that has ended
// stays as it is, which is no error.
func (s *Store) CancelRun(ctx context.Context, runID int64) error {
	return wrap(s.giveUp(ctx, runID, RunCancelled, ""), "cancel run %d", runID)
}

// CountCalls adds to a run's counts of calls to the vendors.
func (s *Store) CountCalls(ctx context.Context, runID int64, hubspot, advocate int) error {
	if hubspot == 0 && advocate == 0 {
		return nil
	}
	_, err := s.pool.Exec(ctx, `
UPDATE sync_run SET hubspot_calls = hubspot_calls + $2, advocate_calls = advocate_calls + $3 WHERE id = $1`, runID, hubspot, advocate)
	return wrap(err, "count_calls of run %d", runID)
}

// Progress is how far a run is, also after its end.
type Progress struct {
	Run
	Counts
	Desired       Desired
	HubSpotCalls  int64 // made; for a dry run: those that the real one would make
	AdvocateCalls int64
	Rate          float64 // rows per second that got a result lately; 0: unknown
}

// The last rate, if it is not too old; see addCounts.
const selectProgress = "SELECT " + runColumns + `,
       total, to_update, to_match_or_create, created, matched, updated, unchanged, blocked, no_email, parked,
      ` + effectiveDesired + `, hubspot_calls, advocate_calls,
       CASE WHEN rate_at - rate_since > '2 seconds' AND rate_at > now() - '1 minute'::interval AND finished_at IS NULL
            THEN rate / (1 - exp(extract(epoch FROM rate_since - rate_at) / 30)) ELSE 0 END
  FROM sync_run `

// MassProgress returns how far a mass sync of a connection is: the one named, or
// the latest for run 0. It returns a not_found error if there is none.
func (s *Store) MassProgress(ctx context.Context, connectionID string, runID int64) (Progress, error) {
	p, err := s.progress(ctx, selectProgress+`
 WHERE connection_id = $1 AND kind = 'mass' AND $2::bigint IN (0, id) ORDER BY id DESC LIMIT 1`, connectionID, runID)
	return p, wrap(err, "mass_progress of %s", connectionID)
}

// Prediction returns the dry run that predicted a mass sync: the latest finished
// one before it with the same program, unless another mass sync has done some of
// the work in between. found is false if there is none.
func (s *Store) Prediction(ctx context.Context, run Run) (p Progress, found bool, err error) {
	p, err = s.progress(ctx, selectProgress+`
 WHERE connection_id = $1 AND kind = 'mass' AND dry_run AND state = 'done' AND program = $2 AND id < $3
   AND NOT EXISTS (SELECT 1 FROM sync_run other
                    WHERE other.connection_id = $1 AND other.kind = 'mass' AND NOT other.dry_run
                      AND other.id > sync_run.id AND other.id < $3)
 ORDER BY id DESC LIMIT 1`, run.ConnectionID, run.ProgramID, run.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Progress{}, false, nil
	}
	return p, err == nil, wrap(err, "prediction of run %d", run.ID)
}

func (s *Store) progress(ctx context.Context, query string, args ...any) (Progress, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return Progress{}, err
	}
	return pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (Progress, error) {
		var p Progress
		r, c := &p.Run, &p.Counts
		err := row.Scan(append(r.fields(), &c.Total, &c.ToUpdate, &c.ToMatchOrCreate, &c.Created, &c.Matched, &c.Updated,
			&c.Unchanged, &c.Blocked, &c.NoEmail, &c.Parked, &p.Desired, &p.HubSpotCalls, &p.AdvocateCalls, &p.Rate)...)
		return p, err
	})
}

// OpenPage is a page with rows that have no result yet.
type OpenPage struct {
	Number int
	Begun  bool // an attempt has called MarkSending
}

// OpenPages returns the pages from..to, both included, that have rows without a
// result. Pages that an attempt has begun come first.
func (s *Store) OpenPages(ctx context.Context, runID int64, from, to int) ([]OpenPage, error) {
	rows, err := s.pool.Query(ctx, `
SELECT page, bool_or(state = 'sending') AS begun
  FROM staged_participant
 WHERE run_id = $1 AND page BETWEEN $2 AND $3 AND state IN ('planned', 'sending')
 GROUP BY page
 ORDER BY begun DESC, page`, runID, from, to)
	if err != nil {
		return nil, wrap(err, "open_pages of run %d", runID)
	}
	pages, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OpenPage])
	return pages, wrap(err, "open_pages of run %d", runID)
}

// If participants share an email, all but the first find the contact taken. The
// pages of a dry run cannot see that, because they write nothing.
const parkRivals = `
WITH rival AS (
     SELECT result
       FROM (SELECT result, row_number() OVER (PARTITION BY email_hash ORDER BY ordinal) AS place
               FROM staged_participant WHERE run_id = $1 AND result IN ('created', 'matched')) AS p
      WHERE place > 1)
UPDATE sync_run
   SET created = created - (SELECT count(*) FROM rival WHERE result = 'created'),
       matched = matched - (SELECT count(*) FROM rival WHERE result = 'matched'),
       parked = parked + (SELECT count(*) FROM rival)
 WHERE id = $1`

func finishRehearsal(ctx context.Context, tx pgx.Tx, run Run) error {
	if _, err := tx.Exec(ctx, parkRivals, run.ID); err != nil {
		return err
	}
	return end(ctx, tx, run.ID, RunDone, "")
}
