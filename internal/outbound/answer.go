package outbound

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
)

// Answer is what came back for one call.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // as far as it arrived

	// Cut is why the body is not whole; nil if it is.
	Cut error
}

// errTooLong is why the rest of an answer was not read.
var errTooLong = errors.New("the answer is longer than it may be")

// mark is the byte order mark that some programs put before UTF-8 text.
var mark = []byte("\ufeff")

// Read reads an answer's body, up to a number of bytes, without a byte order mark. It
// does not close it.
func Read(res *http.Response, most int64) Answer {
	body, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	if err == nil && int64(len(body)) > most {
		body, err = body[:most], errTooLong
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: bytes.TrimPrefix(body, mark), Cut: err}
}

// OK reports whether the vendor did what it was asked to.
func (a Answer) OK() bool { return a.Status/100 == 2 }

// Redirect tells an answer that sends us elsewhere: the client has followed what it
// may, and nothing but Foreign has a meaning for the rest.
func (a Answer) Redirect() bool { return a.Status/100 == 3 }

// Acknowledged checks a success of which nothing is read: it is the vendor's only if
// it is JSON, or nothing. The page of a gateway, or of a login, says with 200 that the
// page was shown, and not that anything was done. The error is bridge.Unavailable.
func (a Answer) Acknowledged(op string) error {
	switch {
	case a.Cut != nil:
		return Unreachable(op, a.Cut)
	case len(bytes.TrimSpace(a.Body)) > 0 && !json.Valid(a.Body):
		return Unreadable(op, a.Status)
	}
	return nil
}

// CodeGateway marks an answer of something between us and the vendor.
const CodeGateway = "GATEWAY"

// Foreign classifies an answer, no success, that its vendor did not write: the
// vendor's client has found none of the vendor's own error forms in it. Such an
// answer says nothing about a record or about credentials, whatever its status:
// a gateway's 404 is no deletion, and its 403 is no missing scope.
//
//   - A gateway's page, and what gateways say without one, passes: unavailable.
//   - A redirect that was not followed, and any other refusal, means that our
//     calls do not reach the vendor's API for this account: misdirected.
//   - A refusal of the request's size is about what we sent: invalid.
func (a Answer) Foreign(op string, now time.Time) *bridge.Error {
	e := &bridge.Error{Op: op, Status: a.Status, RetryAfter: RetryAfter(a.Header, now)}
	switch {
	case a.Status == http.StatusTooManyRequests:
		e.Kind = bridge.Throttled
	case a.Status >= 500, a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly:
		e.Kind = bridge.Unavailable
	case a.Redirect():
		e.Kind, e.Err = bridge.Misdirected, redirected(a.Header)
	case a.Status == http.StatusRequestEntityTooLarge, a.Status == http.StatusRequestURITooLong,
		a.Status == http.StatusRequestHeaderFieldsTooLarge:
		e.Kind, e.Code = bridge.Invalid, CodeGateway
	case a.fromGateway():
		e.Kind, e.Code = bridge.Unavailable, CodeGateway
	default:
		e.Kind, e.Err = bridge.Misdirected, errForeign
	}
	return e
}

// OfOneCall says what a failed call is to be blamed on. A refusal with a 4xx that
// accuses the account (bridge.Misdirected) may be a firewall's, which dislikes one
// record. So probe makes a call like it that carries no record: only if that is
// refused as well, our calls do not reach the vendor. If the vendor answers it, the
// failure is about this call alone, and passes or not: unavailable. It is unavailable,
// too, as long as nobody knows.
func OfOneCall(failed error, probe func() error) error {
	e, ok := errors.AsType[*bridge.Error](failed)
	if !ok || e.Kind != bridge.Misdirected || e.Status/100 != 4 {
		return failed
	}
	alone := *e
	switch witness := probe(); {
	case bridge.KindOf(witness) == bridge.Misdirected, bridge.KindOf(witness) == bridge.Unauthorized:
		return failed
	case bridge.KindOf(witness) == bridge.Throttled, bridge.KindOf(witness) == bridge.Pending:
		return witness // it says how long to stay away
	case Answered(witness):
		alone.Kind, alone.Err = bridge.Unavailable, errOneCall
	default:
		alone.Kind, alone.Err = bridge.Unavailable, errUnconfirmed
	}
	if alone.Code == "" {
		alone.Code = CodeGateway
	}
	return &alone
}

// Answered reports whether a vendor took a call for what it is: it did what was asked,
// or said what is wrong with it.
func Answered(err error) bool {
	switch bridge.KindOf(err) {
	case bridge.Unavailable, bridge.Throttled, bridge.Pending, bridge.Misdirected, bridge.Unauthorized:
		return false
	case bridge.Unknown:
		return err == nil
	default:
		return true
	}
}

var (
	errOneCall     = errors.New("refused for what it carries: a call without it gets through")
	errUnconfirmed = errors.New("refused, and a call that would tell whether for what it carries did not get through")
)

var errForeign = errors.New("the answer is not in the vendor's own form")

// fromGateway tells an answer that a proxy, a firewall or a load balancer gives
// of itself: a page for browsers; a forbidden call in whatever form, as
// firewalls answer programs in text or JSON; or one of HTTP's own refusals
// without a word. An unusual status without a word has been chosen by somebody.
func (a Answer) fromGateway() bool {
	body := bytes.TrimSpace(a.Body)
	html := strings.Contains(strings.ToLower(a.Header.Get("Content-Type")), "html") || bytes.HasPrefix(body, []byte("<"))
	usual := a.Status <= http.StatusUpgradeRequired
	return html || a.Status == http.StatusForbidden || len(body) == 0 && usual
}

// harmlessHost is what may be repeated in logs and shown.
var harmlessHost = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]{1,253}$`)

// redirected names the host, and nothing else, of a redirect that was not followed:
// the rest of the address may hold whatever our own address did.
func redirected(h http.Header) error {
	to, err := url.Parse(h.Get("Location"))
	if err != nil || !harmlessHost.MatchString(to.Host) {
		return errors.New("redirected to an address that names no other host; the redirect was not followed")
	}
	return errors.New("redirected to " + to.Host + "; redirects to another address are not followed")
}

// mostWait bounds what a vendor may ask for.
const mostWait = 24 * time.Hour

// RetryAfter reads how long a vendor asks us to stay away, at most a day:
// Retry-After in seconds or as a date, else X-RateLimit-Reset once nothing
// remains. impact.com documents the latter as seconds but shows an epoch, so
// both are understood. Zero means that the vendor names no time.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if text := strings.TrimSpace(h.Get("Retry-After")); text != "" {
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			return bounded(seconds)
		}
		if at, err := http.ParseTime(text); err == nil {
			return bounded(at.Sub(now).Seconds())
		}
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || h.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	const epoch = 100_000_000 // larger values are moments, smaller ones spans
	if reset > epoch {
		reset -= now.Unix()
	}
	return bounded(float64(reset))
}

// bounded also takes what is no number.
func bounded(seconds float64) time.Duration {
	if !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, mostWait.Seconds()) * float64(time.Second))
}
