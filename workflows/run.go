package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

// exportsTried is how many exports a run asks for if they get lost.
const exportsTried = 3

// errCancelled ends a run that the operator does not want any more.
var errCancelled = errors.New("cancelled by the operator")

// steeredRun is a run of the set path that an operator can pause, resume and
// cancel. What the operator wants is in the database; a signal only says to look.
type steeredRun struct {
	run            activities.Run
	pages          int // of the plan; 0: none may have been begun
	desiredChanged workflow.ReceiveChannel
	state          MassSyncState
	counts         activities.Counts
	details        func() string // where the run stands, for people
}

func newSteeredRun(ctx workflow.Context, runID int64) steeredRun {
	return steeredRun{
		run: activities.Run{ID: runID}, desiredChanged: workflow.GetSignalChannel(ctx, SignalDesired), state: MassSyncPlanning,
	}
}

// end ends the run as its work ended: with nothing more to do, because the
// operator wants it to, or because it cannot go on.
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

// unlessCancelled does work that may take long, or never end, unless the
// operator cancels the run meanwhile.
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

// fetchEverybody has an export of all participants made, and stages it.
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

// await returns when the run may go on. The desired state is read after the
// signals are taken in, so that none is missed: whoever changes it notes it first.
func (r *steeredRun) await(ctx workflow.Context) error {
	for {
		for r.desiredChanged.ReceiveAsync(nil) { // one look is enough for all
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

// apply applies the pages after one as far as it may, and returns up to which
// page all are done.
func (r *steeredRun) apply(ctx workflow.Context, after, total int) (done int, err error) {
	applier := pageApplier{run: r.run, pages: total, next: after, progressed: func(ctx workflow.Context, counts activities.Counts) {
		r.show(ctx, r.state, counts)
	}}
	r.pages = total
	err = applier.apply(ctx)
	return applier.next, err
}

// desired asks what the operator wants.
func (r *steeredRun) desired(ctx workflow.Context) (activities.Desired, error) {
	var result activities.DesiredResult
	err := workflow.ExecuteActivity(bulk(ctx, "ask what the operator wants"), exports.Wish, r.run).Get(ctx, &result)
	return result.Desired, err
}

// cancel ends the run as the operator wants it, also one who cancelled the
// workflow itself.
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

// fail ends a run that cannot go on. What it has done stays; another run costs
// little where nothing is left to do.
func (r *steeredRun) fail(ctx workflow.Context, cause error) error {
	input := activities.AbandonRunInput{Run: r.run, Reason: reason(cause)}
	err := workflow.ExecuteActivity(bulk(ctx, "abandon the run"), exports.AbandonRun, input).Get(ctx, nil)
	r.show(ctx, MassSyncFailed, r.counts)
	return errors.Join(cause, err)
}

// show tells how far it is, in the Temporal UI and to queries. Activities under
// way end in any order, and counts only grow.
func (r *steeredRun) show(ctx workflow.Context, state MassSyncState, counts activities.Counts) {
	r.state = state
	if counts.Done() >= r.counts.Done() {
		r.counts = counts
	}
	workflow.SetCurrentDetails(ctx, r.details())
}

// reason is what the innermost error of an activity says: an operation, a kind,
// and words that are free of personal data.
func reason(err error) string {
	words := "it cannot go on"
	var failure *temporal.ApplicationError
	for errors.As(err, &failure) {
		words, err = failure.Message(), failure.Unwrap()
	}
	return words
}

// kindOf reads the kind of failure that an activity ended with.
func kindOf(err error) bridge.Kind {
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		return bridge.Kind(failure.Type())
	}
	return bridge.Unknown
}
