package wiring

import (
	"context"
	"fmt"
	"sync"

	"advocatesync/activities"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// definitions is the part of the store that triggers are read from.
type definitions interface {
	Triggers(ctx context.Context, connectionID string) ([]store.Trigger, error)
}

// Triggers compiles the triggers of connections, each version once per process.
type Triggers struct {
	store definitions

	mu       sync.Mutex
	compiled map[versionKey]*trigger.Trigger
}

// versionKey names one version of one trigger, which never changes.
type versionKey struct {
	connection, id string
	version        int
}

// NewTriggers returns the triggers of a store.
func NewTriggers(s definitions) *Triggers {
	return &Triggers{store: s, compiled: map[versionKey]*trigger.Trigger{}}
}

// Active returns the enabled triggers of a connection, as they are now.
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
		compiled, err := t.compile(one)
		if err != nil {
			return nil, err
		}
		active = append(active, activities.ActiveTrigger{Trigger: compiled, Version: one.Version, AppliedAt: one.AppliedAt})
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

func (t *Triggers) compile(one store.Trigger) (*trigger.Trigger, error) {
	key := versionKey{one.ConnectionID, one.ID, one.Version}
	t.mu.Lock()
	defer t.mu.Unlock()
	if compiled := t.compiled[key]; compiled != nil {
		return compiled, nil
	}
	compiled, err := trigger.Restore(one.Source, one.Schema)
	if err != nil {
		return nil, fmt.Errorf("wiring: compile trigger %s, version %d: %w", one.ID, one.Version, err)
	}
	t.compiled[key] = compiled
	return compiled, nil
}
