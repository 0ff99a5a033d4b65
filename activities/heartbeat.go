package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// HeartbeatTimeout is how long a worker may be silent about an activity before
// Temporal gives the work to another one. It bounds how long a killed process
// delays its work.
const HeartbeatTimeout = 5 * time.Second

// HeartbeatEvery is how often a worker reports: often enough that a busy machine
// can miss several before a running activity is taken for dead.
const HeartbeatEvery = HeartbeatTimeout / 4

// Heartbeats returns a worker interceptor that sends heartbeats for every running
// activity, so that activities need no code for it. A heartbeat proves only that
// the process is alive; an activity that hangs is bounded by its own timeouts.
func Heartbeats() interceptor.WorkerInterceptor { return &heartbeats{} }

type heartbeats struct {
	interceptor.WorkerInterceptorBase
}

func (*heartbeats) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &heartbeat{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type heartbeat struct {
	interceptor.ActivityInboundInterceptorBase
}

func (h *heartbeat) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if activity.GetInfo(ctx).HeartbeatTimeout == 0 {
		return h.Next.ExecuteActivity(ctx, in)
	}
	done := make(chan struct{})
	defer close(done)
	go beat(ctx, done)
	return h.Next.ExecuteActivity(ctx, in)
}

func beat(ctx context.Context, done <-chan struct{}) {
	ticker := time.NewTicker(HeartbeatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			activity.RecordHeartbeat(ctx)
		case <-done:
			return
		case <-ctx.Done():
			return
		}
	}
}
