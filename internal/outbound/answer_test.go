package outbound_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

const html = "<!DOCTYPE html><title>Attention Required!</title>"

// Nobody's answer says anything of a record or of credentials.
func TestForeign_classifiesWhatTheVendorDidNotWrite(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   bridge.Kind
	}{
		"a firewall's page with 403":             {403, html, bridge.Unavailable},
		"a firewall's line with 403":             {403, "error code: 1010", bridge.Unavailable},
		"a firewall's JSON with 403":             {403, `{"message":"Forbidden"}`, bridge.Unavailable},
		"a captive portal's page with 401":       {401, html, bridge.Unavailable},
		"a proxy that wants a login of its own":  {407, html, bridge.Unavailable},
		"a page with 404 is no deletion":         {404, html, bridge.Unavailable},
		"404 without a word is no deletion":      {404, "", bridge.Unavailable},
		"a gateway's bad request":                {400, html, bridge.Unavailable},
		"a gateway that is away":                 {502, html, bridge.Unavailable},
		"a server error without a word":          {500, "", bridge.Unavailable},
		"a server error in JSON":                 {503, `{"fault":true}`, bridge.Unavailable},
		"a timeout":                              {408, "", bridge.Unavailable},
		"a limit of the gateway's":               {429, "slow down", bridge.Throttled},
		"a body too large for the gateway":       {413, html, bridge.Invalid},
		"an address too long for the gateway":    {414, "", bridge.Invalid},
		"an unusual status without a word":       {488, "", bridge.Misdirected},
		"an unusual status in words":             {470, "no such realm", bridge.Misdirected},
		"a refusal in somebody else's JSON":      {401, `{"fault":{"faultstring":"x"}}`, bridge.Misdirected},
		"not found in somebody else's JSON":      {404, `{"path":"/x","error":"Not Found"}`, bridge.Misdirected},
		"a payment that is due, in words":        {402, "pay first", bridge.Misdirected},
		"a method that is unknown here, in JSON": {405, `{"timestamp":1}`, bridge.Misdirected},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := outbound.Answer{Status: tt.status, Body: []byte(tt.body)}.Foreign("vendor.read", time.Now())
			if got.Kind != tt.want || got.Status != tt.status || got.VendorMessage != "" {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestForeign_namesTheHostOfARedirectAndNothingElse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ location, says string }{
		"another host":          {"https://other.example/contacts/ann@shop.example?token=secret", "other.example"},
		"another port":          {"https://api.example:8443/x", "api.example:8443"},
		"a host that is none":   {"https://ann@shop.example%0a/x", "names no other host"},
		"no host":               {"/elsewhere/ann@shop.example", "names no other host"},
		"no address":            {"", "names no other host"},
		"credentials in it":     {"https://ann:secret@other.example/", "other.example"},
		"an IPv6 address":       {"http://[::1]:80/", "[::1]:80"},
		"what is no address":    {"http://%zz", "names no other host"},
		"a host of odd letters": {"https://<b>ann</b>/", "names no other host"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := outbound.Answer{Status: 307, Header: http.Header{"Location": {tt.location}}}.Foreign("vendor.read", time.Now())
			if err.Kind != bridge.Misdirected || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want misdirected and %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "ann") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v repeats more than the host", err)
			}
		})
	}
}

func TestRead_bounds(t *testing.T) {
	t.Parallel()
	read := func(body io.Reader) outbound.Answer {
		return outbound.Read(&http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(body)}, 10)
	}
	if a := read(strings.NewReader("0123456789")); a.Cut != nil || len(a.Body) != 10 {
		t.Errorf("ten bytes of ten: %d, %v", len(a.Body), a.Cut)
	}
	if a := read(strings.NewReader("0123456789a")); a.Cut == nil || len(a.Body) != 10 {
		t.Errorf("eleven bytes of ten: %d, %v", len(a.Body), a.Cut)
	}
	if a := read(strings.NewReader("\ufeff{}")); a.Cut != nil || string(a.Body) != "{}" {
		t.Errorf("behind a byte order mark: %q, %v", a.Body, a.Cut)
	}
	if a := read(io.MultiReader(strings.NewReader("012"), broken{})); !errors.Is(a.Cut, io.ErrUnexpectedEOF) || string(a.Body) != "012" {
		t.Errorf("a body that breaks off: %q, %v", a.Body, a.Cut)
	}
}

