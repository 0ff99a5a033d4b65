package outbound_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"advocatesync/internal/outbound"
)

// desk is a transport that answers each call when the test says so.
type desk struct {
	mu    sync.Mutex
	calls []chan answer // open calls, oldest first
}

type answer struct {
	status int
	err    error
}

func (d *desk) RoundTrip(req *http.Request) (*http.Response, error) {
	c := make(chan answer)
	d.mu.Lock()
	d.calls = append(d.calls, c)
	d.mu.Unlock()
	a := <-c
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Body: http.NoBody, Request: req}, nil
}

func (d *desk) open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.calls)
}

// reply answers the n oldest calls, one after the other.
func (d *desk) reply(n int, a answer) {
	for range n {
		d.mu.Lock()
		c := d.calls[0]
		d.calls = d.calls[1:]
		d.mu.Unlock()
		c <- a
		synctest.Wait()
	}
}

// start makes n calls at once and returns where their errors come out.
func start(ctx context.Context, l *outbound.Limiter, n int) <-chan error {
	failed := make(chan error, n)
	for range n {
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://vendor.example", strings.NewReader("x"))
			if err != nil {
				failed <- err
				return
			}
			resp, err := l.RoundTrip(req)
			if err == nil {
				err = resp.Body.Close()
			}
			failed <- err
		}()
	}
	synctest.Wait()
	return failed
}

func TestLimiter_growsWithSuccessUpToItsCeiling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		l := outbound.NewLimiter(d, outbound.AtMost(6))
		start(t.Context(), l, 100)
		if d.open() != 4 {
			t.Fatalf("%d calls under way at the start, want 4", d.open())
		}
		d.reply(90, answer{status: http.StatusOK})
		if d.open() != 6 || l.Limit() != 6 {
			t.Errorf("%d calls under way, limit %d, want 6", d.open(), l.Limit())
		}
		d.reply(10-6, answer{status: http.StatusNotFound})
		d.reply(6, answer{status: http.StatusOK})
	})
}

func TestLimiter_halvesOnceForCallsThatFailTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		l := outbound.NewLimiter(d)
		start(t.Context(), l, 20)
		d.reply(1, answer{status: http.StatusTooManyRequests})
		if l.Limit() != 2 {
			t.Fatalf("limit %d after the first refusal, want 2", l.Limit())
		}
		d.reply(3, answer{status: http.StatusTooManyRequests})
		if l.Limit() != 2 || d.open() != 2 {
			t.Fatalf("limit %d with %d under way, want 2 and 2", l.Limit(), d.open())
		}
		d.reply(1, answer{status: http.StatusServiceUnavailable})
		if l.Limit() != 1 {
			t.Errorf("limit %d after a refusal of a later call, want 1", l.Limit())
		}
		d.reply(1, answer{err: context.DeadlineExceeded})
		d.reply(1, answer{err: context.DeadlineExceeded})
		if l.Limit() != 1 || d.open() != 1 {
			t.Errorf("limit %d with %d under way, want one at least", l.Limit(), d.open())
		}
		for d.open() > 0 {
			d.reply(1, answer{err: errors.New("connection refused")})
		}
		if l.Limit() != 1 {
			t.Errorf("a refused connection says nothing about load, yet the limit is %d", l.Limit())
		}
	})
}

func TestLimiter_waitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		l := outbound.NewLimiter(d, outbound.AtMost(1))
		start(t.Context(), l, 1)
		ctx, cancel := context.WithCancel(t.Context())
		waiting := start(ctx, l, 1)
		cancel()
		if err := <-waiting; !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		start(t.Context(), l, 1)
		d.reply(1, answer{status: http.StatusOK})
		if d.open() != 1 {
			t.Error("the abandoned place in the queue blocks the one behind it")
		}
		d.reply(1, answer{status: http.StatusOK})
	})
}
