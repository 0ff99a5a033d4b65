package hubspottest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/hubspot/hubspottest"
)

const tokenPath = "/oauth/2026-09/token"

// token posts a form to a token endpoint.
func token(t *testing.T, crm *hubspottest.Server, path string, form map[string]string) (int, map[string]any) {
	t.Helper()
	values := url.Values{"client_id": {hubspottest.DefaultClientID}, "client_secret": {hubspottest.DefaultClientSecret}}
	for k, v := range form {
		values.Set(k, v)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, crm.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, out
}

const redirect = "https://sync.example.test/oauth/hubspot/callback"

func TestOAuth_codeThenRefresh(t *testing.T) {
	t.Parallel()
	for name, rotate := range map[string]bool{"refresh token stays": false, "refresh token rotates": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			crm := hubspottest.New(t, hubspottest.WithClock(c.now))
			crm.Tune(func(k *hubspottest.Knobs) { k.RotateRefreshToken = rotate })
			code := crm.Authorize(redirect, nil)
			exchange := map[string]string{"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
			status, got := token(t, crm, tokenPath, exchange)
			if status != 200 || got["hub_id"] != float64(hubspottest.DefaultPortalID) || got["expires_in"] != 1800.0 {
				t.Fatalf("exchange: %d %v", status, got)
			}
			if status, got := token(t, crm, tokenPath, exchange); status != 400 || got["status"] != "BAD_AUTH_CODE" {
				t.Errorf("a code works once: %d %v", status, got)
			}
			access, refresh := got["access_token"].(string), got["refresh_token"].(string)
			if got := askAs(t, crm, access, "GET", details, ""); got.status != 200 {
				t.Errorf("fresh token: %d", got.status)
			}
			c.pass(30*time.Minute + 5*time.Second)
			if got := askAs(t, crm, access, "GET", details, ""); got.status != 401 || got.body["category"] != "EXPIRED_AUTHENTICATION" ||
				!strings.Contains(got.text, "expired 5 second(s) ago") {
				t.Errorf("old token: %d %s", got.status, got.text)
			}
			status, got = token(t, crm, tokenPath, map[string]string{"grant_type": "refresh_token", "refresh_token": refresh})
			if status != 200 || (got["refresh_token"] != refresh) != rotate {
				t.Fatalf("refresh: %d %v", status, got)
			}
			if again := askAs(t, crm, got["access_token"].(string), "GET", details, ""); again.status != 200 {
				t.Errorf("refreshed token: %d", again.status)
			}
			status, _ = token(t, crm, "/oauth/v1/token", map[string]string{"grant_type": "refresh_token", "refresh_token": refresh})
			if (status != 200) != rotate {
				t.Errorf("the old refresh token again: %d", status)
			}
		})
	}
}

func TestOAuth_refusals(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	_, got := token(t, crm, tokenPath, map[string]string{"grant_type": "authorization_code", "code": crm.Authorize(redirect, nil), "redirect_uri": redirect})
	refresh := got["refresh_token"].(string)
	access := got["access_token"].(string)
	tests := map[string]struct {
		form   map[string]string
		status string
	}{
		"wrong secret":   {map[string]string{"client_secret": "x"}, "BAD_CLIENT_SECRET"},
		"wrong client":   {map[string]string{"client_id": "x"}, "BAD_CLIENT_ID"},
		"wrong redirect": {map[string]string{"grant_type": "authorization_code", "code": crm.Authorize(redirect, nil), "redirect_uri": "x"}, "BAD_AUTH_CODE"},
		"wrong refresh":  {map[string]string{"grant_type": "refresh_token", "refresh_token": "x"}, "BAD_REFRESH_TOKEN"},
	}
	for name, tt := range tests {
		if status, got := token(t, crm, tokenPath, tt.form); status != 400 || got["status"] != tt.status {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	if got := askAs(t, crm, access, "DELETE", "/appinstalls/2026-09/external-install", ""); got.status != 204 {
		t.Fatalf("uninstall: %d", got.status)
	}
	if got := askAs(t, crm, access, "GET", details, ""); got.status != 401 {
		t.Errorf("access token after uninstalling: %d", got.status)
	}
	if _, got := token(t, crm, tokenPath, map[string]string{"grant_type": "refresh_token", "refresh_token": refresh}); got["status"] != "BAD_REFRESH_TOKEN" {
		t.Errorf("refresh token after uninstalling: %v", got)
	}
}

func TestOAuth_throughTheBrowser(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	const verifier = "a-verifier-of-more-than-forty-three-characters-0123"
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{"client_id": {hubspottest.DefaultClientID}, "redirect_uri": {redirect}, "state": {"s1"},
		"scope": {"oauth crm.objects.contacts.read"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}
	got := ask(t, crm, "GET", "/oauth/authorize?"+query.Encode(), "")
	to, err := url.Parse(got.header.Get("Location"))
	if err != nil || got.status != 302 || to.Query().Get("state") != "s1" || !strings.HasPrefix(to.String(), redirect) {
		t.Fatalf("got %d %v", got.status, to)
	}
	form := map[string]string{"grant_type": "authorization_code", "code": to.Query().Get("code"), "redirect_uri": redirect}
	if status, _ := token(t, crm, tokenPath, form); status != 400 {
		t.Errorf("without the verifier: %d", status)
	}
	form["code_verifier"] = verifier
	status, granted := token(t, crm, tokenPath, form)
	if status != 200 {
		t.Fatalf("exchange: %d %v", status, granted)
	}
	access := granted["access_token"].(string)
	crm.Put("101", nil)
	if got := askAs(t, crm, access, "GET", contactsAPI+"/101", ""); got.status != 200 {
		t.Errorf("granted scope: %d", got.status)
	}
	if got := askAs(t, crm, access, "PATCH", contactsAPI+"/101", `{"properties":{}}`); got.status != 403 ||
		got.body["category"] != "MISSING_SCOPES" || !strings.Contains(got.text, `"requiredGranularScopes":["crm.objects.contacts.write"]`) {
		t.Errorf("scope not granted: %d %s", got.status, got.text)
	}
	if _, seen := token(t, crm, tokenPath+"/introspect", map[string]string{"token": access}); seen["active"] != true || seen["token_use"] != "access_token" {
		t.Errorf("introspection: %v", seen)
	}
}
