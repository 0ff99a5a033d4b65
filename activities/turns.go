package activities

import (
	"context"
	"sync"
	"time"

	"advocatesync/internal/bridge"
)

// turns bounds how much of one kind of work of one connection goes on concurrently. All
// connections share the slots of a worker, and one whose vendor answers slowly must not
// occupy all of them.
type turns struct {
	most int
	op   string // the work, in errors

	mu   sync.Mutex
	free map[string]chan struct{} // by connection: one element per free turn
}

func newTurns(op string, most int) *turns {
	return &turns{op: op, most: max(most, 1), free: map[string]chan struct{}{}}
}

// turnPatience is how long work waits for its turn before it gives up its worker slot
// and is retried.
const turnPatience = time.Second

// take waits up to turnPatience for a turn. It returns a throttled error if there
// is none.
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
		return nil, &bridge.Error{Kind: bridge.Throttled, Op: t.op, RetryAfter: turnPatience}
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
