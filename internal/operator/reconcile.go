package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

func (o *Operator) reconciles() steered {
	return steered{
		name: "reconcile", code: "reconcile", command: "reconcile",
		find: func(ctx context.Context, connectionID string, runID int64) (store.Run, error) {
			p, err := o.store.ReconcileProgress(ctx, connectionID, runID)
			return p.Run, err
		},
		workflowID: workflows.ReconcileID, start: o.startReconcile,
	}
}

// StartReconcile starts a reconcile of a connection, or a dry run, and returns its
// run's id. There is one at a time. An interrupted one, whose workflow is gone, is
// resumed.
func (o *Operator) StartReconcile(ctx context.Context, c bridge.Connection, dryRun bool) (int64, error) {
	if c.Switching {
		return 0, refuse(bridge.Conflict, "program_switch_under_way", "the program is being changed: see \"starter program status\"")
	}
	run, begun, err := o.store.BeginReconcile(ctx, c.ID, dryRun)
	if err != nil {
		return 0, err
	}
	if !begun && run.DryRun != dryRun {
		return 0, o.reconciles().underWay(run)
	}
	started, err := o.startReconcile(ctx, run)
	if err == nil && !started {
		err = o.reconciles().underWay(run)
	}
	return run.ID, err
}

// startReconcile starts the workflow of a run. started is false if it is running
// already.
func (o *Operator) startReconcile(ctx context.Context, run store.Run) (started bool, err error) {
	_, err = o.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       workflows.ReconcileID(run.ConnectionID, run.ID),
		TaskQueue:                                workflows.TaskQueue,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes:                    temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(run.ConnectionID)),
		StaticSummary:                            "reconcile of connection " + run.ConnectionID,
		Priority:                                 temporal.Priority{PriorityKey: massPriority, FairnessKey: run.ConnectionID},
	}, workflows.ReconcileName, workflows.ReconcileInput{ConnectionID: run.ConnectionID, RunID: run.ID, DryRun: run.DryRun})
	if _, running := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); running {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("start reconcile %d: %w", run.ID, err)
	}
	return true, nil
}

// PauseReconcile pauses a reconcile once its begun work is finished: the one named,
// or the latest for run 0. It returns the run's id.
func (o *Operator) PauseReconcile(ctx context.Context, connectionID string, runID int64) (int64, error) {
	return o.pause(ctx, o.reconciles(), connectionID, runID)
}

// ResumeReconcile resumes a reconcile that was paused or interrupted.
func (o *Operator) ResumeReconcile(ctx context.Context, connectionID string, runID int64) (int64, error) {
	return o.resume(ctx, o.reconciles(), connectionID, runID)
}

// CancelReconcile cancels a reconcile once its begun work is finished. What it has
// repaired stays.
func (o *Operator) CancelReconcile(ctx context.Context, connectionID string, runID int64) (int64, error) {
	return o.cancel(ctx, o.reconciles(), connectionID, runID)
}

// ReconcileStatus is how far a reconcile is.
type ReconcileStatus struct {
	store.ReconcileProgress
	activities.ReconcileSummary
	State    workflows.MassSyncState
	Stopping bool // cancelled, but begun work is not finished yet

	ETA      time.Duration // until both sides are read; how long repairs take is known only then
	ETAKnown bool
}

// Ended reports whether it has ended.
func (s ReconcileStatus) Ended() bool { return !s.FinishedAt.IsZero() }

// Reconciles returns the latest reconciles of a connection, dry runs among them,
// the last one first.
func (o *Operator) Reconciles(ctx context.Context, connectionID string) ([]ReconcileStatus, error) {
	return latest(ctx, o.store, connectionID, store.RunReconcile, o.ReconcileStatus)
}

// ReconcileStatus returns how far a reconcile of a connection is: the one named, or
// the latest for run 0. If there is none, it returns a refusal of kind not_found.
// It needs neither Temporal nor a worker.
func (o *Operator) ReconcileStatus(ctx context.Context, connectionID string, runID int64) (ReconcileStatus, error) {
	p, err := o.store.ReconcileProgress(ctx, connectionID, runID)
	if bridge.KindOf(err) == bridge.NotFound {
		return ReconcileStatus{}, refuse(bridge.NotFound, "unknown_reconcile", "there was no such reconcile")
	}
	if err != nil {
		return ReconcileStatus{}, err
	}
	s := ReconcileStatus{ReconcileProgress: p, ReconcileSummary: activities.Summarize(p), State: massState(p.Progress),
		Stopping: p.FinishedAt.IsZero() && p.Desired == store.DesiredCancelled}
	listing := p.Step == store.ReconcileLive || p.Step == store.ReconcileArchived
	if left := p.Expected - s.ReconcileSummary.Contacts; s.FinishedAt.IsZero() && listing && left > 0 {
		pace := store.BudgetOptions{Limit: o.cfg.RatePer10s}.BulkPace()
		s.ETA, s.ETAKnown = time.Duration(left/hubspot.MaxBatch+1)*pace, true
	}
	return s, nil
}

// agreement adds to a connection's status when both sides last agreed, and the
// remaining drift.
func (o *Operator) agreement(ctx context.Context, status *ConnectionStatus) error {
	switch agreement, err := o.store.Agreement(ctx, status.Connection.ID); {
	case err == nil:
		status.Agreement = &agreement
	case bridge.KindOf(err) != bridge.NotFound:
		return err
	}
	drift, err := o.store.DriftLeft(ctx, status.Connection.ID)
	status.Drift = drift
	return err
}
