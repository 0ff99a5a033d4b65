package wiringtest

import (
	"context"
	"sync"

	"go.temporal.io/sdk/client"
)

// Temporal takes schedules and workflow starts without running anything: tests
// run workflows when they want them.
type Temporal struct {
	mu      sync.Mutex
	started []Started
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

// ExecuteWorkflow notes the start.
func (w *Temporal) ExecuteWorkflow(_ context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
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
