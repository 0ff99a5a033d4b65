package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"advocatesync/internal/api"
	"advocatesync/internal/api/apitest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

var discard = slog.New(slog.DiscardHandler)

// knock sends a raw request to a handler.
func knock(t *testing.T, handler http.Handler, method, path, body string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(method, "http://in-process"+path, strings.NewReader(body))
	req.Header = http.Header{"Authorization": {"Bearer " + apitest.Token}, "Content-Type": {"application/json"}}
	for name, values := range header {
		req.Header[name] = values
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	return w
}

func problem(t *testing.T, resp *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	var p api.Problem
	decoder := json.NewDecoder(bytes.NewReader(resp.Body.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil || resp.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("no problem but %s: %v\n%s", resp.Header().Get("Content-Type"), err, resp.Body)
	}
	if p.Status != resp.Code || p.Type != "urn:advocatesync:problem:"+p.Code || p.RequestID != resp.Header().Get("X-Request-Id") || p.Detail == "" {
		t.Errorf("status %d, header %v, problem %+v", resp.Code, resp.Header(), p)
	}
	return p
}

// Nobody gets in without the token: not to any route, nor to learn which there
// are.
func TestEveryRoute_refusesWhoeverLacksTheToken(t *testing.T) {
	t.Parallel()
	paths := []api.Operation{{Method: "GET", Path: api.Prefix + "/nowhere"}, {Method: "DELETE", Path: api.Prefix + "/connections"}}
	for _, o := range append(paths, api.Operations()...) {
		for name, given := range map[string]http.Header{
			"no token":           {"Authorization": nil},
			"a wrong token":      {"Authorization": {"Bearer " + apitest.Token + "x"}},
			"the token's start":  {"Authorization": {"Bearer " + apitest.Token[:10]}},
			"an empty token":     {"Authorization": {"Bearer "}},
			"the token bare":     {"Authorization": {apitest.Token}},
			"as a password":      {"Authorization": {"Basic " + apitest.Token}},
			"a token in the URL": {"Authorization": nil, "X-Query": {"?token=" + apitest.Token}},
		} {
			handler := apitest.NewHandler(nil, nil, discard) // a new one, for it counts wrong tokens; whoever got in would crash it
			path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(o.Path, "1") + given.Get("X-Query")
			resp := knock(t, handler, o.Method, path, "", given)
			if p := problem(t, resp); p.Status != http.StatusUnauthorized || p.Code != "unauthorized" {
				t.Errorf("%s %s with %s: %+v", o.Method, path, name, p)
			}
			if resp.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s does not say what it wants", o.Method, path)
			}
		}
	}
}

// visitor is somebody at the door of a handler that knows tokens from a store.
type visitor struct {
	handler http.Handler
	now     *time.Time
	logged  *bytes.Buffer
	metrics *prometheus.Registry
	store   *store.Store
	access  *operator.Access
}

func newVisitor(t *testing.T, trusted ...netip.Prefix) visitor {
	t.Helper()
	now := time.Now()
	v := visitor{now: &now, logged: &bytes.Buffer{}, metrics: prometheus.NewRegistry(), store: storetest.New(t)}
	clock := func() time.Time { return *v.now }
	v.access = operator.NewAccess(v.store, apitest.Token, clock)
	v.handler = api.NewHandler(api.Config{
		Access: v.access, Callers: v.access, Metrics: v.metrics, Log: slog.New(slog.NewTextHandler(v.logged, nil)), Now: clock, TrustedProxies: trusted,
	})
	return v
}

// token makes a token of a role.
func (v visitor) token(t *testing.T, role bridge.Role) string {
	t.Helper()
	_, token, err := v.access.CreateToken(t.Context(), apitest.Admin, operator.NewToken{Name: "of a " + string(role), Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// knocks asks for the document from an address, behind what it says.
func (v visitor) knocks(from, token string, forwarded ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, api.Prefix+"/openapi.json", http.NoBody)
	req.RemoteAddr = from
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header["X-Forwarded-For"] = forwarded
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, req)
	return w
}

func TestWrongTokens_areLimitedAndNeverLockARightOneOut(t *testing.T) {
	t.Parallel()
	proxy := netip.MustParsePrefix("10.0.0.0/8")
	v := newVisitor(t, proxy)
	right, other := v.token(t, bridge.RoleViewer), v.token(t, bridge.RoleOperator)
	status := func(token, from string) int {
		t.Helper()
		w := v.knocks("10.0.0.1:1000", token, from)
		if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") != "6" {
			t.Errorf("Retry-After %q, want 6", w.Header().Get("Retry-After"))
		}
		return w.Code
	}
	for _, guess := range []string{"guess", right + "x"} {
		for range 10 {
			if got := status(guess, "2001:db8::1"); got != http.StatusUnauthorized {
				t.Fatalf("status %d, want 401", got)
			}
		}
		for _, from := range []string{"2001:db8::1", "2001:db8::2"} { // one customer
			if got := status(guess, from); got != http.StatusTooManyRequests {
				t.Errorf("status %d for %s, want 429", got, from)
			}
		}
	}
	for name, tt := range map[string]struct {
		token, from string
		want        int
	}{
		"the right one, from where its own id is being guessed": {right, "2001:db8::1", http.StatusOK},
		"another right one from there":                          {other, "2001:db8::1", http.StatusOK},
		"ADMIN_TOKEN from there":                                {apitest.Token, "2001:db8::1", http.StatusOK},
		"a slip in another token":                               {other + "x", "2001:db8::1", http.StatusUnauthorized},
		"a wrong one from another network":                      {"guess", "2001:db8:0:1::1", http.StatusUnauthorized},
		"a wrong one through no proxy of ours":                  {"guess", "", http.StatusUnauthorized},
	} {
		if got := status(tt.token, tt.from); got != tt.want {
			t.Errorf("%s: status %d, want %d", name, got, tt.want)
		}
	}
	*v.now = v.now.Add(6 * time.Second)
	if got := status("guess", "2001:db8::1"); got != http.StatusUnauthorized {
		t.Errorf("status %d, want 401 after the wait", got)
	}
	counted := `# HELP advocatesync_api_refusals_total Requests to the admin API that were refused: 401 for a wrong token, 429 for too many of them, 503 while tokens cannot be checked.
# TYPE advocatesync_api_refusals_total counter
advocatesync_api_refusals_total{status="401"} 24
advocatesync_api_refusals_total{status="429"} 4
# HELP advocatesync_api_requests_total Requests to the admin API with a valid token, by operation and HTTP status of the answer.
# TYPE advocatesync_api_requests_total counter
advocatesync_api_requests_total{operation="getDocument",status="200"} 3
`
	if err := testutil.GatherAndCompare(v.metrics, strings.NewReader(counted)); err != nil {
		t.Error(err)
	}
}

// Whoever makes up another token for each attempt is still one address.
func TestWrongTokens_cannotFillTheLog(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	for i := range 200 {
		v.knocks("192.0.2.7:1000", fmt.Sprintf("adv_%010d_secret", i))
	}
	if lines := strings.Count(v.logged.String(), "\n"); lines != 10 {
		t.Errorf("%d lines in the log, want 10:\n%s", lines, v.logged)
	}
	if !strings.Contains(v.logged.String(), "192.0.2.7") || strings.Contains(v.logged.String(), "secret") {
		t.Errorf("the log tells:\n%s", v.logged)
	}
}

// A token that has ended says so to its holder, and to nobody else.
func TestEndedTokens_sayWhy(t *testing.T) {
	t.Parallel()
	v := newVisitor(t)
	expired, revoked, admin := v.token(t, bridge.RoleViewer), v.token(t, bridge.RoleOperator), v.token(t, bridge.RoleAdmin)
	if _, err := v.access.RevokeToken(t.Context(), operator.TokenID(revoked)); err != nil {
		t.Fatal(err)
	}
	code := func(token string) string { return problem(t, v.knocks("192.0.2.7:1000", token)).Code }
	if got := code(revoked); got != "token_revoked" {
		t.Errorf("revoked: %s", got)
	}
	if got := code(apitest.Token); got != "bootstrap_over" {
		t.Errorf("ADMIN_TOKEN beside an admin's token: %s", got)
	}
	if w := v.knocks("192.0.2.7:1000", admin); w.Code != http.StatusOK {
		t.Errorf("the admin's token: status %d", w.Code)
	}
	*v.now = v.now.AddDate(0, 0, operator.TokenDays+1)
	if got := code(expired); got != "token_expired" {
		t.Errorf("expired: %s", got)
	}
	if got := code(revoked + "x"); got != "unauthorized" {
		t.Errorf("a wrong secret: %s", got)
	}
}

func TestRequests_areToldAllTheirMistakesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	handler := apitest.NewHandler(b.Operator, b.Store, discard)
	rules := api.Prefix + "/connections/" + b.connection + "/rules"
	fields := func(names ...string) (mistakes []api.Mistake) {
		for _, name := range names {
			mistakes = append(mistakes, api.Mistake{Field: name})
		}
		return mistakes
	}
	tests := map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		code               string
		mistakes           []api.Mistake
	}{
		"fields that are missing": {"POST", api.Prefix + "/connections", `{"tenant": "t"}`, nil, 400, "bad_request", fields("hubspot_token", "advocate_key", "program")},
		"unknown fields and wrong types": {"PATCH", rules, `{"contact_created": "yes", "contact_deleted": true, "share_pii_updates": 1}`, nil, 400, "bad_request",
			fields("contact_created", "share_pii_updates", "contact_deleted")},
		"unknown parameters":             {"GET", rules + "?x=1&y=2", "", nil, 400, "bad_request", fields("x", "y")},
		"a body that is no JSON":         {"PATCH", rules, `{"contact_created"`, nil, 400, "bad_request", fields("")},
		"a body that is no object":       {"PATCH", rules, `[]`, nil, 400, "bad_request", fields("")},
		"a body of another type":         {"PATCH", rules, `contact_created=true`, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415, "media_type", nil},
		"a body beyond all measure":      {"PATCH", rules, strings.Repeat(" ", 256<<10+1), nil, 413, "too_large", nil},
		"a path that is none":            {"GET", api.Prefix + "/nowhere", "", nil, 404, "not_found", nil},
		"a method that the path has not": {"DELETE", rules, "", nil, 405, "method_not_allowed", nil},
		"a connection that there is not": {"GET", api.Prefix + "/connections/cnobody/rules", "", nil, 404, "unknown_connection", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := knock(t, handler, tt.method, tt.path, tt.body, tt.header)
			p := problem(t, resp)
			if p.Status != tt.status || p.Code != tt.code {
				t.Errorf("%+v, want status %d and code %s", p, tt.status, tt.code)
			}
			if diff := cmp.Diff(tt.mistakes, p.Mistakes, cmpopts.IgnoreFields(api.Mistake{}, "Detail")); diff != "" {
				t.Errorf("mistakes (-want +got)\n%s", diff)
			}
			if tt.status == http.StatusMethodNotAllowed && resp.Header().Get("Allow") != "GET, PATCH" {
				t.Errorf("Allow: %q", resp.Header().Get("Allow"))
			}
		})
	}
	if got, err := b.Rules(t.Context(), b.connection); err != nil || !got.ContactCreated || got.SharePIIUpdates {
		t.Errorf("a refused change changed the rules: %+v, %v", got, err)
	}
}

