package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/interceptor"

	"advocatesync/internal/bridge"
)

// Lags returns a worker interceptor that tells observe, for each contact that was
// brought in step, how long ago HubSpot says the creation or change was. Deletions
// and merges are left out, because they are held on purpose.
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
	switch input := in.Args[0].(type) {
	case SyncContactInput:
		l.inStep(input.ConnectionID, input.Hints)
	case SyncContactsInput:
		if page, ok := result.(SyncContactsResult); !ok || page.Deferred > 0 {
			break // whose lag ended is not told; the next pages' is
		}
		for _, contact := range input.Contacts {
			l.inStep(input.ConnectionID, contact.Hints)
		}
	}
	return result, nil
}

// inStep observes how long it took to bring a contact in step.
func (l *lag) inStep(connectionID string, hints bridge.Hints) {
	changed := hints.UpdatedAt
	if hints.CreatedAt.After(changed) {
		changed = hints.CreatedAt
	}
	if !changed.IsZero() && hints.DeletedAt.IsZero() {
		l.observe(connectionID, max(l.now().Sub(changed), 0))
	}
}
