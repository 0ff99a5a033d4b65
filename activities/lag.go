package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/interceptor"
)

// Lags returns a worker interceptor that tells observe, for each contact that
// was brought in step, how long ago HubSpot says the creation or change was.
// Ends of contacts are left out: they are held on purpose.
func Lags(now func() time.Time, observe func(connectionID string, lag time.Duration)) interceptor.WorkerInterceptor {
	return &lags{now: now, observe: observe}
}

type lags struct {
	interceptor.WorkerInterceptorBase
	now     func() time.Time
	observe func(connectionID string, lag time.Duration)
}

func (l *lags) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &lag{interceptor.ActivityInboundInterceptorBase{Next: next}, l}
}

type lag struct {
	interceptor.ActivityInboundInterceptorBase
	*lags
}

func (l *lag) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	result, err := l.Next.ExecuteActivity(ctx, in)
	if err != nil || len(in.Args) != 1 {
		return result, err
	}
	input, ok := in.Args[0].(SyncContactInput)
	changed := input.Hints.UpdatedAt
	if input.Hints.CreatedAt.After(changed) {
		changed = input.Hints.CreatedAt
	}
	if ok && !changed.IsZero() && input.Hints.DeletedAt.IsZero() {
		l.observe(input.ConnectionID, max(l.now().Sub(changed), 0))
	}
	return result, nil
}
