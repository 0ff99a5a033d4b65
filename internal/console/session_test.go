package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/console/consoletest"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

func TestSignIn_opensThePageThatWasWanted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	path := "/connections/" + s.Connection.ID
	wanted := b.get(t, path)
	if got, want := wanted.header.Get("Location"), "/sign-in?next="+url.QueryEscape(path); wanted.status != http.StatusSeeOther || got != want {
		t.Fatalf("%d, %q; want to be sent to %q", wanted.status, got, want)
	}
	b.get(t, wanted.header.Get("Location")).says(t, http.StatusOK, `value="`+path+`"`)
	sent := b.post(t, "/sign-in", url.Values{"token": {s.Token(t, bridge.RoleViewer)}, "next": {path}})
	if sent.header.Get("Location") != path {
		t.Fatalf("signing in leads to %q", sent.header.Get("Location"))
	}
	b.get(t, path).says(t, http.StatusOK, s.Connection.Tenant, "viewer")

	if got := b.post(t, "/sign-out", nil); got.header.Get("Location") != "/sign-in?left=" {
		t.Errorf("signing out leads to %q", got.header.Get("Location"))
	}
	if got := b.get(t, path); got.status != http.StatusSeeOther {
		t.Errorf("signed out, the page answers %d", got.status)
	}
	entries, err := s.Access.AuditLog(t.Context(), store.AuditFilter{}, 0, 10)
	if err != nil || len(entries) != 2 || entries[0].Operation != "signOut" || entries[1].Operation != "signIn" {
		t.Errorf("on record: %v, %v", entries, err)
	}
}

func TestSignIn_leadsToNoOtherSite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.Token(t, bridge.RoleViewer)
	for name, next := range map[string]string{
		"another site":                 "https://evil.example/",
		"another site, without scheme": "//evil.example/",
		"backslashes":                  `/\evil.example/`,
		"a tab in between":             "/\t/evil.example/",
		"a script":                     "javascript:alert(1)",
		"no slash in front":            "evil.example",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := s.browser(t).post(t, "/sign-in", url.Values{"token": {token}, "next": {next}}).header.Get("Location"); got != "/" {
				t.Errorf("leads to %q", got)
			}
		})
	}
}

func TestSignIn_refusesWhatOpensNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	revoked := s.Token(t, bridge.RoleAdmin)
	if _, err := s.Access.RevokeToken(t.Context(), operator.TokenID(revoked)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ token, says string }{
		"a wrong token":   {"adv_aaaaaaaaaa_bbbbbbbb", "opens nothing"},
		"no token":        {"", "opens nothing"},
		"a revoked token": {revoked, "was revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := s.browser(t)
			b.post(t, "/sign-in", url.Values{"token": {c.token}}).says(t, http.StatusUnauthorized, c.says, `aria-invalid="true"`)
			if got := b.get(t, "/"); got.status != http.StatusSeeOther {
				t.Errorf("the overview answers %d", got.status)
			}
		})
	}
}

// Wrong tokens at the console and at the API count together.
func TestSignIn_slowsDownWhoGuesses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	for range 10 {
		b.post(t, "/sign-in", url.Values{"token": {"guess"}}).says(t, http.StatusUnauthorized)
	}
	b.post(t, "/sign-in", url.Values{"token": {"guess"}}).says(t, http.StatusTooManyRequests, "Too many wrong tokens")
	if got := b.post(t, "/sign-in", url.Values{"token": {s.Token(t, bridge.RoleViewer)}}); got.status != http.StatusSeeOther {
		t.Errorf("the right token is answered %d", got.status)
	}
}

// Somebody who plants a cookie in a victim's browser must not be signed in with them.
func TestSession_isNewAfterSigningIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleViewer)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	before := b.client.Jar.Cookies(at)[0].Value
	b.post(t, "/sign-in", url.Values{"token": {s.Token(t, bridge.RoleAdmin)}})
	after := b.client.Jar.Cookies(at)[0].Value
	if before == after {
		t.Error("the session kept its id")
	}
	old := s.browser(t)
	old.client.Jar.SetCookies(at, []*http.Cookie{{Name: "advocatesync_session", Value: before}})
	if got := old.get(t, "/"); got.status != http.StatusSeeOther {
		t.Errorf("the former id still opens the console: %d", got.status)
	}
	planted := s.browser(t)
	planted.client.Jar.SetCookies(at, []*http.Cookie{{Name: "advocatesync_session", Value: "planted"}})
	planted.post(t, "/sign-in", url.Values{"token": {s.Token(t, bridge.RoleAdmin)}})
	if got := planted.client.Jar.Cookies(at)[0].Value; got == "planted" {
		t.Error("a planted id was taken over")
	}
}

