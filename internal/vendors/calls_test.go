package vendors_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/impact"
)

// wire answers calls without a network, and remembers them.
type wire struct {
	answer func(*http.Request) (status int, header http.Header, body string)

	mu   sync.Mutex
	seen []*http.Request
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	w.seen = append(w.seen, r)
	status, header, body := w.answer(r)
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// calls are all kinds of calls that we make, to vendor.example with secrets.
func calls(w *wire) map[string]func(context.Context) error {
	base, h := &url.URL{Scheme: "https", Host: "vendor.example"}, &http.Client{Transport: w}
	hub := hubspot.New(base, func(context.Context) (string, error) { return "secret", nil }, h)
	app := hubspot.NewOAuth(base, hubspot.App{ClientID: "app", ClientSecret: "secret"}, h)
	tenant := advocate.New(advocate.Config{BaseURL: base, Tenant: "t", Key: "secret"}, h)
	account := impact.New(impact.Config{BaseURL: base, AccountSID: "IR", AuthToken: "secret"}, h)
	return map[string]func(context.Context) error{
		"HubSpot, a read": func(ctx context.Context) error { _, err := hub.Contact(ctx, "1", nil); return err },
		"HubSpot, a batch": func(ctx context.Context) error {
			_, err := hub.BatchUpdateContacts(ctx, []hubspot.ContactInput{{ID: "1", Properties: map[string]string{"firstname": "Ann"}}})
			return err
		},
		"HubSpot, an archived property": func(ctx context.Context) error { return hub.ArchiveProperty(ctx, "p") },
		"HubSpot, a code":               func(ctx context.Context) error { _, err := app.Exchange(ctx, "secret", "secret"); return err },
		"HubSpot, a refresh":            func(ctx context.Context) error { _, err := app.Refresh(ctx, "secret"); return err },
		"HubSpot, a revocation":         func(ctx context.Context) error { return app.Revoke(ctx, "secret") },
		"Advocate, a read":              func(ctx context.Context) error { _, err := tenant.Participant(ctx, "a", "u", "7"); return err },
		"Advocate, a deletion":          func(ctx context.Context) error { return tenant.Delete(ctx, "a", "u", true) },
		"Advocate, GraphQL":             func(ctx context.Context) error { _, err := tenant.Programs(ctx); return err },
		"Advocate, an export":           func(ctx context.Context) error { _, err := tenant.Export(ctx, "e"); return err },
		"impact.com, a conversion": func(ctx context.Context) error {
			_, err := account.Submit(ctx, map[string]string{"OrderId": "o"})
			return err
		},
		"impact.com, a reversal": func(ctx context.Context) error {
			_, err := account.Reverse(ctx, map[string]string{"OrderId": "o"})
			return err
		},
		"impact.com, a verdict": func(ctx context.Context) error { _, err := account.Submission(ctx, "A-1"); return err },
	}
}

// Whoever answers in a vendor's place gets none of its secrets by sending us on.
func TestCalls_noRedirectTakesSecretsElsewhere(t *testing.T) {
	t.Parallel()
	targets := map[string]string{
		"another host": "https://other.example/x", "a host below it": "https://eu.vendor.example/x", "another port": "https://vendor.example:8443/x",
		"another scheme": "http://vendor.example/x", "a host without a scheme": "//other.example/x", "a user in the host": "https://vendor.example@other.example/x",
	}
	for call := range calls(&wire{}) {
		for _, status := range []int{301, 302, 303, 307, 308} {
			for name, target := range targets {
				t.Run(fmt.Sprintf("%s: %d to %s", call, status, name), func(t *testing.T) {
					t.Parallel()
					w := &wire{answer: func(*http.Request) (int, http.Header, string) {
						return status, http.Header{"Location": {target}}, `{"message":"moved","statusCode":404,"status":"error","category":"OBJECT_NOT_FOUND"}`
					}}
					if err := calls(w)[call](t.Context()); bridge.KindOf(err) != bridge.Misdirected {
						t.Errorf("got %v, want misdirected", err)
					}
					if len(w.seen) != 1 {
						t.Errorf("%d calls; the last to %s", len(w.seen), w.seen[len(w.seen)-1].URL)
					}
				})
			}
		}
	}
}

// The file of an export lies elsewhere, and is fetched without our key; storage sends
// us nowhere else.
func TestDownload_takesNoKeyToStorage(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, tt := range map[string]struct {
			first, second string
			calls         int
			rows          int
		}{
			"to storage":                    {"https://storage.example/f?sig=1", "", 2, 1},
			"to storage, and on from there": {"https://storage.example/f?sig=1", "https://other.example/f", 2, 0},
			"out of the encrypted":          {"http://storage.example/f", "", 1, 0},
			"to a file of this machine":     {"file:///etc/passwd", "", 1, 0},
			"to nowhere":                    {"", "", 1, 0},
		} {
			t.Run(fmt.Sprintf("%d %s", status, name), func(t *testing.T) {
				t.Parallel()
				w := &wire{answer: func(r *http.Request) (int, http.Header, string) {
					switch {
					case r.URL.Host == "vendor.example":
						return status, http.Header{"Location": {tt.first}}, ""
					case tt.second != "":
						return status, http.Header{"Location": {tt.second}}, ""
					}
					return http.StatusOK, nil, "id,accountId,email,referralCode,shareLink\nu,a,,,\n"
				}}
				tenant := advocate.New(advocate.Config{BaseURL: &url.URL{Scheme: "https", Host: "vendor.example"}, Tenant: "t", Key: "secret", Files: w}, &http.Client{Transport: w})
				rows := 0
				for _, err := range tenant.DownloadExport(t.Context(), "e") {
					switch {
					case err == nil:
						rows++
					case bridge.KindOf(err) != bridge.Unavailable:
						t.Errorf("got %v, want unavailable", err)
					}
				}
				if rows != tt.rows || len(w.seen) != tt.calls {
					t.Errorf("%d rows after %d calls", rows, len(w.seen))
				}
				for _, r := range w.seen {
					if key := r.Header.Get("Authorization"); (key != "") != (r.URL.Host == "vendor.example") {
						t.Errorf("%s got the key %q", r.URL, key)
					}
				}
			})
		}
	}
}

