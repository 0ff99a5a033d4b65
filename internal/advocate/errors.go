package advocate

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"advocatesync/internal/bridge"
)

// apiError is the vendor's error body (SaaSquatch REST reference: Error).
type apiError struct {
	Message      string `json:"message"`
	StatusCode   int    `json:"statusCode"`
	APIErrorCode string `json:"apiErrorCode"`
	RSCode       string `json:"rsCode"`
}

// rsKinds gives the codes their meaning. They are read before the HTTP status,
// because the vendor does not publish which status comes with which code.
var rsKinds = map[string]bridge.Kind{
	"RS050": bridge.DoNotTrack,
	"RS052": bridge.BadCookie,
	"RS034": bridge.BadCode,

	"RS041": bridge.NotFound, // account
	"RS042": bridge.NotFound, // user

	"RS021": bridge.Conflict, // account exists
	"RS048": bridge.Conflict, // user exists

	"RS013": bridge.Invalid, // the account has 1000 users
	"RS023": bridge.Invalid, // email
	"RS024": bridge.Invalid, // first name
	"RS053": bridge.Invalid, // vanity link

	"RS033": bridge.Throttled,

	"RS014": bridge.Unavailable, // no referral code could be generated
	"RS016": bridge.Unavailable, // internal, as the next three
	"RS017": bridge.Unavailable,
	"RS020": bridge.Unavailable,
	"RS027": bridge.Unavailable,
	"RS049": bridge.Unavailable, // a program's rule failed

	"RS015": bridge.Unauthorized, // tenant alias missing or unknown
	"RS038": bridge.Unauthorized,
	"RS031": bridge.Unauthorized, // tenant deleted
	"RS045": bridge.Unauthorized, // credentials missing
	"RS005": bridge.Unauthorized, // signature problems
	"RS006": bridge.Unauthorized,
	"RS032": bridge.Unauthorized,
}

// kindOf classifies by the vendor's code first, then by status.
func kindOf(status int, e apiError) bridge.Kind {
	if kind, known := rsKinds[e.RSCode]; known {
		return kind
	}
	switch {
	case e.APIErrorCode == "TENANT_NOT_FOUND", status == http.StatusUnauthorized, status == http.StatusForbidden:
		return bridge.Unauthorized
	case status == http.StatusNotFound:
		return bridge.NotFound
	case status == http.StatusConflict:
		return bridge.Conflict
	case status == http.StatusTooManyRequests:
		return bridge.Throttled
	case status == http.StatusRequestTimeout, status >= 500:
		return bridge.Unavailable
	case status >= 400:
		return bridge.Invalid
	}
	return bridge.Unavailable // a redirect or the like, from something in between
}

// refused turns an answer that is no success into an error.
func (c *Client) refused(op string, resp *http.Response, body []byte) error {
	var e apiError
	if json.Unmarshal(body, &e) != nil || e.Message == "" || e.StatusCode == 0 {
		e = apiError{} // not the vendor's words: a proxy's page, or nothing
	}
	err := vendorError(op, resp.StatusCode, e)
	if err.Kind == bridge.Throttled || err.Kind == bridge.Unavailable {
		err.RetryAfter = retryAfter(resp.Header, c.now())
	}
	return err
}

func vendorError(op string, status int, e apiError) *bridge.Error {
	code := e.RSCode
	if code == "" {
		code = e.APIErrorCode
	}
	return &bridge.Error{Kind: kindOf(status, e), Op: op, Status: status, Code: code, Words: e.Message}
}

// retryAfter reads how long the vendor asks us to stay away: Retry-After in
// seconds or as a date, else X-RateLimit-Reset once nothing remains. The latter
// is documented as seconds but exemplified by an epoch, so both are understood.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if text := h.Get("Retry-After"); text != "" {
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			return positive(time.Duration(seconds * float64(time.Second)))
		}
		if at, err := http.ParseTime(text); err == nil {
			return positive(at.Sub(now))
		}
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || h.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	const epoch = 100_000_000 // larger values are moments, smaller ones spans
	if reset > epoch {
		return positive(time.Unix(reset, 0).Sub(now))
	}
	return positive(time.Duration(reset) * time.Second)
}

func positive(d time.Duration) time.Duration { return max(d, 0) }

// unreachable is a call without an answer, or without a whole one.
func unreachable(op string, err error) error {
	return &bridge.Error{Kind: bridge.Unavailable, Op: op, Err: cause(err)}
}

// unreadable is a success whose body is not what the vendor documents.
func unreadable(op string, status int) error {
	return &bridge.Error{Kind: bridge.Unavailable, Op: op, Status: status, Err: errors.New("the answer is not the expected JSON")}
}

// cause keeps what is safe to log of a transport error: the address of a call
// holds emails and signed links, and some messages quote what the server sent.
func cause(err error) error {
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &dial):
		return dial
	case errors.As(err, &certificate):
		return errors.New("the server's certificate is not trusted")
	}
	return fmt.Errorf("transport failed (%T)", err)
}
