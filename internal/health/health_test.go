package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/health"
)

func passes(context.Context) error { return nil }
func fails(context.Context) error  { return errors.New("connection refused") }

// hangs stands for a dependency that answers nothing until we give up.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func get(t *testing.T, checks map[string]health.Check, path string) (int, string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "seen_total", Help: "seen"})
	registry.MustRegister(counter)
	counter.Inc()
	mux := http.NewServeMux()
	health.Register(mux, checks, registry)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	return w.Code, w.Body.String()
}

func TestReadyz_namesEveryCheck(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		checks map[string]health.Check
		status int
		body   map[string]string
	}{
		"nothing to check is ready": {nil, 200, map[string]string{}},
		"all pass": {
			map[string]health.Check{"postgres": passes, "temporal": passes}, 200,
			map[string]string{"postgres": "ok", "temporal": "ok"},
		},
		"one of two fails": {
			map[string]health.Check{"postgres": fails, "temporal": passes}, 503,
			map[string]string{"postgres": "connection refused", "temporal": "ok"},
		},
		"one that hangs fails in time": {
			map[string]health.Check{"postgres": passes, "temporal": hangs}, 503,
			map[string]string{"postgres": "ok", "temporal": "context deadline exceeded"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := get(t, tt.checks, "/readyz")
			var got map[string]string
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.body, got); status != tt.status || diff != "" {
				t.Errorf("status %d, want %d; body (-want +got)\n%s", status, tt.status, diff)
			}
		})
	}
}

func TestHealthz_dependsOnNothing(t *testing.T) {
	t.Parallel()
	if status, _ := get(t, map[string]health.Check{"postgres": fails}, "/healthz"); status != http.StatusOK {
		t.Errorf("status %d, want 200", status)
	}
}

func TestMetrics_showsTheRegistry(t *testing.T) {
	t.Parallel()
	status, body := get(t, nil, "/metrics")
	if status != http.StatusOK || !strings.Contains(body, "seen_total 1") {
		t.Errorf("status %d, body %s", status, body)
	}
}
