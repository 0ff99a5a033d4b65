// Package impact is a client of impact.com's Brand API, as far as conversions
// go: submit one, take one back, ask what became of it. A Client makes one
// attempt per call and never waits. Every failure is a *bridge.Error.
package impact

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// Version of the Brand API that is asked for.
const Version = "14"

// Config says which account a client works for.
type Config struct {
	BaseURL    *url.URL // https://api.impact.com in production
	AccountSID string
	AuthToken  string

	// Heard is told what became of each call; nil means nobody.
	Heard func(context.Context, bridge.Answer)

	// Now tells how far away the moments are that the vendor names for the next
	// call; nil means the wall clock.
	Now func() time.Time
}

// Client calls impact.com for one account. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
}

// New builds a client over h, which brings the timeout and bounds how many
// calls are under way at once.
func New(cfg Config, h *http.Client) *Client {
	if cfg.Heard == nil {
		cfg.Heard = func(context.Context, bridge.Answer) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Client{cfg: cfg, http: outbound.HTTP(h)}
}

// Request is a call as it is made, but for the host and the credentials.
type Request struct {
	Method string
	Path   string
	Form   map[string]string // in the address of a DELETE
}

// ConversionRequest is the call by which an account hands in a conversion.
//
// Source: impact.com Brand API, POST Conversions.
func ConversionRequest(accountSID string, fields map[string]string) Request {
	return Request{Method: http.MethodPost, Path: resource(accountSID, "Conversions"), Form: fields}
}

// ReversalRequest is the call by which an account takes a conversion back.
//
// Source: impact.com Brand API, DELETE Actions.
func ReversalRequest(accountSID string, fields map[string]string) Request {
	return Request{Method: http.MethodDelete, Path: resource(accountSID, "Actions"), Form: fields}
}

// resource is the path of one of an account's resources.
func resource(accountSID, name string) string {
	return "/Advertisers/" + url.PathEscape(accountSID) + "/" + name
}

// Submit hands in a conversion, by its form fields, and returns the id under
// which its verdict can be asked for. The vendor has no key against duplicates:
// when the outcome is unknown (unavailable), send the same OrderId again.
//
// Errors by kind: invalid with the vendor's complaints as VendorMessage; unauthorized
// where the account and not the conversion is refused; throttled; unavailable.
func (c *Client) Submit(ctx context.Context, fields map[string]string) (submissionID string, err error) {
	return c.queue(ctx, "impact.submit_conversion", ConversionRequest(c.cfg.AccountSID, fields))
}

// Reverse takes a conversion back. fields name it by ActionTrackerId and
// OrderId and say why, see trigger.Decision. It returns the submission's id.
func (c *Client) Reverse(ctx context.Context, fields map[string]string) (submissionID string, err error) {
	return c.queue(ctx, "impact.reverse_conversion", ReversalRequest(c.cfg.AccountSID, fields))
}

// Stage says how far a submission is. The vendor may say what is not among these.
type Stage string

const (
	Queued     Stage = "Queued"
	InProgress Stage = "In Progress"
	Complete   Stage = "Complete"
)

// Submission is what became of a conversion or a reversal. A complete one
// without an error counts.
type Submission struct {
	OrderID     string
	Stage       Stage
	ErrorType   string // the vendor's name for what is wrong: CAMPAIGN_NOT_FOUND
	ErrorReason string // in the vendor's words, which may quote what was sent
}

// Submission asks for a verdict. impact.com keeps them for 90 days; then, and
// for an unknown id, the error is not_found.
//
// Source: impact.com Brand API, GET APISubmissions/{id}.
func (c *Client) Submission(ctx context.Context, id string) (Submission, error) {
	const op = "impact.get_submission"
	var out struct {
		OrderID     lenient.Text `json:"OrderId"`
		Status      lenient.Text `json:"Status"`
		ErrorType   lenient.Text `json:"ErrorType"`
		ErrorReason lenient.Text `json:"ErrorReason"`
	}
	if !submissionID.MatchString(id) {
		return Submission{}, &bridge.Error{Kind: bridge.Invalid, Op: op, Err: errors.New("this is no submission's id")}
	}
	get := Request{Method: http.MethodGet, Path: resource(c.cfg.AccountSID, "APISubmissions/"+id)}
	if err := c.do(ctx, op, get, &out); err != nil {
		return Submission{}, err
	}
	if out.Status.String() == "" || out.ErrorType.Odd() || out.ErrorReason.Odd() || out.OrderID.Odd() {
		return Submission{}, outbound.Unreadable(op, http.StatusOK) // it may say that something is wrong
	}
	return Submission{out.OrderID.String(), Stage(out.Status.String()), out.ErrorType.String(), out.ErrorReason.String()}, nil
}

// Failed reports whether the vendor says that something is wrong.
func (s Submission) Failed() bool { return s.ErrorType != "" || s.ErrorReason != "" }

// submissionID is what may be put into an address of ours.
var submissionID = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)

