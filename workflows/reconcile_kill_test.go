package workflows_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// killing is a worker that dies in each activity, after its work and before its
// answer: Temporal has another worker do the work again.
type killing struct {
	interceptor.WorkerInterceptorBase

	deaths atomic.Int64
}

func (k *killing) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &dying{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, of: k}
}

type dying struct {
	interceptor.ActivityInboundInterceptorBase

	of *killing
}

func (d *dying) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := d.Next.ExecuteActivity(ctx, in)
	if err == nil && activity.GetInfo(ctx).Attempt == 1 {
		d.of.deaths.Add(1)
		return nil, errors.New("the worker was killed before it could answer")
	}
	return out, err
}

func TestReconcile_survivesTheDeathOfItsWorkerInEveryStep(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := mappedByReport(t, s, 120) // two pages of a list
	s.HubSpot.Webhooks().Take()
	for _, id := range ids[:6] {
		s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "WRONG"})
	}
	for _, id := range ids[6:9] {
		archive(t, s, id)
	}
	s.CreateContact(t, map[string]string{"email": "cy@shop.example", bridge.PropUserID: "x", bridge.PropAccountID: "x"})
	writes, sent := s.Portal.Writes().Writes, upserts(s)

	workers := &killing{}
	got := reconcile(t, s, false, func(env *testsuite.TestWorkflowEnvironment, _ store.Run) {
		env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 5 * time.Minute, Interceptors: []interceptor.WorkerInterceptor{workers}})
	})

	if n := workers.deaths.Load(); n < 8 {
		t.Fatalf("only %d deaths", n)
	}
	wantDrift(t, got, map[string]int64{"contact_values repaired": 6, "deleted_contact repaired": 3, "foreign_ids parked": 1})
	if n := s.Portal.Writes().Writes - writes; n != 6 {
		t.Errorf("%d contacts were written, want each of the six once", n)
	}
	if n := upserts(s) - sent; n != 0 {
		t.Errorf("%d participants were written", n)
	}
	if items := s.Parked(t); len(items) != 1 {
		t.Errorf("%d items are parked", len(items))
	}
	wantParticipants(t, s, 6, 9, false)
	if n := s.Tenant.Count(); n != 120-3 {
		t.Errorf("%d participants are left", n)
	}
}
