package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	enumspb "go.temporal.io/api/enums/v1"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// startPatience is how long the start of a switch waits for a worker.
const startPatience = 10 * time.Second

// StartSwitch begins a planned switch, or resumes the same one, and returns it once
// it is stored.
func (o *Operator) StartSwitch(ctx context.Context, plan SwitchPlan) (store.ProgramSwitch, error) {
	c := plan.Connection
	run, err := o.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                       workflows.ProgramSwitchID(c.ID),
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		TypedSearchAttributes:    temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(c.ID)),
		StaticSummary:            fmt.Sprintf("switch of connection %s to program %s", c.ID, plan.To.ID),
	}, workflows.ProgramSwitchName, workflows.ProgramSwitchInput{
		ConnectionID: c.ID, Program: plan.To.ID, InPlace: plan.InPlace, MassSync: plan.MassSync,
	})
	if err != nil {
		return store.ProgramSwitch{}, fmt.Errorf("start the switch of connection %s: %w", c.ID, err)
	}
	return o.awaitSwitch(ctx, plan, run)
}

// pollSwitch is how often awaitSwitch reads the switch.
const pollSwitch = 100 * time.Millisecond

// awaitSwitch waits until the workflow has stored its switch, or has found that it
// may not begin after all.
func (o *Operator) awaitSwitch(ctx context.Context, plan SwitchPlan, run client.WorkflowRun) (store.ProgramSwitch, error) {
	waiting, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- outcome(waiting, run, plan.To.ID) }()
	tick := time.NewTicker(pollSwitch)
	defer tick.Stop()
	for {
		if sw, begun, err := o.begunSwitch(ctx, plan); begun || err != nil {
			return sw, err
		}
		select {
		case err := <-ended:
			if err != nil && waiting.Err() == nil {
				return store.ProgramSwitch{}, err
			}
		case <-tick.C:
		case <-waiting.Done():
			return store.ProgramSwitch{}, refuse(bridge.Unavailable, "no_worker",
				"no worker has taken the switch up yet; it begins as soon as one does: see \"starter program status\"")
		}
	}
}

// outcome waits for the workflow of a switch.
func outcome(ctx context.Context, run client.WorkflowRun, program string) error {
	var result workflows.ProgramSwitchResult
	if err := run.Get(ctx, &result); err != nil {
		return fmt.Errorf("the switch stopped; run it again to resume it: %w", err)
	}
	if result.NotBegun != "" {
		return notBegun(result.NotBegun, program)
	}
	return nil
}

// begunSwitch returns the requested switch, not an earlier one.
func (o *Operator) begunSwitch(ctx context.Context, plan SwitchPlan) (sw store.ProgramSwitch, begun bool, err error) {
	sw, err = o.store.LatestSwitch(ctx, plan.Connection.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return sw, false, nil
	}
	return sw, err == nil && sw.ID > plan.former, err
}

// SwitchStatus is how far a program switch is.
type SwitchStatus struct {
	store.ProgramSwitch
	Stopped bool // unfinished, but no workflow runs: starting it again resumes it
}

// SwitchStatus returns how far a switch of a connection is: the one with an id, or
// the latest for 0. If there is none, it returns a refusal of kind not_found.
func (o *Operator) SwitchStatus(ctx context.Context, connectionID string, switchID int64) (SwitchStatus, error) {
	sw, err := o.findSwitch(ctx, connectionID, switchID)
	if err != nil || !sw.FinishedAt.IsZero() {
		return SwitchStatus{ProgramSwitch: sw}, err
	}
	working, err := o.atWork(ctx, workflows.ProgramSwitchID(connectionID))
	if err != nil || working {
		return SwitchStatus{ProgramSwitch: sw}, err
	}
	sw, err = o.findSwitch(ctx, connectionID, sw.ID) // it may have ended just now
	return SwitchStatus{ProgramSwitch: sw, Stopped: sw.FinishedAt.IsZero()}, err
}

func (o *Operator) findSwitch(ctx context.Context, connectionID string, switchID int64) (sw store.ProgramSwitch, err error) {
	if switchID == 0 {
		sw, err = o.store.LatestSwitch(ctx, connectionID)
	} else {
		sw, err = o.store.Switch(ctx, switchID)
	}
	switch {
	case bridge.KindOf(err) == bridge.NotFound && switchID == 0:
		return sw, refuse(bridge.NotFound, "unknown_program_switch", "there was no program switch yet")
	case bridge.KindOf(err) == bridge.NotFound, err == nil && sw.ConnectionID != connectionID:
		return store.ProgramSwitch{}, refuse(bridge.NotFound, "unknown_program_switch", "there was no program switch %d", switchID)
	}
	return sw, err
}

// atWork reports whether a workflow is running.
func (o *Operator) atWork(ctx context.Context, workflowID string) (bool, error) {
	found, err := o.temporal.DescribeWorkflow(ctx, workflowID, "")
	if _, none := errors.AsType[*serviceerror.NotFound](err); none {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask Temporal for %s: %w", workflowID, err)
	}
	return found.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}
