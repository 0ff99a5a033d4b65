package wiringtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/types/known/timestamppb"

	enumspb "go.temporal.io/api/enums/v1"
)

// Temporal takes schedules and workflow starts without running anything: tests
// run workflows when they want them.
type Temporal struct {
	away atomic.Bool // it answers nothing

	mu      sync.Mutex
	started []Started
	open    map[string]*openRun // by workflow id

	schedules map[string]*keptSchedule
}

// openRun is a workflow that has not ended.
type openRun struct {
	workflowType string
	signals      int
	startedAt    time.Time
	failure      string // of the activity that it waits for
}

// Started is one workflow that was asked for.
type Started struct {
	Options  client.StartWorkflowOptions
	Workflow any
	Args     []any
}

// Die has Temporal answer nothing from now on; Live has it answer again.
func (w *Temporal) Die() { w.away.Store(true) }

// Live has Temporal answer again.
func (w *Temporal) Live() { w.away.Store(false) }

func (w *Temporal) answers() error {
	if w.away.Load() {
		return serviceerror.NewUnavailable("connection refused")
	}
	return nil
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
	if run := w.open[workflowID]; run != nil {
		return run.signals
	}
	return 0
}

// Stall has a workflow run since a time, with an activity that failed.
func (w *Temporal) Stall(workflowID, workflowType, failure string, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = map[string]*openRun{}
	}
	w.open[workflowID] = &openRun{workflowType: workflowType, startedAt: since, failure: failure}
}

