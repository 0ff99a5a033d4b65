package activities

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// exports is the part of the Advocate client that reports are read with.
type exports interface {
	FindExport(ctx context.Context, name string) (advocate.Export, error)
	CreateExport(ctx context.Context, req advocate.ExportRequest) (advocate.Export, error)
	Export(ctx context.Context, id string) (advocate.Export, error)
	DownloadExport(ctx context.Context, id string) iter.Seq2[bridge.Participant, error]
}

// runs is the store's side of a run: from the export to the finished plan.
type runs interface {
	BeginReport(ctx context.Context, connectionID string, overlap time.Duration) (store.Run, error)
	Run(ctx context.Context, runID int64) (store.Run, error)
	BeginAsking(ctx context.Context, runID int64) error
	SetExport(ctx context.Context, runID int64, exportID string, exportedAt time.Time) error
	Stage(ctx context.Context, runID int64, program bridge.Program, rows iter.Seq2[bridge.Participant, error]) (int64, error)
	PlanRun(ctx context.Context, runID int64, fullPass bool) (store.Counts, error)
	Pages(ctx context.Context, runID int64) (int, error)
	FinishRun(ctx context.Context, runID int64) (store.Counts, error)
	AbortRun(ctx context.Context, runID int64, reason string) error
	CancelRun(ctx context.Context, runID int64) error
	Desired(ctx context.Context, runID int64) (store.Desired, error)
	CountCalls(ctx context.Context, runID int64, hubspot, advocate int) error
	Park(ctx context.Context, item bridge.ParkedItem) (int64, error)
	CloseUnreadable(ctx context.Context, connectionID string, except []string) error
}

// Exports groups the activities that turn an Advocate export into a plan.
type Exports struct {
	connections Connections
	runs        runs
	hash        hasher
	patience    time.Duration
	now         func() time.Time
}

// NewExports returns the export activities over their dependencies. patience is
// how long an export may take from when it was asked for until its rows are
// staged, before another one is asked for.
func NewExports(connections Connections, runs runs, hash hasher, patience time.Duration, now func() time.Time) *Exports {
	return &Exports{connections: connections, runs: runs, hash: hash, patience: patience, now: now}
}

// reportOverlap is how far a report reaches back behind the last one. Advocate
// publishes neither the inclusiveness of its bounds nor how soon a write shows
// up in an export, so rows are asked for again and known ones cost nothing.
const reportOverlap = 5 * time.Minute

// An export is small and ready within the second, or large: the vendor's own
// example took 28 s. So it is looked at again soon at first, and then every
// pollMost.
const (
	pollFirst = 250 * time.Millisecond
	pollMost  = 2 * time.Second
)

// nextPoll is how long to wait after an attempt that found the export pending.
func nextPoll(attempt int32) time.Duration {
	wait := pollFirst
	for ; attempt > 1 && wait < pollMost; attempt-- {
		wait *= 2
	}
	return wait
}

// Counts is what a run found and did.
type Counts = store.Counts

// Run names a run of the set path.
type Run struct {
	ID int64 `json:"run_id"`
}

// RequestReportInput names the connection to report on.
type RequestReportInput struct {
	ConnectionID string `json:"connection_id"`
}

// RequestReport makes sure that the connection has a report run with an export
// on its way: it takes up the unfinished run if there is one, and finds an
// export that was requested but not noted, by its name. A run whose export
// Advocate refuses is over, and says why: the next report asks anew.
func (a *Exports) RequestReport(ctx context.Context, in RequestReportInput) (Run, error) {
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	if err != nil {
		return Run{}, retryable(err)
	}
	run, err := a.runs.BeginReport(ctx, in.ConnectionID, reportOverlap)
	if err != nil || run.ExportID != "" {
		return Run{ID: run.ID}, retryable(err)
	}
	name := fmt.Sprintf("advocatesync %s run %d", conn.ID, run.ID)
	err = a.request(ctx, conn, run, name)
	if refused(err) {
		err = errors.Join(err, a.runs.AbortRun(ctx, run.ID, "Advocate refuses the export: "+err.Error()))
	}
	return Run{ID: run.ID}, retryable(err)
}

// refused tells an answer that asking again will not change.
func refused(err error) bool {
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.NotFound, bridge.Conflict:
		return true
	default:
		return false
	}
}

// RequestMassInput names a mass sync whose export is wanted.
type RequestMassInput struct {
	Run
	Lost int `json:"lost,omitempty"` // exports of this run that were lost before
}

// RequestMass makes sure that an export of everybody is on its way. Another one
// than those that were lost, so each has a name of its own.
func (a *Exports) RequestMass(ctx context.Context, in RequestMassInput) error {
	run, conn, err := a.open(ctx, in.Run)
	if err != nil || run.State != store.RunRequested || run.ExportID != "" && in.Lost == 0 {
		return retryable(err)
	}
	return retryable(a.request(ctx, conn, run, fmt.Sprintf("advocatesync %s mass sync %d.%d", conn.ID, run.ID, in.Lost+1)))
}

// request finds the export of a name, or asks for it, and notes it.
func (a *Exports) request(ctx context.Context, conn ConnectionClients, run store.Run, name string) error {
	calls := 1
	export, err := conn.Advocate.FindExport(ctx, name)
	if bridge.KindOf(err) == bridge.NotFound {
		calls++
		if err := a.runs.BeginAsking(ctx, run.ID); err != nil {
			return err
		}
		export, err = conn.Advocate.CreateExport(ctx, advocate.ExportRequest{Name: name, ProgramID: run.ProgramID, Since: run.Since})
	}
	if err := errors.Join(err, a.runs.CountCalls(ctx, run.ID, 0, calls)); err != nil {
		return err
	}
	return a.runs.SetExport(ctx, run.ID, export.ID, export.DateCreated)
}

