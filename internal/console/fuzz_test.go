package console_test

import (
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/api"
	"advocatesync/internal/console"
	"advocatesync/internal/operator"
)

// forgetful keeps no session: whoever visits is nobody yet.
type forgetful struct{}

func (forgetful) Delete(string) error                                        { return nil }
func (forgetful) Find(string) ([]byte, bool, error)                          { return nil, false, nil }
func (forgetful) Commit(string, []byte, time.Time) error                     { return nil }
func (forgetful) DeleteCtx(context.Context, string) error                    { return nil }
func (forgetful) FindCtx(context.Context, string) ([]byte, bool, error)      { return nil, false, nil }
func (forgetful) CommitCtx(context.Context, string, []byte, time.Time) error { return nil }

// FuzzSignIn has anybody fill in the console's sign-in form with anything, from
// anywhere. Nobody gets in, nobody is sent to another site, and what was typed comes
// back as text.
func FuzzSignIn(f *testing.F) {
	access := operator.NewAccess(nil, "", time.Now) // tokens that could be any are left out below, so nobody is looked up
	log := slog.New(slog.DiscardHandler)
	c, err := console.New(console.Config{
		API:    api.NewHandler(api.Config{Access: access, Callers: access, Metrics: prometheus.NewRegistry(), Log: log, Now: time.Now}),
		Access: access, Sessions: forgetful{}, PublicURL: "https://sync.example.test", Stopping: f.Context().Done(), Log: log, Now: time.Now,
	})
	if err != nil {
		f.Fatal(err)
	}
	blank := httptest.NewRecorder()
	c.ServeHTTP(blank, httptest.NewRequestWithContext(f.Context(), http.MethodGet, "https://sync.example.test/sign-in", nil))
	for _, seed := range []struct{ query, form, cookie, origin, kind string }{
		{"next=/connections", "token=guess&next=/connections", "", "https://sync.example.test", "application/x-www-form-urlencoded"},
		{"next=//evil.example", "token=&next=//evil.example", "a", "", "application/x-www-form-urlencoded"},
		{`next=/\evil.example`, `next=%2f%5cevil.example&token=x`, strings.Repeat("z", 5000), "https://evil.example", "application/x-www-form-urlencoded"},
		{"next=%0d%0aSet-Cookie:a=b", "next=/%09/evil.example&token=%00", "\x00", "null", "text/plain"},
		{"next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "next=/%22%3E%3Cscript%3E&token=%3Cscript%3E", "", "", "application/x-www-form-urlencoded"},
		{"%zz", "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nx\r\n--b--", "=;=", "", "multipart/form-data; boundary=b"},
		{"next=javascript:alert(1)", "next=/%2e%2e//evil.example", "", "", ""},
	} {
		f.Add(true, seed.query, seed.form, seed.cookie, seed.origin, seed.kind)
		f.Add(false, seed.query, seed.form, seed.cookie, seed.origin, seed.kind)
	}
	f.Fuzz(func(t *testing.T, post bool, query, form, cookie, origin, kind string) {
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		req := httptest.NewRequestWithContext(t.Context(), method, "https://sync.example.test/sign-in", strings.NewReader(form))
		req.URL.RawQuery = query
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Cookie", "__Host-advocatesync_session="+cookie)
		req.Header.Set("Origin", origin)
		if operator.TokenID(strings.TrimSpace(req.Clone(t.Context()).PostFormValue("token"))) != "" {
			t.Skip("this could be somebody's token: the database would be asked")
		}
		req.Body = io.NopCloser(strings.NewReader(form)) // it was read
		res := httptest.NewRecorder()
		c.ServeHTTP(res, req)

		switch res.Code {
		case http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		default:
			t.Errorf("answered %d", res.Code)
		}
		if to := res.Header().Get("Location"); to != "" {
			t.Errorf("sent to %q", to)
		}
		if got := res.Header().Get("Set-Cookie"); strings.Contains(got, "evil") || strings.ContainsAny(got, "\r\n") {
			t.Errorf("a cookie %q", got)
		}
		body := res.Body.String()
		for _, text := range []string{query, form} {
			values, _ := url.ParseQuery(text)
			for _, all := range values {
				for _, value := range all {
					if value != html.EscapeString(value) && strings.Contains(body, value) && !strings.Contains(blank.Body.String(), value) {
						t.Errorf("the page says %q as it is", value)
					}
				}
			}
		}
		if _, shown, there := strings.Cut(body, `name="next" value="`); there {
			next, _, _ := strings.Cut(shown, `"`)
			leads, err := url.Parse("https://sync.example.test" + html.UnescapeString(next))
			if err != nil || leads.Host != "sync.example.test" || strings.HasPrefix(leads.Path, "//") || strings.HasPrefix(leads.Path, `/\`) {
				t.Errorf("the form leads to %q", next)
			}
		}
	})
}
