package activities

import (
	"context"
	"fmt"
	"iter"
	"time"

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
	SetExport(ctx context.Context, runID int64, exportID string, exportedAt time.Time) error
	Stage(ctx context.Context, runID int64, program bridge.Program, rows iter.Seq2[bridge.Participant, error]) (int64, error)
	PlanRun(ctx context.Context, runID int64, fullPass bool) (store.Counts, error)
	Pages(ctx context.Context, runID int64) (int, error)
	FinishRun(ctx context.Context, runID int64) (store.Counts, error)
	AbortRun(ctx context.Context, runID int64, reason string) error
}

// Exports groups the activities that turn an Advocate export into a plan.
type Exports struct {
	links Links
	runs  runs
}

// NewExports returns the export activities over their dependencies.
func NewExports(links Links, runs runs) *Exports {
	return &Exports{links: links, runs: runs}
}

// reportOverlap is how far a report reaches back behind the last one. Advocate
// publishes neither the inclusiveness of its bounds nor how soon a write shows
// up in an export, so rows are asked for again and known ones cost nothing.
const reportOverlap = 5 * time.Minute

// pollExport is how soon a pending export is looked at again; the vendor's own
// example took 28 s.
const pollExport = 2 * time.Second

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
// export that was requested but not noted, by its name.
func (a *Exports) RequestReport(ctx context.Context, in RequestReportInput) (Run, error) {
	link, err := a.links.Open(ctx, in.ConnectionID)
	if err != nil {
		return Run{}, retryable(err)
	}
	run, err := a.runs.BeginReport(ctx, in.ConnectionID, reportOverlap)
	if err != nil || run.ExportID != "" {
		return Run{ID: run.ID}, retryable(err)
	}
	export, err := a.request(ctx, link, run)
	a.links.Observe(ctx, link.Connection, err, VendorAdvocate)
	if err != nil {
		return Run{}, retryable(err)
	}
	return Run{ID: run.ID}, a.runs.SetExport(ctx, run.ID, export.ID, export.DateCreated)
}

func (a *Exports) request(ctx context.Context, link Link, run store.Run) (advocate.Export, error) {
	name := fmt.Sprintf("advocatesync %s run %d", link.ID, run.ID)
	export, err := link.Advocate.FindExport(ctx, name)
	if bridge.KindOf(err) != bridge.NotFound {
		return export, err
	}
	return link.Advocate.CreateExport(ctx, advocate.ExportRequest{Name: name, ProgramID: run.ProgramID, Since: run.Since})
}

// AwaitExport returns once the run's export can be downloaded. While it is
// pending the activity fails with that kind and its retry policy asks again:
// polling then costs no history. A lost export fails for good.
func (a *Exports) AwaitExport(ctx context.Context, in Run) error {
	run, link, err := a.open(ctx, in)
	if err != nil {
		return retryable(err)
	}
	if run.State != store.RunRequested {
		return nil // an earlier attempt of this run got further
	}
	export, err := link.Advocate.Export(ctx, run.ExportID)
	switch {
	case err != nil:
	case export.Status == advocate.ExportPending:
		err = &bridge.Error{Kind: bridge.Pending, Op: "advocate.export", RetryAfter: pollExport}
	case export.Status != advocate.ExportCompleted:
		err = &bridge.Error{Kind: bridge.NotFound, Op: "advocate.export", Code: string(export.Status)}
	}
	return retryable(err)
}

// StageExport streams the export into the staging table. It replaces whatever
// an earlier attempt staged.
func (a *Exports) StageExport(ctx context.Context, in Run) error {
	run, link, err := a.open(ctx, in)
	if err != nil {
		return retryable(err)
	}
	if run.State != store.RunRequested {
		return nil
	}
	program := link.Sharing
	program.ID = run.ProgramID
	_, err = a.runs.Stage(ctx, run.ID, program, link.Advocate.DownloadExport(ctx, run.ExportID))
	return retryable(err)
}

// PlanRunResult says how much a run has to do.
type PlanRunResult struct {
	Pages  int    `json:"pages"`
	Counts Counts `json:"counts"`
}

// PlanRun decides for every staged row what it asks of HubSpot, and cuts the
// work into pages of 100.
func (a *Exports) PlanRun(ctx context.Context, in Run) (PlanRunResult, error) {
	counts, err := a.runs.PlanRun(ctx, in.ID, false)
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

func (a *Exports) open(ctx context.Context, in Run) (store.Run, Link, error) {
	run, err := a.runs.Run(ctx, in.ID)
	if err != nil {
		return store.Run{}, Link{}, err
	}
	link, err := a.links.Open(ctx, run.ConnectionID)
	return run, link, err
}
