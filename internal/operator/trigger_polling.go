package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"

	enumspb "go.temporal.io/api/enums/v1"
)

// roundTimeout ends a round that is stuck; the next one starts over.
const roundTimeout = 30 * time.Minute

// TriggerPolling keeps one schedule for each connection whose triggers have something
// to look after, and none for the others. It goes by what the database says, so
// it follows whoever enables or disables a trigger; any number may run.
type TriggerPolling struct {
	store     *store.Store
	schedules client.ScheduleClient
	interval  time.Duration
	log       *slog.Logger
	running   map[string]bool // as far as known, by connection id
}

// NewTriggerPolling returns rounds that run every interval.
func NewTriggerPolling(s *store.Store, schedules client.ScheduleClient, interval time.Duration, log *slog.Logger) *TriggerPolling {
	return &TriggerPolling{store: s, schedules: schedules, interval: interval, log: log, running: map[string]bool{}}
}

// keepRoundsEvery is how soon a trigger that was enabled is looked after. What
// HubSpot tells of by itself does not wait for it.
const keepRoundsEvery = 5 * time.Second

// Run keeps the schedules until ctx ends. Failures are logged and tried again.
func (r *TriggerPolling) Run(ctx context.Context) {
	tick := time.NewTicker(keepRoundsEvery)
	defer tick.Stop()
	for {
		if err := r.Keep(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "the schedules of triggers could not be kept", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Keep makes the schedules what they should be now.
func (r *TriggerPolling) Keep(ctx context.Context) error {
	connections, err := r.store.Connections(ctx)
	if err != nil {
		return err
	}
	var failed error
	maps.DeleteFunc(r.running, func(id string, _ bool) bool { // disconnected, and its schedule with it
		return !slices.ContainsFunc(connections, func(c bridge.Connection) bool { return c.ID == id })
	})
	for _, c := range connections {
		if err := r.keep(ctx, c.ID); err != nil {
			failed = errors.Join(failed, fmt.Errorf("rounds of connection %s: %w", c.ID, err))
		}
	}
	return failed
}

func (r *TriggerPolling) keep(ctx context.Context, connectionID string) error {
	needed, err := r.needed(ctx, connectionID)
	if err != nil {
		return err
	}
	if known, is := r.running[connectionID]; is && known == needed {
		return nil
	}
	if needed {
		err = ensureSchedule(ctx, r.schedules, pollSchedule(connectionID, r.interval))
	} else {
		err = deleteSchedule(ctx, r.schedules, workflows.TrackRoundID(connectionID))
	}
	if err == nil {
		r.running[connectionID] = needed
	}
	return err
}

// needed tells whether a trigger is enabled, or something is left to come of
// one that was.
func (r *TriggerPolling) needed(ctx context.Context, connectionID string) (bool, error) {
	triggers, err := r.store.Triggers(ctx, connectionID)
	if err != nil {
		return false, err
	}
	for _, t := range triggers {
		if t.Enabled {
			return true, nil
		}
	}
	return r.store.OpenTracked(ctx, connectionID)
}

func pollSchedule(connectionID string, interval time.Duration) client.ScheduleOptions {
	id := workflows.TrackRoundID(connectionID)
	return client.ScheduleOptions{
		ID: id,
		Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{
			{Every: interval, Offset: spread(id, interval)},
		}},
		Action: &client.ScheduleWorkflowAction{
			ID:                    id,
			Workflow:              workflows.TrackRoundName,
			Args:                  []any{workflows.TrackRoundInput{ConnectionID: connectionID}},
			TaskQueue:             workflows.TaskQueue,
			WorkflowRunTimeout:    roundTimeout,
			TypedSearchAttributes: temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(connectionID)),
			StaticSummary:         "what triggers of connection " + connectionID + " wait for",
		},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, // one round at a time
		CatchupWindow: catchUp,
	}
}
