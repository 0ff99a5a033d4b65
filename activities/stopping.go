package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
)

// errStopping is why an activity leaves the rest of its work to another worker.
var errStopping = errors.New("the worker is about to stop")

// handOver is how soon another worker may take up what one has left.
const handOver = 100 * time.Millisecond

// stopping tells whether the worker is about to stop. It waits for activities
// that are under way for some seconds, and then cuts them off: one that takes
// longer than that looks here between its parts.
func stopping(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	default:
		return false
	}
}
