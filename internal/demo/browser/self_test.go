package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"advocatesync/internal/demo/browser"
)

// serve serves one page, with the policy of the console.
func serve(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src *; style-src 'self'")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>A page</title><main>%s</main></html>`, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A check that finds nothing anywhere proves nothing.
func TestTab_complainsOfWhatAPageMustNotDo(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, "")
	chromium := browser.Start(t)
	for name, c := range map[string]struct{ body, complaint string }{
		"a style in the page":     {`<p style="color: red">Hello</p>`, "Content Security Policy"},
		"a script in the page":    {`<script>1</script>`, "Content Security Policy"},
		"a picture of elsewhere":  {`<img alt="" src="` + elsewhere + `/x.png">`, "a request to " + elsewhere},
		"a page that is in order": {`<p>Hello</p>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tab := chromium.Tab(t, serve(t, c.body))
			tab.Open("/")
			if got := strings.Join(tab.Complaints(), "\n"); !strings.Contains(got, c.complaint) || c.complaint == "" && got != "" {
				t.Errorf("it complains of %q, want %q", got, c.complaint)
			}
		})
	}
}

func TestAxe_findsWhatKeepsPeopleOut(t *testing.T) {
	t.Parallel()
	chromium, axe := browser.Start(t), browser.NewAxe(t)
	for name, c := range map[string]struct{ body, violation string }{
		"a field without a name":   {`<input type="text">`, "label"},
		"letters that fade away":   {`<font color="#ccc">Hello</font>`, "color-contrast"},
		"links that lie too close": {`<a href="/1">1</a><a href="/2">2</a><a href="/3">3</a>`, "target-size"},
		"a page that is in order":  {`<h1>Hello</h1>`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tab := chromium.Tab(t, serve(t, c.body))
			tab.Open("/")
			if got := strings.Join(axe.Violations(tab), "\n"); !strings.Contains(got, c.violation) || c.violation == "" && got != "" {
				t.Errorf("it finds %q, want %q", got, c.violation)
			}
		})
	}
}
