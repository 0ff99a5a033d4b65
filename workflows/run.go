package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

// exportsTried is how many exports a run requests if they get lost.
const exportsTried = 3

// errCancelled ends a run that the operator no longer wants.
var errCancelled = errors.New("cancelled by the operator")

// steeredRun is a run of the set path that an operator can pause, resume and
// cancel. The desired state is in the database; a signal only says that it has
// changed.
type steeredRun struct {
	run            activities.Run
	pages          int // of the plan; 0: no page has been begun
	desiredChanged workflow.ReceiveChannel
	state          MassSyncState
	counts         activities.Counts
	details        func() string // how far the run is, for people
}

func newSteeredRun(ctx workflow.Context, runID int64) steeredRun {
	return steeredRun{
		run: activities.Run{ID: runID}, desiredChanged: workflow.GetSignalChannel(ctx, SignalDesired), state: MassSyncPlanning,
	}
}

// end ends the run according to err: nil if its work is done, errCancelled if the
// operator cancelled it, any other error if it cannot continue.
func (r *steeredRun) end(ctx workflow.Context, err error) error {
	switch {
	case err == nil, workflow.IsContinueAsNewError(err):
		return err
	case errors.Is(err, errCancelled), temporal.IsCanceledError(err):
		return r.cancel(ctx)
	default:
		return r.fail(ctx, err)
	}
}

// unlessCancelled does work that may take long, or never end, until the operator
// cancels the run.
func (r *steeredRun) unlessCancelled(ctx workflow.Context, work func(workflow.Context) error) error {
	working, stop := workflow.WithCancel(ctx)
	defer stop()
	var failed error
	over := workflow.NewBufferedChannel(ctx, 1)
	workflow.Go(working, func(ctx workflow.Context) {
		failed = work(ctx)
		over.Send(ctx, true)
	})
	for ended := false; !ended; {
		workflow.NewSelector(ctx).
			AddReceive(over, func(c workflow.ReceiveChannel, _ bool) { ended = c.ReceiveAsync(nil) }).
			AddReceive(r.desiredChanged, func(c workflow.ReceiveChannel, _ bool) { c.ReceiveAsync(nil) }).
			Select(ctx)
		if ended {
			break
		}
		desired, err := r.desired(ctx)
		if err != nil {
			return err
		}
		if desired == activities.DesiredCancelled {
			stop()
		}
	}
	return failed
}

// fetchEverybody requests an export of all participants, and stages it.
func (r *steeredRun) fetchEverybody(ctx workflow.Context) error {
	for lost := 0; ; lost++ {
		request := activities.RequestMassInput{Run: r.run, Lost: lost}
		if err := workflow.ExecuteActivity(bulk(ctx, "request the export"), exports.RequestMass, request).Get(ctx, nil); err != nil {
			return err
		}
		err := fetch(ctx, r.run)
		if err == nil || kindOf(err) != bridge.NotFound || lost+1 == exportsTried {
			return err
		}
	}
}

// await returns when the run may continue. It reads the desired state after it has
// received the signals, and whoever changes the state stores it before signalling,
// so no change is missed.
func (r *steeredRun) await(ctx workflow.Context) error {
	for {
		for r.desiredChanged.ReceiveAsync(nil) { // one read answers all of them
		}
		switch desired, err := r.desired(ctx); {
		case err != nil:
			return err
		case desired == activities.DesiredCancelled:
			return errCancelled
		case desired == activities.DesiredRunning:
			r.show(ctx, MassSyncRunning, r.counts)
			return nil
		}
		r.show(ctx, MassSyncPaused, r.counts)
		workflow.NewSelector(ctx).
			AddReceive(r.desiredChanged, func(c workflow.ReceiveChannel, _ bool) { c.ReceiveAsync(nil) }).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
			Select(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// apply applies the pages after page "after" until all are done, the operator wants
// it to stop, or the history is long. It returns the page up to which all are done.
func (r *steeredRun) apply(ctx workflow.Context, after, total int) (done int, err error) {
	applier := pageApplier{run: r.run, pages: total, next: after, progressed: func(ctx workflow.Context, counts activities.Counts) {
		r.show(ctx, r.state, counts)
	}}
	r.pages = total
	err = applier.apply(ctx)
	return applier.next, err
}

// desired reads the desired state.
func (r *steeredRun) desired(ctx workflow.Context) (activities.Desired, error) {
	var result activities.DesiredResult
	err := workflow.ExecuteActivity(bulk(ctx, "ask what the operator wants"), exports.Wish, r.run).Get(ctx, &result)
	return result.Desired, err
}

// cancel ends the run as cancelled, also if the workflow itself was cancelled
// through Temporal.
func (r *steeredRun) cancel(ctx workflow.Context) error {
	ctx, release := workflow.NewDisconnectedContext(ctx)
	defer release()
	if r.pages > 0 && version(ctx, changePages) != workflow.DefaultVersion {
		finishBegun(ctx, r.run, r.pages)
	}
	err := workflow.ExecuteActivity(bulk(ctx, "cancel the run"), exports.CancelRun, r.run).Get(ctx, nil)
	r.show(ctx, MassSyncCancelled, r.counts)
	return err
}

// fail ends a run that cannot continue. What it has done stays, so another run has
// only the rest to do.
func (r *steeredRun) fail(ctx workflow.Context, cause error) error {
	input := activities.AbandonRunInput{Run: r.run, Reason: reason(cause)}
	err := workflow.ExecuteActivity(bulk(ctx, "abandon the run"), exports.AbandonRun, input).Get(ctx, nil)
	r.show(ctx, MassSyncFailed, r.counts)
	return errors.Join(cause, err)
}

// show publishes the progress to the Temporal UI and to queries. Concurrent
// activities end in any order, so it keeps the largest counts.
func (r *steeredRun) show(ctx workflow.Context, state MassSyncState, counts activities.Counts) {
	r.state = state
	if counts.Done() >= r.counts.Done() {
		r.counts = counts
	}
	workflow.SetCurrentDetails(ctx, r.details())
}

// reason returns the message of an activity's innermost error: an operation, a
// kind, and words free of personal data.
func reason(err error) string {
	words := "it cannot go on"
	var failure *temporal.ApplicationError
	for errors.As(err, &failure) {
		words, err = failure.Message(), failure.Unwrap()
	}
	return words
}

// kindOf returns the kind of failure that an activity ended with.
func kindOf(err error) bridge.Kind {
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		return bridge.Kind(failure.Type())
	}
	return bridge.Unknown
}
