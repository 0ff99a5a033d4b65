// Package hubspot calls HubSpot's REST API on behalf of one installed app in
// one portal. It makes one attempt per call and never waits: retrying, limits
// and batching are the caller's business. Failures are *bridge.Error. Before a
// refusal accuses the whole account, one more call tells whether it is about the
// record.
package hubspot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

// Version is the dated API version from which every path is built. HubSpot
// supports each for 18 months (HubSpot docs: API versioning).
const Version = "2026-09"

// MaxBatch is the most inputs a batch call takes; the call counts once against
// the limits (HubSpot docs: batch endpoints take at most 100 inputs).
const MaxBatch = 100

// maxAnswer bounds what is read of one answer: a full batch of contacts with
// long text properties stays well below.
const maxAnswer = 64 << 20

// Client calls HubSpot for one portal. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token func(context.Context) (string, error)
	http  *http.Client
	heard func(context.Context, bridge.Answer)
}

// New returns a client of the HubSpot at base, https://api.hubapi.com in
// production. token is asked before every call for the access token. The HTTP
// client brings the timeout; HubSpot itself gives up after 100 s. Under a context of
// outbound.WithLeave every request needs leave.
func New(base *url.URL, token func(context.Context) (string, error), hc *http.Client) *Client {
	asking := *hc
	asking.Transport = outbound.Metered(hc.Transport)
	return &Client{base: base, token: token, http: outbound.HTTP(&asking), heard: func(context.Context, bridge.Answer) {}}
}

// Observed returns a client that tells what became of each of its calls.
func (c *Client) Observed(heard func(context.Context, bridge.Answer)) *Client {
	observed := *c
	observed.heard = heard
	return &observed
}

// request is one call: its name in errors, and what goes over the wire.
type request struct {
	op     string // "hubspot.batch_read_contacts"
	method string
	path   string // below base, escaped
	query  url.Values
	in     any // JSON body; nil for none

	about about
}

// about is what a call names that may be the reason for a refusal.
type about int

const (
	aboutNothing about = iota // a list, or the account
	aboutRecord               // the path ends with the id of a record
	aboutBatch                // in has "inputs", one for each record
	aboutPlace                // the path names something else that may be gone
)

// probe is the same call about no record, where a call is about any: it changes
// nothing, and HubSpot answers it in its own words.
func (r request) probe() (request, bool) {
	switch r.about {
	case aboutBatch:
		r.in = struct {
			Inputs []struct{} `json:"inputs"`
		}{[]struct{}{}}
	case aboutRecord:
		r.method, r.path, r.query, r.in = http.MethodGet, path.Dir(r.path)+"/0", nil, nil
	case aboutNothing, aboutPlace:
		return request{}, false
	}
	return r, true
}

// noSuchCall is what is meant by 404 where no record is to blame: taken for an answer
// about records, everybody would look deleted.
func (r request) noSuchCall() error {
	return &bridge.Error{Kind: bridge.Misdirected, Op: r.op, Status: http.StatusNotFound, Code: bridge.CodeNoSuchCall,
		Err: errors.New("HubSpot does not know this call; it may have ended API version " + Version)}
}

// do makes the call and tells what became of it.
func (c *Client) do(ctx context.Context, r request, out any) error {
	err := c.confirmed(ctx, r, c.call(ctx, r, out))
	if failure, ok := errors.AsType[*bridge.Error](err); ok && failure.System == "" {
		failure.System = bridge.SystemHubSpot
	}
	c.heard(ctx, bridge.Answer{System: bridge.SystemHubSpot, Capability: r.capability(), Err: err})
	return err
}

// confirmed asks once more, without a record, where a failure would accuse all of them
// or the whole account: calls that do not arrive, and a batch that is not found.
func (c *Client) confirmed(ctx context.Context, r request, failed error) error {
	probe, ok := r.probe()
	ask := func() error { return c.call(ctx, probe, nil) }
	notFound := bridge.KindOf(failed) == bridge.NotFound
	switch {
	case failed == nil:
		return nil
	case notFound && r.about == aboutNothing:
		return r.noSuchCall()
	case notFound && r.about == aboutBatch:
		return r.missing(failed, ask())
	case !ok:
		return failed
	}
	return outbound.OfOneCall(failed, ask)
}

// missing says what it means that a batch is not found. It is about one of its records
// only if HubSpot knows the call; as long as nobody knows, nobody is missing.
func (r request) missing(failed, witness error) error {
	switch {
	case bridge.KindOf(witness) == bridge.NotFound:
		return r.noSuchCall()
	case outbound.Answered(witness):
		return failed
	default:
		return witness
	}
}

// capability is the part of our work that a call belongs to: what HubSpot has a
// scope for.
func (r request) capability() bridge.Capability {
	has := func(part string) bool { return strings.Contains(r.path, part) }
	writes := r.method != http.MethodGet && !strings.HasSuffix(r.path, "/read") && !strings.HasSuffix(r.path, "/search")
	switch {
	case has("/account-info/"):
		return bridge.CapabilityAccount
	case has("/webhooks-journal/"), has("/webhooks/"):
		return bridge.CapabilityJournal
	case has("/marketing/"), has("/form-integrations/"):
		return bridge.CapabilityForms
	case has("/deals"):
		return bridge.CapabilityDeals
	case has("/companies"):
		return bridge.CapabilityCompanies
	case has("/crm/properties/"):
		return bridge.CapabilityProperties
	case writes:
		return bridge.CapabilityContactWrites
	default:
		return bridge.CapabilityContacts
	}
}

// call makes the call, decodes a 2xx answer into out unless that is nil or the
// answer has no content, and classifies everything else.
func (c *Client) call(ctx context.Context, r request, out any) error {
	req, err := c.build(ctx, r)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return outbound.Unreachable(r.op, err)
	}
	defer func() { _ = res.Body.Close() }() // what was read stands, whatever closing says
	answer := outbound.Read(res, maxAnswer)
	switch {
	case !answer.OK():
		return refusal(r.op, answer)
	case out == nil, answer.Status == http.StatusNoContent:
		return acknowledged(r.op, answer)
	case answer.Cut != nil:
		return outbound.Unreachable(r.op, answer.Cut)
	}
	if json.Unmarshal(answer.Body, out) != nil { // the decoder's own words may quote the answer
		return outbound.Unreadable(r.op, answer.Status)
	}
	return nil
}

// acknowledged checks a success of which nothing is read. One that holds an error of
// HubSpot's is none.
func acknowledged(op string, a outbound.Answer) error {
	if _, failed := own(a.Body); failed {
		return outbound.Unreadable(op, a.Status)
	}
	return a.Acknowledged(op)
}

func (c *Client) build(ctx context.Context, r request) (*http.Request, error) {
	token, err := c.token(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: access token: %w", r.op, err)
	}
	var body io.Reader
	if r.in != nil {
		encoded, err := json.Marshal(r.in)
		if err != nil {
			return nil, &bridge.Error{Kind: bridge.Invalid, Op: r.op, Err: errors.New("request cannot be written as JSON")}
		}
		body = bytes.NewReader(encoded)
	}
	// Joining paths would clean them, and make the address of one record another's.
	address := strings.TrimSuffix(c.base.String(), "/") + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, body)
	if err != nil {
		return nil, &bridge.Error{Kind: bridge.Invalid, Op: r.op, Err: errors.New("request cannot be built")}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if r.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}
