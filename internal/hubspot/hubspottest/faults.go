package hubspottest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"advocatesync/internal/standin/fault"
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
	// Contains strikes only calls whose address or body holds this text: one
	// record, by its id or one of its values. With Times below zero that record
	// is poison to every batch it travels in.
	Contains string `json:"contains,omitempty"`
	// Shows strikes only reads whose answer would hold this text: a record that the
	// vendor cannot show, wherever it turns up.
	Shows string `json:"shows,omitempty"`
	// After carries the call out first: its answer is lost, its effect is not.
	After bool `json:"after,omitempty"`
	// Drop cuts the connection instead of answering.
	Drop bool `json:"drop,omitempty"`
	// Answer spoils the answer: that of Status, or the right one where Status is 0.
	fault.Answer
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

// next takes the fault that strikes a call before it is carried out, or, with an
// answer, one that strikes because of what that would show.
func (fs *faults) next(name string, c *call, answer *reply) (Fault, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.queue {
		if f.Route != "" && f.Route != name || !c.holds(f.Contains) || (f.Shows != "") != (answer != nil) || !answer.holds(f.Shows) {
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

// showing reports whether any fault depends on answers, so that the others need not be
// looked into.
func (fs *faults) showing() bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return slices.ContainsFunc(fs.queue, func(f Fault) bool { return f.Shows != "" })
}

// holds reports whether the call's address or body contains the text.
func (c *call) holds(text string) bool {
	return text == "" || strings.Contains(c.URL.RequestURI(), text) || bytes.Contains(c.body, []byte(text))
}

// holds reports whether an answer would hold the text; no answer holds any.
func (r *reply) holds(text string) bool {
	if r == nil {
		return text == ""
	}
	body, err := json.Marshal(r.body)
	return err == nil && bytes.Contains(body, []byte(text))
}

// replaces reports whether the fault stands in place of the real answer.
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
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		out.body = raw("")
	case 488:
		// Observed: a portal that lives in another region is refused in front of
		// the API, without the API's error body.
		out.header.Set("Content-Type", "text/plain; charset=UTF-8")
		out.body = raw("Request routed to the wrong region")
	case http.StatusUnauthorized:
		out.body = fail(f.Status, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
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
	f.Serve(w, r, func(w http.ResponseWriter) { write(w, out) })
}
