package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	factory := promauto.With(reg)
	return &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_api_requests_total",
			Help: "Requests to the admin API with a valid token, by operation and HTTP status of the answer.",
		}, []string{"operation", "status"}),
		refusals: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_api_refusals_total",
			Help: "Requests to the admin API that were refused: 401 for a wrong token, 429 for too many of them, 503 while tokens cannot be checked.",
		}, []string{"status"}),
	}
}
