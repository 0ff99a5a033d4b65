package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/console/consoletest"
	"advocatesync/internal/store"
)

// leave has a browser go to the issuer, and returns the address that it is sent
// back to.
func leave(t *testing.T, i *consoletest.Issuer, b *browser, next string) string {
	t.Helper()
	sent := b.get(t, "/sign-in/oidc?next="+url.QueryEscape(next))
	to, err := url.Parse(sent.header.Get("Location"))
	if err != nil || sent.status != http.StatusSeeOther || !strings.HasPrefix(to.String(), i.URL+"/authorize?") {
		t.Fatalf("%d, %v, %v", sent.status, to, err)
	}
	back, err := url.Parse(i.Back(to.Query()))
	if err != nil {
		t.Fatal(err)
	}
	return back.RequestURI()
}

func TestOIDC_signsPeopleInWithTheRoleThatTheirClaimMeans(t *testing.T) {
	t.Parallel()
	i := consoletest.NewIssuer(t)
	s := newSite(t, i.People())
	b := s.browser(t)
	b.get(t, "/sign-in").says(t, http.StatusOK, "Sign in with your company")
	for name, c := range map[string]struct {
		groups any
		role   string
	}{
		"one group":              {"marketing", "(operator)"},
		"several, the strongest": {[]string{"everybody", "marketing", "it"}, "(admin)"},
	} {
		t.Run(name, func(t *testing.T) {
			i.Claim(map[string]any{"groups": c.groups})
			b := s.browser(t)
			back := leave(t, i, b, s.path(""))
			if got := b.get(t, back); got.header.Get("Location") != s.path("") {
				t.Fatalf("%d, %q\n%s", got.status, got.header.Get("Location"), got.body)
			}
			b.get(t, s.path("")).says(t, http.StatusOK, "marie", c.role)
			b.get(t, back).says(t, http.StatusForbidden, "sign-in that is over")
		})
	}
	entries, err := s.Access.AuditLog(t.Context(), store.AuditFilter{Actor: "marie"}, 0, 10)
	if err != nil || len(entries) != 2 || entries[0].Caller.Kind != bridge.CallerPerson {
		t.Errorf("on record: %v, %v", entries, err)
	}
}

func TestOIDC_refusesWhatIsNotForThisVisit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claims map[string]any
		spoil  func(back string) string
		status int
	}{
		"nobody of ours":                {map[string]any{"groups": "sales"}, nil, http.StatusForbidden},
		"no claim at all":               {nil, nil, http.StatusForbidden},
		"a token for another client":    {map[string]any{"groups": "it", "aud": "another"}, nil, http.StatusForbidden},
		"a token of another issuer":     {map[string]any{"groups": "it", "iss": "https://evil.example"}, nil, http.StatusForbidden},
		"a token that has expired":      {map[string]any{"groups": "it", "exp": 1}, nil, http.StatusForbidden},
		"a token of another sign-in":    {map[string]any{"groups": "it", "nonce": "another"}, nil, http.StatusForbidden},
		"another state":                 {map[string]any{"groups": "it"}, func(string) string { return "/sign-in/oidc/callback?code=" + consoletest.OIDCCode + "&state=x" }, http.StatusForbidden},
		"no state":                      {map[string]any{"groups": "it"}, func(string) string { return "/sign-in/oidc/callback?code=" + consoletest.OIDCCode }, http.StatusForbidden},
		"a code of somebody else":       {map[string]any{"groups": "it"}, func(back string) string { return strings.Replace(back, consoletest.OIDCCode, "stolen", 1) }, http.StatusBadGateway},
		"the provider did not let them": {map[string]any{"groups": "it"}, func(back string) string { return back + "&error=access_denied" }, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := consoletest.NewIssuer(t)
			s := newSite(t, i.People())
			i.Claim(c.claims)
			b := s.browser(t)
			back := leave(t, i, b, "/")
			if c.spoil != nil {
				back = c.spoil(back)
			}
			b.get(t, back).says(t, c.status)
			if got := b.get(t, "/"); got.status != http.StatusSeeOther {
				t.Errorf("the overview answers %d", got.status)
			}
		})
	}
}

// The console starts and takes tokens while the identity provider is away, and asks
// it anew each time.
func TestOIDC_worksWithoutItsIssuer(t *testing.T) {
	t.Parallel()
	i := consoletest.NewIssuer(t)
	cfg := i.People()
	i.Close()
	s := newSite(t, cfg)
	b := s.signedIn(t, bridge.RoleViewer)
	b.get(t, "/").says(t, http.StatusOK)
	s.browser(t).get(t, "/sign-in/oidc").says(t, http.StatusBadGateway, "sign in with a token")
}
