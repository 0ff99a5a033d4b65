package operator

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// massRecords is the part of the store that mass syncs are steered by.
type massRecords interface {
	BeginMass(ctx context.Context, connectionID string, dryRun bool) (run store.Run, begun bool, err error)
	MassProgress(ctx context.Context, connectionID string, runID int64) (store.Progress, error)
	Prediction(ctx context.Context, run store.Run) (p store.Progress, found bool, err error)
	SetDesired(ctx context.Context, runID int64, desired store.Desired) error
	CancelRun(ctx context.Context, runID int64) error
}

// massPriority puts the work of a mass sync behind everything else that waits
// in the same queue: 5 is Temporal's last.
const massPriority = 5

var errNoMassSync = refuse(bridge.Conflict, "no_mass_sync_under_way", "no mass sync is under way")

// StartMassSync starts a mass sync of a connection, or its rehearsal, and
// returns its number. There is one at a time. One that was interrupted, so that
// nobody works on it any more, is taken up.
func (o *Operator) StartMassSync(ctx context.Context, c bridge.Connection, dryRun bool) (int64, error) {
	if c.Switching {
		return 0, refuse(bridge.Conflict, "program_switch_under_way", "the program is being changed: see \"starter program status\"")
	}
	run, begun, err := o.store.BeginMass(ctx, c.ID, dryRun)
	if err != nil {
		return 0, err
	}
	if !begun && run.DryRun != dryRun {
		return 0, underWay(run)
	}
	started, err := o.startMassSync(ctx, run)
	if err == nil && !started {
		err = underWay(run)
	}
	return run.ID, err
}

func underWay(run store.Run) error {
	what := "mass sync"
	if run.DryRun {
		what = "dry run"
	}
	return refuse(bridge.Conflict, "mass_sync_under_way", "%s %d is under way: see \"starter mass-sync status\", or end it with \"starter mass-sync cancel\"", what, run.ID)
}

// startMassSync starts the workflow of a run. It reports false if that is at
// work already.
func (o *Operator) startMassSync(ctx context.Context, run store.Run) (started bool, err error) {
	summary := "mass sync of connection " + run.ConnectionID
	if run.DryRun {
		summary = "dry run of a " + summary
	}
	_, err = o.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       workflows.MassSyncID(run.ConnectionID, run.ID),
		TaskQueue:                                workflows.TaskQueue,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes:                    temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(run.ConnectionID)),
		StaticSummary:                            summary,
		Priority:                                 temporal.Priority{PriorityKey: massPriority, FairnessKey: run.ConnectionID},
	}, workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: run.ConnectionID, RunID: run.ID})
	if _, running := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); running {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("start mass sync %d: %w", run.ID, err)
	}
	return true, nil
}

// PauseMassSync has the mass sync finish what it has begun, and then wait: the
// one named, or the latest for run 0. It returns the run's number.
func (o *Operator) PauseMassSync(ctx context.Context, connectionID string, runID int64) (int64, error) {
	run, err := o.desired(ctx, connectionID, runID, store.DesiredPaused)
	if err != nil {
		return 0, err
	}
	_, err = o.signalDesired(ctx, run)
	return run.ID, err
}

// ResumeMassSync has a paused mass sync go on, also one that was interrupted.
func (o *Operator) ResumeMassSync(ctx context.Context, connectionID string, runID int64) (int64, error) {
	run, err := o.desired(ctx, connectionID, runID, store.DesiredRunning)
	if err != nil {
		return 0, err
	}
	if told, err := o.signalDesired(ctx, run); told || err != nil {
		return run.ID, err
	}
	_, err = o.startMassSync(ctx, run)
	return run.ID, err
}

// CancelMassSync has the mass sync finish what it has begun, and then end. What
// it has done stays.
func (o *Operator) CancelMassSync(ctx context.Context, connectionID string, runID int64) (int64, error) {
	run, err := o.desired(ctx, connectionID, runID, store.DesiredCancelled)
	if err != nil {
		return 0, err
	}
	if told, err := o.signalDesired(ctx, run); told || err != nil {
		return run.ID, err
	}
	return run.ID, o.store.CancelRun(ctx, run.ID) // nobody works on it
}

// desired notes what the operator wants of the mass sync that is under way.
func (o *Operator) desired(ctx context.Context, connectionID string, runID int64, desired store.Desired) (store.Run, error) {
	p, err := o.store.MassProgress(ctx, connectionID, runID)
	if bridge.KindOf(err) == bridge.NotFound || err == nil && !p.FinishedAt.IsZero() {
		return store.Run{}, errNoMassSync
	}
	if err != nil {
		return store.Run{}, err
	}
	err = o.store.SetDesired(ctx, p.ID, desired)
	if bridge.KindOf(err) == bridge.NotFound {
		return store.Run{}, refuse(bridge.Conflict, "mass_sync_ends", "mass sync %d has ended, or is about to", p.ID)
	}
	return p.Run, err
}

// signalDesired has the workflow look at the desired. It reports false if there is no
// workflow.
func (o *Operator) signalDesired(ctx context.Context, run store.Run) (told bool, err error) {
	err = o.temporal.SignalWorkflow(ctx, workflows.MassSyncID(run.ConnectionID, run.ID), "", workflows.SignalDesired, nil)
	if _, none := errors.AsType[*serviceerror.NotFound](err); none {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the desired is noted, but Temporal could not be told; try again: %w", err)
	}
	return true, nil
}
