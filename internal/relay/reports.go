package relay

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// Temporal is the part of Temporal's client that brings reports forward.
type Temporal interface {
	ScheduleClient() client.ScheduleClient
	SignalWorkflow(ctx context.Context, workflowID, runID, signalName string, arg any) error
}

// NewReports returns Reports over the schedules and workflows of a Temporal
// namespace.
func NewReports(t Temporal) Reports { return reports{t} }

type reports struct{ temporal Temporal }

func (r reports) StartReport(ctx context.Context, connectionID string) error {
	schedule := r.temporal.ScheduleClient().GetHandle(ctx, workflows.ReportSyncID(connectionID))
	is, err := schedule.Describe(ctx)
	if err == nil && (is.Schedule.State == nil || !is.Schedule.State.Paused) {
		err = schedule.Trigger(ctx, client.ScheduleTriggerOptions{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP})
	}
	if err != nil {
		return fmt.Errorf("start the report of connection %s early: %w", connectionID, err)
	}
	return nil
}

func (r reports) ExportReady(ctx context.Context, run store.Run) error {
	waiting, err := r.waiting(ctx, run)
	for _, id := range waiting {
		told := r.temporal.SignalWorkflow(ctx, id, "", workflows.SignalExportReady, nil)
		var gone *serviceerror.NotFound
		if !errors.As(told, &gone) {
			err = errors.Join(err, told)
		}
	}
	if err != nil {
		return fmt.Errorf("tell run %d that its export is ready: %w", run.ID, err)
	}
	return nil
}

// waiting returns the ids of the workflows that may wait for the run's export. A
// report's workflow id ends with the time for which the schedule started it.
func (r reports) waiting(ctx context.Context, run store.Run) ([]string, error) {
	if run.Kind != store.RunReport {
		return []string{workflows.MassSyncID(run.ConnectionID, run.ID)}, nil
	}
	is, err := r.temporal.ScheduleClient().GetHandle(ctx, workflows.ReportSyncID(run.ConnectionID)).Describe(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, w := range is.Info.RunningWorkflows {
		ids = append(ids, w.WorkflowID)
	}
	return ids, nil
}
