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

// massPriority puts the work of a mass sync behind everything else in its task
// queue: 5 is Temporal's lowest.
const massPriority = 5

func (o *Operator) massSyncs() steered {
	return steered{
		name: "mass sync", code: "mass_sync", command: "mass-sync",
		find: func(ctx context.Context, connectionID string, runID int64) (store.Run, error) {
			p, err := o.store.MassProgress(ctx, connectionID, runID)
			return p.Run, err
		},
		workflowID: workflows.MassSyncID, start: o.startMassSync,
	}
}

// StartMassSync starts a mass sync of a connection, or a dry run, and returns its
// run's id. There is one at a time. An interrupted one, whose workflow is gone, is
// resumed.
func (o *Operator) StartMassSync(ctx context.Context, c bridge.Connection, dryRun bool) (int64, error) {
	return o.beginMassSync(ctx, c, dryRun, o.store.BeginMass)
}

// StartVerify is StartMassSync for a mass sync that reads and compares every mapped
// contact instead of trusting the ledger: it repairs what others have overwritten.
func (o *Operator) StartVerify(ctx context.Context, c bridge.Connection, dryRun bool) (int64, error) {
	return o.beginMassSync(ctx, c, dryRun, o.store.BeginVerify)
}

func (o *Operator) beginMassSync(ctx context.Context, c bridge.Connection, dryRun bool,
	begin func(ctx context.Context, connectionID string, dryRun bool) (store.Run, bool, error),
) (int64, error) {
	if c.Switching {
		return 0, refuse(bridge.Conflict, "program_switch_under_way", "the program is being changed: see \"starter program status\"")
	}
	run, begun, err := begin(ctx, c.ID, dryRun)
	if err != nil {
		return 0, err
	}
	if !begun && run.DryRun != dryRun {
		return 0, o.massSyncs().underWay(run)
	}
	started, err := o.startMassSync(ctx, run)
	if err == nil && !started {
		err = o.massSyncs().underWay(run)
	}
	return run.ID, err
}

// startMassSync starts the workflow of a run. started is false if it is running
// already.
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

// PauseMassSync pauses a mass sync once its begun pages are finished: the one
// named, or the latest for run 0. It returns the run's id.
func (o *Operator) PauseMassSync(ctx context.Context, connectionID string, runID int64) (int64, error) {
	return o.pause(ctx, o.massSyncs(), connectionID, runID)
}

// ResumeMassSync resumes a mass sync that was paused or interrupted.
func (o *Operator) ResumeMassSync(ctx context.Context, connectionID string, runID int64) (int64, error) {
	return o.resume(ctx, o.massSyncs(), connectionID, runID)
}

// CancelMassSync cancels a mass sync once its begun pages are finished. What it has
// done stays.
func (o *Operator) CancelMassSync(ctx context.Context, connectionID string, runID int64) (int64, error) {
	return o.cancel(ctx, o.massSyncs(), connectionID, runID)
}
