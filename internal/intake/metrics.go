package intake

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type handlerMetrics struct {
	events   *prometheus.CounterVec
	requests *prometheus.CounterVec
	latency  prometheus.Histogram
	unsaid   prometheus.Counter
}

// Values of the metrics' label for the vendor.
const (
	vendorHubSpot  = "hubspot"
	vendorAdvocate = "advocate"
)

func newHandlerMetrics(vendor string, reg prometheus.Registerer) *handlerMetrics {
	factory := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"vendor": vendor}, reg))
	return &handlerMetrics{
		events: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_webhook_events_total",
			Help: "Webhook events received, by disposition; a merge counts once for each contact.",
		}, []string{"disposition"}),
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_webhook_requests_total",
			Help: "Webhook requests, by HTTP status of the answer.",
		}, []string{"status"}),
		latency: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "advocatesync_webhook_request_seconds",
			Help:    "Time from a webhook request's arrival to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		unsaid: factory.NewCounter(prometheus.CounterOpts{
			Name: "advocatesync_webhook_refusals_unlogged_total",
			Help: "Refused webhook requests that were not logged, because there were too many.",
		}),
	}
}

func (m *handlerMetrics) request(status int, took time.Duration) {
	m.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	m.latency.Observe(took.Seconds())
}

func (m *handlerMetrics) count(t tally) {
	for disposition, n := range t {
		m.events.WithLabelValues(string(disposition)).Add(float64(n))
	}
}

// tally counts the events of one request.
type tally map[Disposition]int

// repeated moves n events to the duplicates. The inbox tells how many were
// new, not which: a request that mixes both (HubSpot repeats whole requests)
// counts its accepted events as the repeated ones first.
func (t tally) repeated(n int) {
	for _, from := range []Disposition{Accepted, Echo} {
		moved := min(n, t[from])
		t[from] -= moved
		t[Duplicate] += moved
		n -= moved
	}
}
