package intake

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// endpoint answers the senders of webhooks: within a time limit, with metrics, and
// with a sample of the refusals in the log.
type endpoint struct {
	metrics  *handlerMetrics
	refusals *refusalLog
	now      func() time.Time
}

// newEndpoint registers the metrics of one vendor's webhooks.
func newEndpoint(vendor string, registry prometheus.Registerer, log *slog.Logger, now func() time.Time) endpoint {
	metrics := newHandlerMetrics(vendor, registry)
	return endpoint{metrics: metrics, refusals: newRefusalLog(vendor, log, now, metrics.unsaid), now: now}
}

// answer answers 200 if take returns nil, else with the refusal.
func (d endpoint) answer(w http.ResponseWriter, r *http.Request,
	take func(context.Context, http.ResponseWriter, *http.Request) *refusal,
) {
	began := d.now()
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()

	status := http.StatusOK
	if refused := take(ctx, w, r); refused != nil {
		status = refused.status
		d.refusals.add(ctx, refused)
		refused.write(w)
	}
	d.metrics.request(status, d.now().Sub(began))
}
