package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

const (
	// pagesPerActivity is how many pages one activity applies: many, so that
	// the history of a million participants stays short; not so many that the
	// pages of one take longer than a minute.
	pagesPerActivity = 40
	// activitiesAtOnce is how many of them are under way: while one ends with
	// its last page, the others keep HubSpot busy.
	activitiesAtOnce = 3
)

// pageApplier applies the pages of a planned run, whichever pass it belongs to.
// Its position is the workflow's to carry over continue-as-new.
type pageApplier struct {
	run        activities.Run
	pages      int  // of the plan
	next       int  // pages up to here are done
	stopped    bool // the operator wants the run to stop: pages are left to do
	progressed func(ctx workflow.Context, counts activities.Counts)
}

// done reports that all pages are applied.
func (a *pageApplier) done() bool { return a.next >= a.pages }

// apply applies pages until all are done, the operator wants the run to stop, or
// the history is long enough. It gets on by one range at least, so that no run
// is continued as new for ever. Activities under way end first in any case, and
// the first failure of one is returned.
func (a *pageApplier) apply(ctx workflow.Context) error {
	window, group := workflow.NewSemaphore(ctx, activitiesAtOnce), workflow.NewWaitGroup(ctx)
	var failed error
	begun, left := a.next, a.pages // left: pages up to here are done
	for begun < a.pages && (begun == a.next || !workflow.GetInfo(ctx).GetContinueAsNewSuggested()) {
		// At most activitiesAtOnce: more would only queue for HubSpot's limit.
		if err := window.Acquire(ctx, 1); err != nil {
			failed = err
			break
		}
		if failed != nil || left < begun {
			break // meanwhile one failed, or was stopped
		}
		some := activities.ApplyPagesInput{Run: a.run, From: begun + 1, To: min(begun+pagesPerActivity, a.pages)}
		begun = some.To
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			defer window.Release(1)
			var result activities.ApplyPagesResult
			summary := fmt.Sprintf("apply pages %d to %d of %d", some.From, some.To, a.pages)
			if err := workflow.ExecuteActivity(applying(ctx, summary), pages.ApplyPages, some).Get(ctx, &result); err != nil {
				failed = err
				return
			}
			if result.Stopped {
				left = min(left, some.From-1)
			}
			if a.progressed != nil {
				a.progressed(ctx, result.Counts)
			}
		})
	}
	group.Wait(ctx)
	a.stopped, a.next = left < begun, min(begun, left)
	return failed
}

// applying sets the options for writing pages. A cancellation waits for the
// pages under way: what they have written must be recorded before the run ends.
func applying(ctx workflow.Context, summary string) workflow.Context {
	ctx = bulk(ctx, summary)
	options := workflow.GetActivityOptions(ctx)
	options.WaitForCancellation = version(ctx, changePages) != workflow.DefaultVersion
	return workflow.WithActivityOptions(ctx, options)
}

// finishBegun applies the pages that were begun and that nobody works on any
// more, a worker having died: HubSpot may have their writes, which nobody would
// know once the rows are deleted. It tries a few times and then gives up, so that
// a run can end while HubSpot is down.
func finishBegun(ctx workflow.Context, run activities.Run, total int) {
	ctx = bulk(ctx, "finish the pages that were begun")
	options := workflow.GetActivityOptions(ctx)
	policy := *options.RetryPolicy
	policy.MaximumAttempts = begunTries
	options.RetryPolicy = &policy
	ctx = workflow.WithActivityOptions(ctx, options)
	input := activities.ApplyPagesInput{Run: run, From: 1, To: total, BegunOnly: true}
	if err := workflow.ExecuteActivity(ctx, pages.ApplyPages, input).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Warn("pages that were begun stay unfinished", "run", run.ID, "error", err)
	}
}

// begunTries is how often pages that were begun are tried to be finished.
const begunTries = 3
