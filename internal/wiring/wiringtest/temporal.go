package wiringtest

import (
	"context"
	"sync"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// Temporal takes schedules and workflow starts without running anything: tests
// run workflows when they want them.
type Temporal struct {
	mu      sync.Mutex
	started []Started
	open    map[string]int // by workflow id: signals it got
}

// Started is one workflow that was asked for.
type Started struct {
	Options  client.StartWorkflowOptions
	Workflow any
	Args     []any
}

// Started returns the workflows that were asked for, the oldest first.
func (w *Temporal) Started() []Started {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.started
}

// End ends a workflow that was asked for.
func (w *Temporal) End(workflowID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, workflowID)
}

// Signals returns how many signals an open workflow got.
func (w *Temporal) Signals(workflowID string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open[workflowID]
}

// SignalWorkflow counts the signal if the workflow is open.
func (w *Temporal) SignalWorkflow(_ context.Context, workflowID, _, _ string, _ any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[workflowID]; !open {
		return serviceerror.NewNotFound("no such workflow")
	}
	w.open[workflowID]++
	return nil
}

// ExecuteWorkflow notes the start.
func (w *Temporal) ExecuteWorkflow(_ context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[options.ID]; open && options.WorkflowExecutionErrorWhenAlreadyStarted {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("already started", "", "")
	}
	if w.open == nil {
		w.open = map[string]int{}
	}
	w.open[options.ID] = 0
	w.started = append(w.started, Started{Options: options, Workflow: workflow, Args: args})
	return noRun{}, nil
}

// noRun is a run that nobody waits for.
type noRun struct{ client.WorkflowRun }

// ScheduleClient takes schedules.
func (w *Temporal) ScheduleClient() client.ScheduleClient { return noSchedules{} }

type noSchedules struct {
	client.ScheduleClient
	handle client.ScheduleHandle
}

func (n noSchedules) Create(context.Context, client.ScheduleOptions) (client.ScheduleHandle, error) {
	return n.handle, nil
}
