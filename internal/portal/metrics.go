package portal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"advocatesync/internal/bridge"
)

// Metrics counts what portals do at HubSpot. All portals of a process share
// one; no label names a portal, a contact or a person.
type Metrics struct {
	calls *prometheus.CounterVec
	sizes *prometheus.HistogramVec
	waits *prometheus.HistogramVec
}

// NewMetrics registers the metrics with r, which may be nil: then nobody sees
// them. It panics, as Prometheus does, if r has them already.
func NewMetrics(r prometheus.Registerer) *Metrics {
	factory := promauto.With(r)
	return &Metrics{
		calls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_hubspot_calls_total",
			Help: "HubSpot calls made, by outcome: ok, an error kind, or unknown.",
		}, []string{"lane", "op", "outcome"}),
		sizes: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "advocatesync_hubspot_batch_size",
			Help:    "Records per batch call to HubSpot.",
			Buckets: []float64{1, 2, 5, 10, 25, 50, 75, 99},
		}, []string{"lane", "op"}),
		waits: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "advocatesync_hubspot_token_wait_seconds",
			Help:    "Time a HubSpot call waited for its token of the portal's budget.",
			Buckets: []float64{.005, .025, .1, .25, .5, 1, 2, 5, 10, 30},
		}, []string{"lane"}),
	}
}

func (m *Metrics) called(lane bridge.Lane, op string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = string(bridge.KindOf(err))
	}
	if outcome == string(bridge.Unknown) {
		outcome = "unknown"
	}
	m.calls.WithLabelValues(string(lane), op, outcome).Inc()
}

func (m *Metrics) carried(lane bridge.Lane, op string, records int) {
	m.sizes.WithLabelValues(string(lane), op).Observe(float64(records))
}

func (m *Metrics) waited(lane bridge.Lane, wait time.Duration) {
	m.waits.WithLabelValues(string(lane)).Observe(wait.Seconds())
}
