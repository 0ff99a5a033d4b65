// Package health is the side door of a process: liveness, readiness and
// metrics, and the loop that serves any handler until it is told to stop.
package health

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// checkTimeout bounds every readiness check, so that a hung dependency reads
// as a failed one before the prober itself gives up.
const checkTimeout = 2 * time.Second

// Check asks one dependency whether work that needs it could succeed now, and
// returns when ctx ends. Its error is shown to whoever asks for /readyz, so it must be free of secrets.
type Check func(ctx context.Context) error

// Register adds the three endpoints to a mux:
//
//   - GET /healthz answers 200 while the process can answer at all. It asks no
//     dependency: restarting us would not repair one.
//   - GET /readyz answers 200 if every check passes, else 503; its JSON body
//     names each check with "ok" or what is wrong.
//   - GET /metrics shows the registry in Prometheus' format.
func Register(mux *http.ServeMux, checks map[string]Check, metrics prometheus.Gatherer) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, results := http.StatusOK, run(r.Context(), checks)
		for _, result := range results {
			if result != "ok" {
				status = http.StatusServiceUnavailable
			}
		}
		answer(w, status, results)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
}

// Profiles adds the profiles of the process (/debug/pprof/) to a mux. They tell
// what the program does, not with whose data; yet taking one costs something, so
// they belong on an address that only operators reach.
func Profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
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
