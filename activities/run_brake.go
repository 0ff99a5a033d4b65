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

// brakeInterval is how often pages ask whether they are to stop: twice in the
// second within which they give up their turn.
const brakeInterval = 500 * time.Millisecond

// switchRetry is how soon pages ask again whether a program switch is over.
const switchRetry = 2 * time.Second

// errProgramChanges says that no page is to be begun for the time being.
var errProgramChanges = errors.New("the program is being changed")

// errRunStopped says that the operator wants the run to stop. It is no failure.
var errRunStopped = errors.New("the operator wants the run to stop")

// brake tells the pages of an activity that they are to stop, and why.
type brake struct {
	on      chan struct{} // closed once they are
	release func()        // ends the watch

	mu  sync.Mutex
	err error
}

// watchBrake asks until it is released, the first time before it returns.
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

// braked returns why pages are to stop, or nil. Where the database does not
// answer they go on: they need it themselves, and will find out.
func (a *Pages) braked(ctx context.Context, runID int64) error {
	if stopping(ctx) {
		return &bridge.Error{Kind: bridge.Pending, Op: "activities.apply_pages", RetryAfter: handOver, Err: errStopping}
	}
	why, err := a.pages.Brake(ctx, runID)
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
