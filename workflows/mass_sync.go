package workflows

import (
	"fmt"
	"strconv"

	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// MassSyncID returns the workflow id of one mass sync.
func MassSyncID(connectionID string, runID int64) string {
	return "mass-sync/" + connectionID + "/" + strconv.FormatInt(runID, 10)
}

// MassSyncInput names a mass sync that was begun in the database, and carries its
// state over continue-as-new.
type MassSyncInput struct {
	ConnectionID string `json:"connection_id"`
	RunID        int64  `json:"run_id"`

	// Carried over continue-as-new only.
	Planned bool `json:"planned,omitempty"`
	Pages   int  `json:"pages,omitempty"` // of the plan
	Next    int  `json:"next,omitempty"`  // pages up to here are done
}

// MassSyncState is the phase of a mass sync.
type MassSyncState string

const (
	MassSyncPlanning  MassSyncState = "planning" // waiting for the export, staging it, deciding
	MassSyncRunning   MassSyncState = "running"
	MassSyncPaused    MassSyncState = "paused"
	MassSyncDone      MassSyncState = "done"
	MassSyncCancelled MassSyncState = "cancelled"
	MassSyncFailed    MassSyncState = "failed"
)

// MassSyncProgress is how far a mass sync is: its result, and the answer to
// QueryProgress.
type MassSyncProgress struct {
	State  MassSyncState     `json:"state"`
	Counts activities.Counts `json:"counts"`
}

// MassSync brings the contacts of all participants of the tenant in step, or
// predicts what that would take (a dry run): one export of everybody, staged,
// planned and applied. The run and the operator's desired state are kept in the
// database; a signal only says that the desired state has changed. A workflow that
// is started again continues where the last one stopped.
func MassSync(ctx workflow.Context, in MassSyncInput) (MassSyncProgress, error) {
	m := &massSync{in: in, steeredRun: newSteeredRun(ctx, in.RunID)}
	m.pages = in.Pages
	m.details = m.describe
	err := workflow.SetQueryHandler(ctx, QueryProgress, func() (MassSyncProgress, error) { return m.progress(), nil })
	if err != nil {
		return MassSyncProgress{}, err
	}
	err = m.end(ctx, m.sync(ctx))
	if workflow.IsContinueAsNewError(err) {
		return MassSyncProgress{}, err
	}
	return m.progress(), err
}

// massSync is one mass sync under way.
type massSync struct {
	steeredRun
	in MassSyncInput
}

func (m *massSync) sync(ctx workflow.Context) error {
	if !m.in.Planned {
		if err := m.unlessCancelled(ctx, m.plan); err != nil {
			return err
		}
	}
	for m.in.Next < m.in.Pages {
		if err := m.await(ctx); err != nil {
			return err
		}
		var err error
		if m.in.Next, err = m.apply(ctx, m.in.Next, m.in.Pages); err != nil {
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

func (m *massSync) plan(ctx workflow.Context) error {
	if err := m.fetchEverybody(ctx); err != nil {
		return err
	}
	var plan activities.PlanRunResult
	if err := workflow.ExecuteActivity(bulk(ctx, "plan"), exports.PlanRun, m.run).Get(ctx, &plan); err != nil {
		return err
	}
	m.in.Planned, m.in.Pages, m.counts = true, plan.Pages, plan.Counts
	return nil
}

func (m *massSync) progress() MassSyncProgress {
	return MassSyncProgress{State: m.state, Counts: m.counts}
}

func (m *massSync) describe() string {
	c := m.counts
	return fmt.Sprintf("**%s**: %d of %d done. Created %d, matched %d, updated %d, unchanged %d, kept out %d, parked %d.",
		m.state, c.Done(), c.Total, c.Created, c.Matched, c.Updated, c.Unchanged, c.Blocked+c.NoEmail, c.Parked)
}
