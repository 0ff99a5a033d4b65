package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/trigger"
)

// Problem is what the API answers instead of a success (RFC 9457). As an error
// it reads like its detail.
type Problem struct { //nolint:errname // RFC 9457 calls it so
	Type      string    `json:"type"`   // "urn:advocatesync:problem:" and the code
	Title     string    `json:"title"`  // of the status
	Status    int       `json:"status"` // HTTP status
	Code      string    `json:"code"`   // for programs; never renamed
	Detail    string    `json:"detail"` // for people: what is wrong and what to do
	Mistakes  []Mistake `json:"mistakes,omitempty"`
	RequestID string    `json:"request_id"` // to be found in the server's log

	retryAfter time.Duration
}

// Mistake is one mistake in a request. All of them are reported at once.
type Mistake struct {
	Field  string `json:"field,omitempty"`  // of the body, or a parameter; empty: the request as a whole
	Line   int    `json:"line,omitempty"`   // of a text that was sent, from 1; 0 where there is none
	Column int    `json:"column,omitempty"` // likewise
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return p.Detail }

// Codes of the API's own problems. The refusals of package operator have further
// codes.
const (
	codeBadRequest        = "bad_request"         // Mistakes says why
	codeForbidden         = "forbidden"           // the token's role is not enough
	codeThrottled         = "throttled"           // too many wrong tokens
	codeNotFound          = "not_found"           // no such thing
	codeMethodNotAllowed  = "method_not_allowed"  // the header Allow lists the allowed ones
	codeConflict          = "conflict"            // somebody else was faster
	codeTooLarge          = "too_large"           // the body
	codeMediaType         = "media_type"          // the Content-Type is not JSON
	codeInternal          = "internal"            // a fault of ours
	codeVendorRefuses     = "vendor_refuses"      // HubSpot or Advocate refuses what we sent
	codeCredentialRefused = "credentials_refused" // HubSpot or Advocate refuses a connection's credentials
	codeUnavailable       = "unavailable"         // the database, Temporal or a vendor; try again
	codeTimeout           = "timeout"             // the request takes too long
)

func newProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type: "urn:advocatesync:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
	}
}

// problemOf converts an error to a problem.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	status, code := classify(err)
	p := newProblem(status, code, err.Error())
	if wrong, ok := errors.AsType[trigger.MistakesError](err); ok {
		p.Mistakes = mistakesOf(wrong)
	}
	var all interface{ Unwrap() []error }
	if errors.As(err, &all) { // several mistakes, joined
		for _, one := range all.Unwrap() {
			p.Mistakes = append(p.Mistakes, Mistake{Detail: one.Error()})
		}
	}
	if cause, ok := errors.AsType[*bridge.Error](err); ok {
		p.retryAfter = cause.RetryAfter
	}
	return p
}

func classify(err error) (status int, code string) {
	if refusal, ok := errors.AsType[*operator.Refusal](err); ok {
		return refusalStatus(refusal.Kind), refusal.Code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusGatewayTimeout, codeTimeout
	}
	switch bridge.KindOf(err) {
	case bridge.NotFound:
		return http.StatusNotFound, codeNotFound
	case bridge.Conflict:
		return http.StatusConflict, codeConflict
	case bridge.Unavailable, bridge.Throttled, bridge.Pending:
		return http.StatusServiceUnavailable, codeUnavailable
	case bridge.Unauthorized:
		return http.StatusBadGateway, codeCredentialRefused
	case bridge.Invalid, bridge.Misdirected, bridge.DoNotTrack, bridge.BadCode, bridge.BadCookie:
		return http.StatusBadGateway, codeVendorRefuses
	default:
		return http.StatusInternalServerError, codeInternal
	}
}

func refusalStatus(kind bridge.Kind) int {
	switch kind {
	case bridge.NotFound:
		return http.StatusNotFound
	case bridge.Invalid:
		return http.StatusUnprocessableEntity
	case bridge.Unauthorized: // 401 would be about the caller's token
		return http.StatusBadGateway
	case bridge.Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusConflict
	}
}

// write answers with the problem.
func (p *Problem) write(w http.ResponseWriter, requestID string) {
	answer := *p
	answer.RequestID = requestID
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	writeJSON(w, "application/problem+json", p.Status, answer)
}