func TestRequestIDs_areTheCallersOwnIfFitForALog(t *testing.T) {
	t.Parallel()
	handler := apitest.NewHandler(nil, nil, discard)
	for given, kept := range map[string]bool{"deploy-17.a_B": true, "": false, "two\nlines": false, "ann@shop.example": false, strings.Repeat("x", 65): false} {
		resp := knock(t, handler, "GET", api.Prefix+"/openapi.json", "", http.Header{"X-Request-Id": {given}})
		got := resp.Header().Get("X-Request-Id")
		if (got == given) != kept || !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(got) {
			t.Errorf("%q was given and %q came back", given, got)
		}
	}
}

// What callers send may be personal or secret; ids and outcomes are neither.
func TestLog_tellsWhatWasAskedForAndNothingThatWasSent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var logged bytes.Buffer
	handler := apitest.NewHandler(b.Operator, b.Store, slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, path := range []string{"/connections/secret-thing", "/connections/secret-thing/rules", "/secret-thing", "/connections?secret-thing=1"} {
		_ = knock(t, handler, "GET", api.Prefix+path, "", nil)
	}
	resp := knock(t, handler, "POST", api.Prefix+"/connections",
		`{"hubspot_token": "secret-thing", "tenant": "secret-thing", "advocate_key": "secret-thing", "program": "secret-thing"}`, nil)
	if p := problem(t, resp); p.Status != http.StatusUnprocessableEntity || len(p.Mistakes) != 2 {
		t.Errorf("both vendors refuse, but it tells %+v", p)
	}
	for _, want := range []string{"operation=getConnection status=404", "operation=connect status=422", "request_id=" + resp.Header().Get("X-Request-Id")} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log does not tell %s", want)
		}
	}
	if strings.Contains(logged.String(), "secret-thing") || strings.Contains(logged.String(), apitest.Token) {
		t.Errorf("the log tells more than it should:\n%s", &logged)
	}
}

