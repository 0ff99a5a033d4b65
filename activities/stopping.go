package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
)

// errStopping ends an activity that leaves the rest of its work to another worker.
var errStopping = errors.New("the worker is about to stop")

// handOver is how soon another worker may continue.
const handOver = 100 * time.Millisecond

// stopping reports whether the worker is shutting down. A worker waits some seconds
// for its activities and then cancels them, so an activity that takes longer checks
// between its parts.
func stopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}
