package advocatetest_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/standin/fault"
)

// attempt sends a request that may fail on the way.
func (c caller) attempt(method, path string, body string) (int, error) {
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+"/api/v1/"+advocatetest.DefaultAlias+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth("", c.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	return resp.StatusCode, err
}

func TestFaults_hitTheirRouteAndAreUsedUp(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	s.Order(
		advocatetest.Fault{Route: advocatetest.RouteUpsert, Times: 2, Status: 429, RetryAfter: "3"},
		advocatetest.Fault{Route: advocatetest.RouteUpsert, Status: 503, RSCode: "RS016"},
	)
	if r := c.do(http.MethodGet, userPath(ada), nil); r.status != http.StatusNotFound {
		t.Errorf("another route was hit: %d", r.status)
	}
	for i, want := range []int{429, 429, 503, 200} {
		r := c.put(ada, nil)
		if r.status != want {
			t.Errorf("call %d: %d, want %d", i+1, r.status, want)
		}
		if want == 429 && r.header.Get("Retry-After") != "3" {
			t.Errorf("call %d has no Retry-After", i+1)
		}
	}
	if diff := cmp.Diff(map[int]int{429: 2, 503: 1, 200: 1}, s.Counts()[advocatetest.RouteUpsert].Statuses); diff != "" {
		t.Error(diff)
	}
}

func TestFaults_dropTheConnectionBeforeOrAfterTheWork(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	body := `{"id":"a@example.org","accountId":"a@example.org"}`
	s.Order(advocatetest.Fault{Route: advocatetest.RouteUpsert, DropBefore: true}, advocatetest.Fault{Route: advocatetest.RouteUpsert, DropAfter: true})
	for call, want := range []int{0, 1} {
		if _, err := c.attempt(http.MethodPut, userPath("a@example.org"), body); err == nil {
			t.Errorf("call %d got an answer", call+1)
		}
		if got := s.Tenant("").Count(); got != want {
			t.Errorf("after call %d there are %d users, want %d", call+1, got, want)
		}
	}
}

func TestFaults_slowAndCutBodies(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	s.Order(advocatetest.Fault{Route: advocatetest.RouteUsers, Answer: fault.Answer{CutAfter: 5}}, advocatetest.Fault{Route: advocatetest.RouteUsers, Answer: fault.Answer{Slow: advocatetest.Span(time.Millisecond)}})
	if _, err := c.attempt(http.MethodGet, "/users", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut body: %v", err)
	}
	if status, err := c.attempt(http.MethodGet, "/users", ""); err != nil || status != http.StatusOK {
		t.Errorf("a slow body: %d, %v", status, err)
	}
}

func TestConcurrency_isCountedAndCapped(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.MaxInFlight = 1 }))
	c := call(t, s)
	s.Order(advocatetest.Fault{Route: advocatetest.RouteUsers, Answer: fault.Answer{Slow: advocatetest.Span(time.Hour)}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/"+advocatetest.DefaultAlias+"/users", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("", advocatetest.DefaultKey)
	held, err := http.DefaultClient.Do(req) // returns with the headers; the body is an hour away
	if err != nil {
		t.Fatal(err)
	}
	if r := c.put(ada, nil); r.status != http.StatusTooManyRequests {
		t.Errorf("second call at once: %d", r.status)
	}
	if got := s.MaxConcurrent(); got != 2 {
		t.Errorf("%d at once, want 2", got)
	}
	if err := held.Body.Close(); err != nil {
		t.Fatal(err)
	}
	s.Reset()
	if n := s.Calls(advocatetest.RouteUsers); n != 0 {
		t.Errorf("%d calls after a reset", n)
	}
}
