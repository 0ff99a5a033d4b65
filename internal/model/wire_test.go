package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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
)

// wire carries the product's calls to the stand-ins without a network. What the
// plan has happen before a call happens first; then the world judges the call.
type wire struct {
	w      *world
	nested bool // of a life within another one's interruption: not interrupted itself

	mu     sync.Mutex
	began  int             // tick at which the activity under way began
	mapped bridge.Identity // what its contact was mapped to then, if it has one
}

// begin notes what an activity can know.
func (x *wire) begin(info *activity.Info, args converter.EncodedValues) {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	x.w.tick++
	x.began, x.mapped = x.w.tick, bridge.Identity{}
	var in activities.SyncContactInput
	if info.ActivityType.Name == "SyncContact" && args.Get(&in) == nil {
		x.mapped = x.w.mapping(in.ContactID)
	}
}

// RoundTrip is http.RoundTripper's.
func (x *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	x.mu.Lock() // two pages of a report may call at once; one of them comes first
	defer x.mu.Unlock()
	lose, fail, refuse := false, false, 0
	if !x.nested {
		x.w.interrupt()
		lose, fail, refuse = x.w.lose, x.w.fail, x.w.refuse
		x.w.lose, x.w.fail, x.w.refuse = false, false, 0
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
	carry := x.toAdvocate
	if r.URL.Host == crmHost {
		carry = x.toHubSpot
	}
	resp, err := carry(r, body)
	if lose {
		return nil, errReset
	}
	return resp, err
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
			x.w.judgeNewContact(input.Properties)
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
		delete(x.w.said, contact) // what it goes on without may be what was said before
		return resp, err
	}
	said := r.URL.Path + "\n" + string(body)
	if existed && x.w.said[contact] == said {
		x.w.repeats++
	}
	x.w.said[contact] = said
	if !existed {
		x.w.judgeNewParticipant(id, contact, x.mapped)
	}
	x.w.tick++
	x.w.ref.told(id, contact, !existed, x.w.tick)
	if in.Email != "" {
		x.w.ref.addressed(x.w, id, in.Email)
	}
	return resp, nil
}

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
