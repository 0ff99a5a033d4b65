package wiring

import (
	"context"
	"log/slog"
	"sync"

	"advocatesync/activities"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// definitions is the part of the store that Triggers reads.
type definitions interface {
	Triggers(ctx context.Context, connectionID string) ([]store.Trigger, error)
}

// Triggers compiles the triggers of connections, each version once per process.
type Triggers struct {
	store definitions
	log   *slog.Logger

	mu       sync.Mutex
	compiled map[versionKey]*trigger.Trigger // nil: it does not compile
}

// versionKey names one version of one trigger, which never changes.
type versionKey struct {
	connection, id string
	version        int
}

// NewTriggers returns the triggers of a store.
func NewTriggers(s definitions, log *slog.Logger) *Triggers {
	return &Triggers{store: s, log: log, compiled: map[versionKey]*trigger.Trigger{}}
}

// Active returns the enabled triggers of a connection, as they are now. A trigger
// that this build can no longer compile is logged and left out: it must not stop
// the others, nor the intake of webhooks.
func (t *Triggers) Active(ctx context.Context, connectionID string) ([]activities.ActiveTrigger, error) {
	found, err := t.store.Triggers(ctx, connectionID)
	if err != nil {
		return nil, err
	}
	var active []activities.ActiveTrigger
	for _, one := range found {
		if !one.Enabled {
			continue
		}
		if compiled := t.compile(ctx, one); compiled != nil {
			active = append(active, activities.ActiveTrigger{Trigger: compiled, Version: one.Version, AppliedAt: one.AppliedAt})
		}
	}
	return active, nil
}

// Watches returns what the enabled triggers of a connection watch.
func (t *Triggers) Watches(ctx context.Context, connectionID string) ([]trigger.Watch, error) {
	active, err := t.Active(ctx, connectionID)
	var watches []trigger.Watch
	for _, one := range active {
		watches = append(watches, one.Watches()...)
	}
	return watches, err
}

// compile returns nil for a trigger that does not compile.
func (t *Triggers) compile(ctx context.Context, one store.Trigger) *trigger.Trigger {
	key := versionKey{one.ConnectionID, one.ID, one.Version}
	t.mu.Lock()
	defer t.mu.Unlock()
	if compiled, tried := t.compiled[key]; tried {
		return compiled
	}
	compiled, err := trigger.Restore(one.Source, one.Schema)
	if err != nil {
		t.log.ErrorContext(ctx, "a trigger does not compile and is left out: apply it again",
			"connection", one.ConnectionID, "trigger", one.ID, "version", one.Version, "error", err)
		compiled = nil
	}
	t.compiled[key] = compiled
	return compiled
}
