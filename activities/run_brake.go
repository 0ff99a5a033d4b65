package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// brakeInterval is how often pages check whether they have to stop: twice in the
// second within which they have to give up their turn.
const brakeInterval = 500 * time.Millisecond

// switchRetry is how soon pages check again whether a program switch has ended.
const switchRetry = 2 * time.Second

// errProgramChanges says that a program switch is under way, so that no page may
// begin.
var errProgramChanges = errors.New("the program is being changed")

// errRunStopped says that the operator wants the run to stop. It is no failure.
var errRunStopped = errors.New("the operator wants the run to stop")

// brake tells the pages of an activity that they have to stop, and why.
type brake struct {
	on      chan struct{} // closed when they have to stop
	release func()        // ends the watch

	mu  sync.Mutex
	err error
}

// watchBrake checks until it is released; the first check is made before it
// returns.
func (a *Pages) watchBrake(ctx context.Context, runID int64) *brake {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	b := &brake{on: make(chan struct{}), release: func() { cancel(); watch.Wait() }}
	ask := func() bool {
		err := a.braked(ctx, runID)
		if err != nil {
			b.put(err)
		}
		return err != nil
	}
	if ask() {
		return b
	}
	watch.Go(func() {
		ticker := time.NewTicker(brakeInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-activity.GetWorkerStopChannel(ctx):
			case <-ctx.Done():
				if parent := context.Cause(ctx); parent != nil {
					b.put(parent)
				}
				return
			}
			if ask() {
				return
			}
		}
	})
	return b
}

// braked returns why pages have to stop, or nil. If the database does not answer it
// returns nil: the pages need the database themselves and will fail on their own.
func (a *Pages) braked(ctx context.Context, runID int64) error {
	if stopping(ctx) {
		return &bridge.Error{Kind: bridge.Pending, Op: "activities.apply_pages", RetryAfter: handOver, Err: errStopping}
	}
	why, err := a.store.Brake(ctx, runID)
	switch {
	case err != nil:
		return nil //nolint:nilerr // see above
	case why == store.BrakeDesired:
		return errRunStopped
	case why == store.BrakeSwitch:
		return &bridge.Error{Kind: bridge.Pending, Op: "activities.apply_pages", RetryAfter: switchRetry, Err: errProgramChanges}
	case why == store.BrakeEnded:
		return &bridge.Error{Kind: bridge.NotFound, Op: "activities.apply_pages", Err: errors.New("the run has ended")}
	default:
		return nil
	}
}

func (b *brake) put(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
		close(b.on)
	}
}

// cause returns why the brake is on, or nil.
func (b *brake) cause() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
