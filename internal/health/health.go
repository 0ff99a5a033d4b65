// Package health answers probes, shows metrics and profiles, and serves any
// handler until it is told to stop. What anybody may know (the process lives, it
// is ready or not) is apart from what only operators may (why not, metrics,
// profiles), so that each can have a listener of its own.
package health

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// checkTimeout bounds every readiness check, so that a hung dependency reads
	// as a failed one before the prober itself gives up.
	checkTimeout = 2 * time.Second
	// checkLife is how long an answer of the checks holds. Anybody may ask
	// whether we are ready; our dependencies must not pay for each question.
	checkLife = time.Second
)

// Check asks one dependency whether work that needs it could succeed now, and
// returns when ctx ends. Operators see its error, so it must be free of secrets.
type Check func(ctx context.Context) error

// Probes answers whether a process lives and is ready. It is safe for concurrent
// use.
type Probes struct {
	checks map[string]Check
	now    func() time.Time

	mu      sync.Mutex // held while the checks run: they run once for all who ask
	results map[string]string
	at      time.Time
}

// NewProbes returns probes over readiness checks by name.
func NewProbes(checks map[string]Check, now func() time.Time) *Probes {
	return &Probes{checks: checks, now: now}
}

// Public adds to a mux what anybody may ask:
//
//   - GET /healthz answers 200 while the process can answer at all. It asks no
//     dependency: restarting us would not repair one.
//   - GET /readyz answers 200 if every check passes, else 503, and does not say
//     why.
func (p *Probes) Public(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, _ := p.ready(r.Context())
		word := "ready"
		if status != http.StatusOK {
			word = "not ready"
		}
		answer(w, status, map[string]string{"status": word})
	})
}

// Private adds to a mux what operators may ask:
//
//   - GET /healthz and GET /readyz answer as Public's do, but the body of
//     /readyz names each check with "ok" or what is wrong.
//   - GET /metrics shows the registry in Prometheus' format.
//   - GET /debug/pprof/ takes profiles, for callers on this machine alone:
//     taking one costs something.
func (p *Probes) Private(mux *http.ServeMux, metrics prometheus.Gatherer) {
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, results := p.ready(r.Context())
		answer(w, status, results)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.Handle("GET /debug/pprof/", localOnly(pprof.Index))
	mux.Handle("GET /debug/pprof/profile", localOnly(pprof.Profile))
	mux.Handle("GET /debug/pprof/trace", localOnly(pprof.Trace))
}

func alive(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// localOnly answers callers on this machine, and no others.
func localOnly(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !from.Addr().Unmap().IsLoopback() {
			http.Error(w, "profiles are for callers on this machine", http.StatusForbidden)
			return
		}
		next(w, r)
	})
}

// ready returns the status of the answer, and "ok" or the failure of each check.
func (p *Probes) ready(ctx context.Context) (status int, results map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.results == nil || p.now().Sub(p.at) >= checkLife {
		// Whoever asked may hang up; the answer is for the others, too.
		p.results, p.at = run(context.WithoutCancel(ctx), p.checks), p.now()
	}
	for _, result := range p.results {
		if result != "ok" {
			return http.StatusServiceUnavailable, p.results
		}
	}
	return http.StatusOK, p.results
}

// run asks all checks at the same time and returns "ok" or the failure of each.
func run(ctx context.Context, checks map[string]Check) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		results = make(map[string]string, len(checks))
	)
	for name, check := range checks {
		wg.Go(func() {
			result := "ok"
			if err := check(ctx); err != nil {
				result = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			results[name] = result
		})
	}
	wg.Wait()
	return results
}

func answer(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A prober that hung up needs no answer.
	_ = json.NewEncoder(w).Encode(body)
}
