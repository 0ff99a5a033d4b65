package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// refusal is an answer other than 200. Detail goes to the sender and never
// quotes the request; the cause goes to the log.
type refusal struct {
	status int
	detail string
	cause  error
}

// write sends the refusal as a problem document (RFC 9457).
func (f *refusal) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(f.status)
	// A sender that hung up will send again.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"title":  http.StatusText(f.status),
		"status": f.status,
		"detail": f.detail,
	})
}

// readPosted returns the body of a request that posts at most maxBody bytes.
func readPosted(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &refusal{status: http.StatusMethodNotAllowed, detail: "webhooks are sent with POST"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body is larger than %d bytes", maxBody)}
	case err != nil:
		return nil, &refusal{status: http.StatusBadRequest, detail: "the body could not be read to its end", cause: err}
	}
	return body, nil
}

// What a sender did wrong is logged in samples: anybody can send it, and nobody
// but us pays for the log.
const (
	logEvery = 10 * time.Second
	logBurst = 5
)

// refusalLog logs our own failures, some of the senders', and counts the rest.
type refusalLog struct {
	log    *slog.Logger
	now    func() time.Time
	vendor string
	may    *rate.Limiter

	left   atomic.Int64       // since the last line
	unsaid prometheus.Counter // ever
}

func newRefusalLog(vendor string, log *slog.Logger, now func() time.Time, unsaid prometheus.Counter) *refusalLog {
	return &refusalLog{log: log, now: now, vendor: vendor, may: rate.NewLimiter(rate.Every(logEvery), logBurst), unsaid: unsaid}
}

// add logs a refusal, or counts it until the next one that is logged.
func (l *refusalLog) add(ctx context.Context, f *refusal) {
	if f.status < http.StatusInternalServerError && !l.may.AllowN(l.now(), 1) {
		l.left.Add(1)
		l.unsaid.Inc()
		return
	}
	l.log.WarnContext(ctx, "webhook refused", "vendor", l.vendor, "status", f.status, "detail", f.detail,
		"cause", f.cause, "not_logged", l.left.Swap(0))
}
