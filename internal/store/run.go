package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// RunKind says which pass a run is. A connection has at most one unfinished report
// and one unfinished mass sync.
type RunKind string

const (
	RunReport    RunKind = "report"    // what changed since the last report
	RunMass      RunKind = "mass"      // everybody
	RunRetry     RunKind = "retry"     // participants of retried items; has no export
	RunReconcile RunKind = "reconcile" // everybody, compared with everybody in HubSpot
)

// RunState is how far a run is.
type RunState string

const (
	RunRequested RunState = "requested" // its export is not staged yet
	RunStaged    RunState = "staged"
	RunPlanned   RunState = "planned" // its pages may be applied
	RunDone      RunState = "done"
	RunAborted   RunState = "aborted"
	RunCancelled RunState = "cancelled" // by the operator
)

func (s RunState) ended() bool { return s == RunDone || s == RunAborted || s == RunCancelled }

// Run is one pass from Advocate to HubSpot.
type Run struct {
	ID           int64
	ConnectionID string
	Kind         RunKind
	State        RunState
	ProgramID    string    // the connection's when the run began
	Since        time.Time // only rows created or updated since then; zero: all rows
	ExportID     string    // empty: not requested yet
	ExportedAt   time.Time // by Advocate's clock; zero: not requested yet; for a retry: when it began
	AskedAt      time.Time // when its export was requested, by the database's clock; zero: not requested yet
	Reason       string    // why it was aborted
	DryRun       bool      // a dry run of a mass sync: it writes nothing, and its counts are predictions
	Verify       bool      // a mass sync that reads contacts and compares, instead of trusting the ledger
	CreatedAt    time.Time
	FinishedAt   time.Time // zero: unfinished
}

