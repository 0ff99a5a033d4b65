package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// RetryParked tries again what was parked about participants without a
// contact: it reads them as Advocate has them now, plans as a mass sync does,
// and applies the plan in pages. Items that fail again stay open; the others
// end with the run. Whatever stops it, retrying them again goes on where it
// stopped.
func RetryParked(ctx workflow.Context, in RetryParkedInput) (activities.Counts, error) {
	counts, err := retryParked(ctx, in)
	var failure *temporal.ApplicationError
	if !errors.As(err, &failure) {
		return counts, err // done, cancelled, or continued as new
	}
	// It cannot go on. Its items must not stay bound to it: the next retry may
	// be of others as well.
	input := activities.AbandonRunInput{Run: activities.Run{ID: in.RunID}, Reason: "the retry failed"}
	if failed := workflow.ExecuteActivity(bulk(ctx, "abandon the run"), exports.AbandonRun, input).Get(ctx, nil); failed != nil {
		return counts, failed
	}
	return counts, err
}

func retryParked(ctx workflow.Context, in RetryParkedInput) (counts activities.Counts, err error) {
	run := activities.Run{ID: in.RunID}
	if err := workflow.ExecuteActivity(bulk(ctx, "read the participants"), retries.StageParked, run).Get(ctx, nil); err != nil {
		return counts, err
	}
	var plan activities.PlanRunResult
	if err := workflow.ExecuteActivity(bulk(ctx, "plan"), retries.PlanRetry, run).Get(ctx, &plan); err != nil {
		return counts, err
	}
	if err := applyPages(ctx, run, plan.Pages); err != nil {
		return counts, err
	}
	if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return counts, workflow.NewContinueAsNewError(ctx, RetryParkedName, in)
	}
	err = workflow.ExecuteActivity(bulk(ctx, "close the items"), exports.FinishRun, run).Get(ctx, &counts)
	return counts, err
}
