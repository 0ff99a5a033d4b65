package operator

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/bridge"
)

// temporalClient is the part of Temporal's client that an Operator uses.
type temporalClient interface {
	ScheduleClient() client.ScheduleClient
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWorkflow(ctx context.Context, workflowID, runID, signalName string, arg any) error
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	TerminateWorkflow(ctx context.Context, workflowID, runID, reason string, details ...any) error
	DescribeWorkflow(ctx context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error)
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

// temporalPatience bounds one request to Temporal that a person waits for. Its
// client would retry for as long as the caller's context lasts.
const temporalPatience = 10 * time.Second

// errTemporalAway is what a person reads if Temporal does not answer. The request
// may have got through, and only its answer may be lost.
var errTemporalAway = errors.New("Temporal does not answer: look whether it was done, and if not, ask again in a minute")

// within makes a request to Temporal. If Temporal does not answer, it returns an
// error of kind unavailable.
func within[T any](ctx context.Context, op string, ask func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, temporalPatience)
	defer cancel()
	answer, err := ask(bounded)
	if away(err) && ctx.Err() == nil {
		err = &bridge.Error{Kind: bridge.Unavailable, Op: "temporal." + op, Err: errTemporalAway}
	}
	return answer, err
}

func tell(ctx context.Context, op string, do func(context.Context) error) error {
	_, err := within(ctx, op, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

// away reports whether Temporal did not answer, or not in time.
func away(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		late        *serviceerror.DeadlineExceeded
		busy        *serviceerror.ResourceExhausted
	)
	return errors.As(err, &unavailable) || errors.As(err, &late) || errors.As(err, &busy) || errors.Is(err, context.DeadlineExceeded)
}

// patient is Temporal's client with temporalPatience for each request.
type patient struct{ temporalClient }

func (p patient) ScheduleClient() client.ScheduleClient {
	return patientSchedules{p.temporalClient.ScheduleClient()}
}

func (p patient) ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	return within(ctx, "start_workflow", func(ctx context.Context) (client.WorkflowRun, error) {
		return p.temporalClient.ExecuteWorkflow(ctx, options, workflow, args...)
	})
}

func (p patient) SignalWorkflow(ctx context.Context, workflowID, runID, signalName string, arg any) error {
	return tell(ctx, "signal_workflow", func(ctx context.Context) error {
		return p.temporalClient.SignalWorkflow(ctx, workflowID, runID, signalName, arg)
	})
}

func (p patient) ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return within(ctx, "list_workflows", func(ctx context.Context) (*workflowservice.ListWorkflowExecutionsResponse, error) {
		return p.temporalClient.ListWorkflow(ctx, request)
	})
}

func (p patient) TerminateWorkflow(ctx context.Context, workflowID, runID, reason string, details ...any) error {
	return tell(ctx, "terminate_workflow", func(ctx context.Context) error {
		return p.temporalClient.TerminateWorkflow(ctx, workflowID, runID, reason, details...)
	})
}

func (p patient) DescribeWorkflow(ctx context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error) {
	return within(ctx, "describe_workflow", func(ctx context.Context) (*client.WorkflowExecutionDescription, error) {
		return p.temporalClient.DescribeWorkflow(ctx, workflowID, runID)
	})
}

func (p patient) DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return within(ctx, "describe_workflow", func(ctx context.Context) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
		return p.temporalClient.DescribeWorkflowExecution(ctx, workflowID, runID)
	})
}

type patientSchedules struct{ client.ScheduleClient }

func (p patientSchedules) Create(ctx context.Context, options client.ScheduleOptions) (client.ScheduleHandle, error) {
	return within(ctx, "create_schedule", func(ctx context.Context) (client.ScheduleHandle, error) {
		return p.ScheduleClient.Create(ctx, options)
	})
}

func (p patientSchedules) GetHandle(ctx context.Context, id string) client.ScheduleHandle {
	return patientSchedule{p.ScheduleClient.GetHandle(ctx, id)}
}

type patientSchedule struct{ client.ScheduleHandle }

func (p patientSchedule) Describe(ctx context.Context) (*client.ScheduleDescription, error) {
	return within(ctx, "describe_schedule", p.ScheduleHandle.Describe)
}

func (p patientSchedule) Update(ctx context.Context, options client.ScheduleUpdateOptions) error {
	return tell(ctx, "update_schedule", func(ctx context.Context) error { return p.ScheduleHandle.Update(ctx, options) })
}

func (p patientSchedule) Pause(ctx context.Context, options client.SchedulePauseOptions) error {
	return tell(ctx, "pause_schedule", func(ctx context.Context) error { return p.ScheduleHandle.Pause(ctx, options) })
}

func (p patientSchedule) Unpause(ctx context.Context, options client.ScheduleUnpauseOptions) error {
	return tell(ctx, "resume_schedule", func(ctx context.Context) error { return p.ScheduleHandle.Unpause(ctx, options) })
}

func (p patientSchedule) Trigger(ctx context.Context, options client.ScheduleTriggerOptions) error {
	return tell(ctx, "trigger_schedule", func(ctx context.Context) error { return p.ScheduleHandle.Trigger(ctx, options) })
}

func (p patientSchedule) Delete(ctx context.Context) error {
	return tell(ctx, "delete_schedule", p.ScheduleHandle.Delete)
}
