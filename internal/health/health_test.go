package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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

// doors are both sides of a process.
type doors struct{ public, private *http.ServeMux }

func newDoors(checks map[string]health.Check, now func() time.Time) doors {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "seen_total", Help: "seen"})
	registry.MustRegister(counter)
	counter.Inc()
	d := doors{http.NewServeMux(), http.NewServeMux()}
	probes := health.NewProbes(checks, now)
	probes.Public(d.public)
	probes.Private(d.private, registry)
	return d
}

func get(door http.Handler, path, from string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	door.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const nearby, faraway = "127.0.0.1:4000", "192.0.2.7:4000"

func TestReadyz_tellsTheReasonInPrivateAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		checks map[string]health.Check
		status int
		word   string
		body   map[string]string
	}{
		"nothing to check is ready": {nil, 200, "ready", map[string]string{}},
		"all pass": {
			map[string]health.Check{"postgres": passes, "temporal": passes}, 200, "ready",
			map[string]string{"postgres": "ok", "temporal": "ok"},
		},
		"one of two fails": {
			map[string]health.Check{"postgres": fails, "temporal": passes}, 503, "not ready",
			map[string]string{"postgres": "connection refused", "temporal": "ok"},
		},
		"one that hangs fails in time": {
			map[string]health.Check{"postgres": passes, "temporal": hangs}, 503, "not ready",
			map[string]string{"postgres": "ok", "temporal": "context deadline exceeded"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoors(tt.checks, time.Now)
			for door, want := range map[*http.ServeMux]map[string]string{d.public: {"status": tt.word}, d.private: tt.body} {
				status, body := get(door, "/readyz", faraway)
				var got map[string]string
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); status != tt.status || diff != "" {
					t.Errorf("status %d, want %d; body (-want +got)\n%s", status, tt.status, diff)
				}
			}
		})
	}
}

// Anybody may ask; our dependencies do not pay for each question.
func TestReadyz_asksAtMostOnceASecond(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	asked, down := 0, false
	d := newDoors(map[string]health.Check{"postgres": func(ctx context.Context) error {
		asked++
		if down {
			return fails(ctx)
		}
		return ctx.Err()
	}}, func() time.Time { return now })
	for range 50 {
		if status, _ := get(d.public, "/readyz", faraway); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	down = true
	if status, _ := get(d.private, "/readyz", faraway); status != http.StatusOK || asked != 1 {
		t.Errorf("status %d after %d checks, want one check for all", status, asked)
	}
	now = now.Add(time.Second)
	if status, _ := get(d.public, "/readyz", faraway); status != http.StatusServiceUnavailable || asked != 2 {
		t.Errorf("status %d after %d checks; the answer must not hold for ever", status, asked)
	}
}

func TestReadyz_survivesACallerThatHangsUp(t *testing.T) {
	t.Parallel()
	d := newDoors(map[string]health.Check{"postgres": func(ctx context.Context) error { return ctx.Err() }}, time.Now)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	d.public.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, http.MethodGet, "/readyz", http.NoBody))
	if status, _ := get(d.public, "/readyz", faraway); status != http.StatusOK {
		t.Errorf("status %d: the one who hung up answers for all", status)
	}
}

func TestHealthz_dependsOnNothing(t *testing.T) {
	t.Parallel()
	d := newDoors(map[string]health.Check{"postgres": fails}, time.Now)
	for _, door := range []*http.ServeMux{d.public, d.private} {
		if status, _ := get(door, "/healthz", faraway); status != http.StatusOK {
			t.Errorf("status %d, want 200", status)
		}
	}
}

func TestPublicDoor_showsNothingElse(t *testing.T) {
	t.Parallel()
	d := newDoors(nil, time.Now)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile", "/debug/pprof/trace", "/debug/pprof/cmdline"} {
		if status, body := get(d.public, path, nearby); status != http.StatusNotFound {
			t.Errorf("%s: status %d, body %s", path, status, body)
		}
	}
}

func TestMetrics_showTheRegistry(t *testing.T) {
	t.Parallel()
	status, body := get(newDoors(nil, time.Now).private, "/metrics", faraway)
	if status != http.StatusOK || !strings.Contains(body, "seen_total 1") {
		t.Errorf("status %d, body %s", status, body)
	}
}

func TestProfiles_areForCallersOnThisMachine(t *testing.T) {
	t.Parallel()
	d := newDoors(nil, time.Now)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=0.01"} {
		for from, want := range map[string]int{faraway: 403, "[2001:db8::1]:1": 403, "": 403, "[::ffff:192.0.2.7]:1": 403} {
			if status, _ := get(d.private, path, from); status != want {
				t.Errorf("%s from %q: status %d, want %d", path, from, status, want)
			}
		}
	}
	for _, from := range []string{nearby, "[::1]:4000", "[::ffff:127.0.0.1]:4000"} {
		if status, _ := get(d.private, "/debug/pprof/goroutine?debug=1", from); status != http.StatusOK {
			t.Errorf("from %s: status %d, want 200", from, status)
		}
	}
}