// Counts counts the rows of a run by plan and by result.
type Counts struct {
	Total           int64 `json:"total"`
	ToUpdate        int64 `json:"to_update"`          // as planned
	ToMatchOrCreate int64 `json:"to_match_or_create"` // as planned

	Created   int64 `json:"created"`
	Matched   int64 `json:"matched"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Blocked   int64 `json:"blocked"`
	NoEmail   int64 `json:"no_email"`
	Parked    int64 `json:"parked"`
}

// Done returns the number of rows with a result.
func (c Counts) Done() int64 {
	return c.Created + c.Matched + c.Updated + c.Unchanged + c.Blocked + c.NoEmail + c.Parked
}

const runColumns = `id, connection_id, kind, state, program, coalesce(since, '0001-01-01Z'),
       export_id, coalesce(exported_at, '0001-01-01Z'), coalesce(as_of, '0001-01-01Z'), reason, dry_run, verify, created_at, coalesce(finished_at, '0001-01-01Z')`

// fields returns where to scan a row of runColumns.
func (r *Run) fields() []any {
	return []any{&r.ID, &r.ConnectionID, &r.Kind, &r.State, &r.ProgramID, &r.Since,
		&r.ExportID, &r.ExportedAt, &r.AskedAt, &r.Reason, &r.DryRun, &r.Verify, &r.CreatedAt, &r.FinishedAt}
}

func scanRun(row pgx.CollectableRow) (Run, error) {
	var r Run
	err := row.Scan(r.fields()...)
	return r, err
}

func oneRun(ctx context.Context, q queryer, query string, args ...any) (Run, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return Run{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanRun)
}

const insertReport = `
INSERT INTO sync_run (connection_id, kind, program, since)
SELECT id, 'report', program, coalesce(report_watermark, created_at) - $2::interval
  FROM connection
 WHERE id = $1
ON CONFLICT (connection_id, kind) WHERE finished_at IS NULL AND kind <> 'retry' DO NOTHING
RETURNING ` + runColumns

const selectUnfinished = "SELECT " + runColumns + `
  FROM sync_run WHERE connection_id = $1 AND kind = 'report' AND finished_at IS NULL`

// BeginReport returns the connection's unfinished report run, or begins one, which
// covers the time since overlap before the watermark of the last finished report,
// or before the connection's beginning.
func (s *Store) BeginReport(ctx context.Context, connectionID string, overlap time.Duration) (run Run, err error) {
	for range 2 { // an unfinished run may end between the two statements
		run, err = oneRun(ctx, s.pool, insertReport, connectionID, overlap)
		if !errors.Is(err, pgx.ErrNoRows) {
			break
		}
		run, err = oneRun(ctx, s.pool, selectUnfinished, connectionID)
		if !errors.Is(err, pgx.ErrNoRows) {
			break
		}
	}
	return run, wrap(err, "begin_report of %s", connectionID)
}

// Run returns a run, or a not_found error.
func (s *Store) Run(ctx context.Context, runID int64) (Run, error) {
	run, err := oneRun(ctx, s.pool, "SELECT "+runColumns+" FROM sync_run WHERE id = $1", runID)
	return run, wrap(err, "run %d", runID)
}

// lockRun locks a run, so that nobody else changes it or its rows.
func lockRun(ctx context.Context, tx pgx.Tx, runID int64) (Run, error) {
	return oneRun(ctx, tx, "SELECT "+runColumns+" FROM sync_run WHERE id = $1 FOR UPDATE", runID)
}

// BeginAsking records that a run's export is about to be requested. The export's
// values are from now or later; to be safe, writes to contacts from now on count as
// newer. Once rows are staged it returns a not_found error.
func (s *Store) BeginAsking(ctx context.Context, runID int64) error {
	return s.updateOne(ctx, fmt.Sprintf("begin_asking of run %d", runID), `
UPDATE sync_run SET as_of = now() WHERE id = $1 AND state = 'requested'`, runID)
}

// SetExport records the export that a run waits for, replacing an earlier one. Once
// rows are staged it returns a not_found error.
func (s *Store) SetExport(ctx context.Context, runID int64, exportID string, exportedAt time.Time) error {
	return s.updateOne(ctx, fmt.Sprintf("set_export of run %d", runID), `
UPDATE sync_run SET export_id = $2, exported_at = $3, as_of = coalesce(as_of, now()) WHERE id = $1 AND state = 'requested'`, runID, exportID, exportedAt)
}

// RunCounts returns the counts of a run, also after its end. They are maintained as
// the run goes on, so reading them is cheap.
func (s *Store) RunCounts(ctx context.Context, runID int64) (Counts, error) {
	c, err := runCounts(ctx, s.pool, runID)
	return c, wrap(err, "counts of run %d", runID)
}

func runCounts(ctx context.Context, q queryer, runID int64) (Counts, error) {
	var c Counts
	err := q.QueryRow(ctx, `
SELECT total, to_update, to_match_or_create, created, matched, updated, unchanged, blocked, no_email, parked
  FROM sync_run WHERE id = $1`, runID).Scan(&c.Total, &c.ToUpdate, &c.ToMatchOrCreate,
		&c.Created, &c.Matched, &c.Updated, &c.Unchanged, &c.Blocked, &c.NoEmail, &c.Parked)
	return c, err
}

// LatestRuns returns the ids of a connection's latest runs of a kind, the last one
// first.
func (s *Store) LatestRuns(ctx context.Context, connectionID string, kind RunKind, limit int) ([]int64, error) {
	rows, err := s.pool.Query(ctx, "SELECT id FROM sync_run WHERE connection_id = $1 AND kind = $2 ORDER BY id DESC LIMIT $3", connectionID, kind, limit)
	if err != nil {
		return nil, wrap(err, "latest_runs of %s", connectionID)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	return ids, wrap(err, "latest_runs of %s", connectionID)
}

// PurgeRuns deletes the runs that ended before a time.
func (s *Store) PurgeRuns(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM sync_run WHERE finished_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_runs")
}

// refused returns the error of a step that the run's state does not allow.
func (r Run) refused(step string) error {
	kind := bridge.Invalid
	if r.State.ended() {
		kind = bridge.NotFound
	}
	return &bridge.Error{Kind: kind, Op: "store." + step, Err: errors.New("the run is " + string(r.State))}
}
