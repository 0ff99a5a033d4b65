package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
)

// live sets the options of activities that somebody waits for.
func live(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		Summary: summary,
		// Waiting for the vendors' limits is part of the work, so the bound is
		// wide; a killed worker is noticed by its missing heartbeat.
		StartToCloseTimeout: 5 * time.Minute,
		HeartbeatTimeout:    activities.HeartbeatTimeout,
		// A vendor may be down for hours, and credentials may wait for a person
		// overnight. What still fails after a day is parked.
		ScheduleToCloseTimeout: 24 * time.Hour,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

// bulk sets the options of the set path's activities. They have a task queue of
// their own and use the portal's bulk lane, so that live work goes first.
func bulk(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           BulkTaskQueue,
		Summary:             summary,
		StartToCloseTimeout: time.Hour, // staging a large export streams for minutes
		HeartbeatTimeout:    activities.HeartbeatTimeout,
		// The first pauses are short, because work of a worker that died waits for them
		// as well.
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 1.5, MaximumInterval: time.Minute},
	})
}

// polling sets the options for waiting on an export: its retries are the
// polls, so that waiting leaves no trace in the history.
func polling(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           BulkTaskQueue,
		Summary:             "wait for the export",
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    activities.HeartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 2 * time.Second, BackoffCoefficient: 1},
	})
}

// applying sets the options for writing pages. A cancellation waits for the
// pages under way: what they have written must be recorded before the run ends.
func applying(ctx workflow.Context, summary string) workflow.Context {
	ctx = bulk(ctx, summary)
	options := workflow.GetActivityOptions(ctx)
	options.WaitForCancellation = version(ctx, changePages) != workflow.DefaultVersion
	return workflow.WithActivityOptions(ctx, options)
}

// sending sets the options of calls to impact.com. They have a task queue of their
// own, whose workers bound how many run at once: a burst waits on the server, not
// in slots that contacts need. The fairness key gives each connection its share of
// a backlog, on servers that support it.
func sending(ctx workflow.Context, connectionID, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              ImpactTaskQueue,
		Summary:                summary,
		Priority:               temporal.Priority{FairnessKey: connectionID},
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		ScheduleToCloseTimeout: 24 * time.Hour,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

// round sets the options of a round's activities. The next round retries them.
func round(ctx workflow.Context, queue, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              queue,
		Summary:                summary,
		StartToCloseTimeout:    5 * time.Minute,
		HeartbeatTimeout:       activities.HeartbeatTimeout,
		ScheduleToCloseTimeout: 10 * time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 3},
	})
}
