package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"advocatesync/internal/bridge"
	"advocatesync/internal/oauth"
	"advocatesync/internal/store"
)

// One link that an operator made, and one browser that followed it.
const (
	goodLink    = "link"
	goodState   = "state"
	goodBrowser = "browser"
	hubspotPage = "https://app.hubspot.example/oauth/authorize"
)

// consents keeps one intent in memory, is HubSpot, and notes what came of it.
type consents struct {
	visited   bool // the visit has ended: a state works once
	connected int
	failure   string
}

var errNone = &bridge.Error{Kind: bridge.NotFound, Op: "store.intent"}

func (*consents) IntentOf(_ context.Context, link string) (store.Intent, error) {
	if link != goodLink {
		return store.Intent{}, errNone
	}
	return store.Intent{ID: "i1", Tenant: "acme", Program: "p1"}, nil
}

func (*consents) BeginVisit(context.Context, string, string, string) error { return nil }

func (c *consents) EndVisit(_ context.Context, state, browser string) (store.Intent, error) {
	if state != goodState || browser != goodBrowser || c.visited {
		return store.Intent{}, errNone
	}
	c.visited = true
	return store.Intent{ID: "i1", Tenant: "acme", Program: "p1"}, nil
}

func (c *consents) FailIntent(_ context.Context, _, failure string) error {
	c.failure = failure
	return nil
}

func (*consents) ConsentURL(_ int64, state, _ string) string {
	return hubspotPage + "?" + url.Values{"state": {state}}.Encode()
}

// Exchange quotes the code, as a vendor may.
func (*consents) Exchange(_ context.Context, code, _ string) (bridge.Tokens, error) {
	if code != "good" {
		return bridge.Tokens{}, &bridge.Error{Kind: bridge.Unauthorized, Op: "hubspot.exchange", VendorMessage: "no such code: " + code, Err: errors.New("refused")}
	}
	return bridge.Tokens{Access: "a", Refresh: "r"}, nil
}

func (c *consents) FinishConsent(context.Context, store.Intent, bridge.Tokens) (bridge.Connection, error) {
	c.connected++
	return bridge.Connection{ID: "c1"}, nil
}

// FuzzConsent has anybody visit our pages of a consent with anything: query, form and
// cookie. A portal is connected by the browser that followed the link alone, with
// HubSpot's code; nobody is sent anywhere but to HubSpot; and what a visitor says comes
// back as text, on one line, and not into the log.
func FuzzConsent(f *testing.F) {
	for _, seed := range []struct{ query, form, cookie string }{
		{"state=state&code=good", "", goodBrowser}, {"state=state&code=bad", "", goodBrowser}, {"state=other&code=good", "", goodBrowser},
		{"state=state&code=good", "", "other"}, {"state=state&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E", "", goodBrowser},
		{"state=state&error=%3Cimg%3E&error_description=%0d%0aSet-Cookie:%20a=b%1b[31m", "", goodBrowser},
		{"intent=link", "intent=link", ""}, {"intent=%3Cscript%3E", "intent=" + strings.Repeat("x", 5000), ""}, {"intent=link;intent=link&%zz", "%zz&intent=link", "a=b; c"},
		{"state=state&state=other&code=&code=good", "", "\x00\xff"}, {"", "", ""}, {"&&&=&==", "=", "=;=,"},
	} {
		for page := range uint8(4) {
			f.Add(page, seed.query, seed.form, seed.cookie)
		}
	}
	blank := consentPage(f, oauth.StartPath, "intent="+goodLink) + consentPage(f, oauth.CallbackPath, "")
	f.Fuzz(func(t *testing.T, page uint8, query, form, cookie string) {
		known, mux, log := &consents{}, http.NewServeMux(), &bytes.Buffer{}
		oauth.NewConsent("https://sync.example.test/a", known, known, known, slog.New(slog.NewTextHandler(log, nil))).Register(mux)
		method, path := http.MethodGet, oauth.StartPath
		switch page % 4 {
		case 1:
			method = http.MethodPost
		case 2, 3:
			path = oauth.CallbackPath
		}
		req := httptest.NewRequestWithContext(t.Context(), method, path, io.NopCloser(strings.NewReader(form)))
		req.URL.RawQuery = query
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != "" {
			req.Header.Set("Cookie", "advocatesync_consent="+cookie)
		}
		res := httptest.NewRecorder()
		mux.ServeHTTP(res, req)

		switch res.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		case http.StatusSeeOther:
			if to := res.Header().Get("Location"); !strings.HasPrefix(to, hubspotPage+"?") {
				t.Errorf("sent to %q", to)
			}
		default:
			t.Errorf("answered %d", res.Code)
		}
		given := req.URL.Query()
		sent, err := req.Cookie("advocatesync_consent")
		whole := err == nil && sent.Value == goodBrowser && given.Get("state") == goodState && given.Get("code") == "good" && path == oauth.CallbackPath
		if known.connected > 1 || (known.connected == 1) != whole {
			t.Errorf("connected %d times by %q with cookie %q", known.connected, query, cookie)
		}
		if strings.ContainsFunc(known.failure, unicode.IsControl) || len(known.failure) > 2000 {
			t.Errorf("the operator is told %q", known.failure)
		}
		body := res.Body.String()
		for _, values := range given {
			for _, value := range values {
				if value != html.EscapeString(value) && strings.Contains(body, value) && !strings.Contains(blank, value) {
					t.Errorf("the page says %q as it is", value)
				}
			}
		}
		if words := given.Get("error_description"); len(words) > 8 && strings.Contains(log.String(), words) {
			t.Errorf("the log quotes %q", words)
		}
	})
}

// consentPage is a page that says nothing of what a visitor sent.
func consentPage(f testing.TB, path, query string) string {
	f.Helper()
	known, mux := &consents{}, http.NewServeMux()
	oauth.NewConsent("https://sync.example.test/a", known, known, known, slog.New(slog.DiscardHandler)).Register(mux)
	req := httptest.NewRequestWithContext(f.Context(), http.MethodGet, path, http.NoBody)
	req.URL.RawQuery = query
	res := httptest.NewRecorder()
	mux.ServeHTTP(res, req)
	return res.Body.String()
}
