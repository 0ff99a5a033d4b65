package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// door is how every sender of webhooks is answered: in time, counted, and with
// the refusals in the log, sampled.
type door struct {
	metrics  *handlerMetrics
	refusals *refusalLog
	now      func() time.Time
}

// newDoor registers the metrics of one vendor's webhooks.
func newDoor(vendor string, registry prometheus.Registerer, log *slog.Logger, now func() time.Time) door {
	metrics := newHandlerMetrics(vendor, registry)
	return door{metrics: metrics, refusals: newRefusalLog(vendor, log, now, metrics.unsaid), now: now}
}

// answer answers 200 once the request is taken.
func (d door) answer(w http.ResponseWriter, r *http.Request,
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
