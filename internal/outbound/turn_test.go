package outbound_test

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"advocatesync/internal/outbound"
)

// slow is a vendor that takes its time for every answer.
type slow struct{ takes time.Duration }

func (s slow) RoundTrip(req *http.Request) (*http.Response, error) {
	<-time.After(s.takes) // within a synctest bubble: no time passes
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
}

// A thousand contacts make two calls each, in five minutes, at a vendor that answers
// eight calls in two seconds. With a place for each call, all would have made their
// first call, and hardly any its second.
func TestInTurn_worksThatMakeSeveralCallsEndOneAfterTheOther(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		place func(context.Context) context.Context
		least int // contacts that get through
		most  int
	}{
		"each contact keeps its place": {outbound.InTurn, 500, 1000},
		"each call has its own place":  {func(ctx context.Context) context.Context { return ctx }, 0, 250},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				through := race(t, outbound.NewLimiter(slow{2 * time.Second}), 1000, tt.place)
				if through < tt.least || through > tt.most {
					t.Errorf("%d contacts got through, want %d to %d", through, tt.least, tt.most)
				}
			})
		})
	}
}

// race has contacts make two calls each within five minutes, and counts those that
// get through.
func race(t *testing.T, l *outbound.Limiter, contacts int, place func(context.Context) context.Context) int {
	t.Helper()
	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		through int
	)
	for range contacts {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			ctx = place(ctx)
			for range 2 {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://vendor.example", http.NoBody)
				if err != nil {
					return
				}
				resp, err := l.RoundTrip(req)
				if err != nil || resp.Body.Close() != nil {
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			through++
		})
	}
	all.Wait()
	return through
}

func TestYielding_callsGoBehindThoseThatComeLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := outbound.NewLimiter(slow{time.Second}, outbound.AtMost(1))
		var (
			all  sync.WaitGroup
			mu   sync.Mutex
			went []string
		)
		call := func(ctx context.Context, who string) {
			all.Go(func() {
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://vendor.example", http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := l.RoundTrip(req)
				if err != nil || resp.Body.Close() != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				went = append(went, who)
			})
			synctest.Wait()
		}
		call(t.Context(), "under way")
		call(outbound.Yielding(t.Context()), "a page")
		call(outbound.InTurn(outbound.Yielding(t.Context())), "a page in turn")
		call(t.Context(), "a contact")
		call(outbound.InTurn(t.Context()), "a contact in turn")
		all.Wait()
		want := []string{"under way", "a contact", "a contact in turn", "a page", "a page in turn"}
		if !slices.Equal(want, went) {
			t.Errorf("calls went in the order %v, want %v", went, want)
		}
	})
}
