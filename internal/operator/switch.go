package operator

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	enumspb "go.temporal.io/api/enums/v1"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// StartSwitch begins what was planned, or takes up the same switch where it is
// under way.
func (o *Operator) StartSwitch(ctx context.Context, plan SwitchPlan) (*SwitchRun, error) {
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
		return nil, fmt.Errorf("start the switch of connection %s: %w", c.ID, err)
	}
	return &SwitchRun{operator: o, plan: plan, run: run}, nil
}

// SwitchStatus returns a connection's latest switch, or a not_found error.
func (o *Operator) SwitchStatus(ctx context.Context, connectionID string) (store.ProgramSwitch, error) {
	return o.store.LatestSwitch(ctx, connectionID)
}

// SwitchRun is a switch that somebody may wait for.
type SwitchRun struct {
	operator *Operator
	plan     SwitchPlan
	run      client.WorkflowRun
}

// pollSwitch is how often the progress of a switch is looked at.
const pollSwitch = 250 * time.Millisecond

// Wait waits until the program is connected or refused and, with toTheEnd,
// until the contacts are refreshed too. How it stands is told again and again.
// It returns the switch as it is then; one that did not begin is an error. ctx
// bounds the wait, not the switch.
func (r *SwitchRun) Wait(ctx context.Context, toTheEnd bool, tell func(store.ProgramSwitch)) (store.ProgramSwitch, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.outcome(ctx) }()
	tick := time.NewTicker(pollSwitch)
	defer tick.Stop()
	var last store.ProgramSwitch
	for {
		var outcome error
		over := false
		select {
		case outcome = <-ended:
			over = true
		case <-tick.C:
		}
		if outcome != nil {
			return last, outcome
		}
		now, mine, err := r.look(ctx)
		if err != nil {
			return last, err
		}
		if mine {
			last = now
			tell(now)
		}
		connected := mine && (now.State == store.SwitchRefreshing || !now.FinishedAt.IsZero())
		if over || connected && !toTheEnd {
			return now, nil
		}
	}
}

// outcome waits for the workflow.
func (r *SwitchRun) outcome(ctx context.Context) error {
	var result workflows.ProgramSwitchResult
	if err := r.run.Get(ctx, &result); err != nil {
		return fmt.Errorf("the switch stopped; ask for it again to take it up: %w", err)
	}
	if result.NotBegun != "" {
		return notBegun(result.NotBegun, r.plan.To.ID)
	}
	return nil
}

// look returns the switch, and whether it is the one that was asked for and
// not an earlier one.
func (r *SwitchRun) look(ctx context.Context) (store.ProgramSwitch, bool, error) {
	now, err := r.operator.store.LatestSwitch(ctx, r.plan.Connection.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return now, false, nil
	}
	return now, err == nil && now.ID > r.plan.former, err
}
