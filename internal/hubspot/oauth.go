package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

// App is the HubSpot app that portals install.
type App struct {
	ClientID     string
	ClientSecret string
	Authorize    *url.URL // HubSpot's consent page, https://app.hubspot.com/oauth/authorize in production
	Callback     string   // where that page sends the browser back to; as registered with the app
}

// Scopes are what the app cannot do without (HubSpot docs: scopes).
var Scopes = []string{
	"oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.read", "crm.schemas.contacts.write",
}

// OptionalScopes serve triggers. A portal whose plan or admin does not grant
// them is connected all the same.
var OptionalScopes = []string{
	"crm.objects.deals.read", "crm.schemas.deals.read", "crm.objects.companies.read", "crm.schemas.companies.read", "forms",
}

const (
	opExchange = "hubspot.exchange_code"
	opRefresh  = "hubspot.refresh_token"
	opRevoke   = "hubspot.revoke_token"
)

// OAuth calls HubSpot's OAuth endpoints for one app. Like Client it makes one
// attempt per call. It is safe for concurrent use.
type OAuth struct {
	config oauth2.Config
	revoke string
	http   *http.Client
}

// NewOAuth returns a client of the OAuth endpoints at base,
// https://api.hubapi.com in production.
func NewOAuth(base *url.URL, app App, hc *http.Client) *OAuth {
	endpoint := oauth2.Endpoint{
		TokenURL: base.JoinPath("/oauth/" + Version + "/token").String(),
		// Dated versions take parameters from the body alone.
		AuthStyle: oauth2.AuthStyleInParams,
	}
	if app.Authorize != nil {
		endpoint.AuthURL = app.Authorize.String()
	}
	return &OAuth{
		config: oauth2.Config{
			ClientID: app.ClientID, ClientSecret: app.ClientSecret, Endpoint: endpoint,
			RedirectURL: app.Callback, Scopes: Scopes,
		},
		revoke: base.JoinPath("/oauth/" + Version + "/token/revoke").String(),
		http:   outbound.HTTP(hc),
	}
}

// ClientID names the app.
func (o *OAuth) ClientID() string { return o.config.ClientID }

// ConsentURL is the page on which a HubSpot user lets the app in, with a portal
// chosen already unless it is 0. state comes back with the answer; verifier, which
// the caller keeps to itself, has to be shown at the exchange.
// HubSpot docs: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth
func (o *OAuth) ConsentURL(portalID int64, state, verifier string) string {
	config := o.config
	if portalID != 0 {
		dir, page := path.Split(config.Endpoint.AuthURL)
		config.Endpoint.AuthURL = dir + strconv.FormatInt(portalID, 10) + "/" + page
	}
	return config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("optional_scope", strings.Join(OptionalScopes, " ")))
}

// Exchange turns the code of a consent into tokens. A code works once: the error
// is bridge.Unauthorized for one that was used, is too old, or belongs to
// another verifier.
func (o *OAuth) Exchange(ctx context.Context, code, verifier string) (bridge.Tokens, error) {
	token, err := o.config.Exchange(o.with(ctx), code, oauth2.VerifierOption(verifier))
	return o.tokens(token, opExchange, err)
}

// Refresh asks for a new access token. The refresh token that comes with it may
// be another one, and then the old one may be dead, so it has to be kept.
func (o *OAuth) Refresh(ctx context.Context, refresh string) (bridge.Tokens, error) {
	token, err := o.config.TokenSource(o.with(ctx), &oauth2.Token{RefreshToken: refresh}).Token()
	return o.tokens(token, opRefresh, err)
}

// Revoke ends a refresh token. Access tokens that it brought live on until they
// expire, and the app stays installed. A token that is dead already is success.
func (o *OAuth) Revoke(ctx context.Context, refresh string) error {
	form := url.Values{
		"token": {refresh}, "token_type_hint": {"refresh_token"},
		"client_id": {o.config.ClientID}, "client_secret": {o.config.ClientSecret},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.revoke, strings.NewReader(form.Encode()))
	if err != nil {
		return &bridge.Error{Kind: bridge.Invalid, Op: opRevoke, Err: errors.New("request cannot be built")}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := o.http.Do(req)
	if err != nil {
		return outbound.Unreachable(opRevoke, err)
	}
	defer func() { _ = res.Body.Close() }() // what was read stands, whatever closing says
	if answer := outbound.Read(res, maxAnswer); !answer.OK() {
		return oauthRefusal(opRevoke, answer)
	}
	return nil
}

func (o *OAuth) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, o.http)
}

// OAuth's words (RFC 6749, 5.2).
const (
	invalidGrant       = "invalid_grant"       // a code or a refresh token is used up, expired or withdrawn
	invalidClient      = "invalid_client"      // the app or its secret is unknown
	unauthorizedClient = "unauthorized_client" // the app may not ask for this
)

// GrantEnded tells that a refresh token works no more: the app was uninstalled,
// or its consent was withdrawn. Only a new consent helps.
func GrantEnded(err error) bool {
	refused, ok := errors.AsType[*bridge.Error](err)
	return ok && refused.Op == opRefresh && refused.Code == invalidGrant
}

// AppRefused tells that HubSpot does not know the app, or its secret. That says
// nothing about the grant (RFC 6749, 5.2).
func AppRefused(err error) bool {
	refused, ok := errors.AsType[*bridge.Error](err)
	return ok && (refused.Code == invalidClient || refused.Code == unauthorizedClient)
}

func (o *OAuth) tokens(token *oauth2.Token, op string, err error) (bridge.Tokens, error) {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return bridge.Tokens{}, oauthRefusal(op, outbound.Answer{
			Status: refused.Response.StatusCode, Header: refused.Response.Header, Body: refused.Body,
		})
	}
	if err != nil {
		if _, network := errors.AsType[*url.Error](err); network {
			return bridge.Tokens{}, outbound.Unreachable(op, err)
		}
		// Whatever else the library says may quote the answer.
		return bridge.Tokens{}, outbound.Unreadable(op, http.StatusOK)
	}
	return bridge.Tokens{
		Access: token.AccessToken, Refresh: token.RefreshToken, ClientID: o.config.ClientID,
		ExpiresIn: life(token.ExpiresIn),
	}, nil
}

// life is how long an access token lives, however odd the number of seconds.
func life(seconds int64) time.Duration {
	const unknown, most = 10 * time.Minute, 24 * time.Hour
	if seconds <= 0 {
		return unknown
	}
	return time.Duration(min(seconds, int64(most/time.Second))) * time.Second
}

// oauthRefusal translates a refusal of the OAuth endpoints, which name their
// reason in OAuth's words (RFC 6749, 5.2).
func oauthRefusal(op string, a outbound.Answer) *bridge.Error {
	var said struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(a.Body, &said) != nil || !harmlessCode.MatchString(said.Error) {
		return refusal(op, a)
	}
	e := &bridge.Error{Kind: kindOfStatus(a.Status), Op: op, Status: a.Status, Code: said.Error, VendorMessage: said.Description}
	switch said.Error {
	case invalidGrant, "access_denied":
		e.Kind = bridge.Unauthorized
	case invalidClient, unauthorizedClient:
		e.Kind = bridge.Unavailable // about this process, which another may stand in for
	}
	if e.Kind == bridge.Throttled {
		e.RetryAfter = wait(a, "")
	}
	return e
}