// SignalWorkflow counts the signal if the workflow is open.
func (w *Temporal) SignalWorkflow(_ context.Context, workflowID, _, _ string, _ any) error {
	if err := w.answers(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[workflowID]; !open {
		return serviceerror.NewNotFound("no such workflow")
	}
	w.open[workflowID].signals++
	return nil
}

// ExecuteWorkflow notes the start.
func (w *Temporal) ExecuteWorkflow(_ context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	if err := w.answers(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[options.ID]; open && options.WorkflowExecutionErrorWhenAlreadyStarted {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("already started", "", "")
	}
	if w.open == nil {
		w.open = map[string]*openRun{}
	}
	w.open[options.ID] = &openRun{workflowType: fmt.Sprint(workflow), startedAt: time.Now()}
	w.started = append(w.started, Started{Options: options, Workflow: workflow, Args: args})
	return noRun{}, nil
}

// noRun is a run that does not end while somebody waits.
type noRun struct{ client.WorkflowRun }

// ofType is the part of a query that names a type of workflow.
var ofType = regexp.MustCompile(`WorkflowType = '(\w+)'`)

// ListWorkflow lists the workflows that are open, of the type that the query
// names; it leaves the rest of the query alone.
func (w *Temporal) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if err := w.answers(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	wanted := ofType.FindStringSubmatch(in.GetQuery())
	var list workflowservice.ListWorkflowExecutionsResponse
	for _, id := range slices.Sorted(maps.Keys(w.open)) {
		run := w.open[id]
		if len(wanted) > 1 && wanted[1] != run.workflowType {
			continue
		}
		list.Executions = append(list.Executions, &workflowpb.WorkflowExecutionInfo{
			Execution: &commonpb.WorkflowExecution{WorkflowId: id}, StartTime: timestamppb.New(run.startedAt),
		})
	}
	return &list, nil
}

// DescribeWorkflowExecution tells of the activity that an open workflow waits for.
func (w *Temporal) DescribeWorkflowExecution(_ context.Context, workflowID, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if err := w.answers(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	run := w.open[workflowID]
	if run == nil {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	var is workflowservice.DescribeWorkflowExecutionResponse
	if run.failure != "" {
		is.PendingActivities = []*workflowpb.PendingActivityInfo{{
			ActivityType: &commonpb.ActivityType{Name: "SyncContact"}, Attempt: 7, LastFailure: &failurepb.Failure{Message: run.failure},
		}}
	}
	return &is, nil
}

func (noRun) Get(ctx context.Context, _ any) error {
	<-ctx.Done()
	return ctx.Err()
}

// DescribeWorkflow tells of a workflow that was asked for that it is running.
func (w *Temporal) DescribeWorkflow(_ context.Context, workflowID, _ string) (*client.WorkflowExecutionDescription, error) {
	if err := w.answers(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[workflowID]; !open {
		return nil, serviceerror.NewNotFound("no such workflow")
	}
	found := &client.WorkflowExecutionDescription{}
	found.Status = enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	return found, nil
}

// TerminateWorkflow ends an open workflow.
func (w *Temporal) TerminateWorkflow(_ context.Context, workflowID, _, _ string, _ ...any) error {
	if err := w.answers(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, open := w.open[workflowID]; !open {
		return serviceerror.NewNotFound("no such workflow")
	}
	delete(w.open, workflowID)
	return nil
}

// ScheduleClient keeps schedules, and starts nothing.
func (w *Temporal) ScheduleClient() client.ScheduleClient { return schedules{temporal: w} }

// Schedule reports whether there is a schedule, whether it is paused, and how
// often it was triggered.
func (w *Temporal) Schedule(id string) (there, paused bool, triggered int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.schedules[id]
	if s == nil {
		return false, false, 0
	}
	return true, s.State.Paused, s.triggered
}

// Definition returns a schedule as Temporal keeps it, for a test to change, and
// how often it was updated. There must be one.
func (w *Temporal) Definition(id string) (schedule *client.Schedule, updates int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &w.schedules[id].Schedule, w.schedules[id].updates
}

type keptSchedule struct {
	client.Schedule
	triggered, updates int
}

// encode turns the arguments into what Temporal keeps and returns of them.
func (k *keptSchedule) encode() {
	action := *k.Action.(*client.ScheduleWorkflowAction) //nolint:errcheck,forcetypeassert // there is no other kind
	action.Args = slices.Clone(action.Args)
	for i, argument := range action.Args {
		if _, encoded := argument.(*commonpb.Payload); encoded {
			continue
		}
		payload, err := converter.GetDefaultDataConverter().ToPayload(argument)
		if err != nil {
			panic(err) //nolint:forbidigo // the input of a test is not JSON
		}
		action.Args[i] = payload
	}
	k.Action = &action
}

type schedules struct {
	client.ScheduleClient
	temporal *Temporal
}

// Create keeps a schedule.
func (s schedules) Create(ctx context.Context, options client.ScheduleOptions) (client.ScheduleHandle, error) {
	w := s.temporal
	if err := w.answers(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.schedules[options.ID] != nil {
		return nil, temporal.ErrScheduleAlreadyRunning
	}
	if w.schedules == nil {
		w.schedules = map[string]*keptSchedule{}
	}
	kept := &keptSchedule{Schedule: client.Schedule{
		Spec: &options.Spec, Action: options.Action,
		Policy: &client.SchedulePolicies{Overlap: options.Overlap, CatchupWindow: options.CatchupWindow, PauseOnFailure: options.PauseOnFailure},
		State:  &client.ScheduleState{Paused: options.Paused, Note: options.Note},
	}}
	kept.encode()
	w.schedules[options.ID] = kept
	return s.GetHandle(ctx, options.ID), nil
}

// GetHandle returns the handle of a schedule, also of one that is not there.
func (s schedules) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return scheduleHandle{temporal: s.temporal, id: id}
}

type scheduleHandle struct {
	client.ScheduleHandle
	temporal *Temporal
	id       string
}

func (h scheduleHandle) with(do func(*keptSchedule)) error {
	if err := h.temporal.answers(); err != nil {
		return err
	}
	h.temporal.mu.Lock()
	defer h.temporal.mu.Unlock()
	s := h.temporal.schedules[h.id]
	if s == nil {
		return serviceerror.NewNotFound("no such schedule")
	}
	do(s)
	return nil
}

// Update changes the schedule, unless the change is skipped.
func (h scheduleHandle) Update(_ context.Context, options client.ScheduleUpdateOptions) error {
	var failed error
	err := h.with(func(s *keptSchedule) {
		update, err := options.DoUpdate(client.ScheduleUpdateInput{Description: client.ScheduleDescription{Schedule: s.Schedule}})
		switch {
		case errors.Is(err, temporal.ErrSkipScheduleUpdate):
		case err != nil:
			failed = err
		default:
			s.Schedule = *update.Schedule
			s.encode()
			s.updates++
		}
	})
	return errors.Join(err, failed)
}

// Pause pauses the schedule.
func (h scheduleHandle) Pause(_ context.Context, options client.SchedulePauseOptions) error {
	return h.with(func(s *keptSchedule) { s.State.Paused, s.State.Note = true, options.Note })
}

// Unpause ends its pause.
func (h scheduleHandle) Unpause(_ context.Context, options client.ScheduleUnpauseOptions) error {
	return h.with(func(s *keptSchedule) { s.State.Paused, s.State.Note = false, options.Note })
}

// Trigger counts.
func (h scheduleHandle) Trigger(context.Context, client.ScheduleTriggerOptions) error {
	return h.with(func(s *keptSchedule) { s.triggered++ })
}

// Delete forgets the schedule.
func (h scheduleHandle) Delete(context.Context) error {
	return h.with(func(*keptSchedule) { delete(h.temporal.schedules, h.id) })
}

// Describe shows the schedule's state.
func (h scheduleHandle) Describe(context.Context) (*client.ScheduleDescription, error) {
	var d client.ScheduleDescription
	err := h.with(func(s *keptSchedule) {
		d.Schedule = s.Schedule
		state := *s.State
		d.Schedule.State = &state
	})
	return &d, err
}