// AwaitExport returns once the run's export can be downloaded. While it is
// pending the activity fails with that kind and its retry policy asks again:
// polling then costs no history. A lost export fails for good as not_found, and
// so does one that is not there when the patience ends.
func (a *Exports) AwaitExport(ctx context.Context, in Run) error {
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return retryable(err)
	}
	if run.State != store.RunRequested {
		return nil // an earlier attempt of this run got further
	}
	export, err := conn.Advocate.Export(ctx, run.ExportID)
	err = errors.Join(err, a.runs.CountCalls(ctx, run.ID, 0, 1))
	switch {
	case err != nil:
	case export.Status == advocate.ExportPending:
		err = &bridge.Error{Kind: bridge.Pending, Op: "advocate.export", RetryAfter: nextPoll(activity.GetInfo(ctx).Attempt)}
	case export.Status != advocate.ExportCompleted:
		err = &bridge.Error{Kind: bridge.NotFound, Op: "advocate.export", Code: string(export.Status)}
	}
	return retryable(a.orGiveUp(run, err))
}

// orGiveUp is err, or the end of the run's export if the patience is over. Where
// Advocate refuses our credentials, or wants us to wait, nothing is wrong with
// the export.
func (a *Exports) orGiveUp(run store.Run, err error) error {
	if err == nil || run.AskedAt.IsZero() || a.now().Sub(run.AskedAt) < a.patience {
		return err
	}
	switch bridge.KindOf(err) {
	case bridge.Pending, bridge.Unavailable, bridge.Unknown:
		return &bridge.Error{Kind: bridge.NotFound, Op: "activities.export", Code: "GIVEN_UP",
			// Not wrapped: the innermost error would be told as the reason.
			Err: errors.New("not there " + a.patience.String() + " after it was requested: " + err.Error())}
	default:
		return err
	}
}

// StageExport streams the export into the staging table. It replaces whatever
// an earlier attempt staged. Rows that cannot be read are parked; a file that
// cannot be read fails for good as not_found, as a lost export does.
func (a *Exports) StageExport(ctx context.Context, in Run) error {
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return retryable(err)
	}
	if run.State != store.RunRequested {
		return nil
	}
	program := conn.Sharing
	program.ID = run.ProgramID
	bad := unreadableRows{exports: a, run: run}
	_, err = a.runs.Stage(ctx, run.ID, program, bad.parked(ctx, conn.Advocate.DownloadExport(ctx, run.ExportID)))
	err = errors.Join(err, a.runs.CountCalls(ctx, run.ID, 0, 1))
	if err == nil {
		err = bad.finish(ctx)
	}
	return retryable(a.orGiveUp(run, err))
}

// PlanRunResult says how much a run has to do.
type PlanRunResult struct {
	Pages  int    `json:"pages"`
	Counts Counts `json:"counts"`
}

// PlanRun decides for every staged row what it asks of HubSpot, and cuts the
// work into pages. A mass sync looks again at what was handled before.
func (a *Exports) PlanRun(ctx context.Context, in Run) (PlanRunResult, error) {
	run, err := a.runs.Run(ctx, in.ID)
	if err != nil {
		return PlanRunResult{}, retryable(err)
	}
	counts, err := a.runs.PlanRun(ctx, in.ID, run.Kind == store.RunMass)
	if err != nil {
		return PlanRunResult{}, retryable(err)
	}
	pages, err := a.runs.Pages(ctx, in.ID)
	return PlanRunResult{Pages: pages, Counts: counts}, retryable(err)
}

// FinishRun moves the watermark, forgets the staged rows and returns what the
// run did. It refuses while rows are left to do.
func (a *Exports) FinishRun(ctx context.Context, in Run) (Counts, error) {
	counts, err := a.runs.FinishRun(ctx, in.ID)
	return counts, retryable(err)
}

// AbandonRunInput names a run that cannot go on, and why.
type AbandonRunInput struct {
	Run
	Reason string `json:"reason"`
}

// AbandonRun drops a run whose export is lost. The watermark stays, so the
// next run asks for the same rows.
func (a *Exports) AbandonRun(ctx context.Context, in AbandonRunInput) error {
	return retryable(a.runs.AbortRun(ctx, in.ID, in.Reason))
}

// Desired is what the operator wants of a mass sync.
type Desired = store.Desired

// What the operator may want.
const (
	DesiredRunning   = store.DesiredRunning
	DesiredPaused    = store.DesiredPaused
	DesiredCancelled = store.DesiredCancelled
)

// DesiredResult says what the operator wants.
type DesiredResult struct {
	Desired Desired `json:"wish,omitempty"`
}

// Wish reads the desired state of a mass sync. Its name is in histories.
func (a *Exports) Wish(ctx context.Context, in Run) (DesiredResult, error) {
	desired, err := a.runs.Desired(ctx, in.ID)
	return DesiredResult{Desired: desired}, retryable(err)
}

// CancelRun ends a mass sync that the operator does not want any more.
func (a *Exports) CancelRun(ctx context.Context, in Run) error {
	return retryable(a.runs.CancelRun(ctx, in.ID))
}

func (a *Exports) open(ctx context.Context, in Run) (store.Run, ConnectionClients, error) {
	run, err := a.runs.Run(ctx, in.ID)
	if err != nil {
		return store.Run{}, ConnectionClients{}, err
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	return run, conn, err
}
