package api

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestRemote_believesTrustedProxiesAlone(t *testing.T) {
	t.Parallel()
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}
	for name, tt := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                                  {"192.0.2.7:4000", nil, "192.0.2.7"},
		"a caller who lies":                         {"192.0.2.7:4000", []string{"203.0.113.9"}, "192.0.2.7"},
		"a proxy of ours":                           {"10.1.1.1:4000", []string{"203.0.113.9"}, "203.0.113.9"},
		"a caller who lies to a proxy of ours":      {"10.1.1.1:4000", []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		"two proxies of ours":                       {"10.1.1.1:4000", []string{"127.0.0.1, 203.0.113.9, 10.2.2.2"}, "203.0.113.9"},
		"two headers":                               {"10.1.1.1:4000", []string{"127.0.0.1", "203.0.113.9, 10.2.2.2"}, "203.0.113.9"},
		"a proxy that adds ports":                   {"10.1.1.1:4000", []string{"203.0.113.9:5000"}, "203.0.113.9"},
		"IPv6 with a port":                          {"[2001:db8:ffff::1]:4000", []string{"[2001:db8::9]:5000"}, "2001:db8::9"},
		"IPv6 in brackets":                          {"[2001:db8:ffff::1]:4000", []string{"[2001:db8::9]"}, "2001:db8::9"},
		"IPv4 as IPv6":                              {"[::ffff:10.1.1.1]:4000", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"a proxy that hides the caller":             {"10.1.1.1:4000", []string{"unknown"}, "10.1.1.1"},
		"a caller who writes nonsense to a proxy":   {"10.1.1.1:4000", []string{"nonsense, 203.0.113.9"}, "203.0.113.9"},
		"a proxy of ours and nothing in its header": {"10.1.1.1:4000", []string{""}, "10.1.1.1"},
		"everybody is a proxy of ours":              {"10.1.1.1:4000", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		"within the process":                        {"", []string{"203.0.113.9"}, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = tt.peer
		r.Header["X-Forwarded-For"] = tt.forwarded
		want, _ := netip.ParseAddr(tt.want)
		if got := trusted.remote(r); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestThrottle_countsByAddressAndToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	throttle := newThrottle(func() time.Time { return now })
	here, there := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")
	for i := range wrongAtOnce {
		if wait := throttle.wrong(attempt{here, "aaaaaaaaaa"}); wait != 0 {
			t.Fatalf("the wrong token %d has to wait %s", i+1, wait)
		}
	}
	if wait := throttle.wrong(attempt{here, "aaaaaaaaaa"}); wait != wrongEvery {
		t.Errorf("one too many waits %s, want %s", wait, wrongEvery)
	}
	for name, other := range map[string]attempt{
		"another token from there":          {here, "bbbbbbbbbb"},
		"what is no token":                  {here, ""},
		"the same token from another place": {there, "aaaaaaaaaa"},
	} {
		if wait := throttle.wrong(other); wait != 0 {
			t.Errorf("%s waits %s", name, wait)
		}
	}
	now = now.Add(wrongEvery)
	if wait := throttle.wrong(attempt{here, "aaaaaaaaaa"}); wait != 0 {
		t.Errorf("after the wait it waits %s", wait)
	}
}

func TestThrottle_forgetsRatherThanGrow(t *testing.T) {
	t.Parallel()
	throttle := newThrottle(time.Now)
	for i := range 5 * manyAttempts {
		throttle.wrong(attempt{netip.MustParseAddr("192.0.2.7"), strconv.Itoa(i)})
	}
	if known := len(throttle.young) + len(throttle.old); known > 2*manyAttempts {
		t.Errorf("%d attempts are remembered", known)
	}
}

func TestCustomer_isANetworkOfIPv6(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8::1": "2001:db8::", "2001:db8:0:1::1": "2001:db8:0:1::",
	} {
		if got := customer(netip.MustParseAddr(address)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
