package wiring

import (
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// Deployment says which Temporal worker deployment version this process is.
// The zero value turns versioning off, so that nobody has to promote a version
// to see a contact sync on a laptop.
type Deployment struct {
	Name    string
	BuildID string
}

// stopTimeout is what activities get to finish once a worker is asked to stop;
// what is not done by then is cut off, and taken up by another worker. Supervisors
// tend to kill after thirty.
const stopTimeout = 20 * time.Second

// Workers are the queues that one process serves.
type Workers []worker.Worker

// NewWorkers registers all workflows and activities on their queues. More
// interceptors watch the activities.
func NewWorkers(c client.Client, s *store.Store, connections *Connections, opts ActivityOptions, d Deployment, more ...interceptor.WorkerInterceptor) Workers {
	opts.VerdictAfter = activities.VerdictAfter
	all := NewActivities(connections, s, opts)
	live := worker.New(c, workflows.TaskQueue, options(d, more))
	workflows.Register(live)
	bulk := worker.New(c, workflows.BulkTaskQueue, options(d, more))
	few := options(d, more)
	few.MaxConcurrentActivityExecutionSize = impactAccounts * max(connections.vendors.ImpactConcurrency, 1)
	few.DisableWorkflowWorker = true
	calls := worker.New(c, workflows.ImpactTaskQueue, few)
	register(live, all.Live)
	register(bulk, all.Bulk)
	register(calls, all.Calls)
	return Workers{live, bulk, calls}
}

func register(w worker.Worker, structs []any) {
	for _, s := range structs {
		w.RegisterActivity(s)
	}
}

// impactAccounts is how many accounts at impact.com can be busy at once. One that
// is slow or has a burst to send then never takes the slots of all.
const impactAccounts = 4

func options(d Deployment, more []interceptor.WorkerInterceptor) worker.Options {
	o := worker.Options{
		WorkerStopTimeout:           stopTimeout,
		DisableRegistrationAliasing: true,
		// The SDK would keep heartbeats back for most of the timeout, and a dead
		// worker be noticed the later.
		MaxHeartbeatThrottleInterval: activities.HeartbeatEvery,
		Interceptors:                 append([]interceptor.WorkerInterceptor{activities.Heartbeats()}, more...),
	}
	if d.BuildID != "" {
		o.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning:             true,
			Version:                   worker.WorkerDeploymentVersion{DeploymentName: d.Name, BuildID: d.BuildID},
			DefaultVersioningBehavior: workflow.VersioningBehaviorPinned,
		}
	}
	return o
}

// Start begins to poll. A queue that cannot start stops those that did.
func (ws Workers) Start() error {
	for i, w := range ws {
		if err := w.Start(); err != nil {
			ws[:i].Stop()
			return err
		}
	}
	return nil
}

// Stop ends polling and lets running activities finish, all queues at once.
func (ws Workers) Stop() {
	done := make(chan struct{})
	for _, w := range ws {
		go func() {
			w.Stop()
			done <- struct{}{}
		}()
	}
	for range ws {
		<-done
	}
}
