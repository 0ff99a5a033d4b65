package oauth_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/oauth"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// visit is a browser with our pages on one side and HubSpot's on the other.
type visit struct {
	*wiringtest.System
	mux    *http.ServeMux
	cookie *http.Cookie // ours, as this browser has it
}

func newVisit(t *testing.T) *visit {
	t.Helper()
	v := &visit{System: wiringtest.New(t), mux: http.NewServeMux()}
	oauth.NewConsent(wiringtest.PublicURL, v.Store, v.Operator.OAuth(), v.Operator, slog.New(slog.DiscardHandler)).Register(v.mux)
	return v
}

// wanted is what an operator asks for, without a static token.
func wanted(portal int64) operator.ConnectInput {
	return operator.ConnectInput{
		PortalID: portal, Tenant: advocatetest.DefaultAlias, Program: wiringtest.Program,
		Credentials: store.Credentials{AdvocateKey: advocatetest.DefaultKey},
	}
}

// link asks for consent as an operator does.
func (v *visit) link(t *testing.T, in operator.ConnectInput) operator.ConsentRequest {
	t.Helper()
	request, err := v.Operator.RequestConsent(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// open has the browser make a request of ours.
func (v *visit) open(t *testing.T, method, address string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if v.cookie != nil {
		req.AddCookie(v.cookie)
	}
	recorder := httptest.NewRecorder()
	v.mux.ServeHTTP(recorder, req)
	for _, line := range recorder.Header().Values("Set-Cookie") {
		cookie, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		v.cookie = cookie
		if cookie.MaxAge < 0 {
			v.cookie = nil
		}
	}
	return recorder
}

// leave follows a link up to HubSpot's page, and returns what that answers.
func (v *visit) leave(t *testing.T, link string) (callback string) {
	t.Helper()
	if res := v.open(t, http.MethodGet, link, nil); res.Code != http.StatusOK {
		t.Fatalf("the link answers %d", res.Code)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	res := v.open(t, http.MethodPost, wiringtest.PublicURL+oauth.StartPath, u.Query())
	if res.Code != http.StatusSeeOther {
		t.Fatalf("the button answers %d", res.Code)
	}
	// Of a portal that there is not, the visitor chooses another account.
	page := strings.Replace(res.Header().Get("Location"), "/oauth/99/", "/oauth/", 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusFound {
		t.Fatalf("HubSpot's page answers %s", answer.Status)
	}
	return answer.Header.Get("Location")
}

// wantPage fails the test unless a page has a status and says something.
func wantPage(t *testing.T, res *httptest.ResponseRecorder, status int, says string) {
	t.Helper()
	if text := res.Body.String(); res.Code != status || !strings.Contains(text, says) {
		t.Errorf("%d, want %d and %q in:\n%s", res.Code, status, says, text)
	}
}

func (v *visit) state(t *testing.T, id string) store.IntentState {
	t.Helper()
	state, err := v.Operator.ConsentState(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestConsent_connectsThePortal(t *testing.T) {
	t.Parallel()
	v := newVisit(t)
	link := v.link(t, wanted(0))
	wantPage(t, v.open(t, http.MethodGet, v.leave(t, link.URL), nil), http.StatusOK, "is connected")

	state := v.state(t, link.ID)
	if state.ConnectionID != v.Connection.ID || state.Failure != "" {
		t.Errorf("the intent made %q (%s), want %s", state.ConnectionID, state.Failure, v.Connection.ID)
	}
	secrets, _, err := v.Store.Credentials(t.Context(), state.ConnectionID)
	if err != nil || secrets.HubSpotToken != "" {
		t.Errorf("the static token is kept beside the consent (error %v)", err)
	}
	id := v.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	contact, err := v.Operator.Reveal(t.Context(), v.Connection, id)
	if err != nil || contact.Contact == nil {
		t.Errorf("the tokens do not read the contact: %v", err)
	}
}

func TestConsent_anotherPortalIsRefused(t *testing.T) {
	t.Parallel()
	v := newVisit(t)
	link := v.link(t, wanted(99))
	wantPage(t, v.open(t, http.MethodGet, v.leave(t, link.URL), nil), http.StatusBadRequest, "is to be connected")
	if state := v.state(t, link.ID); state.ConnectionID != "" || !strings.Contains(state.Failure, "99") {
		t.Errorf("intent: %+v", state)
	}
	// The link goes on working, for the right account.
	v.leave(t, link.URL)
}

func TestConsent_whoDeclinesMayThinkAgain(t *testing.T) {
	t.Parallel()
	v := newVisit(t)
	link := v.link(t, wanted(0))
	v.Portal.Tune(func(k *hubspottest.Knobs) { k.DenyConsent = true })
	wantPage(t, v.open(t, http.MethodGet, v.leave(t, link.URL), nil), http.StatusBadRequest, "did not receive the consent")
	v.Portal.Tune(func(k *hubspottest.Knobs) { k.DenyConsent = false })
	wantPage(t, v.open(t, http.MethodGet, v.leave(t, link.URL), nil), http.StatusOK, "is connected")
}

// altered is HubSpot's answer with other parameters.
func altered(t *testing.T, callback string, change func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	change(query)
	u.RawQuery = query.Encode()
	return u.String()
}

func TestConsent_showsHubSpotsWordsEscaped(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change  func(url.Values)
		page    []string // in the page's text
		failure string   // in what the operator reads
	}{
		"the user says no": {func(q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("error_description", "the user denied the request")
		}, []string{"access_denied", "the user denied the request"}, "the user denied the request"},
		"words that are markup": {func(q url.Values) {
			q.Del("code")
			q.Set("error", "invalid_scope")
			q.Set("error_description", "<script>alert(1)</script> \x1b[31mred\nline")
		}, []string{"&lt;script&gt;alert(1)&lt;/script&gt; [31mred line"}, "<script>alert(1)</script> [31mred line"},
		"an error that is no code": {func(q url.Values) {
			q.Del("code")
			q.Set("error", "<b>")
		}, []string{"did not receive the consent"}, "did not receive the consent"},
		"neither code nor error": {func(q url.Values) { q.Del("code") }, []string{"did not receive the consent"}, "did not receive the consent"},
		"more words than anybody reads": {func(q url.Values) {
			q.Del("code")
			q.Set("error_description", strings.Repeat("no ", 1000))
		}, []string{"no no no", "…"}, "…"},
		"a code that is none": {func(q url.Values) { q.Set("code", "made-up") },
			[]string{"did not issue tokens", "missing or unknown auth code"}, "missing or unknown auth code"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVisit(t)
			link := v.link(t, wanted(0))
			res := v.open(t, http.MethodGet, altered(t, v.leave(t, link.URL), tt.change), nil)
			for _, says := range tt.page {
				wantPage(t, res, http.StatusBadRequest, says)
			}
			if strings.Contains(res.Body.String(), "<script>") {
				t.Errorf("markup in the page:\n%s", res.Body)
			}
			if state := v.state(t, link.ID); !strings.Contains(state.Failure, tt.failure) {
				t.Errorf("the operator reads %q, want %q", state.Failure, tt.failure)
			}
		})
	}
}

func TestConsent_isNoOpenDoor(t *testing.T) {
	t.Parallel()
	const start = wiringtest.PublicURL + oauth.StartPath
	tests := map[string]struct {
		open   func(t *testing.T, v *visit, link, callback string) *httptest.ResponseRecorder
		status int
	}{
		"start without a link": {func(t *testing.T, v *visit, _, _ string) *httptest.ResponseRecorder {
			return v.open(t, http.MethodGet, start, nil)
		}, http.StatusNotFound},
		"start with a made-up link": {func(t *testing.T, v *visit, _, _ string) *httptest.ResponseRecorder {
			return v.open(t, http.MethodGet, start+"?intent=AAAAAAAAAAAAAAAAAAAAAAAAAA", nil)
		}, http.StatusNotFound},
		"the button with a made-up link": {func(t *testing.T, v *visit, _, _ string) *httptest.ResponseRecorder {
			return v.open(t, http.MethodPost, start, url.Values{"intent": {"AAAA"}})
		}, http.StatusNotFound},
		"the button from another browser's visit ends the first": {func(t *testing.T, v *visit, link, callback string) *httptest.ResponseRecorder {
			other := &visit{System: v.System, mux: v.mux}
			other.leave(t, link)
			return v.open(t, http.MethodGet, callback, nil)
		}, http.StatusForbidden},
		"an answer without the cookie": {func(t *testing.T, v *visit, _, callback string) *httptest.ResponseRecorder {
			v.cookie = nil
			return v.open(t, http.MethodGet, callback, nil)
		}, http.StatusForbidden},
		"an answer in another browser": {func(t *testing.T, v *visit, _, callback string) *httptest.ResponseRecorder {
			v.cookie = &http.Cookie{Name: v.cookie.Name, Value: strings.Repeat("x", 43)}
			return v.open(t, http.MethodGet, callback, nil)
		}, http.StatusForbidden},
		"a made-up state": {func(t *testing.T, v *visit, _, callback string) *httptest.ResponseRecorder {
			u, _ := url.Parse(callback)
			query := u.Query()
			query.Set("state", "made-up")
			u.RawQuery = query.Encode()
			return v.open(t, http.MethodGet, u.String(), nil)
		}, http.StatusForbidden},
		"the same answer twice": {func(t *testing.T, v *visit, _, callback string) *httptest.ResponseRecorder {
			cookie := *v.cookie
			v.open(t, http.MethodGet, callback, nil)
			v.cookie = &cookie
			return v.open(t, http.MethodGet, callback, nil)
		}, http.StatusForbidden},
		"a link that has served": {func(t *testing.T, v *visit, link, callback string) *httptest.ResponseRecorder {
			v.open(t, http.MethodGet, callback, nil)
			return v.open(t, http.MethodGet, link, nil)
		}, http.StatusNotFound},
		"a code that HubSpot did not give": {func(t *testing.T, v *visit, _, callback string) *httptest.ResponseRecorder {
			u, _ := url.Parse(callback)
			query := u.Query()
			query.Set("code", "made-up")
			u.RawQuery = query.Encode()
			return v.open(t, http.MethodGet, u.String(), nil)
		}, http.StatusBadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVisit(t)
			link := v.link(t, wanted(0))
			res := tt.open(t, v, link.URL, v.leave(t, link.URL))
			if res.Code != tt.status {
				t.Errorf("%d, want %d:\n%s", res.Code, tt.status, res.Body)
			}
		})
	}
}

func TestConsent_thePagesKeepToThemselves(t *testing.T) {
	t.Parallel()
	v := newVisit(t)
	link := v.link(t, wanted(0))
	res := v.open(t, http.MethodGet, link.URL, nil)
	wantPage(t, res, http.StatusOK, advocatetest.DefaultAlias)
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
	} {
		if got := res.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if policy := res.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("Content-Security-Policy: %q", policy)
	}
	v.leave(t, link.URL)
	if c := v.cookie; !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie is %+v, want HttpOnly, Secure and SameSite=Lax", c)
	}
}

func TestRequestConsent_checksEverythingButHubSpot(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	in := wanted(0)
	in.Credentials.AdvocateKey = "wrong"
	if _, err := s.Operator.RequestConsent(t.Context(), in); err == nil || !strings.Contains(err.Error(), "--advocate-key") {
		t.Errorf("error %v, want a hint at --advocate-key", err)
	}
}

func TestRequestConsentAgain_keepsTheConnection(t *testing.T) {
	t.Parallel()
	v := newVisit(t)
	link, err := v.Operator.RequestConsentAgain(t.Context(), v.Connection)
	if err != nil {
		t.Fatal(err)
	}
	refused := bridge.Answer{System: bridge.SystemHubSpot, Err: &bridge.Error{Kind: bridge.Unauthorized, Op: "hubspot.refresh_token"}}
	if _, _, err := v.Store.RecordAnswer(t.Context(), v.Connection.ID, refused); err != nil {
		t.Fatal(err)
	}
	wantPage(t, v.open(t, http.MethodGet, v.leave(t, link.URL), nil), http.StatusOK, v.Connection.ID)
	c, err := v.Store.Connection(t.Context(), v.Connection.ID)
	if err != nil || c.Status != bridge.StatusActive || c.Program != v.Connection.Program {
		t.Errorf("connection %+v, error %v, want it active again", c, err)
	}
}
