package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
)

const (
	crmHost       = "hubspot.invalid"
	referralsHost = "advocate.invalid"
	impactHost    = "impact.invalid"
)

// wire carries the product's calls to the stand-ins without a network. What the
// plan has happen before a call happens first; then the world judges the call.
type wire struct {
	w      *world
	nested bool // of a life within another one's interruption: not interrupted itself

	mu     sync.Mutex
	began  int             // tick at which the activity under way began
	alone  bool            // no other activity of its run is under way
	mapped bridge.Identity // what its contact was mapped to then, if it has one

	underWay lifelines
}

// begin notes what an activity can know.
func (x *wire) begin(info *activity.Info, args converter.EncodedValues) {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	x.w.tick++
	x.began, x.mapped = x.w.tick, bridge.Identity{}
	x.alone = slices.Contains([]string{"SyncContact", "LookAtObject", "SendEvent"}, info.ActivityType.Name)
	var in activities.SyncContactInput
	if info.ActivityType.Name == "SyncContact" && args.Get(&in) == nil {
		x.mapped = x.w.mapping(in.ContactID)
	}
}

// RoundTrip is http.RoundTripper's.
func (x *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	x.mu.Lock() // two pages of a report may call at once; one of them comes first
	defer x.mu.Unlock()
	var lose, fail bool
	var dies death
	var refuse int
	if !x.nested {
		x.w.interrupt()
		lose, fail, dies, refuse = x.w.lose, x.w.fail, x.w.dies, x.w.refuse
		x.w.undisturbed()
	}
	if paused := x.w.pausedAt; x.alone && paused != 0 && paused < x.began {
		x.w.breaks("a vendor is called for a paused connection", r.Method, r.URL.Path)
	}
	if dies == beforeCall {
		x.underWay.end()
		return nil, errReset
	}
	if x.w.down[r.URL.Host] > 0 {
		x.w.down[r.URL.Host]--
		refuse = http.StatusServiceUnavailable
	}
	if fail {
		return nil, errReset
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	if poisoned := x.w.poisoned; !x.nested && poisoned != "" && strings.Contains(r.URL.Path, "/batch/") && bytes.Contains(body, []byte(`"`+poisoned+`"`)) {
		refuse = http.StatusInternalServerError
	}
	if x.w.verbose {
		x.w.t.Logf("   %s %s %s", r.Method, r.URL.Path, body)
	}
	r = r.Clone(r.Context())
	r.Body, r.RequestURI, r.Host = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI(), r.URL.Host
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	if refuse > 0 {
		return x.refused(r, refuse)
	}
	resp, err := x.carrier(r.URL.Host)(r, body)
	if x.w.verbose && err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		x.w.t.Logf("   answer: %s", resp.Status)
	}
	if dies == afterCall {
		x.underWay.end()
	}
	if lose || dies == afterCall {
		return nil, errReset
	}
	return resp, err
}

// carrier is how a call reaches the stand-in of a host.
func (x *wire) carrier(host string) func(*http.Request, []byte) (*http.Response, error) {
	switch host {
	case crmHost:
		return x.toHubSpot
	case impactHost:
		return x.toImpact
	default:
		return x.toAdvocate
	}
}

var errReset = errors.New("connection reset")

// refusals are what both vendors answer for a while, whatever they are asked.
var refusals = []int{
	http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// refused has a stand-in refuse a call in its own words.
func (x *wire) refused(r *http.Request, status int) (*http.Response, error) {
	crm, referrals := x.w.lab.crm, x.w.lab.referrals
	defer crm.ClearFaults()
	defer referrals.ClearFaults()
	if r.URL.Host == crmHost {
		if status == http.StatusGatewayTimeout {
			status = http.StatusLocked // by another write to the record: HubSpot's own
		}
		crm.Inject(hubspottest.Fault{Status: status})
		return answer(crm, r)
	}
	referrals.Order(advocatetest.Fault{Status: status, RetryAfter: "1"})
	return answer(referrals, r)
}

// answer lets a stand-in answer; a stand-in that hangs up panics, as a handler does.
func answer(h http.Handler, r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if hung := recover(); hung != nil {
			err = errReset
		}
	}()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	resp = recorder.Result()
	resp.Request = r
	return resp, nil
}

func (x *wire) toHubSpot(r *http.Request, body []byte) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/batch/create") {
		var in struct {
			Inputs []struct {
				Properties map[string]string `json:"properties"`
			} `json:"inputs"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		for _, input := range in.Inputs {
			x.w.judgeNewContact(input.Properties, x.began)
		}
	}
	resp, err := answer(x.w.lab.crm, r)
	x.w.listen()
	return resp, err
}

func (x *wire) toAdvocate(r *http.Request, body []byte) (*http.Response, error) {
	id, named := participantPath(r.URL)
	_, existed := x.w.tenant.User(id.AccountID, id.UserID)
	switch {
	case r.Method == http.MethodPut && named:
		return x.upsert(r, body, id, existed)
	case r.Method == http.MethodDelete && named && existed:
		x.w.judgeDeletion(id, r.URL.Query().Get("doNotTrack") == "true", x.began)
		x.w.ref.gone(x.w.stored(id))
		x.w.advocateWrites++
		x.w.unreported = true
	}
	return answer(x.w.lab.referrals, r)
}

func (x *wire) upsert(r *http.Request, body []byte, id bridge.Identity, existed bool) (*http.Response, error) {
	var in struct {
		Email        string            `json:"email"`
		CustomFields map[string]string `json:"customFields"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	contact := in.CustomFields["hubspot_contact_id"]
	id = x.w.stored(id)
	x.w.advocateWrites++
	x.w.unreported = true
	resp, err := answer(x.w.lab.referrals, r)
	if err != nil || resp.StatusCode != http.StatusOK {
		x.w.said[contact] = refusedWords
		return resp, err
	}
	x.heardOf(contact, r.URL.Path+"\n"+string(body), existed)
	if !existed {
		x.w.judgeNewParticipant(id, contact, x.mapped, x.began)
	}
	x.w.tick++
	x.w.ref.told(id, contact, !existed, x.w.tick)
	if in.Email != "" {
		x.w.ref.addressed(x.w, id, in.Email)
	}
	return resp, nil
}

// heardOf notes what Advocate took from a contact, and whether it has been told the
// same before. What it goes on without once it has refused something does not count:
// a person who takes that back has the same said again.
func (x *wire) heardOf(contact, said string, existed bool) {
	before := x.w.said[contact]
	if before == refusedWords {
		delete(x.w.said, contact)
		return
	}
	if existed && before == said {
		x.w.repeats++
	}
	x.w.said[contact] = said
}

func (x *wire) toImpact(r *http.Request, body []byte) (*http.Response, error) {
	if form, err := url.ParseQuery(string(body)); err == nil && r.Method == http.MethodPost {
		x.w.ordered(form.Get("OrderId"))
	}
	return answer(x.w.lab.referrals, r)
}

// refusedWords stands for what Advocate last refused to take from a contact.
const refusedWords = "refused"

// participantPath reads the ids out of …/open/account/{a}/user/{u}.
func participantPath(u *url.URL) (id bridge.Identity, ok bool) {
	_, rest, found := strings.Cut(u.EscapedPath(), "/open/account/")
	account, user, both := strings.Cut(rest, "/user/")
	if !found || !both || strings.Contains(user, "/") {
		return id, false
	}
	var err1, err2 error
	id.AccountID, err1 = url.PathUnescape(account)
	id.UserID, err2 = url.PathUnescape(user)
	return id, err1 == nil && err2 == nil
}
