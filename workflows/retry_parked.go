package workflows

import (
	"errors"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// RetryParkedID returns the workflow id of one retry of parked participants.
func RetryParkedID(connectionID string, runID int64) string {
	return "parked-retry/" + connectionID + "/" + strconv.FormatInt(runID, 10)
}

// RetryParkedInput names a run of the store over parked participants.
type RetryParkedInput struct {
	ConnectionID string `json:"connection_id"`
	RunID        int64  `json:"run_id"`

	// Carried over continue-as-new only.
	Planned bool `json:"planned,omitempty"`
	Pages   int  `json:"pages,omitempty"` // of the plan
	Next    int  `json:"next,omitempty"`  // pages up to here are done
}

// RetryParked retries parked participants that have no contact: it reads them from
// Advocate, plans as a mass sync does, and applies the plan in pages. Items that
// fail again stay open; the others close with the run. If it is stopped, another
// retry of the same items continues where it stopped.
func RetryParked(ctx workflow.Context, in RetryParkedInput) (activities.Counts, error) {
	counts, err := retryParked(ctx, in)
	var failure *temporal.ApplicationError
	if !errors.As(err, &failure) {
		return counts, err // done, cancelled, or continued as new
	}
	// The run cannot continue. Its items must not stay bound to it, because the next
	// retry may include others.
	input := activities.AbandonRunInput{Run: activities.Run{ID: in.RunID}, Reason: "the retry failed"}
	if failed := workflow.ExecuteActivity(bulk(ctx, "abandon the run"), exports.AbandonRun, input).Get(ctx, nil); failed != nil {
		return counts, failed
	}
	return counts, err
}

func retryParked(ctx workflow.Context, in RetryParkedInput) (counts activities.Counts, err error) {
	run := activities.Run{ID: in.RunID}
	if !in.Planned {
		if err := workflow.ExecuteActivity(bulk(ctx, "read the participants"), retries.StageParked, run).Get(ctx, nil); err != nil {
			return counts, err
		}
		var plan activities.PlanRunResult
		if err := workflow.ExecuteActivity(bulk(ctx, "plan"), retries.PlanRetry, run).Get(ctx, &plan); err != nil {
			return counts, err
		}
		in.Planned, in.Pages = true, plan.Pages
	}
	applier := pageApplier{run: run, pages: in.Pages, next: in.Next}
	if err := applyAll(ctx, &applier); err != nil {
		return counts, err
	}
	if in.Next = applier.next; !applier.done() {
		return counts, workflow.NewContinueAsNewError(ctx, RetryParkedName, in)
	}
	err = workflow.ExecuteActivity(bulk(ctx, "close the items"), exports.FinishRun, run).Get(ctx, &counts)
	return counts, err
}

// pausedRetry is how long a retry waits before it asks again whether its connection
// is paused. Unlike a report, it has no schedule that starts it again.
const pausedRetry = time.Minute

// applyAll applies a retry's pages as far as the history allows, and waits while
// the connection is paused.
func applyAll(ctx workflow.Context, applier *pageApplier) error {
	if version(ctx, changePages) == workflow.DefaultVersion {
		err := applyPages(ctx, applier.run, applier.pages)
		if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			applier.next = applier.pages
		}
		return err
	}
	for {
		if err := applier.apply(ctx); err != nil || !applier.stopped || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return err
		}
		if err := workflow.Sleep(ctx, pausedRetry); err != nil {
			return err
		}
	}
}