func TestSession_endsWithItsToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.Token(t, bridge.RoleAdmin)
	b := s.browser(t)
	b.post(t, "/sign-in", url.Values{"token": {token}})
	b.get(t, "/").says(t, http.StatusOK)
	if _, err := s.Access.RevokeToken(t.Context(), operator.TokenID(token)); err != nil {
		t.Fatal(err)
	}
	if got := b.get(t, "/"); got.header.Get("Location") != "/sign-in" {
		t.Fatalf("after the token's end: %d, %q", got.status, got.header.Get("Location"))
	}
	b.get(t, "/sign-in").says(t, http.StatusOK, "You were signed out", "revoked")
}

// ADMIN_TOKEN opens the console of a new installation, and no longer once there is
// an admin's token.
func TestSession_ofTheBootstrapTokenEndsWithTheFirstAdmin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser(t)
	b.post(t, "/sign-in", url.Values{"token": {consoletest.AdminToken}})
	b.get(t, "/").says(t, http.StatusOK, "ADMIN_TOKEN")
	s.Token(t, bridge.RoleAdmin)
	if got := b.get(t, "/"); got.header.Get("Location") != "/sign-in" {
		t.Errorf("%d, %q", got.status, got.header.Get("Location"))
	}
}

func TestSession_cookieGoesToOurPagesAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token := s.Token(t, bridge.RoleViewer)
	for name, c := range map[string]struct {
		public, cookie, path string
		secure               bool
	}{
		"plain, as the demo":       {"http://localhost:8080", "advocatesync_session", "/", false},
		"over TLS":                 {"https://sync.example.test", "__Host-advocatesync_session", "/", true},
		"over TLS, below a prefix": {"https://example.test/sync", "__Secure-advocatesync_session", "/sync/", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/sign-in", strings.NewReader(url.Values{"token": {token}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			w := httptest.NewRecorder()
			s.Handler(t, c.public).ServeHTTP(w, r)
			cookie, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
			if err != nil {
				t.Fatal(err)
			}
			if cookie.Name != c.cookie || cookie.Path != c.path || cookie.Secure != c.secure || !cookie.HttpOnly ||
				cookie.SameSite != http.SameSiteLaxMode || cookie.Domain != "" {
				t.Errorf("the cookie is %s", w.Header().Get("Set-Cookie"))
			}
			if got := w.Header().Get("Location"); got != strings.TrimSuffix(c.path, "/")+"/" {
				t.Errorf("leads to %q", got)
			}
		})
	}
}

func TestConsole_refusesFormsOfOtherSites(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleOperator)
	path := "/connections/" + s.Connection.ID + "/pause"
	for name, header := range map[string]http.Header{
		"another site":                 {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		"another host of the site":     {"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://other.localhost"}},
		"another site, an old browser": {"Origin": {"https://evil.example"}},
		"a sandboxed frame":            {"Origin": {"null"}},
	} {
		t.Run(name, func(t *testing.T) {
			b.do(t, http.MethodPost, path, url.Values{}, header).says(t, http.StatusForbidden, "another site")
		})
	}
	c, err := s.Operator.Connection(t.Context(), s.Connection.ID)
	if err != nil || !c.PausedAt.IsZero() {
		t.Errorf("paused: %v, %v", c.PausedAt, err)
	}
	b.submit(t, path, nil).says(t, http.StatusOK, "Paused. Webhooks are kept")
}

// The policy lets a page load our own files and nothing else, inline or from
// elsewhere, on every answer.
func TestConsole_everyAnswerHasItsHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleAdmin)
	for name, path := range map[string]string{
		"a page": "/", "a page that is not there": "/nothing", "the style sheet": "/static/console.css", "signing in": "/sign-in",
	} {
		t.Run(name, func(t *testing.T) {
			got := b.get(t, path).header
			policy := got.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") ||
				strings.Contains(policy, "http") || strings.Contains(policy, "data:") {
				t.Errorf("the policy is %q", policy)
			}
			for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
				if got.Get(header) != want {
					t.Errorf("%s is %q", header, got.Get(header))
				}
			}
		})
	}
}
