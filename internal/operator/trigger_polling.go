package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// TriggerPolling keeps a polling schedule for each connection whose triggers need
// one, and none for the others. It follows the database, so any process may enable or
// disable a trigger, and any number of pollings may run.
type TriggerPolling struct {
	store     *store.Store
	schedules *Schedules
	interval  time.Duration
	log       *slog.Logger
	running   map[string]bool // as far as known, by connection id
}

// NewTriggerPolling returns a TriggerPolling whose schedules run every interval.
func NewTriggerPolling(s *store.Store, schedules *Schedules, interval time.Duration, log *slog.Logger) *TriggerPolling {
	return &TriggerPolling{store: s, schedules: schedules, interval: interval, log: log, running: map[string]bool{}}
}

// keepPollingEvery is how soon polling begins for a trigger that was enabled.
// Webhooks do not wait for it.
const keepPollingEvery = 5 * time.Second

// Run keeps the schedules until ctx ends. Failures are logged and retried.
func (r *TriggerPolling) Run(ctx context.Context) {
	tick := time.NewTicker(keepPollingEvery)
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

// Keep creates and deletes schedules as needed.
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
		if err := r.keep(ctx, c); err != nil {
			failed = errors.Join(failed, fmt.Errorf("trigger polling of connection %s: %w", c.ID, err))
		}
	}
	return failed
}

func (r *TriggerPolling) keep(ctx context.Context, c bridge.Connection) error {
	needed, err := r.needed(ctx, c.ID)
	if err != nil {
		return err
	}
	if known, is := r.running[c.ID]; is && known == needed {
		return nil
	}
	schedule := pollSchedule(c.ID, r.interval)
	if needed {
		err = r.schedules.ensure(ctx, schedule, c)
	} else {
		err = r.schedules.remove(ctx, c.ID, schedule.id)
	}
	if err == nil {
		r.running[c.ID] = needed
	}
	return err
}

// needed reports whether a trigger is enabled, or an event of a disabled one is
// still open.
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
