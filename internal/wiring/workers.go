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

// Deployment says which Temporal worker deployment version this process is. The
// zero value turns versioning off, so that contacts are synced on a laptop without
// promoting a version.
type Deployment struct {
	Name    string
	BuildID string
}

// stopTimeout is how long activities may take to finish once a worker is asked to
// stop; the others are cancelled and retried by another worker. Supervisors tend to
// kill after thirty seconds.
const stopTimeout = 20 * time.Second

// Workers are the queues that one process serves.
type Workers []worker.Worker

// NewWorkers registers all workflows and activities on their queues. The given
// interceptors wrap the activities.
func NewWorkers(c client.Client, s *store.Store, connections *Connections, opts ActivityOptions, d Deployment, more ...interceptor.WorkerInterceptor) Workers {
	opts.VerdictAfter, opts.ExportWait = activities.VerdictAfter, activities.ExportWait
	all := NewActivities(connections, s, opts)
	live := worker.New(c, workflows.TaskQueue, options(d, more))
	workflows.Register(live)
	bulk := worker.New(c, workflows.BulkTaskQueue, options(d, more))
	pages := worker.New(c, workflows.PagesTaskQueue, few(d, more, pageSlots))
	calls := worker.New(c, workflows.ImpactTaskQueue, few(d, more, impactAccounts*max(connections.vendors.ImpactConcurrency, 1)))
	register(live, all.Live)
	register(bulk, all.Bulk)
	register(pages, all.Pages)
	register(calls, all.Calls)
	return Workers{live, bulk, pages, calls}
}

func register(w worker.Worker, structs []any) {
	for _, s := range structs {
		w.RegisterActivity(s)
	}
}

// impactAccounts is how many accounts at impact.com can be busy at once, so
// that a slow or busy one never takes all slots.
const impactAccounts = 4

// pageSlots is how many pages of contacts a worker syncs at once: twice what one
// connection may take.
const pageSlots = 2 * activities.PagesAtOnce

// few are the options of a worker that runs few activities at once, and no workflows.
func few(d Deployment, more []interceptor.WorkerInterceptor, slots int) worker.Options {
	o := options(d, more)
	o.MaxConcurrentActivityExecutionSize = slots
	o.DisableWorkflowWorker = true
	return o
}

func options(d Deployment, more []interceptor.WorkerInterceptor) worker.Options {
	o := worker.Options{
		WorkerStopTimeout:           stopTimeout,
		DisableRegistrationAliasing: true,
		// By default the SDK throttles heartbeats to most of the timeout, so a dead
		// worker would be noticed late.
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

// Start begins to poll. If one queue cannot start, the others are stopped.
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
