package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sethvargo/go-retry"

	"advocatesync/internal/bridge"
)

// reportOverlap is how far a report reaches back behind the last one. Advocate
// documents neither whether its bounds are inclusive nor how soon a write shows up
// in an export, so some rows are exported twice. Known rows cost nothing.
const reportOverlap = 5 * time.Minute

// RequestReportInput names the connection to report on.
type RequestReportInput struct {
	ConnectionID string `json:"connection_id"`
}

// RequestReport makes sure that the connection has a report run with a requested
// export. It resumes the unfinished run if there is one, and finds an export that
// was requested but not recorded by its name. If Advocate refuses the export, the
// run ends with that reason and the next report requests another.
func (a *Exports) RequestReport(ctx context.Context, in RequestReportInput) (Run, error) {
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	if err != nil {
		return Run{}, retryable(err)
	}
	run, err := a.store.BeginReport(ctx, in.ConnectionID, reportOverlap)
	if err != nil || run.ExportID != "" {
		return Run{ID: run.ID}, retryable(err)
	}
	name := fmt.Sprintf("advocatesync %s run %d", conn.ID, run.ID)
	err = a.request(ctx, conn, run, name)
	if refused(err) {
		err = errors.Join(err, a.store.AbortRun(ctx, run.ID, "Advocate refuses the export: "+err.Error()))
	}
	return Run{ID: run.ID}, retryable(err)
}

// ExportWait is how long PrepareReport waits for the export itself. It covers a small
// export; a longer wait would keep one of the worker's slots for nothing.
const ExportWait = 3 * time.Second

// ReportStep is how far a report has come.
type ReportStep string

// The steps of a report, in their order.
const (
	ReportRequested ReportStep = "requested" // its export cannot be staged yet
	ReportPlanned   ReportStep = "planned"   // its pages can be applied
	ReportFinished  ReportStep = "finished"  // without a page: the watermark has moved
)

// PreparedReport is a report before its pages are applied.
type PreparedReport struct {
	Run
	Step   ReportStep `json:"step"`
	Pages  int        `json:"pages,omitempty"` // once it is planned
	Counts Counts     `json:"counts"`          // once it is finished
}

// PrepareReport requests, stages and plans a report, and finishes one that brings no
// news. Almost every report is such a one, and each activity costs a round through
// Temporal. It fails only if the export cannot be requested. What fails later it
// leaves to the activity of that step, which knows how often to try.
func (a *Exports) PrepareReport(ctx context.Context, in RequestReportInput) (PreparedReport, error) {
	run, err := a.RequestReport(ctx, in)
	if err != nil {
		return PreparedReport{}, err
	}
	report := PreparedReport{Run: run, Step: ReportRequested}
	if a.awaitInPlace(ctx, run) != nil || a.StageExport(ctx, run) != nil {
		return report, retryable(ctx.Err())
	}
	plan, err := a.PlanRun(ctx, run)
	if err != nil {
		return report, retryable(ctx.Err())
	}
	report.Step, report.Pages = ReportPlanned, plan.Pages
	if plan.Pages > 0 {
		return report, nil
	}
	if counts, err := a.FinishRun(ctx, run); err == nil {
		report.Step, report.Counts = ReportFinished, counts
	}
	return report, retryable(ctx.Err())
}

// awaitInPlace waits for the export, for a.wait at most.
func (a *Exports) awaitInPlace(ctx context.Context, run Run) error {
	attempt := int32(0)
	pauses := retry.BackoffFunc(func() (time.Duration, bool) { return nextPoll(attempt), false })
	return retry.Do(ctx, retry.WithMaxDuration(a.wait, pauses), func(ctx context.Context) error {
		attempt++
		err := a.awaitExport(ctx, run, attempt)
		if bridge.KindOf(err) == bridge.Pending {
			return retry.RetryableError(err)
		}
		return err
	})
}
