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
	// reportSpacing is how far apart reports that nobody scheduled begin, so that
	// an import of thousands of participants asks for a few exports, not for
	// thousands.
	reportSpacing = 10 * time.Second
	// exportPatience is how long a ready export waits for the run that asked for
	// it: the webhook can be faster than the answer.
	exportPatience = time.Minute
)

// AdvocateOutbox is the part of the inbox that follows Advocate's events up.
type AdvocateOutbox interface {
	// AwaitingReport returns the connections whose next report is wanted early.
	AwaitingReport(ctx context.Context, spacing time.Duration) ([]string, error)
	// ReadyExports returns the runs that wait for what is ready.
	ReadyExports(ctx context.Context, patience time.Duration) ([]store.ReadyExport, error)
	SettleAdvocateEvents(ctx context.Context, ids []int64) error
	PurgeAdvocateEvents(ctx context.Context, olderThan time.Time) (int64, error)
}

// Reports is how reports are hurried. Both are hints: a report that is under way,
// or a workflow that has ended, is success.
type Reports interface {
	// StartReport starts a report now, unless the operator paused them.
	StartReport(ctx context.Context, connectionID string) error
	// ExportReady tells whoever waits for the run's export that it is there.
	ExportReady(ctx context.Context, run store.Run) error
}

// AdvocateConfig is what an Advocate is made of. Every field is required.
type AdvocateConfig struct {
	Outbox  AdvocateOutbox
	Reports Reports
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
}

// Advocate follows Advocate's events up: it has a report start early whose
// participants are awaited, and tells the waiting one that its export is ready.
// It only ever saves time: whatever it misses, the schedule and the polls do.
// Any number may run over one inbox; a second start is skipped and a second
// signal changes nothing.
type Advocate struct {
	outbox  AdvocateOutbox
	reports Reports
	effects *prometheus.CounterVec
	log     *slog.Logger
	now     func() time.Time
	woken   chan struct{}
	started map[string]time.Time // by connection: when a report was last asked for
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

// Wake says that something new came in. It never blocks.
func (r *Advocate) Wake() {
	select {
	case r.woken <- struct{}{}:
	default: // a look is due already
	}
}

// Run follows events up, and forgets old ones, until ctx ends.
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

// pass follows up what is there to follow up. One connection's failure does not
// keep the others waiting.
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
		// It takes a moment until a report that was asked for shows.
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
