package relay

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the metrics of relays. All relays of a process share one.
type Metrics struct {
	signals *prometheus.CounterVec
	lag     *prometheus.GaugeVec
}

// NewMetrics registers the metrics. It panics, as Prometheus does, if the
// registry has them already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	factory := promauto.With(reg)
	return &Metrics{
		signals: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_relay_signals_total",
			Help: "Signals to workflows, by inbox (contacts; objects that triggers watch) and outcome.",
		}, []string{"inbox", "outcome"}),
		lag: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "advocatesync_inbox_lag_seconds",
			Help: "Age of the oldest event of an inbox that waits to be relayed.",
		}, []string{"inbox"}),
	}
}
