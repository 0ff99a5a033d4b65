package hubspottest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"advocatesync/internal/hubspot/hubspottest"
)

// clock is a clock that moves when told, or when read.
type clock struct {
	mu    sync.Mutex
	at    time.Time
	ticks time.Duration // with every reading
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(c.ticks)
	return c.at
}

// tick has time pass with every reading from now on.
func (c *clock) tick(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ticks = d
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// answer is what came back from a raw call.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// ask makes a raw call with the default token.
func ask(t *testing.T, crm *hubspottest.Server, method, path, body string) answer {
	t.Helper()
	return askAs(t, crm, hubspottest.DefaultToken, method, path, body)
}

func askAs(t *testing.T, crm *hubspottest.Server, token, method, path, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, crm.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := answer{status: res.StatusCode, header: res.Header, text: string(raw)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") && len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &out.body); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return out
}

const details = "/account-info/2026-09/details"

func TestLimits_tenSecondsRoll(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	for i := range 110 {
		if i == 60 {
			c.pass(6 * time.Second)
		}
		if got := ask(t, crm, "GET", details, ""); got.status != 200 {
			t.Fatalf("call %d: %d", i+1, got.status)
		}
	}
	got := ask(t, crm, "GET", details, "")
	if got.status != 429 || got.body["policyName"] != "TEN_SECONDLY_ROLLING" || got.body["errorType"] != "RATE_LIMIT" ||
		got.body["message"] != "You have reached your ten_secondly_rolling limit." {
		t.Fatalf("call 111: %d %s", got.status, got.text)
	}
	if got.header.Get("Retry-After") != "" || got.header.Get("X-HubSpot-RateLimit-Remaining") != "0" {
		t.Errorf("headers of the 429: %v", got.header)
	}
	c.pass(4 * time.Second) // the first 60 calls leave the window
	for i := range 60 {
		if got := ask(t, crm, "GET", details, ""); got.status != 200 {
			t.Fatalf("call %d after the first 60 aged out: %d", i+1, got.status)
		}
	}
	if got := ask(t, crm, "GET", details, ""); got.status != 429 {
		t.Errorf("call 61: %d, the window must roll, not reset", got.status)
	}
	if n := crm.Host().Counts(); n.TooMany != 2 || n.Total != 172 {
		t.Errorf("counts %+v", n)
	}
}

func TestLimits_headers(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	got := ask(t, crm, "GET", details, "")
	for name, want := range map[string]string{
		"X-HubSpot-RateLimit-Max": "110", "X-HubSpot-RateLimit-Remaining": "109",
		"X-HubSpot-RateLimit-Interval-Milliseconds": "10000", "X-HubSpot-RateLimit-Daily": "",
	} {
		if v := got.header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
}

func TestLimits_perPortal(t *testing.T) {
	t.Parallel()
	c := newClock()
	one, two := hubspottest.DefaultKnobs(), hubspottest.DefaultKnobs()
	one.Limits.PerTenSeconds, one.Limits.RetryAfter = 1, 7
	two.Limits = hubspottest.Unlimited()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now),
		hubspottest.WithPortal(hubspottest.PortalConfig{ID: 1, Token: "one", Knobs: &one}),
		hubspottest.WithPortal(hubspottest.PortalConfig{ID: 2, Token: "two", Knobs: &two}))
	if got := askAs(t, crm, "one", "GET", details, ""); got.status != 200 {
		t.Fatal(got.text)
	}
	if got := askAs(t, crm, "one", "GET", details, ""); got.status != 429 || got.header.Get("Retry-After") != "7" {
		t.Errorf("second call of portal 1: %d %v", got.status, got.header)
	}
	for range 200 {
		if got := askAs(t, crm, "two", "GET", details, ""); got.status != 200 || got.body["portalId"] != 2.0 {
			t.Fatalf("portal 2: %d %s", got.status, got.text)
		}
	}
}

func TestLimits_dailyAndSearch(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	crm.Tune(func(k *hubspottest.Knobs) { k.Limits.Daily = 2 })
	for want, status := range []int{200, 200, 429} {
		if got := ask(t, crm, "GET", details, ""); got.status != status {
			t.Errorf("call %d: %d", want+1, got.status)
		}
	}
	if got := ask(t, crm, "GET", details, ""); got.body["policyName"] != "DAILY" {
		t.Errorf("policy %v", got.body["policyName"])
	}
	const search = "/crm/objects/2026-09/contacts/search"
	for range 5 {
		if got := ask(t, crm, "POST", search, `{}`); got.status != 200 || got.header.Get("X-HubSpot-RateLimit-Max") != "" {
			t.Fatalf("search: %d %v", got.status, got.header)
		}
	}
	if got := ask(t, crm, "POST", search, `{}`); got.status != 429 || got.body["policyName"] != "SECONDLY" {
		t.Errorf("sixth search in a second: %d %s", got.status, got.text)
	}
	c.pass(24 * time.Hour)
	if got := ask(t, crm, "GET", details, ""); got.status != 200 {
		t.Errorf("next day: %d", got.status)
	}
}
