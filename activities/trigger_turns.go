package activities

import (
	"context"
	"sync"
	"time"

	"advocatesync/internal/bridge"
)

// turns bounds how many conversions of one connection are under way. All
// connections share the slots of a worker: one whose account answers slowly must
// not sit in all of them.
type turns struct {
	most int

	mu   sync.Mutex
	free map[string]chan struct{} // by connection: holds what may begin
}

func newTurns(most int) *turns {
	return &turns{most: max(most, 1), free: map[string]chan struct{}{}}
}

// turnPatience is how long one waits for a turn in a slot of the worker before it
// gives the slot up and comes back later.
const turnPatience = time.Second

// take waits a moment for a turn. The error is throttled where there is none.
func (t *turns) take(ctx context.Context, connectionID string) (release func(), err error) {
	free := t.of(connectionID)
	patience := time.NewTimer(turnPatience)
	defer patience.Stop()
	select {
	case <-free:
		return func() { free <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, &bridge.Error{Kind: bridge.Throttled, Op: "activities.send_event", RetryAfter: turnPatience}
	}
}

func (t *turns) of(connectionID string) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	free := t.free[connectionID]
	if free == nil {
		free = make(chan struct{}, t.most)
		for range t.most {
			free <- struct{}{}
		}
		t.free[connectionID] = free
	}
	return free
}
