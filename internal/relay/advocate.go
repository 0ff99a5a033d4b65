package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"advocatesync/internal/store"
)

const (
	// reportSpacing is the least time between reports that are brought forward, so
	// that an import of thousands of participants causes a few exports, not thousands.
	reportSpacing = 10 * time.Second
	// exportPatience is how long a ready export waits for the run that requested it:
	// the webhook can overtake the response to the request.
	exportPatience = time.Minute
)

// AdvocateOutbox is the part of the inbox that holds Advocate's events.
type AdvocateOutbox interface {
	// AwaitingReport returns the connections whose next report should start early.
	AwaitingReport(ctx context.Context, spacing time.Duration) ([]string, error)
	// ReadyExports returns the runs whose export is ready.
	ReadyExports(ctx context.Context, patience time.Duration) ([]store.ReadyExport, error)
	SettleAdvocateEvents(ctx context.Context, ids []int64) error
	PurgeAdvocateEvents(ctx context.Context, olderThan time.Time) (int64, error)
}

// Reports brings reports forward. Both calls are hints: a report that is running
// already, or a workflow that has ended, is no error.
type Reports interface {
	// StartReport starts a report now, unless the operator paused them.
	StartReport(ctx context.Context, connectionID string) error
	// ExportReady signals the workflow that waits for the run's export.
	ExportReady(ctx context.Context, run store.Run) error
}

// AdvocateConfig configures an Advocate. Every field is required.
type AdvocateConfig struct {
	Outbox  AdvocateOutbox
	Reports Reports
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
}

// Advocate acts on Advocate's events: it starts a report early when participants
// change, and tells a waiting report that its export is ready. It only saves time:
// the schedule and the polls catch whatever it misses. Any number may run over one
// inbox; a second start is skipped and a second signal changes nothing.
type Advocate struct {
	outbox  AdvocateOutbox
	reports Reports
	effects *prometheus.CounterVec
	log     *slog.Logger
	now     func() time.Time
	woken   chan struct{}
	started map[string]time.Time // by connection: when a report was last started
}

// NewAdvocate returns a relay and registers its metrics.
func NewAdvocate(cfg AdvocateConfig) *Advocate {
	return &Advocate{
		outbox: cfg.Outbox, reports: cfg.Reports, log: cfg.Log, now: cfg.Now,
		woken: make(chan struct{}, 1), started: map[string]time.Time{},
		effects: promauto.With(cfg.Metrics).NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_advocate_hints_total",
			Help: "What Advocate's webhooks led to: a report started early, a waiting export told.",
		}, []string{"effect"}),
	}
}

// Wake starts a pass soon. It never blocks.
func (r *Advocate) Wake() {
	select {
	case r.woken <- struct{}{}:
	default: // a pass is already due
	}
}

// Run acts on events, and deletes old ones, until ctx ends.
func (r *Advocate) Run(ctx context.Context) {
	purged := r.now()
	backoff := newBackoff()
	for ctx.Err() == nil {
		if err := r.pass(ctx); err != nil && ctx.Err() == nil {
			delay, _ := backoff.Next()
			r.log.WarnContext(ctx, "Advocate's events were not followed up", "error", err, "again_in", delay)
			pause(ctx, delay, nil)
			continue
		}
		backoff = newBackoff()
		if r.now().Sub(purged) >= purgeEvery {
			purged = r.now()
			if _, err := r.outbox.PurgeAdvocateEvents(ctx, purged.Add(-keepRelayed)); err != nil {
				r.log.WarnContext(ctx, "Advocate's events were not purged", "error", err)
			}
		}
		pause(ctx, pollEvery, r.woken)
	}
}

// pass acts on what is waiting. One connection's failure does not delay the
// others.
func (r *Advocate) pass(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	return errors.Join(r.tellReady(ctx), r.startReports(ctx))
}

func (r *Advocate) startReports(ctx context.Context) error {
	connections, err := r.outbox.AwaitingReport(ctx, reportSpacing)
	if err != nil {
		return err
	}
	var failed error
	for _, id := range connections {
		// A report that was started takes a moment to show.
		if r.now().Sub(r.started[id]) < reportSpacing {
			continue
		}
		r.started[id] = r.now()
		if err := r.reports.StartReport(ctx, id); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		r.effects.WithLabelValues("report_started").Inc()
	}
	return failed
}

func (r *Advocate) tellReady(ctx context.Context) error {
	ready, err := r.outbox.ReadyExports(ctx, exportPatience)
	if err != nil {
		return err
	}
	var failed error
	for _, export := range ready {
		if err := r.reports.ExportReady(ctx, export.Run); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		r.effects.WithLabelValues("export_told").Inc()
		failed = errors.Join(failed, r.outbox.SettleAdvocateEvents(ctx, export.EventIDs))
	}
	return failed
}
