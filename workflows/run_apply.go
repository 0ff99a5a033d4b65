package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

const (
	// pagesPerActivity is how many pages one activity applies: enough to keep the
	// history of a million participants short, and few enough to take less than a
	// minute.
	pagesPerActivity = 40
	// activitiesAtOnce is how many of these activities run concurrently: while one
	// finishes its last page, the others keep HubSpot busy.
	activitiesAtOnce = 3
)

// pageApplier applies the pages of a planned run of any kind. The workflow carries
// its position over continue-as-new.
type pageApplier struct {
	run        activities.Run
	pages      int  // of the plan
	next       int  // pages up to here are done
	stopped    bool // the operator wants the run to stop before all pages are done
	progressed func(ctx workflow.Context, counts activities.Counts)
}

// done reports whether all pages are applied.
func (a *pageApplier) done() bool { return a.next >= a.pages }

// apply applies pages until all are done, the operator wants the run to stop, or
// the history is long enough. It applies at least one range, so that no run
// continues as new for ever. It waits for the activities under way in any case, and
// returns the first failure.
func (a *pageApplier) apply(ctx workflow.Context) error {
	window, group := workflow.NewSemaphore(ctx, activitiesAtOnce), workflow.NewWaitGroup(ctx)
	var failed error
	begun, left := a.next, a.pages // left is where the earliest stopped activity began
	for begun < a.pages && (begun == a.next || !workflow.GetInfo(ctx).GetContinueAsNewSuggested()) {
		// At most activitiesAtOnce: more would only queue for HubSpot's limit.
		if err := window.Acquire(ctx, 1); err != nil {
			failed = err
			break
		}
		if failed != nil || left < begun {
			break // another activity has failed, or was stopped
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

// finishBegun finishes the pages that were begun by a worker that died since.
// HubSpot may have taken their writes, and once the rows are deleted nobody could
// tell. It gives up after a few attempts, so that a run can end while HubSpot is
// down.
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

// begunTries is how often finishBegun tries.
const begunTries = 3
