package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// figuresTimeout bounds the queries behind one scrape.
const figuresTimeout = 5 * time.Second

// figures collects the state of every connection at each scrape.
type figures struct {
	from  ConnectionSource
	limit int // HubSpot calls a portal grants in 10 s
	log   *slog.Logger

	stuck, active, waiting, sinceReport, budget, paused, parked, tracked, drift, agreed, guarded, erasures, erasing, recorded, journalLag, massActive, massRows, massTotal *prometheus.Desc
}

// ConnectionSource is asked at each scrape.
type ConnectionSource struct {
	Metrics func(context.Context) ([]store.ConnectionMetrics, error)
	Stuck   func(context.Context) ([]bridge.StuckWork, error) // of all connections
}

// ConnectionMetrics registers with reg how the connections are doing. Every
// process that registers it shows the same numbers, so queries take the maximum.
// limit is how many calls a HubSpot portal grants in 10 s.
func ConnectionMetrics(reg prometheus.Registerer, from ConnectionSource, limit int, log *slog.Logger) {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("advocatesync_"+name, help, append([]string{"connection"}, labels...), nil)
	}
	reg.MustRegister(&figures{
		from: from, limit: limit, log: log,
		stuck:       describe("stuck_work_seconds", "How long work has not moved that should have, by kind; left out: it moves.", "work"),
		active:      describe("connection_active", "1 while the connection's work may go on; 0 while it is paused or a vendor refuses its credentials."),
		waiting:     describe("inbox_waiting_events", "HubSpot events that wait to be relayed."),
		sinceReport: describe("report_lag_seconds", "Advocate to HubSpot: age of the moment up to which all changes in Advocate were handled."),
		budget:      describe("hubspot_budget_used_ratio", "HubSpot calls of the last 10 seconds, as a share of what the portal grants."),
		paused:      describe("hubspot_paused_seconds", "How much longer the portal's calls pause because HubSpot asked for it."),
		parked:      describe("parked_items", "Work that waits for a person, by cause.", "cause"),
		tracked:     describe("tracked_events", "HubSpot's events that triggers track, by state; complete, skipped and reversed ones of the last day.", "state"),
		drift:       describe("drift", "Differences between both sides that the latest reconcile left, by class.", "class"),
		agreed:      describe("agreed_timestamp_seconds", "When both sides were last known to agree, but for what waits for a person; absent before."),
		guarded:     describe("deletions_waiting", "Contacts deleted in HubSpot whose participants wait until a person approves, because they are many."),
		erasures:    describe("erasures_open", "Privacy deletions that were heard of and are not done."),
		erasing:     describe("erasure_oldest_seconds", "Time since the oldest privacy deletion was heard of that is not done; 0: there is none."),
		recorded:    describe("journal_recorded", "1 while HubSpot's journal records for the connection's portal; 0: what webhooks lose is found by reconciles alone."),
		journalLag:  describe("journal_lag_seconds", "Age of the moment up to which everything was read that HubSpot's journal has published; absent while it records nothing."),
		massActive:  describe("mass_sync_active", "1 while a mass sync is under way."),
		massRows:    describe("mass_sync_rows", "Participants of the latest mass sync, by result; those updated had drifted apart.", "result"),
		massTotal:   describe("mass_sync_participants", "Participants in the latest mass sync."),
	})
}

// Describe implements prometheus.Collector.
func (f *figures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{f.stuck, f.active, f.waiting, f.sinceReport, f.budget, f.paused, f.parked, f.tracked, f.drift, f.agreed, f.guarded, f.erasures, f.erasing, f.recorded, f.journalLag, f.massActive, f.massRows, f.massTotal} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. If the database cannot be asked the
// figures are missing, which an alert tells from zero.
func (f *figures) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), figuresTimeout)
	defer cancel()
	f.collectStuck(ctx, ch)
	all, err := f.from.Metrics(ctx)
	if err != nil {
		f.log.WarnContext(ctx, "the connections' figures are not known", "error", err)
		return
	}
	for _, c := range all {
		show := func(d *prometheus.Desc, value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{c.ConnectionID}, labels...)...)
		}
		show(f.active, number(c.Active))
		show(f.waiting, float64(c.WaitingEvents))
		show(f.sinceReport, c.SinceReport.Seconds())
		show(f.budget, float64(c.CallsInWindow)/float64(f.limit))
		show(f.paused, c.PausedFor.Seconds())
		for cause, n := range c.Parked {
			show(f.parked, float64(n), cause)
		}
		for state, n := range c.Tracked {
			show(f.tracked, float64(n), state)
		}
		for class, n := range c.Drift {
			show(f.drift, float64(n), class)
		}
		show(f.guarded, float64(c.Guarded))
		show(f.erasures, float64(c.Erasures))
		show(f.erasing, c.Erasing.Seconds())
		show(f.recorded, number(c.JournalRecorded))
		if c.JournalRecorded && c.JournalLag >= 0 {
			show(f.journalLag, c.JournalLag.Seconds())
		}
		if !c.AgreedAt.IsZero() {
			show(f.agreed, float64(c.AgreedAt.Unix()))
		}
		show(f.massActive, number(c.MassSync))
		show(f.massTotal, float64(c.MassSyncRows.Total))
		rows := c.MassSyncRows
		for result, n := range map[string]int64{
			"created": rows.Created, "matched": rows.Matched, "updated": rows.Updated, "unchanged": rows.Unchanged,
			"blocked": rows.Blocked, "no_email": rows.NoEmail, "parked": rows.Parked,
		} {
			show(f.massRows, float64(n), result)
		}
	}
}

// collectStuck reports the longest wait of each kind of work. If Temporal
// cannot be asked, only this metric is missing.
func (f *figures) collectStuck(ctx context.Context, ch chan<- prometheus.Metric) {
	stuck, err := f.from.Stuck(ctx)
	if err != nil {
		f.log.WarnContext(ctx, "which work is stuck is not known", "error", err)
		return
	}
	type key struct{ connection, work string }
	longest := map[key]time.Duration{}
	for _, s := range stuck {
		k := key{s.ConnectionID, string(s.Work)}
		longest[k] = max(longest[k], s.Idle)
	}
	for k, idle := range longest {
		ch <- prometheus.MustNewConstMetric(f.stuck, prometheus.GaugeValue, idle.Seconds(), k.connection, k.work)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// ContactLag returns an observer of how long a change in HubSpot took until its
// contact was in step.
func ContactLag(reg prometheus.Registerer) func(connectionID string, lag time.Duration) {
	lag := promauto.With(reg).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "advocatesync_contact_lag_seconds",
		Help:    "HubSpot to Advocate: time from a contact's creation or change until it was in step, its own properties included.",
		Buckets: []float64{.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600},
	}, []string{"connection"})
	return func(connectionID string, took time.Duration) {
		lag.WithLabelValues(connectionID).Observe(took.Seconds())
	}
}
