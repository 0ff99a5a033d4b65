package console_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/console"
	"advocatesync/internal/console/consoletest"
	"advocatesync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// site is the console of a connected system, as browsers reach it.
type site struct{ *consoletest.Site }

func newSite(t *testing.T, people ...console.OIDC) *site {
	t.Helper()
	return &site{consoletest.New(t, people...)}
}

// browser keeps cookies and follows no redirects.
type browser struct {
	site   *site
	client *http.Client
}

func (s *site) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{site: s, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// signedIn is a browser whose owner has signed in with a role.
func (s *site) signedIn(t *testing.T, role bridge.Role) *browser {
	t.Helper()
	b := s.browser(t)
	if got := b.post(t, "/sign-in", url.Values{"token": {s.Token(t, role)}}); got.status != http.StatusSeeOther {
		t.Fatalf("signing in as %s: %d\n%s", role, got.status, got.body)
	}
	return b
}

// shown is what a browser got.
type shown struct {
	status int
	header http.Header
	body   string
}

// says fails the test unless the page has a status and every one of some texts.
func (p shown) says(t *testing.T, status int, texts ...string) shown {
	t.Helper()
	if p.status != status {
		t.Fatalf("status %d, want %d:\n%s", p.status, status, p.body)
	}
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			t.Errorf("the page does not say %q:\n%s", text, p.body)
		}
	}
	return p
}

func (b *browser) get(t *testing.T, path string) shown {
	t.Helper()
	return b.do(t, http.MethodGet, path, nil, nil)
}

func (b *browser) post(t *testing.T, path string, form url.Values) shown {
	t.Helper()
	return b.do(t, http.MethodPost, path, form, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {b.site.URL}})
}

// submit posts a form and follows the redirect to the page that tells what became of it.
func (b *browser) submit(t *testing.T, path string, form url.Values) shown {
	t.Helper()
	sent := b.post(t, path, form)
	if sent.status != http.StatusSeeOther {
		t.Fatalf("POST %s: %d, want a redirect:\n%s", path, sent.status, sent.body)
	}
	return b.get(t, sent.header.Get("Location"))
}

func (b *browser) do(t *testing.T, method, path string, form url.Values, header http.Header) shown {
	t.Helper()
	if header = header.Clone(); header == nil {
		header = http.Header{}
	}
	if method == http.MethodPost {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.send(t, method, path, header, strings.NewReader(form.Encode()))
}

func (b *browser) send(t *testing.T, method, path string, header http.Header, body io.Reader) shown {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.site.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return shown{resp.StatusCode, resp.Header, string(answer)}
}
