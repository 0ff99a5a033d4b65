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
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
)

// exports is the part of the Advocate client that makes and reads exports.
type exports interface {
	FindExport(ctx context.Context, name string) (advocate.Export, error)
	CreateExport(ctx context.Context, req advocate.ExportRequest) (advocate.Export, error)
	Export(ctx context.Context, id string) (advocate.Export, error)
	DownloadExport(ctx context.Context, id string) iter.Seq2[bridge.Participant, error]
}

// Exports groups the activities that turn an Advocate export into a plan.
type Exports struct {
	connections Connections
	store       *store.Store
	hash        *seal.Hasher
	patience    time.Duration
	wait        time.Duration
	now         func() time.Time
}

// NewExports returns the export activities over their dependencies. patience is how
// long an export may take from its request until its rows are staged; after that
// another one is requested. wait is how long PrepareReport waits for one itself.
func NewExports(connections Connections, s *store.Store, patience, wait time.Duration, now func() time.Time) *Exports {
	return &Exports{connections: connections, store: s, hash: s.Hasher(), patience: patience, wait: wait, now: now}
}

// A small export is ready within a second; the vendor's own example took 28 s. So
// the first polls come soon, and later ones every pollMost.
const (
	pollFirst = 250 * time.Millisecond
	pollMost  = 2 * time.Second
)

// nextPoll returns how long to wait after an attempt that found the export pending.
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

// refused reports whether Advocate refused the request for good.
func refused(err error) bool {
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.NotFound, bridge.Conflict:
		return true
	default:
		return false
	}
}

// RequestMassInput names a mass sync that needs an export.
type RequestMassInput struct {
	Run
	Lost int `json:"lost,omitempty"` // exports of this run that were lost before
}

// RequestMass makes sure that an export of everybody is requested. Each export has
// a name of its own, so that one that was lost is not found again.
func (a *Exports) RequestMass(ctx context.Context, in RequestMassInput) error {
	run, conn, err := a.open(ctx, in.Run)
	if err != nil || run.State != store.RunRequested || run.ExportID != "" && in.Lost == 0 {
		return retryable(err)
	}
	return retryable(a.request(ctx, conn, run, fmt.Sprintf("advocatesync %s mass sync %d.%d", conn.ID, run.ID, in.Lost+1)))
}

// request finds the export with a name, or requests it, and records its id.
func (a *Exports) request(ctx context.Context, conn ConnectionClients, run store.Run, name string) error {
	calls := 1
	export, err := conn.Advocate.FindExport(ctx, name)
	if bridge.KindOf(err) == bridge.NotFound {
		calls++
		if err := a.store.BeginAsking(ctx, run.ID); err != nil {
			return err
		}
		export, err = conn.Advocate.CreateExport(ctx, advocate.ExportRequest{Name: name, ProgramID: run.ProgramID, Since: run.Since})
	}
	if err := errors.Join(err, a.store.CountCalls(ctx, run.ID, 0, calls)); err != nil {
		return err
	}
	return a.store.SetExport(ctx, run.ID, export.ID, export.DateCreated)
}

// AwaitExport returns once the run's export can be downloaded. Until then it fails
// as pending and its retry policy polls, which adds nothing to the history. A lost
// export fails for good as not_found, and so does one that is not ready when the
// patience ends.
func (a *Exports) AwaitExport(ctx context.Context, in Run) error {
	return retryable(a.awaitExport(ctx, in, activity.GetInfo(ctx).Attempt))
}

// awaitExport asks Advocate once.
func (a *Exports) awaitExport(ctx context.Context, in Run, attempt int32) error {
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return err
	}
	if run.State != store.RunRequested {
		return nil // an earlier attempt of this run got further
	}
	export, err := conn.Advocate.Export(ctx, run.ExportID)
	err = errors.Join(err, a.store.CountCalls(ctx, run.ID, 0, 1))
	switch {
	case err != nil:
	case export.Status == advocate.ExportCompleted:
	case export.Status == advocate.ExportAborted, export.Status == advocate.ExportExpired:
		err = &bridge.Error{Kind: bridge.NotFound, Op: "advocate.export", Code: string(export.Status)}
	default: // pending, or an undocumented status: it may still complete
		err = &bridge.Error{Kind: bridge.Pending, Op: "advocate.export", Code: string(export.Status), RetryAfter: nextPoll(attempt)}
	}
	return a.orGiveUp(run, err)
}

