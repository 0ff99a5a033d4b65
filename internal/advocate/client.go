// Package advocate is a client of the impact.com Advocate (SaaSquatch) API. A
// Client makes one attempt per call and never waits: retrying is the caller's
// business. Every failure is a *bridge.Error.
package advocate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

// DefaultContactIDField is the participant's custom field that holds the HubSpot
// contact id, unless a connection says otherwise.
const DefaultContactIDField = "hubspot_contact_id"

// Config says which tenant a client works for.
type Config struct {
	BaseURL *url.URL // the Advocate host, without a trailing slash
	Tenant  string   // tenant alias

	// User and Key are the two halves of HTTP Basic. SaaSquatch-style keys come
	// with an empty user; impact.com's are account SID and auth token.
	User string
	Key  string

	// ContactIDField is a custom field key of at most 64 letters, digits and
	// underscores; empty means DefaultContactIDField.
	ContactIDField string

	// StallAfter is how long a download may go on while next to nothing arrives,
	// and MaxExport how many bytes an export may have. 0 means the defaults: a
	// minute, and 8 GiB.
	StallAfter time.Duration
	MaxExport  int64

	// Files fetches from the addresses that Advocate names; nil means outbound.Files.
	Files http.RoundTripper

	// Heard is told what became of each call; nil means nobody.
	Heard func(context.Context, bridge.Answer)

	// Now tells how far away the moments are that the vendor names for the next
	// call; nil means the wall clock.
	Now func() time.Time
}

// Client calls Advocate for one tenant. It is safe for concurrent use.
type Client struct {
	base      string // up to and including the tenant
	tenant    string
	secure    bool // the host is reached by TLS, so files must be too
	user, key string
	field     string
	now       func() time.Time
	stall     time.Duration
	maxExport int64
	heard     func(context.Context, bridge.Answer)
	api       *http.Client
	files     *http.Client // for downloads, without the overall timeout, which long ones outlast
	storage   *http.Client // for what a signed link leads to
}

// New builds a client over h, whose timeout covers each call but not the
// download of export files; those end with their context.
func New(cfg Config, h *http.Client) *Client {
	lasting := *h
	lasting.Timeout = 0
	lasting.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	files := outbound.HTTP(&lasting)
	files.CheckRedirect = lasting.CheckRedirect // its target is fetched without our key
	c := &Client{
		base:   strings.TrimSuffix(cfg.BaseURL.String(), "/") + tenantPath(cfg.Tenant),
		tenant: cfg.Tenant,
		secure: cfg.BaseURL.Scheme == "https",
		user:   cfg.User, key: cfg.Key, field: cfg.ContactIDField, now: cfg.Now, heard: cfg.Heard, api: outbound.HTTP(h), files: files,
		storage: &http.Client{Transport: cfg.Files, CheckRedirect: lasting.CheckRedirect},
	}
	if cfg.Files == nil {
		c.storage.Transport = outbound.Files(cfg.BaseURL)
	}
	if c.stall = cfg.StallAfter; c.stall == 0 {
		c.stall = stallAfter
	}
	if c.maxExport = cfg.MaxExport; c.maxExport == 0 {
		c.maxExport = maxExport
	}
	if c.field == "" {
		c.field = DefaultContactIDField
	}
	if c.heard == nil {
		c.heard = func(context.Context, bridge.Answer) {}
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// tenantPath is where a tenant's paths begin.
func tenantPath(tenant string) string { return "/api/v1/" + url.PathEscape(tenant) }

// maxAnswer bounds a JSON answer; the largest one asked for is a page of 100.
const maxAnswer = 8 << 20

// do sends one call and tells what became of it.
func (c *Client) do(ctx context.Context, op, method, path string, in, out any) error {
	err := c.call(ctx, op, method, path, in, out)
	if strings.HasPrefix(path, "/open/") {
		err = c.ofOneParticipant(ctx, op, err)
	}
	return c.tell(ctx, capabilityOf(path), err)
}

// ofOneParticipant asks for a participant of an id that nobody has before a refusal
// accuses the tenant: Advocate answers that in its own words.
func (c *Client) ofOneParticipant(ctx context.Context, op string, failed error) error {
	return outbound.OfOneCall(failed, func() error {
		return c.call(ctx, op, http.MethodGet, "/open/account/0/user/0", nil, nil)
	})
}

// capabilityOf is the part of our work that a call belongs to.
func capabilityOf(path string) bridge.Capability {
	switch {
	case strings.HasPrefix(path, "/export"):
		return bridge.CapabilityExports
	case strings.HasPrefix(path, "/subscription"):
		return bridge.CapabilityWebhooks
	default:
		return bridge.CapabilityParticipants
	}
}

// tell passes on what became of a call, and returns it.
func (c *Client) tell(ctx context.Context, capability bridge.Capability, err error) error {
	if failure, ok := errors.AsType[*bridge.Error](err); ok && failure.System == "" {
		failure.System = bridge.SystemAdvocate
	}
	c.heard(ctx, bridge.Answer{System: bridge.SystemAdvocate, Capability: capability, Err: err})
	return err
}

// call sends one call below the tenant and decodes its answer into out, unless out
// is nil. Segments of the path must be escaped.
func (c *Client) call(ctx context.Context, op, method, path string, in, out any) error {
	resp, err := c.send(ctx, c.api, op, method, path, in)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer := outbound.Read(resp, maxAnswer)
	switch {
	case !answer.OK():
		return c.refused(op, answer)
	case out == nil:
		return acknowledged(op, answer)
	case answer.Cut != nil:
		return outbound.Unreachable(op, answer.Cut)
	}
	if json.Unmarshal(answer.Body, out) != nil {
		return outbound.Unreadable(op, answer.Status)
	}
	return nil
}

// acknowledged checks a success of which nothing is read. One that holds an error of
// Advocate's is none.
func acknowledged(op string, a outbound.Answer) error {
	if _, failed := own(a.Body); failed {
		return outbound.Unreadable(op, a.Status)
	}
	return a.Acknowledged(op)
}

// send makes the request and returns whatever answer comes.
func (c *Client) send(ctx context.Context, client *http.Client, op, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, &bridge.Error{Kind: bridge.Invalid, Op: op, Err: errors.New("the request is no JSON")}
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, &bridge.Error{Kind: bridge.Invalid, Op: op, Err: errors.New("the address cannot be built")}
	}
	req.SetBasicAuth(c.user, c.key)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, outbound.Unreachable(op, err)
	}
	return resp, nil
}
