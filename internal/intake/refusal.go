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
	// A sender that hung up sends again.
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

// Senders' mistakes are logged in samples, because anybody can make them. Our own
// failures are sampled separately, because every webhook meets one while the
// database is down.
const (
	logEvery = 10 * time.Second
	logBurst = 5
)

// refusalLog logs a sample of the senders' mistakes and of our own failures, and
// counts the rest.
type refusalLog struct {
	log    *slog.Logger
	now    func() time.Time
	vendor string

	theirs, ours sample
	unsaid       prometheus.Counter // of both, ever
}

// sample is the quota of log lines of one sort.
type sample struct {
	may  *rate.Limiter
	left atomic.Int64 // since the last line
}

func newRefusalLog(vendor string, log *slog.Logger, now func() time.Time, unsaid prometheus.Counter) *refusalLog {
	l := &refusalLog{log: log, now: now, vendor: vendor, unsaid: unsaid}
	l.theirs.may, l.ours.may = rate.NewLimiter(rate.Every(logEvery), logBurst), rate.NewLimiter(rate.Every(logEvery), logBurst)
	return l
}

// add logs a refusal, or counts it for the next line of its sort.
func (l *refusalLog) add(ctx context.Context, f *refusal) {
	of := &l.theirs
	if f.status >= http.StatusInternalServerError {
		of = &l.ours
	}
	if !of.may.AllowN(l.now(), 1) {
		of.left.Add(1)
		l.unsaid.Inc()
		return
	}
	l.log.WarnContext(ctx, "webhook refused", "vendor", l.vendor, "status", f.status, "detail", f.detail,
		"cause", f.cause, "not_logged", of.left.Swap(0))
}