// A page for browsers, or nothing, is a gateway's whatever its status: it passes, and
// says nothing about records, credentials or the app.
func TestCalls_aGatewaysPagePasses(t *testing.T) {
	t.Parallel()
	for call := range calls(&wire{}) {
		for _, status := range []int{400, 401, 403, 404, 405, 407, 408, 409, 410, 429, 500, 502, 503, 504, 520, 522} {
			for form, body := range map[string]string{"a page": "<!DOCTYPE html><html><title>Error</title></html>", "nothing": ""} {
				t.Run(fmt.Sprintf("%s: %d, %s", call, status, form), func(t *testing.T) {
					t.Parallel()
					w := &wire{answer: func(*http.Request) (int, http.Header, string) { return status, nil, body }}
					err := calls(w)[call](t.Context())
					want := bridge.Unavailable
					if status == http.StatusTooManyRequests {
						want = bridge.Throttled
					}
					if bridge.KindOf(err) != want || hubspot.GrantEnded(err) || hubspot.AppRefused(err) || len(w.seen) != 1 {
						t.Errorf("got %v after %d calls, want %s", err, len(w.seen), want)
					}
				})
			}
		}
	}
}

// Every call says who makes it: some gateways refuse programs that do not.
func TestCalls_sayWhoWeAre(t *testing.T) {
	t.Parallel()
	w := &wire{answer: func(*http.Request) (int, http.Header, string) { return http.StatusServiceUnavailable, nil, "" }}
	for _, call := range calls(w) {
		_ = call(t.Context()) // refused, as everything is here
	}
	for _, r := range w.seen {
		if !strings.HasPrefix(r.UserAgent(), "advocatesync/") {
			t.Errorf("%s %s is made by %q", r.Method, r.URL, r.UserAgent())
		}
	}
}

// An answer may be as large or as deep as it likes: it is read up to a bound, and is
// no more than an answer that cannot be read.
func TestCalls_surviveJSONBombs(t *testing.T) {
	t.Parallel()
	bombs := map[string]string{
		"lists in lists":      strings.Repeat("[", 1<<20),
		"objects in objects":  strings.Repeat(`{"a":`, 1<<18),
		"results that nest":   `{"results":` + strings.Repeat("[", 1<<18) + strings.Repeat("]", 1<<18) + "}",
		"a number of digits":  `{"id":` + strings.Repeat("9", 1<<20) + `,"results":` + strings.Repeat("9", 1<<20) + `}`,
		"an exponent":         `{"id":1e999999999,"results":1e999999999,"createdAt":1e999999999,"data":1e999999999}`,
		"a name of megabytes": `{"` + strings.Repeat("a", 1<<21) + `":1}`,
		"no UTF-8":            "{\"id\":\"\xff\xfe\",\"results\":\"\xff\"}",
	}
	for call := range calls(&wire{}) {
		if call == "HubSpot, an archived property" || call == "HubSpot, a revocation" || call == "Advocate, a deletion" {
			continue // nobody reads their answers
		}
		for name, bomb := range bombs {
			t.Run(call+": "+name, func(t *testing.T) {
				t.Parallel()
				w := &wire{answer: func(*http.Request) (int, http.Header, string) { return http.StatusOK, nil, bomb }}
				switch err := calls(w)[call](t.Context()); bridge.KindOf(err) {
				case bridge.Unavailable, bridge.Invalid:
				default:
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
