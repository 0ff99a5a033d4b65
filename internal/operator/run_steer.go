package operator

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// steered is a kind of run that a person can pause, resume and cancel.
type steered struct {
	name       string // "mass sync"
	code       string // "mass_sync", as refusals spell it
	command    string // "mass-sync"
	find       func(ctx context.Context, connectionID string, runID int64) (store.Run, error)
	workflowID func(connectionID string, runID int64) string
	start      func(ctx context.Context, run store.Run) (started bool, err error)
}

// pause pauses a run once its begun work is finished: the one named, or the latest
// for run 0. It returns the run's id.
func (o *Operator) pause(ctx context.Context, k steered, connectionID string, runID int64) (int64, error) {
	run, err := o.setDesired(ctx, k, connectionID, runID, store.DesiredPaused)
	if err != nil {
		return 0, err
	}
	_, err = o.signalDesired(ctx, k, run)
	return run.ID, err
}

// resume resumes a run that was paused or interrupted.
func (o *Operator) resume(ctx context.Context, k steered, connectionID string, runID int64) (int64, error) {
	run, err := o.setDesired(ctx, k, connectionID, runID, store.DesiredRunning)
	if err != nil {
		return 0, err
	}
	if told, err := o.signalDesired(ctx, k, run); told || err != nil {
		return run.ID, err
	}
	_, err = k.start(ctx, run)
	return run.ID, err
}

// cancel cancels a run once its begun work is finished. What it has done stays.
func (o *Operator) cancel(ctx context.Context, k steered, connectionID string, runID int64) (int64, error) {
	run, err := o.setDesired(ctx, k, connectionID, runID, store.DesiredCancelled)
	if err != nil {
		return 0, err
	}
	if told, err := o.signalDesired(ctx, k, run); told || err != nil {
		return run.ID, err
	}
	return run.ID, o.store.CancelRun(ctx, run.ID) // no workflow works on it
}

// setDesired stores the desired state of the run that is under way.
func (o *Operator) setDesired(ctx context.Context, k steered, connectionID string, runID int64, desired store.Desired) (store.Run, error) {
	run, err := k.find(ctx, connectionID, runID)
	if bridge.KindOf(err) == bridge.NotFound || err == nil && !run.FinishedAt.IsZero() {
		return store.Run{}, refuse(bridge.Conflict, "no_"+k.code+"_under_way", "no %s is under way", k.name)
	}
	if err != nil {
		return store.Run{}, err
	}
	err = o.store.SetDesired(ctx, run.ID, desired)
	if bridge.KindOf(err) == bridge.NotFound {
		return store.Run{}, refuse(bridge.Conflict, k.code+"_ends", "%s %d has ended, or is about to", k.name, run.ID)
	}
	return run, err
}

// signalDesired makes the workflow read the desired state. told is false if there
// is no workflow.
func (o *Operator) signalDesired(ctx context.Context, k steered, run store.Run) (told bool, err error) {
	err = o.temporal.SignalWorkflow(ctx, k.workflowID(run.ConnectionID, run.ID), "", workflows.SignalDesired, nil)
	if _, none := errors.AsType[*serviceerror.NotFound](err); none {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("your request is noted, but Temporal could not be told; try again: %w", err)
	}
	return true, nil
}

// wake makes a run that is under way check whether it still has to pause.
func (o *Operator) wake(ctx context.Context, k steered, connectionID string) error {
	run, err := k.find(ctx, connectionID, 0)
	if bridge.KindOf(err) == bridge.NotFound || err == nil && !run.FinishedAt.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = o.signalDesired(ctx, k, run)
	return err
}

// underWay returns the refusal to begin a run while another one of its kind is
// under way.
func (k steered) underWay(run store.Run) error {
	what := k.name
	if run.DryRun {
		what = "dry run"
	}
	return refuse(bridge.Conflict, k.code+"_under_way", "%s %d is under way: see \"starter %s status\", or end it with \"starter %s cancel\"",
		what, run.ID, k.command, k.command)
}
