// Package outbound is what clients of vendors have in common: how many calls may
// be under way at once, how long to stay away, and what may be said of a call
// that failed. Its errors are *bridge.Error.
package outbound

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
)

// impact.com publishes no rate limit for Advocate's API keys, and exempts
// conversions from its other one. Its own SDK uses two connections by default, so
// few calls at a time are surely welcome.
const (
	startLimit = 4
	leastLimit = 1
	mostLimit  = 8
)

// Limiter is a transport that bounds how many calls are under way at once, and
// learns the bound: each answer lets it grow a little, each 429, 503 or timeout
// halves it. Calls beyond it wait in the order of their places, see InTurn, until
// their context ends. Share one limiter among all clients of a tenant.
type Limiter struct {
	next http.RoundTripper
	most float64

	mu       sync.Mutex
	limit    float64
	inFlight int
	cuts     int
	waiting  []waiter // by their place: the first goes next
}

// waiter is a call that waits. Its turn is closed to let it go.
type waiter struct {
	place uint64
	turn  chan struct{}
}

// LimiterOption changes a new limiter.
type LimiterOption func(*Limiter)

// AtMost sets the highest number of concurrent calls the limiter may grow to;
// it is 8 by default and at least 1.
func AtMost(calls int) LimiterOption {
	return func(l *Limiter) {
		l.most = float64(max(calls, leastLimit))
		l.limit = min(l.limit, l.most)
	}
}

// NewLimiter returns a limiter over next. It starts at four concurrent calls.
func NewLimiter(next http.RoundTripper, opts ...LimiterOption) *Limiter {
	l := &Limiter{next: next, most: mostLimit, limit: startLimit}
	for _, opt := range opts {
		opt(l)
	}
	return l
}

// Limit is the number of concurrent calls allowed now.
func (l *Limiter) Limit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.limit)
}

// RoundTrip waits for its turn and sends the request. The turn ends with the
// answer's headers: a long download does not hold up other calls.
func (l *Limiter) RoundTrip(req *http.Request) (*http.Response, error) {
	cuts, err := l.acquire(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := l.next.RoundTrip(req)
	l.release(cuts, loadSignalOf(resp, err))
	return resp, err
}

type loadSignal int

const (
	silent   loadSignal = iota // says nothing about the load: refused connections, cancelled calls
	welcome                    // the vendor coped
	overload                   // the vendor did not
)

func loadSignalOf(resp *http.Response, err error) loadSignal {
	if err != nil {
		var timed net.Error
		if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timed) && timed.Timeout() {
			return overload
		}
		return silent
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return overload
	}
	return welcome
}

// acquire returns the number of cuts made before the call began.
func (l *Limiter) acquire(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	if len(l.waiting) == 0 && l.inFlight < int(l.limit) {
		l.inFlight++
		defer l.mu.Unlock()
		return l.cuts, nil
	}
	w := waiter{placeOf(ctx), make(chan struct{})}
	at, _ := slices.BinarySearchFunc(l.waiting, w, func(a, b waiter) int {
		return cmp.Or(cmp.Compare(a.place, b.place), -1) // behind those of the same place
	})
	l.waiting = slices.Insert(l.waiting, at, w)
	l.mu.Unlock()

	select {
	case <-w.turn:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.cuts, nil
	case <-ctx.Done():
		l.abandon(w)
		return 0, ctx.Err()
	}
}

// abandon gives up a place in the queue, or the turn that came at the same time.
func (l *Limiter) abandon(w waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return
	}
	l.inFlight--
	l.admit()
}

// release learns from a finished call. Calls that were under way together fail
// together, so only those begun after the last cut can cause another.
func (l *Limiter) release(cuts int, v loadSignal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	switch {
	case v == welcome:
		l.limit = min(l.limit+1/l.limit, l.most)
	case v == overload && cuts == l.cuts:
		l.limit = max(l.limit/2, leastLimit)
		l.cuts++
	}
	l.admit()
}

// admit lets waiting calls go while there is room. It needs l.mu.
func (l *Limiter) admit() {
	for len(l.waiting) > 0 && l.inFlight < int(l.limit) {
		l.inFlight++
		close(l.waiting[0].turn)
		l.waiting = l.waiting[1:]
	}
}
