package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// ReportSyncResult says what one report did.
type ReportSyncResult struct {
	Counts    activities.Counts `json:"counts"`
	Abandoned string            `json:"abandoned,omitempty"` // why the export was abandoned; the next report requests another
	Stopped   bool              `json:"stopped,omitempty"`   // the connection is paused; the next report continues
}

// ReportSyncID returns the id of a connection's report schedule, which is the
// prefix of the ids of its runs.
func ReportSyncID(connectionID string) string {
	return "report-sync/" + connectionID
}

// ReportSyncInput names the connection to report on.
type ReportSyncInput struct {
	ConnectionID string `json:"connection_id"`

	// Carried over continue-as-new only.
	RunID int64 `json:"run_id,omitempty"` // planned
	Pages int   `json:"pages,omitempty"`  // of the plan
	Next  int   `json:"next,omitempty"`   // pages up to here are done
}

// ReportSync carries what changed in Advocate since the last report over to
// HubSpot: one export, staged, planned and applied in pages. A schedule starts it
// every minute and skips a minute while one is still at work. If it is stopped, the
// next one resumes the same run: finished pages are not repeated, and the watermark
// moves only when every row is handled or parked.
func ReportSync(ctx workflow.Context, in ReportSyncInput) (ReportSyncResult, error) {
	run := activities.Run{ID: in.RunID}
	if in.RunID == 0 {
		report, err := prepare(ctx, in.ConnectionID)
		switch run = report.Run; {
		case err != nil && run.ID == 0:
			return ReportSyncResult{}, err
		case err != nil:
			return abandon(ctx, run, err)
		case report.Step == activities.ReportFinished:
			return ReportSyncResult{Counts: report.Counts}, nil
		}
		in.RunID, in.Pages = run.ID, report.Pages
	}
	if version(ctx, changePages) == workflow.DefaultVersion {
		return applyOneByOne(ctx, in)
	}
	applier := pageApplier{run: run, pages: in.Pages, next: in.Next}
	err := applier.apply(ctx)
	switch in.Next = applier.next; {
	case err != nil:
		return abandon(ctx, run, err)
	case applier.stopped:
		return ReportSyncResult{Stopped: true}, nil
	case !applier.done():
		return ReportSyncResult{}, workflow.NewContinueAsNewError(ctx, ReportSyncName, in)
	}
	var result ReportSyncResult
	if err := workflow.ExecuteActivity(bulk(ctx, "move the watermark"), exports.FinishRun, run).Get(ctx, &result.Counts); err != nil {
		return abandon(ctx, run, err)
	}
	return result, nil
}

// prepare has the report requested, staged and planned: by one activity if the
// export is ready soon, and by one for each step if not. If it fails after the
// request, it returns the run as well.
func prepare(ctx workflow.Context, connectionID string) (activities.PreparedReport, error) {
	var report activities.PreparedReport
	request := activities.RequestReportInput{ConnectionID: connectionID}
	if version(ctx, changePrepare) == workflow.DefaultVersion {
		if err := workflow.ExecuteActivity(bulk(ctx, "request the export"), exports.RequestReport, request).Get(ctx, &report.Run); err != nil {
			return report, err
		}
	} else if err := workflow.ExecuteActivity(bulk(ctx, "request, stage and plan"), exports.PrepareReport, request).Get(ctx, &report); err != nil {
		return report, err
	}
	if report.Step == activities.ReportPlanned || report.Step == activities.ReportFinished {
		return report, nil
	}
	if err := fetch(ctx, report.Run); err != nil {
		return report, err
	}
	var plan activities.PlanRunResult
	err := workflow.ExecuteActivity(bulk(ctx, "plan"), exports.PlanRun, report.Run).Get(ctx, &plan)
	report.Pages = plan.Pages
	return report, err
}

// fetch waits for the export and stages it.
func fetch(ctx workflow.Context, run activities.Run) error {
	if err := awaitExport(ctx, run); err != nil {
		return err
	}
	return workflow.ExecuteActivity(bulk(ctx, "stage the export"), exports.StageExport, run).Get(ctx, nil)
}

// awaitExport polls until the export can be downloaded. A signal that it is ready
// ends the pause between two polls. The signal is only a hint, so Advocate is
// asked.
func awaitExport(ctx workflow.Context, run activities.Run) error {
	ready := workflow.GetSignalChannel(ctx, SignalExportReady)
	for {
		polls, stop := workflow.WithCancel(ctx)
		poll := workflow.ExecuteActivity(polling(polls), exports.AwaitExport, run)
		told := false
		workflow.NewSelector(ctx).
			AddFuture(poll, func(workflow.Future) {}).
			AddReceive(ready, func(c workflow.ReceiveChannel, _ bool) { told = c.ReceiveAsync(nil) }).
			Select(ctx)
		if !told {
			err := poll.Get(ctx, nil)
			stop()
			return err
		}
		stop()
		for ready.ReceiveAsync(nil) { // one poll is enough for all
		}
	}
}

// abandon gives up a run that cannot go on: its export is lost or cannot be read,
// or the run was ended by a program switch. The next report requests another
// export, from the same watermark. A failure that may pass fails this workflow
// only: the next report resumes the same run.
func abandon(ctx workflow.Context, run activities.Run, cause error) (ReportSyncResult, error) {
	var failure *temporal.ApplicationError
	if !errors.As(cause, &failure) || !failure.NonRetryable() {
		return ReportSyncResult{}, cause
	}
	input := activities.AbandonRunInput{Run: run, Reason: reason(cause)}
	err := workflow.ExecuteActivity(bulk(ctx, "abandon the run"), exports.AbandonRun, input).Get(ctx, nil)
	return ReportSyncResult{Abandoned: input.Reason}, err
}

// applyOneByOne continues a report that was begun without changePages: one activity
// for each page.
func applyOneByOne(ctx workflow.Context, in ReportSyncInput) (ReportSyncResult, error) {
	run := activities.Run{ID: in.RunID}
	if err := applyPages(ctx, run, in.Pages); err != nil {
		return abandon(ctx, run, err)
	}
	var result ReportSyncResult
	if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return result, workflow.NewContinueAsNewError(ctx, ReportSyncName, in)
	}
	if err := workflow.ExecuteActivity(bulk(ctx, "move the watermark"), exports.FinishRun, run).Get(ctx, &result.Counts); err != nil {
		return abandon(ctx, run, err)
	}
	return result, nil
}

// pagesAtOnce is how many pages applyPages applies concurrently.
const pagesAtOnce = 4

// applyPages applies each page by an activity of its own.
func applyPages(ctx workflow.Context, run activities.Run, total int) error {
	window, group := workflow.NewSemaphore(ctx, pagesAtOnce), workflow.NewWaitGroup(ctx)
	var failed error
	for page := 1; page <= total && failed == nil && !workflow.GetInfo(ctx).GetContinueAsNewSuggested(); page++ {
		if err := window.Acquire(ctx, 1); err != nil {
			failed = err
			break
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			defer window.Release(1)
			summary := fmt.Sprintf("apply page %d of %d", page, total)
			input := activities.ApplyPageInput{Run: run, Page: page}
			if err := workflow.ExecuteActivity(bulk(ctx, summary), pages.ApplyPage, input).Get(ctx, nil); err != nil {
				failed = err
			}
		})
	}
	group.Wait(ctx)
	return failed
}
