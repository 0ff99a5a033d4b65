package workflows

import (
	"errors"
	"fmt"
	"strconv"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
)

// MassSyncID is the workflow id of one mass sync.
func MassSyncID(connectionID string, runID int64) string {
	return "mass-sync/" + connectionID + "/" + strconv.FormatInt(runID, 10)
}

// MassSyncInput names a mass sync that was begun in the database, and carries
// it over continue-as-new.
type MassSyncInput struct {
	ConnectionID string `json:"connection_id"`
	RunID        int64  `json:"run_id"`

	// Carried over continue-as-new only.
	Planned bool `json:"planned,omitempty"`
	Pages   int  `json:"pages,omitempty"` // of the plan
	Next    int  `json:"next,omitempty"`  // the first page that may be left to do, less one
}

// MassSyncState says what a mass sync is at.
type MassSyncState string

const (
	MassSyncPlanning  MassSyncState = "planning" // waiting for the export, staging it, deciding
	MassSyncRunning   MassSyncState = "running"
	MassSyncPaused    MassSyncState = "paused"
	MassSyncDone      MassSyncState = "done"
	MassSyncCancelled MassSyncState = "cancelled"
	MassSyncFailed    MassSyncState = "failed"
)

// MassSyncProgress is where a mass sync stands: its result, and the answer to
// QueryProgress.
type MassSyncProgress struct {
	State  MassSyncState     `json:"state"`
	Counts activities.Counts `json:"counts"`
}

const (
	// pagesPerActivity is how many pages one activity applies: many, so that
	// the history of a million participants stays short; not so many that the
	// pages of one take longer than a minute.
	pagesPerActivity = 40
	// activitiesAtOnce is how many of them are under way: while one ends with
	// its last page, the others keep HubSpot busy.
	activitiesAtOnce = 3
	// exportsTried is how many exports a mass sync asks for if they get lost.
	exportsTried = 3
)

// errCancelled ends a mass sync that the operator does not want any more.
var errCancelled = errors.New("cancelled by the operator")

// MassSync brings the contacts of all participants of the tenant in step, or
// finds out what that would take: one export of everybody, staged, planned and
// applied. The run is kept in the database, page by page, and so is what the
// operator wants of it; a signal only says to look. Whatever stops the
// workflow, started again it goes on where it stopped.
func MassSync(ctx workflow.Context, in MassSyncInput) (MassSyncProgress, error) {
	m := &massSync{
		in: in, run: activities.Run{ID: in.RunID}, desiredChanged: workflow.GetSignalChannel(ctx, SignalDesired),
		progress: MassSyncProgress{State: MassSyncPlanning},
	}
	err := workflow.SetQueryHandler(ctx, QueryProgress, func() (MassSyncProgress, error) { return m.progress, nil })
	if err != nil {
		return MassSyncProgress{}, err
	}
	err = m.sync(ctx)
	switch {
	case workflow.IsContinueAsNewError(err):
		return MassSyncProgress{}, err
	case errors.Is(err, errCancelled), temporal.IsCanceledError(err):
		err = m.cancel(ctx)
	case err != nil:
		err = m.fail(ctx, err)
	}
	return m.progress, err
}

// massSync is one mass sync under way.
type massSync struct {
	in             MassSyncInput
	run            activities.Run
	desiredChanged workflow.ReceiveChannel // the operator's desired has changed: look
	progress       MassSyncProgress
}

func (m *massSync) sync(ctx workflow.Context) error {
	if !m.in.Planned {
		if err := m.plan(ctx); err != nil {
			return err
		}
	}
	for m.in.Next < m.in.Pages {
		if err := m.await(ctx); err != nil {
			return err
		}
		if err := m.apply(ctx); err != nil {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return workflow.NewContinueAsNewError(ctx, MassSyncName, m.in)
		}
	}
	var counts activities.Counts
	if err := workflow.ExecuteActivity(bulk(ctx, "finish"), exports.FinishRun, m.run).Get(ctx, &counts); err != nil {
		return err
	}
	m.show(ctx, MassSyncDone, counts)
	return nil
}

// plan gets the plan made, unless the operator cancels that: an export may take
// long, or never come.
func (m *massSync) plan(ctx workflow.Context) error {
	planning, stop := workflow.WithCancel(ctx)
	defer stop()
	var planned error
	over := workflow.NewBufferedChannel(ctx, 1)
	workflow.Go(planning, func(ctx workflow.Context) {
		planned = m.makePlan(ctx)
		over.Send(ctx, true)
	})
	for ended := false; !ended; {
		workflow.NewSelector(ctx).
			AddReceive(over, func(c workflow.ReceiveChannel, _ bool) { ended = c.ReceiveAsync(nil) }).
			AddReceive(m.desiredChanged, func(c workflow.ReceiveChannel, _ bool) { c.ReceiveAsync(nil) }).
			Select(ctx)
		if ended {
			break
		}
		desired, err := m.desired(ctx)
		if err != nil {
			return err
		}
		if desired == activities.DesiredCancelled {
			stop()
		}
	}
	return planned
}

