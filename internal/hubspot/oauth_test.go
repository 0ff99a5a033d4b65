package hubspot_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

func endpoint(status int, body string) *hubspot.OAuth {
	return hubspot.NewOAuth(&url.URL{Scheme: "http", Host: "hubspot.invalid"}, hubspot.App{ClientID: "c", ClientSecret: "s"},
		&http.Client{Transport: says{status, body}})
}

// A refresh that HubSpot has carried out may have ended the token before, so a pair
// is kept however oddly its life is told.
func TestRefresh_keepsThePairHoweverItsLifeIsTold(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]time.Duration{
		`,"expires_in":1800`: 30 * time.Minute, `,"expires_in":"1800"`: 30 * time.Minute, `,"expires_in":1800.5`: 30*time.Minute + 500*time.Millisecond,
		`,"expires_in":1.8e3`: 30 * time.Minute, `,"expires_in":" 1800 "`: 30 * time.Minute, `,"expires_in":20`: 20 * time.Second,
		`,"expires_in":0`: 10 * time.Minute, `,"expires_in":-1`: 10 * time.Minute, `,"expires_in":null`: 10 * time.Minute, ``: 10 * time.Minute,
		`,"expires_in":"soon"`: 10 * time.Minute, `,"expires_in":{}`: 10 * time.Minute, `,"expires_in":[1800]`: 10 * time.Minute, `,"expires_in":"NaN"`: 10 * time.Minute,
		`,"expires_in":true`: 10 * time.Minute, `,"expires_in":99999999999999999999`: 24 * time.Hour, `,"expires_in":1e999`: 24 * time.Hour,
	} {
		got, err := endpoint(200, `{"access_token":"a","refresh_token":"n"`+told+`}`).Refresh(t.Context(), "r")
		if err != nil || got.Access != "a" || got.Refresh != "n" || got.ClientID != "c" || got.ExpiresIn != want {
			t.Errorf("%s: %+v, %v, want %s", told, got, err, want)
		}
	}
}

func TestRefresh_theOldTokenStaysWhereNoneIsNamed(t *testing.T) {
	t.Parallel()
	for _, told := range []string{``, `,"refresh_token":null`, `,"refresh_token":""`} {
		got, err := endpoint(200, `{"access_token":"a","expires_in":1800`+told+`}`).Refresh(t.Context(), "r")
		if err != nil || got.Refresh != "r" {
			t.Errorf("%s: %+v, %v", told, got, err)
		}
	}
}

func TestRefresh_anAnswerWithoutATokenIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `<html>`, `{"access_token":null}`, `{"access_token":""}`, `{"access_token":{}}`, `{"access_token":["a"]}`,
		`{"access_token":"a\u0000b"}`, `{"access_token":"a","refresh_token":{}}`, `{"access_token":"a","refresh_token":["r"]}`,
	} {
		if got, err := endpoint(200, body).Refresh(t.Context(), "r"); bridge.KindOf(err) != bridge.Unavailable {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// Only HubSpot's own words end a consent or accuse the app: what stands between it
// and us may answer with any status, in any form.
func TestRefresh_believesHubSpotAlone(t *testing.T) {
	t.Parallel()
	type want struct {
		kind           bridge.Kind
		ended, refused bool
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		want   want
	}{
		"a grant that has ended":           {400, `{"error":"invalid_grant","error_description":"x"}`, want{bridge.Unauthorized, true, false}},
		"the same in HubSpot's words":      {400, `{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"}`, want{bridge.Invalid, false, false}},
		"an app that is not known":         {401, `{"error":"invalid_client"}`, want{bridge.Unavailable, false, true}},
		"an app that may not ask":          {400, `{"error":"unauthorized_client"}`, want{bridge.Unavailable, false, true}},
		"a page with 400":                  {400, `<html>invalid_grant</html>`, want{bridge.Unavailable, false, false}},
		"a page with 401":                  {401, `<html></html>`, want{bridge.Unavailable, false, false}},
		"a page with 403":                  {403, `<html></html>`, want{bridge.Unavailable, false, false}},
		"a page with 404":                  {404, `<html></html>`, want{bridge.Unavailable, false, false}},
		"a page with 429":                  {429, `<html></html>`, want{bridge.Throttled, false, false}},
		"a page with 502":                  {502, `<html></html>`, want{bridge.Unavailable, false, false}},
		"a firewall's JSON with 403":       {403, `{"message":"Forbidden"}`, want{bridge.Unavailable, false, false}},
		"nothing with 400":                 {400, ``, want{bridge.Unavailable, false, false}},
		"a redirect that speaks of grants": {307, `{"error":"invalid_grant"}`, want{bridge.Misdirected, false, false}},
		"a failure that speaks of grants":  {500, `{"error":"invalid_grant"}`, want{bridge.Unavailable, false, false}},
		"an outage that speaks of apps":    {503, `{"error":"invalid_client"}`, want{bridge.Unavailable, false, false}},
		"a limit that speaks of grants":    {429, `{"error":"invalid_grant"}`, want{bridge.Throttled, false, false}},
		"an object for the error":          {400, `{"error":{"code":"invalid_grant"}}`, want{bridge.Misdirected, false, false}},
		"a list for the description":       {400, `{"error":"invalid_grant","error_description":[1]}`, want{bridge.Unauthorized, true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := endpoint(tt.status, tt.body).Refresh(t.Context(), "r")
			if got := (want{bridge.KindOf(err), hubspot.GrantEnded(err), hubspot.AppRefused(err)}); got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}
