package operator_test

import (
	"net/url"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/vendors"
	"advocatesync/internal/wiring/wiringtest"
)

func parsed(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSubscribeAll_asksAdvocateOnlyWhereItMust(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	clock := time.Now()
	o := operator.New(s.Store, s.Temporal, operator.Vendors{Config: vendors.Config{HubSpot: parsed(t, "https://hubspot.invalid"), Advocate: parsed(t, s.Advocate.URL)}},
		time.Minute, func() time.Time { return clock })
	subscribe := func(endpoint string) (store.Subscription, int) {
		before := s.Advocate.Calls(advocatetest.RouteSubscribe)
		if err := o.SubscribeAll(t.Context(), parsed(t, endpoint)); err != nil {
			t.Fatal(err)
		}
		have, err := s.Store.AdvocateSubscription(t.Context(), s.Connection.ID)
		if err != nil {
			t.Fatal(err)
		}
		return have, s.Advocate.Calls(advocatetest.RouteSubscribe) - before
	}
	const here, there = "http://sync.test/webhooks/advocate", "http://other.test/webhooks/advocate"

	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteSubscribe, Status: 403})
	steps := []struct {
		name     string
		endpoint string
		passes   time.Duration
		calls    int
		refused  bool
	}{
		{"a refusal is kept", here, 0, 1, true},
		{"it is not tried again at once", here, time.Minute, 0, true},
		{"but after a while", here, 10 * time.Minute, 1, false},
		{"what stands is left alone", here, time.Hour, 0, false},
		{"a new address is told", there, 0, 1, false},
		{"what stood for a day is told again", there, 25 * time.Hour, 1, false},
	}
	for _, step := range steps {
		clock = clock.Add(step.passes)
		have, calls := subscribe(step.endpoint)
		if calls != step.calls || (have.Reason != "") != step.refused || have.EndpointURL != step.endpoint {
			t.Errorf("%s: %d calls, %+v", step.name, calls, have)
		}
	}
}

func TestSubscribeAll_leavesAdvocateAloneThatCannotReachUs(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	// The real vendor, which this test must not call.
	o := operator.New(s.Store, s.Temporal, operator.Vendors{Config: vendors.Config{HubSpot: parsed(t, "https://hubspot.invalid"), Advocate: parsed(t, "https://advocate.invalid")}},
		time.Minute, time.Now)
	tried := func(base string) bool {
		if err := o.SubscribeAll(t.Context(), parsed(t, base+"/webhooks/advocate")); err != nil {
			t.Fatal(err)
		}
		have, err := s.Store.AdvocateSubscription(t.Context(), s.Connection.ID)
		if err != nil {
			t.Fatal(err)
		}
		return have.EndpointURL != ""
	}
	for _, base := range []string{
		"http://sync.example.com", "https://localhost:8080", "https://127.0.0.1", "https://10.1.2.3", "https://[::1]:1",
		"https://starter:8080", "https://sync.local", "https://sync.cluster.internal",
	} {
		if tried(base) {
			t.Fatalf("tried to subscribe %s", base)
		}
	}
	if !tried("https://sync.example.com") {
		t.Error("did not try to subscribe a public address")
	}
}