func (m *massSync) makePlan(ctx workflow.Context) error {
	for lost := 0; ; lost++ {
		request := activities.RequestMassInput{Run: m.run, Lost: lost}
		if err := workflow.ExecuteActivity(bulk(ctx, "request the export"), exports.RequestMass, request).Get(ctx, nil); err != nil {
			return err
		}
		err := fetch(ctx, m.run)
		if err == nil {
			break
		}
		if kindOf(err) != bridge.NotFound || lost+1 == exportsTried {
			return err
		}
	}
	var plan activities.PlanRunResult
	if err := workflow.ExecuteActivity(bulk(ctx, "plan"), exports.PlanRun, m.run).Get(ctx, &plan); err != nil {
		return err
	}
	m.in.Planned, m.in.Pages, m.progress.Counts = true, plan.Pages, plan.Counts
	return nil
}

// await returns when the run may go on. The desired is read after the signals are
// taken in, so that none is missed: whoever wishes notes it first.
func (m *massSync) await(ctx workflow.Context) error {
	for {
		for m.desiredChanged.ReceiveAsync(nil) { // one look is enough for all
		}
		switch desired, err := m.desired(ctx); {
		case err != nil:
			return err
		case desired == activities.DesiredCancelled:
			return errCancelled
		case desired == activities.DesiredRunning:
			m.show(ctx, MassSyncRunning, m.progress.Counts)
			return nil
		}
		m.show(ctx, MassSyncPaused, m.progress.Counts)
		workflow.NewSelector(ctx).
			AddReceive(m.desiredChanged, func(c workflow.ReceiveChannel, _ bool) { c.ReceiveAsync(nil) }).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
			Select(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// apply applies pages until all are done, the operator wants the run to stop,
// or the history is long enough. Activities under way end first in any case.
func (m *massSync) apply(ctx workflow.Context) error {
	window, group := workflow.NewSemaphore(ctx, activitiesAtOnce), workflow.NewWaitGroup(ctx)
	var failed error
	begun, left := m.in.Next, m.in.Pages // left: pages up to here are done
	for begun < m.in.Pages && !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		if err := window.Acquire(ctx, 1); err != nil {
			failed = err
			break
		}
		if failed != nil || left < begun {
			break // meanwhile one failed, or was held
		}
		some := activities.ApplyPagesInput{Run: m.run, From: begun + 1, To: min(begun+pagesPerActivity, m.in.Pages)}
		begun = some.To
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			defer window.Release(1)
			var result activities.ApplyPagesResult
			summary := fmt.Sprintf("apply pages %d to %d of %d", some.From, some.To, m.in.Pages)
			if err := workflow.ExecuteActivity(bulk(ctx, summary), pages.ApplyPages, some).Get(ctx, &result); err != nil {
				failed = err
				return
			}
			if result.Stopped {
				left = min(left, some.From-1)
			}
			m.show(ctx, m.progress.State, result.Counts)
		})
	}
	group.Wait(ctx)
	m.in.Next = min(begun, left)
	return failed
}

// desired asks what the operator wants.
func (m *massSync) desired(ctx workflow.Context) (activities.Desired, error) {
	var result activities.DesiredResult
	err := workflow.ExecuteActivity(bulk(ctx, "ask what the operator wants"), exports.Wish, m.run).Get(ctx, &result)
	return result.Desired, err
}

// cancel ends the run as the operator wants it, also one who cancelled the
// workflow itself.
func (m *massSync) cancel(ctx workflow.Context) error {
	ctx, release := workflow.NewDisconnectedContext(ctx)
	defer release()
	err := workflow.ExecuteActivity(bulk(ctx, "cancel the run"), exports.CancelRun, m.run).Get(ctx, nil)
	m.show(ctx, MassSyncCancelled, m.progress.Counts)
	return err
}

// fail ends a run that cannot go on. What it has done stays; another mass sync
// costs little where nothing is left to do.
func (m *massSync) fail(ctx workflow.Context, cause error) error {
	input := activities.AbandonRunInput{Run: m.run, Reason: reason(cause)}
	err := workflow.ExecuteActivity(bulk(ctx, "abandon the run"), exports.AbandonRun, input).Get(ctx, nil)
	m.show(ctx, MassSyncFailed, m.progress.Counts)
	return errors.Join(cause, err)
}

// show tells how far it is, in the Temporal UI and to queries. Activities under
// way end in any order, and counts only grow.
func (m *massSync) show(ctx workflow.Context, state MassSyncState, counts activities.Counts) {
	m.progress.State = state
	if counts.Done() >= m.progress.Counts.Done() {
		m.progress.Counts = counts
	}
	c := m.progress.Counts
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s**: %d of %d done. Created %d, matched %d, updated %d, unchanged %d, kept out %d, parked %d.",
		state, c.Done(), c.Total, c.Created, c.Matched, c.Updated, c.Unchanged, c.Blocked+c.NoEmail, c.Parked))
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
