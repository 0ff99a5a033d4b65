package hubspottest

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Fault makes calls go wrong. A zero field does not apply.
type Fault struct {
	// Route is what to strike, in the current version's form with the object
	// type filled in: "POST /crm/objects/2026-09/contacts/batch/update". Empty strikes any call.
	Route string `json:"route,omitempty"`
	// Times is how many calls to strike: 0 means one, less means until ClearFaults.
	Times int `json:"times,omitempty"`
	// Status answers with this status: 423, 429, 477, 500, 502 (as HTML), 504, 524 …
	Status int `json:"status,omitempty"`
	// Policy is the policyName of a 429; the default is TEN_SECONDLY_ROLLING.
	Policy string `json:"policy,omitempty"`
	// RetryAfter is sent in seconds.
	RetryAfter int `json:"retry_after,omitempty"`
	// After carries the call out first: its answer is lost, its effect is not.
	After bool `json:"after,omitempty"`
	// Drop cuts the connection instead of answering.
	Drop bool `json:"drop,omitempty"`
	// SlowBody sends half of the body, waits, and sends the rest.
	SlowBody Duration `json:"slow_body,omitempty"`
}

type faults struct {
	mu    sync.Mutex
	queue []Fault
}

// Inject adds a fault; of several that match a call, the oldest strikes.
func (h *Host) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.queue = append(h.faults.queue, f)
}

// FailNext answers the next calls, whatever they are, with these statuses, in this order.
func (h *Host) FailNext(statuses ...int) {
	for _, s := range statuses {
		h.Inject(Fault{Status: s})
	}
}

// ClearFaults forgets all faults that did not strike yet.
func (h *Host) ClearFaults() {
	h.faults.mu.Lock()
	defer h.faults.mu.Unlock()
	h.faults.queue = nil
}

func (fs *faults) next(name string) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.queue {
		if f.Route != "" && f.Route != name {
			continue
		}
		if f.Times == 1 {
			fs.queue = slices.Delete(fs.queue, i, i+1)
		} else if f.Times > 1 {
			fs.queue[i].Times--
		}
		return f, true
	}
	return Fault{}, false
}

// replaces tells whether the fault stands in place of the real answer.
func (f Fault) replaces() bool { return f.Status > 0 || f.Drop }

// faulted is the answer a fault gives instead of the real one.
func (h *Host) faulted(f Fault) reply {
	if f.Status == http.StatusTooManyRequests {
		policy := f.Policy
		if policy == "" {
			policy = "TEN_SECONDLY_ROLLING"
		}
		return h.tooMany(policy, f.RetryAfter)
	}
	out := reply{status: f.Status, header: http.Header{}}
	if f.RetryAfter > 0 {
		out.header.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	switch f.Status {
	case http.StatusBadGateway, http.StatusGatewayTimeout, 520, 521, 522, 523, 524, 525, 526:
		// These come from the gateway in front of HubSpot, which speaks HTML.
		out.header.Set("Content-Type", "text/html; charset=UTF-8")
		out.body = raw("<!DOCTYPE html><html><head><title>api.hubapi.com | " + strconv.Itoa(f.Status) +
			"</title></head><body><h1>Error " + strconv.Itoa(f.Status) + "</h1></body></html>")
	case http.StatusLocked:
		out.body = fail(f.Status, "", "The record or account is locked by another operation")
	case 477:
		out.body = fail(f.Status, "MIGRATION_IN_PROGRESS", "The account is moving between data centers")
	default:
		out.body = fail(f.Status, "", "internal error")
	}
	return out
}

// spoil writes the answer the way the fault wants it.
func (f Fault) spoil(w http.ResponseWriter, r *http.Request, out reply) {
	if f.Drop {
		panic(http.ErrAbortHandler) // net/http's way to cut the connection without an answer
	}
	if f.SlowBody > 0 {
		w = &slowWriter{ResponseWriter: w, done: r.Context().Done(), pause: time.Duration(f.SlowBody)}
	}
	write(w, out)
}

// slowWriter pauses in the middle of a body, in real time.
type slowWriter struct {
	http.ResponseWriter
	done  <-chan struct{}
	pause time.Duration
}

// Write sends b in two halves with a pause between.
func (s *slowWriter) Write(b []byte) (int, error) {
	half := len(b) / 2
	n, err := s.ResponseWriter.Write(b[:half])
	if err != nil {
		return n, err
	}
	if err := http.NewResponseController(s.ResponseWriter).Flush(); err != nil {
		return n, err
	}
	timer := time.NewTimer(s.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
	m, err := s.ResponseWriter.Write(b[half:])
	return n + m, err
}