func TestAnswers_areNotForKeepsNorForPages(t *testing.T) {
	t.Parallel()
	resp := knock(t, apitest.NewHandler(nil, nil, discard), "GET", api.Prefix+"/openapi.json", "", nil)
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := resp.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestClient_tellsAProblemFromAnythingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.Rules(t.Context(), "cnobody")
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Code != "unknown_connection" || p.Error() != p.Detail {
		t.Errorf("a refusal came as %v", err)
	}
	tests := map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"a proxy's page":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>no</h1>", http.StatusBadGateway) }, "does not answer as the admin API does: status 502"},
		"somebody else's 200": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<h1>hello</h1>") }, "does not answer as the admin API does"},
		"a redirect":          {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "status 302"},
		"a wrong token":       {apitest.NewHandler(nil, nil, discard).ServeHTTP, "refuses the token in ADVOCATESYNC_TOKEN"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			c := api.NewClient(address(t, server.URL), "wrong", http.DefaultTransport)
			if _, err := c.Connections(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want it to say %q", err, tt.says)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		c := api.NewClient(address(t, server.URL), "wrong", http.DefaultTransport)
		if _, err := c.Connection(t.Context(), "ann@shop.example"); err == nil || strings.Contains(err.Error(), "shop.example") {
			t.Errorf("%v, want an error without the path", err)
		}
	})
}

func address(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