// What a gateway shows with 200 is not what the vendor has done.
func TestAcknowledged_takesTheVendorsWordAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		cut  error
		want bridge.Kind
	}{
		"nothing":                       {"", nil, ""},
		"a line break":                  {"\r\n", nil, ""},
		"an object":                     {`{"id":"7"}`, nil, ""},
		"a list":                        {`[]`, nil, ""},
		"a page for a login":            {html, nil, bridge.Unavailable},
		"a page of another kind":        {`<?xml version="1.0"?><Error/>`, nil, bridge.Unavailable},
		"a line of text":                {"OK", nil, bridge.Unavailable},
		"half an object":                {`{"id":`, nil, bridge.Unavailable},
		"an object, and something else": {`{} {}`, nil, bridge.Unavailable},
		"an answer that breaks off":     {"", io.ErrUnexpectedEOF, bridge.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := outbound.Answer{Status: 200, Body: []byte(tt.body), Cut: tt.cut}.Acknowledged("vendor.delete")
			if bridge.KindOf(err) != tt.want || err != nil && tt.want == "" {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRetryAfter_takesEveryForm(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		header http.Header
		want   time.Duration
	}{
		"seconds":                      {http.Header{"Retry-After": {"3"}}, 3 * time.Second},
		"parts of seconds":             {http.Header{"Retry-After": {" 0.5 "}}, time.Second / 2},
		"a date":                       {http.Header{"Retry-After": {"Sat, 28 Nov 2026 12:01:00 GMT"}}, time.Minute},
		"a date that is past":          {http.Header{"Retry-After": {"Sat, 28 Nov 2026 11:00:00 GMT"}}, 0},
		"below zero":                   {http.Header{"Retry-After": {"-1"}}, 0},
		"no number":                    {http.Header{"Retry-After": {"NaN"}}, 0},
		"for ever":                     {http.Header{"Retry-After": {"Inf"}}, 24 * time.Hour},
		"longer than a duration":       {http.Header{"Retry-After": {"1e300"}}, 24 * time.Hour},
		"words":                        {http.Header{"Retry-After": {"soon"}}, 0},
		"a reset in seconds":           {http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"7"}}, 7 * time.Second},
		"a reset as a moment":          {http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1795867205"}}, 5 * time.Second},
		"a reset while calls are left": {http.Header{"X-Ratelimit-Remaining": {"9"}, "X-Ratelimit-Reset": {"7"}}, 0},
		"nothing":                      {nil, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := outbound.RetryAfter(tt.header, now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// seen is what a server saw of the last call.
type seen struct {
	calls                      int
	agent, authorization, body string
}

func watched(t *testing.T, then http.HandlerFunc) (*httptest.Server, *seen) {
	t.Helper()
	s := &seen{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what did not arrive is not compared
		s.calls++
		s.agent, s.authorization, s.body = r.UserAgent(), r.Header.Get("Authorization"), string(body)
		then(w, r)
	}))
	t.Cleanup(server.Close)
	return server, s
}

func TestHTTP_redirects(t *testing.T) {
	t.Parallel()
	elsewhere := func(_, other *url.URL) string { return other.String() }
	moved := func(*url.URL, *url.URL) string { return "/moved" }
	tests := map[string]struct {
		method string
		status int
		to     func(asked, other *url.URL) string
		want   int // the status that the caller sees
	}{
		"another host, keeping the method":      {http.MethodPost, 307, elsewhere, 307},
		"another host for good":                 {http.MethodPost, 308, elsewhere, 308},
		"another host, for a read":              {http.MethodGet, 302, elsewhere, 302},
		"another host, for a deletion":          {http.MethodDelete, 307, elsewhere, 307},
		"another host, without a scheme":        {http.MethodPost, 307, func(_, other *url.URL) string { return "//" + other.Host + "/x" }, 307},
		"another host, behind the asked one's":  {http.MethodPost, 307, func(asked, other *url.URL) string { return "http://" + asked.Hostname() + "@" + other.Host + "/x" }, 307},
		"another host, by way of the asked one": {http.MethodPost, 307, func(*url.URL, *url.URL) string { return "/away" }, 307},
		"the same host, in the clear or not":    {http.MethodPost, 307, func(asked, _ *url.URL) string { return "https://" + asked.Host + "/moved" }, 307},
		"within the host":                       {http.MethodPost, 307, moved, 200},
		"within the host, for a read":           {http.MethodGet, 301, moved, 200},
		"within the host, losing the body":      {http.MethodPost, 303, moved, 303},
		"within the host, in whole":             {http.MethodPost, 308, func(asked, _ *url.URL) string { return "HTTP://" + asked.Host + "/moved" }, 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other, otherSaw := watched(t, func(http.ResponseWriter, *http.Request) {})
			asked, askedSaw := watched(t, func(w http.ResponseWriter, r *http.Request) {
				own, theirs := &url.URL{Scheme: "http", Host: r.Host}, &url.URL{Scheme: "http", Host: strings.TrimPrefix(other.URL, "http://")}
				switch r.URL.Path {
				case "/moved":
				case "/away":
					http.Redirect(w, r, other.URL, tt.status)
				default:
					w.Header().Set("Location", tt.to(own, theirs))
					w.WriteHeader(tt.status)
				}
			})
			req, err := http.NewRequestWithContext(t.Context(), tt.method, asked.URL+"/x", strings.NewReader("secret"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer secret")
			res, err := outbound.HTTP(&http.Client{}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tt.want {
				t.Errorf("status %d, want %d", res.StatusCode, tt.want)
			}
			if otherSaw.calls != 0 {
				t.Errorf("the other host got %+v", *otherSaw)
			}
			if tt.want == http.StatusOK && (tt.method == http.MethodPost && askedSaw.body != "secret" || askedSaw.authorization != "Bearer secret" || askedSaw.calls != 2) {
				t.Errorf("the host itself got %+v", *askedSaw)
			}
			if !strings.HasPrefix(askedSaw.agent, "advocatesync/") {
				t.Errorf("User-Agent %q", askedSaw.agent)
			}
		})
	}
}

func TestHTTP_aRedirectInCirclesEnds(t *testing.T) {
	t.Parallel()
	server, saw := watched(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := outbound.HTTP(&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusTemporaryRedirect || saw.calls > 5 {
		t.Errorf("status %d after %d calls", res.StatusCode, saw.calls)
	}
}

func TestHTTP_refusesWhatAProxyCouldTurnIntoAnotherAddress(t *testing.T) {
	t.Parallel()
	refused := map[string]string{
		"this directory": ".", "the one above": "..", "nothing": "", "above, encoded": "%2e%2e", "above, in capitals": "%2E%2E",
		"above, encoded twice": "%252e%252e", "above, half encoded": ".%2e", "above within": "a/../b", "this within": "a/./b",
		"above at the end": "a/..", "above, by backslash": `..\b`, "above behind an encoded slash": "a%2f..%2fb",
		"a slash in front": "/a", "a slash at the end": "a/", "a NUL": "a\x00b", "a line break": "a\nb",
		"an encoded NUL": "a%00", "no text": "a\xffb",
		"another, with a parameter": "a;b", "above, with a parameter": "..;", "a parameter, encoded": "a%3Bb", "a parameter alone": ";a",
	}
	server, saw := watched(t, func(http.ResponseWriter, *http.Request) {})
	remove := func(id string) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, server.URL+"/user/"+url.PathEscape(id)+"/events", http.NoBody)
		if err != nil {
			return err
		}
		res, err := outbound.HTTP(&http.Client{}).Do(req)
		if err != nil {
			return outbound.Unreachable("vendor.delete", err)
		}
		return res.Body.Close()
	}
	for name, id := range refused {
		err := remove(id)
		failure, ok := errors.AsType[*bridge.Error](err)
		if !ok || failure.Kind != bridge.Invalid || failure.Code != outbound.CodeUnsafeID || failure.Op != "vendor.delete" {
			t.Errorf("%s: error %v, want it refused", name, err)
		}
	}
	if saw.calls != 0 {
		t.Fatalf("%d calls were made", saw.calls)
	}
	for _, id := range []string{"ann@shop.example", "a/b", "...", ".a", "50%", "a?b#c", "Zoë", "ann+tag@shop.example", "a b", "==", "https://x.example/y"} {
		if err := remove(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
