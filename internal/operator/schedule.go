package operator

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/workflows"

	enumspb "go.temporal.io/api/enums/v1"
)

const (
	// catchUp is how far back a missed report still starts: one run covers
	// any gap, because the watermark does not move without it.
	catchUp = 10 * time.Minute
	// reportTimeout ends a report that is stuck, so that it cannot block all
	// later ones; the next one takes its run up where it stopped.
	reportTimeout = 30 * time.Minute
)

// Housekeeping runs once a day, at an hour (UTC) when few people work. A day
// that was missed is made up for: what it deletes may not stay much longer.
const (
	housekeepingEvery   = 24 * time.Hour
	housekeepingAt      = 3 * time.Hour
	housekeepingTimeout = 6 * time.Hour
)

// EnsureReportSchedule makes sure that the connection's report runs every
// interval. A schedule that is there keeps its pause and its note, and is only
// touched if its interval differs.
func EnsureReportSchedule(ctx context.Context, schedules client.ScheduleClient, connectionID string, interval time.Duration) error {
	if err := ensureSchedule(ctx, schedules, reportSchedule(connectionID, interval)); err != nil {
		return fmt.Errorf("schedule the reports of connection %s: %w", connectionID, err)
	}
	return nil
}

// EnsureHousekeepingSchedule makes sure that the installation's housekeeping
// runs every day. A schedule that is there keeps its pause and its note.
func EnsureHousekeepingSchedule(ctx context.Context, schedules client.ScheduleClient) error {
	if err := ensureSchedule(ctx, schedules, housekeepingSchedule()); err != nil {
		return fmt.Errorf("schedule the housekeeping: %w", err)
	}
	return nil
}

// ensureSchedule creates a schedule, or changes the one that is there if it
// runs at other times.
func ensureSchedule(ctx context.Context, schedules client.ScheduleClient, want client.ScheduleOptions) error {
	_, err := schedules.Create(ctx, want)
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return schedules.GetHandle(ctx, want.ID).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			schedule := in.Description.Schedule
			if sameInterval(schedule.Spec, want.Spec) {
				return nil, temporal.ErrSkipScheduleUpdate
			}
			schedule.Spec, schedule.Action = &want.Spec, want.Action
			return &client.ScheduleUpdate{Schedule: &schedule}, nil
		},
	})
}

// deleteSchedule deletes a schedule, if there is one.
func deleteSchedule(ctx context.Context, schedules client.ScheduleClient, id string) error {
	err := schedules.GetHandle(ctx, id).Delete(ctx)
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return nil
	}
	return err
}

func sameInterval(have *client.ScheduleSpec, want client.ScheduleSpec) bool {
	return have != nil && len(have.Intervals) == 1 && have.Intervals[0] == want.Intervals[0]
}

func reportSchedule(connectionID string, interval time.Duration) client.ScheduleOptions {
	id := workflows.ReportSyncID(connectionID)
	return client.ScheduleOptions{
		ID: id,
		Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{
			{Every: interval, Offset: spread(connectionID, interval)},
		}},
		Action: &client.ScheduleWorkflowAction{
			ID:                    id,
			Workflow:              workflows.ReportSyncName,
			Args:                  []any{workflows.ReportSyncInput{ConnectionID: connectionID}},
			TaskQueue:             workflows.TaskQueue,
			WorkflowRunTimeout:    reportTimeout,
			TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(connectionID)),
			StaticSummary:         "report of connection " + connectionID,
			Priority:              temporal.Priority{FairnessKey: connectionID},
		},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, // one report at a time
		CatchupWindow: catchUp,
	}
}

func housekeepingSchedule() client.ScheduleOptions {
	return client.ScheduleOptions{
		ID: workflows.HousekeepingID,
		Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{
			{Every: housekeepingEvery, Offset: housekeepingAt},
		}},
		Action: &client.ScheduleWorkflowAction{
			ID:                 workflows.HousekeepingID,
			Workflow:           workflows.HousekeepingName,
			TaskQueue:          workflows.TaskQueue,
			WorkflowRunTimeout: housekeepingTimeout,
			StaticSummary:      "delete what has been kept long enough",
		},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: housekeepingEvery,
	}
}

// EnsureReconcileSchedule makes sure that the connection is reconciled every
// interval, at a moment of its own. A schedule that is there keeps its pause and
// its note.
func EnsureReconcileSchedule(ctx context.Context, schedules client.ScheduleClient, connectionID string, interval time.Duration) error {
	if err := ensureSchedule(ctx, schedules, reconcileSchedule(connectionID, interval)); err != nil {
		return fmt.Errorf("schedule the reconciles of connection %s: %w", connectionID, err)
	}
	return nil
}

func reconcileSchedule(connectionID string, interval time.Duration) client.ScheduleOptions {
	id := workflows.ReconcileScheduleID(connectionID)
	return client.ScheduleOptions{
		ID: id,
		Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{
			{Every: interval, Offset: spread(id, interval)},
		}},
		Action: &client.ScheduleWorkflowAction{
			ID:                    id,
			Workflow:              workflows.ReconcileName,
			Args:                  []any{workflows.ReconcileInput{ConnectionID: connectionID}},
			TaskQueue:             workflows.TaskQueue,
			TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(connectionID)),
			StaticSummary:         "reconcile of connection " + connectionID + " when due",
			Priority:              temporal.Priority{PriorityKey: massPriority, FairnessKey: connectionID},
		},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, // one at a time, however long it takes
		CatchupWindow: interval,
	}
}

// pauseReconciles has no reconcile start by itself.
func (o *Operator) pauseReconciles(ctx context.Context, connectionID string) error {
	schedule := o.temporal.ScheduleClient().GetHandle(ctx, workflows.ReconcileScheduleID(connectionID))
	err := schedule.Pause(ctx, client.SchedulePauseOptions{Note: pausedNote})
	if _, missing := errors.AsType[*serviceerror.NotFound](err); err != nil && !missing {
		return fmt.Errorf("the connection is paused, but its reconciles are not; they start, and wait: %w", err)
	}
	return nil
}

// resumeReconciles takes pauseReconciles back. One that was under way goes on.
func (o *Operator) resumeReconciles(ctx context.Context, connectionID string) error {
	if err := EnsureReconcileSchedule(ctx, o.temporal.ScheduleClient(), connectionID, o.reconcileEvery); err != nil {
		return err
	}
	schedule := o.temporal.ScheduleClient().GetHandle(ctx, workflows.ReconcileScheduleID(connectionID))
	if err := schedule.Unpause(ctx, client.ScheduleUnpauseOptions{Note: "the connection was resumed"}); err != nil {
		return fmt.Errorf("the connection is resumed, but its reconciles are not: resume it again: %w", err)
	}
	return o.wake(ctx, o.reconciles(), connectionID)
}

// spread gives every connection its own moment of the interval, so that many
// of them do not all ask at the full minute.
func spread(connectionID string, interval time.Duration) time.Duration {
	hash := fnv.New32a()
	hash.Write([]byte(connectionID))
	seconds := uint32(interval / time.Second)
	return time.Duration(hash.Sum32()%max(seconds, 1)) * time.Second
}