// queue hands something in.
func (c *Client) queue(ctx context.Context, op string, r Request) (string, error) {
	var out struct {
		Status    lenient.Text `json:"Status"`
		QueuedURI lenient.Text `json:"QueuedUri"`
	}
	if err := c.do(ctx, op, r, &out); err != nil {
		return "", err
	}
	uri := out.QueuedURI.String()
	if id := path.Base(uri); out.Status.String() == "QUEUED" && submissionID.MatchString(id) && strings.Contains(uri, "/APISubmissions/") {
		return id, nil
	}
	return "", outbound.Unreadable(op, http.StatusOK)
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 1 << 20

// do makes one call and tells what became of it.
func (c *Client) do(ctx context.Context, op string, r Request, out any) error {
	err := outbound.OfOneCall(c.call(ctx, op, r, out), func() error {
		// A submission that nobody has: impact.com answers that in its own words.
		return c.call(ctx, op, Request{Method: http.MethodGet, Path: resource(c.cfg.AccountSID, "APISubmissions/0")}, &struct{}{})
	})
	if failure, ok := errors.AsType[*bridge.Error](err); ok && failure.System == "" {
		failure.System = bridge.SystemImpact
	}
	c.cfg.Heard(ctx, bridge.Answer{System: bridge.SystemImpact, Capability: bridge.CapabilityConversions, Err: err})
	return err
}

// call makes one call and decodes a success into out.
func (c *Client) call(ctx context.Context, op string, r Request, out any) error {
	if c.cfg.AccountSID == "" || c.cfg.AuthToken == "" {
		return &bridge.Error{Kind: bridge.Unauthorized, Op: op, Err: errors.New("the connection has no impact.com account SID and token")}
	}
	req, err := c.request(ctx, r)
	if err != nil {
		return &bridge.Error{Kind: bridge.Invalid, Op: op, Err: errors.New("the address cannot be built")}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return outbound.Unreachable(op, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := outbound.Read(resp, maxAnswer)
	switch {
	case !answer.OK():
		return c.refused(op, r.Method, answer)
	case answer.Cut != nil:
		return outbound.Unreachable(op, answer.Cut)
	}
	if json.Unmarshal(answer.Body, out) != nil {
		return outbound.Unreadable(op, answer.Status)
	}
	return nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	form := url.Values{}
	for name, value := range r.Form {
		form.Set(name, value)
	}
	address := strings.TrimSuffix(c.cfg.BaseURL.String(), "/") + r.Path
	var body io.Reader
	if r.Method == http.MethodPost {
		body = strings.NewReader(form.Encode())
	} else if len(form) > 0 {
		address += "?" + form.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("IR-Version", Version)
	req.SetBasicAuth(c.cfg.AccountSID, c.cfg.AuthToken)
	return req, nil
}
