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
	"advocatesync/internal/lenient"
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
	opAppToken = "hubspot.app_token"
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
	return o.tokens(ctx, opExchange, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {o.config.RedirectURL},
	})
}

// Refresh asks for a new access token. The refresh token that comes with it may
// be another one, and then the old one may be dead, so it has to be kept.
func (o *OAuth) Refresh(ctx context.Context, refresh string) (bridge.Tokens, error) {
	tokens, err := o.tokens(ctx, opRefresh, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	if err == nil && tokens.Refresh == "" {
		tokens.Refresh = refresh // it stays (RFC 6749, 6)
	}
	return tokens, err
}

// Revoke ends a refresh token. Access tokens that it brought live on until they
// expire, and the app stays installed. A token that is dead already is success.
func (o *OAuth) Revoke(ctx context.Context, refresh string) error {
	answer, err := o.post(ctx, opRevoke, o.revoke, url.Values{"token": {refresh}, "token_type_hint": {"refresh_token"}})
	if err != nil {
		return err
	}
	return acknowledged(opRevoke, answer)
}

// AppToken asks for a token of the app itself, of no portal and without a refresh
// token. The app must have all of the scopes.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/webhooks-journal/guide
func (o *OAuth) AppToken(ctx context.Context, scopes []string) (bridge.Tokens, error) {
	return o.tokens(ctx, opAppToken, url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")}})
}

// post makes a call in the app's name. Dated versions take parameters from the body
// alone (HubSpot docs: OAuth).
func (o *OAuth) post(ctx context.Context, op, address string, form url.Values) (outbound.Answer, error) {
	form.Set("client_id", o.config.ClientID)
	form.Set("client_secret", o.config.ClientSecret)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return outbound.Answer{}, &bridge.Error{Kind: bridge.Invalid, Op: op, Err: errors.New("request cannot be built")}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := o.http.Do(req)
	if err != nil {
		return outbound.Answer{}, outbound.Unreachable(op, err)
	}
	defer func() { _ = res.Body.Close() }() // what was read stands, whatever closing says
	answer := outbound.Read(res, maxTokenAnswer)
	switch {
	case !answer.OK():
		return answer, oauthRefusal(op, answer)
	case answer.Cut != nil:
		return answer, outbound.Unreachable(op, answer.Cut)
	}
	return answer, nil
}

// maxTokenAnswer bounds what is read of one answer, in bytes. Tokens have some
// hundred.
const maxTokenAnswer = 1 << 20

// tokens asks the token endpoint. A pair is lost if it is not understood, so only
// the access token has to be there and readable.
func (o *OAuth) tokens(ctx context.Context, op string, form url.Values) (bridge.Tokens, error) {
	answer, err := o.post(ctx, op, o.config.Endpoint.TokenURL, form)
	if err != nil {
		return bridge.Tokens{}, err
	}
	var out struct {
		Access    lenient.Text `json:"access_token"`
		Refresh   lenient.Text `json:"refresh_token"`
		ExpiresIn lenient.Text `json:"expires_in"`
	}
	undecoded := json.Unmarshal(answer.Body, &out)
	access, ok := out.Access.ID()
	refresh, readable := out.Refresh.ID()
	if undecoded != nil || !ok || access == "" || !readable {
		return bridge.Tokens{}, outbound.Unreadable(op, answer.Status) // the decoder's own words may quote the answer
	}
	return bridge.Tokens{Access: access, Refresh: refresh, ClientID: o.config.ClientID, ExpiresIn: life(out.ExpiresIn.String())}, nil
}

// life is how long an access token lives, however odd the number of seconds.
func life(expiresIn string) time.Duration {
	const unknown, most = 10 * time.Minute, 24 * time.Hour
	seconds, err := strconv.ParseFloat(strings.TrimSpace(expiresIn), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || !(seconds > 0) { // NaN is no number either
		return unknown
	}
	return time.Duration(min(seconds, most.Seconds()) * float64(time.Second))
}

// OAuth's words (RFC 6749, 5.2).
const (
	invalidGrant       = "invalid_grant"       // a code or a refresh token is used up, expired or withdrawn
	invalidClient      = "invalid_client"      // the app or its secret is unknown
	unauthorizedClient = "unauthorized_client" // the app may not ask for this
	invalidScope       = "invalid_scope"       // the app has no such scope
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

// oauthRefusal translates a refusal of the OAuth endpoints, which name their
// reason in OAuth's words (RFC 6749, 5.2).
func oauthRefusal(op string, a outbound.Answer) *bridge.Error {
	var said struct {
		Error       lenient.Text `json:"error"`
		Description lenient.Text `json:"error_description"`
	}
	about := a.Status/100 == 4 && a.Status != http.StatusTooManyRequests // a failure says nothing about a grant, whatever its words
	if json.Unmarshal(a.Body, &said) != nil || !harmlessCode.MatchString(said.Error.String()) || !about {
		return refusal(op, a)
	}
	e := &bridge.Error{Kind: kindOfStatus(a.Status), Op: op, Status: a.Status, Code: said.Error.String(), VendorMessage: said.Description.String()}
	switch e.Code {
	case invalidGrant, "access_denied":
		e.Kind = bridge.Unauthorized
	case invalidClient, unauthorizedClient:
		e.Kind = bridge.Unavailable // about this process, which another may stand in for
	}
	return e
}