// orGiveUp returns err, or a not_found error if the patience is over. It keeps
// errors about our credentials and Advocate's requests to wait, because they say
// nothing about the export.
func (a *Exports) orGiveUp(run store.Run, err error) error {
	if err == nil || run.AskedAt.IsZero() || a.now().Sub(run.AskedAt) < a.patience {
		return err
	}
	switch bridge.KindOf(err) {
	case bridge.Pending, bridge.Unavailable, bridge.Unknown:
		return &bridge.Error{Kind: bridge.NotFound, Op: "activities.export", Code: "GIVEN_UP",
			// Not wrapped, because the innermost error is shown as the reason.
			Err: errors.New("not there " + a.patience.String() + " after it was requested: " + err.Error())}
	default:
		return err
	}
}

// StageExport streams the export into the staging table. It replaces what an
// earlier attempt staged. Rows that cannot be read are parked; a file that cannot
// be read fails for good as not_found, as a lost export does.
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
	_, err = a.store.Stage(ctx, run.ID, program, bad.parked(ctx, conn.Advocate.DownloadExport(ctx, run.ExportID)))
	err = errors.Join(err, a.store.CountCalls(ctx, run.ID, 0, 1))
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

// PlanRun decides for every staged row what to do in HubSpot, and divides the work
// into pages. A mass sync decides again about rows that were handled before.
func (a *Exports) PlanRun(ctx context.Context, in Run) (PlanRunResult, error) {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return PlanRunResult{}, retryable(err)
	}
	counts, err := a.store.PlanRun(ctx, in.ID, run.Kind == store.RunMass)
	if err != nil {
		return PlanRunResult{}, retryable(err)
	}
	pages, err := a.store.Pages(ctx, in.ID)
	return PlanRunResult{Pages: pages, Counts: counts}, retryable(err)
}

// FinishRun moves the watermark, deletes the staged rows and returns the run's
// counts. It fails while rows are left to do.
func (a *Exports) FinishRun(ctx context.Context, in Run) (Counts, error) {
	counts, err := a.store.FinishRun(ctx, in.ID)
	return counts, retryable(err)
}

// AbandonRunInput names a run that cannot continue, and why.
type AbandonRunInput struct {
	Run
	Reason string `json:"reason"`
}

// AbandonRun ends a run that cannot continue. The watermark stays, so the next run
// exports the same rows.
func (a *Exports) AbandonRun(ctx context.Context, in AbandonRunInput) error {
	return retryable(a.store.AbortRun(ctx, in.ID, in.Reason))
}

// Desired is the desired state of a run.
type Desired = store.Desired

// The desired states.
const (
	DesiredRunning   = store.DesiredRunning
	DesiredPaused    = store.DesiredPaused
	DesiredCancelled = store.DesiredCancelled
)

// DesiredResult is the desired state of a run.
type DesiredResult struct {
	Desired Desired `json:"wish,omitempty"`
}

// Wish reads the desired state of a mass sync. Its name is in histories.
func (a *Exports) Wish(ctx context.Context, in Run) (DesiredResult, error) {
	desired, err := a.store.Desired(ctx, in.ID)
	return DesiredResult{Desired: desired}, retryable(err)
}

// CancelRun ends a mass sync that the operator no longer wants.
func (a *Exports) CancelRun(ctx context.Context, in Run) error {
	return retryable(a.store.CancelRun(ctx, in.ID))
}

func (a *Exports) open(ctx context.Context, in Run) (store.Run, ConnectionClients, error) {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return store.Run{}, ConnectionClients{}, err
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	return run, conn, err
}
