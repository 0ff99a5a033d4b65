package hubspottest

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// window is the length of HubSpot's burst window.
const window = 10 * time.Second

// Limits are the call limits of one portal. Zero means no limit.
type Limits struct {
	// PerTenSeconds is the burst limit over a rolling ten seconds
	// (HubSpot docs: 110 for an OAuth app, per app and installing account).
	PerTenSeconds int `json:"per_ten_seconds"`
	// SearchPerSecond is the separate limit of the search endpoint.
	SearchPerSecond int `json:"search_per_second"`
	// Daily is the limit of privately distributed apps; OAuth apps have none.
	Daily int `json:"daily"`
	// RetryAfter, in seconds, is sent with a 429 when it is not 0.
	RetryAfter int `json:"retry_after"`
}

// DefaultLimits are those of an OAuth app from the marketplace.
func DefaultLimits() Limits { return Limits{PerTenSeconds: 110, SearchPerSecond: 5} }

// Unlimited lifts all limits, for tests of speed.
func Unlimited() Limits { return Limits{} }

// rolling counts calls over the window that ends now.
type rolling struct {
	at []int64 // ring of the last len(at) calls, in ns
	i  int     // the oldest entry
}

// take admits a call unless limit calls lie within the span before now. It
// returns how many more would be admitted.
func (r *rolling) take(now time.Time, limit int, span time.Duration) (left int, ok bool) {
	if len(r.at) != limit {
		r.at, r.i = make([]int64, limit), 0
	}
	n, from := now.UnixNano(), now.Add(-span).UnixNano()
	if oldest := r.at[r.i]; oldest != 0 && oldest > from {
		return 0, false
	}
	r.at[r.i] = n
	r.i = (r.i + 1) % limit
	for k := range limit {
		if at := r.at[(r.i+k)%limit]; at != 0 && at > from {
			break
		}
		left++
	}
	return left, true
}

type limiter struct {
	mu     sync.Mutex
	burst  rolling
	search rolling
	day    string
	today  int
}

// admit decides about one call and sets the rate limit headers. It returns the
// name of the exceeded policy, or "".
func (l *limiter) admit(now time.Time, lim Limits, search bool, head http.Header) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if search {
		return l.admitSearch(now, lim, head)
	}
	if lim.Daily > 0 && !l.admitDay(now, lim.Daily, head) {
		return "DAILY"
	}
	if lim.PerTenSeconds <= 0 {
		return ""
	}
	left, ok := l.burst.take(now, lim.PerTenSeconds, window)
	perSecond := max(lim.PerTenSeconds/10, 1)
	set := func(name string, n int) { head.Set("X-Hubspot-Ratelimit-"+name, strconv.Itoa(n)) }
	set("Max", lim.PerTenSeconds)
	set("Remaining", left)
	set("Interval-Milliseconds", int(window/time.Millisecond))
	set("Secondly", perSecond)
	set("Secondly-Remaining", min(perSecond, left))
	if !ok {
		return "TEN_SECONDLY_ROLLING"
	}
	l.today++
	return ""
}

// admitSearch sends no rate limit headers (HubSpot docs: search responses carry none).
func (l *limiter) admitSearch(now time.Time, lim Limits, head http.Header) string {
	head.Set("X-Hubspot-Rate-Limit-Exemptions", "search")
	if lim.SearchPerSecond <= 0 {
		return ""
	}
	if _, ok := l.search.take(now, lim.SearchPerSecond, time.Second); !ok {
		return "SECONDLY"
	}
	return ""
}

// admitDay resets at midnight UTC, the time zone of every stand-in portal.
func (l *limiter) admitDay(now time.Time, limit int, head http.Header) bool {
	if day := now.UTC().Format(time.DateOnly); day != l.day {
		l.day, l.today = day, 0
	}
	left := max(limit-l.today-1, 0)
	head.Set("X-Hubspot-Ratelimit-Daily", strconv.Itoa(limit))
	head.Set("X-Hubspot-Ratelimit-Daily-Remaining", strconv.Itoa(left))
	return l.today < limit
}

var policyWords = map[string]string{
	"TEN_SECONDLY_ROLLING": "ten_secondly_rolling",
	"SECONDLY":             "secondly",
	"DAILY":                "daily",
}

// tooMany is the body of a 429 (HubSpot docs: usage guidelines; the group name
// as captured by third parties).
func (h *Host) tooMany(policy string, retryAfter int) reply {
	out := reply{status: http.StatusTooManyRequests, header: http.Header{}}
	if retryAfter > 0 {
		out.header.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	out.body = struct {
		Status        string `json:"status"`
		Message       string `json:"message"`
		ErrorType     string `json:"errorType"`
		CorrelationID string `json:"correlationId"`
		PolicyName    string `json:"policyName"`
		GroupName     string `json:"groupName"`
	}{"error", "You have reached your " + policyWords[policy] + " limit.", "RATE_LIMIT", correlationID(), policy,
		"publicapi:app:" + formatID(h.app.ID)}
	return out
}
