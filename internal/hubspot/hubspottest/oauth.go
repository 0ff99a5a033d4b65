package hubspottest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// tokenLife is how long an access token works (HubSpot docs: OAuth, 30 minutes)
// unless a portal's knob says otherwise.
const tokenLife = 30 * time.Minute

// oauth holds every code and token of the host.
type oauth struct {
	mu      sync.Mutex
	access  map[string]grant
	refresh map[string]refreshGrant
	codes   map[string]codeGrant
	fresh   map[string]int // access tokens and how many calls still refuse them
	apps    []App          // that may ask for tokens; the first is the host's own
	issued  int
}

type refreshGrant struct {
	portal int64
	app    string // client id; only this app can use the grant
	scopes []string
}

type codeGrant struct {
	refreshGrant
	redirect  string
	challenge string // PKCE, S256; "" for none
}

func (o *oauth) init(own App) {
	o.apps = []App{own}
	o.fresh = make(map[string]int)
	o.access = make(map[string]grant)
	o.refresh = make(map[string]refreshGrant)
	o.codes = make(map[string]codeGrant)
}

func (o *oauth) static(token string, portal int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.access[token] = grant{portal: portal}
}

// lookup finds what a token stands for; refused tells that the token is too
// fresh to be known everywhere.
func (o *oauth) lookup(token string) (g grant, known, refused bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g, known = o.access[token]
	if refused = o.fresh[token] > 0; refused {
		o.fresh[token]--
	}
	return g, known, refused
}

// AddApp makes one more app known to the token endpoint, as HubSpot knows every
// developer's. It cannot use what was granted to another one.
func (h *Host) AddApp(app App) {
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	h.oauth.apps = append(h.oauth.apps, app)
}

// app finds an app by its client id.
func (o *oauth) app(clientID string) (App, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.apps, func(a App) bool { return a.ClientID == clientID })
	if i < 0 {
		return App{}, false
	}
	return o.apps[i], true
}

// RevokeTokens makes every token of a portal invalid, as uninstalling the app does.
func (h *Host) RevokeTokens(portal int64) { h.oauth.revokePortal(portal) }

func (o *oauth) revokePortal(portal int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for t, g := range o.access {
		if g.portal == portal {
			delete(o.access, t)
		}
	}
	for t, g := range o.refresh {
		if g.portal == portal {
			delete(o.refresh, t)
		}
	}
}

func (o *oauth) name(kind string) string {
	o.issued++
	return fmt.Sprintf("%s-%d-%s", kind, o.issued, correlationID())
}

func (h *Host) oauthRoutes() {
	for _, v := range []string{"v1", "v3", "2026-03", current} {
		h.mux.HandleFunc("POST /oauth/"+v+"/token", h.serve(
			route{method: "POST", path: "/oauth/" + current + "/token", open: true, handle: h.issueToken}, v))
		h.mux.HandleFunc("POST /oauth/"+v+"/token/introspect", h.serve(
			route{method: "POST", path: "/oauth/" + current + "/token/introspect", open: true, handle: h.introspect}, v))
		h.mux.HandleFunc("POST /oauth/"+v+"/token/revoke", h.serve(
			route{method: "POST", path: "/oauth/" + current + "/token/revoke", open: true, handle: h.revoke}, v))
	}
	h.mux.HandleFunc("GET /oauth/authorize", h.consent)
	h.mux.HandleFunc("GET /oauth/{portal}/authorize", h.consent)
}

// consent plays app.hubspot.com's page and its visitor, who agrees unless the
// portal's knob says otherwise.
func (h *Host) consent(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	portal := h.first
	if id := r.PathValue("portal"); id != "" && err == nil {
		portal, err = h.portalByText(id)
	}
	app, known := h.oauth.app(q.Get("client_id"))
	if err != nil || !back.IsAbs() || !known {
		http.Error(w, "client_id, redirect_uri or portal is wrong", http.StatusBadRequest)
		return
	}
	scopes := strings.Fields(q.Get("scope") + " " + q.Get("optional_scope"))
	answer := back.Query()
	if knobs := portal.currentKnobs(); knobs.DenyConsent {
		answer.Set("error", cmp.Or(knobs.ConsentError, "access_denied"))
		answer.Set("error_description", cmp.Or(knobs.ConsentWords, "the user denied the request"))
	} else {
		answer.Set("code", h.authorizeCode(refreshGrant{portal.id, app.ClientID, scopes}, q.Get("redirect_uri"), q.Get("code_challenge")))
	}
	if state := q.Get("state"); state != "" {
		answer.Set("state", state)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// Authorize installs the app as a person would and returns the code for the
// token exchange. Nil scopes grant everything.
func (p *Portal) Authorize(redirectURI string, scopes []string) string {
	return p.host.authorizeCode(refreshGrant{p.id, p.host.app.ClientID, scopes}, redirectURI, "")
}

func (h *Host) authorizeCode(g refreshGrant, redirect, challenge string) string {
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	code := h.oauth.name("code")
	h.oauth.codes[code] = codeGrant{g, redirect, challenge}
	return code
}

// form reads the parameters. Dated versions take them from the body only.
func (c *call) form() (url.Values, *failure) {
	media, _, _ := strings.Cut(c.Header.Get("Content-Type"), ";")
	if media != "application/x-www-form-urlencoded" {
		return nil, fail(http.StatusUnsupportedMediaType, "", "Unsupported Media Type")
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil, invalid("Unable to parse the form")
	}
	if c.version == "v1" {
		for k, vs := range c.URL.Query() {
			form[k] = vs
		}
	}
	return form, nil
}

type oauthFailure struct {
	Status      string `json:"status"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Message     string `json:"message"`
}

func oauthRefused(status, kind, text string) reply {
	return reply{status: http.StatusBadRequest, body: oauthFailure{status, kind, text, text}}
}

// known finds the app of a form, or refuses what no app could have sent. HubSpot
// answers 400 here, other authorization servers 401 (RFC 6749, 5.2): a knob.
func (h *Host) known(form url.Values) (App, *reply) {
	app, known := h.oauth.app(form.Get("client_id"))
	kind, text := "BAD_CLIENT_ID", "missing or unknown client id"
	if known {
		if form.Get("client_secret") == app.ClientSecret {
			return app, nil
		}
		kind, text = "BAD_CLIENT_SECRET", "missing or invalid client secret"
	}
	out := oauthRefused(kind, "invalid_client", text)
	out.status = cmp.Or(h.first.currentKnobs().InvalidClientStatus, out.status)
	return App{}, &out
}

func (h *Host) issueToken(c *call) reply {
	form, f := c.form()
	if f != nil {
		return refused(f)
	}
	app, refusal := h.known(form)
	if refusal != nil {
		return *refusal
	}
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	switch form.Get("grant_type") {
	case "authorization_code":
		code, known := h.oauth.codes[form.Get("code")]
		if !known || code.app != app.ClientID || code.redirect != form.Get("redirect_uri") || !code.verified(form.Get("code_verifier")) {
			return oauthRefused("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code")
		}
		delete(h.oauth.codes, form.Get("code")) // a code works once
		return h.newTokens(code.refreshGrant, "")
	case "refresh_token":
		token := form.Get("refresh_token")
		g, known := h.oauth.refresh[token]
		if !known || g.app != app.ClientID {
			return oauthRefused("BAD_REFRESH_TOKEN", "invalid_grant", "refresh token is invalid, expired or revoked")
		}
		return h.newTokens(g, token)
	case "client_credentials":
		return h.appToken(strings.Fields(form.Get("scope")))
	default:
		return oauthRefused("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unsupported grant type")
	}
}

func (g codeGrant) verified(verifier string) bool {
	if g.challenge == "" {
		return true
	}
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == g.challenge
}

// newTokens answers a fresh access token. An old refresh token goes on working
// unless the portal's knob says that it rotates.
func (h *Host) newTokens(g refreshGrant, refresh string) reply {
	p, there := h.Portal(g.portal)
	if !there {
		return oauthRefused("BAD_HUB", "access_denied", "the account is not active")
	}
	knobs := p.currentKnobs()
	life := cmp.Or(time.Duration(knobs.TokenLife), tokenLife)
	if refresh == "" || knobs.RotateRefreshToken {
		delete(h.oauth.refresh, refresh)
		refresh = h.oauth.name("na1")
		h.oauth.refresh[refresh] = g
	}
	access := h.oauth.name("CNs")
	h.oauth.access[access] = grant{portal: g.portal, expires: h.now().Add(life), scopes: g.scopes}
	h.oauth.fresh[access] = knobs.RefuseFresh
	scopes := g.scopes
	if scopes == nil {
		scopes = []string{"oauth"}
	}
	return ok(map[string]any{
		"access_token": access, "refresh_token": refresh, "expires_in": int(life / time.Second),
		"token_type": "bearer", "token_use": "access_token", "hub_id": g.portal, "user_id": 77, "scopes": scopes,
	})
}

// appToken answers a token of the app itself, without a refresh token and
// without a portal (HubSpot docs: client credentials).
func (h *Host) appToken(scopes []string) reply {
	h.journal.mu.Lock()
	allowed := h.journal.knobs.Scopes
	h.journal.mu.Unlock()
	if len(scopes) == 0 {
		return oauthRefused("BAD_SCOPE", "invalid_scope", "missing scope")
	}
	for _, s := range scopes {
		if allowed != nil && !slices.Contains(allowed, s) {
			return oauthRefused("BAD_SCOPE", "invalid_scope", "the app has no scope "+s)
		}
	}
	access := h.oauth.name("CNa")
	h.oauth.access[access] = grant{app: true, expires: h.now().Add(tokenLife), scopes: scopes}
	return ok(map[string]any{
		"access_token": access, "expires_in": int(tokenLife / time.Second), "token_type": "bearer", "scopes": scopes,
	})
}

func (h *Host) introspect(c *call) reply {
	form, f := c.form()
	if f != nil {
		return refused(f)
	}
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	// The guide and the specification name the field differently; take any.
	for _, name := range []string{"token", "access_token", "refresh_token"} {
		if g, known := h.oauth.access[form.Get(name)]; known && g.expires.After(h.now()) {
			return h.described(g.portal, g.scopes, "access_token", int(g.expires.Sub(h.now()).Seconds()))
		}
		if g, known := h.oauth.refresh[form.Get(name)]; known {
			return h.described(g.portal, g.scopes, "refresh_token", 0)
		}
	}
	return ok(map[string]any{"active": false})
}

func (h *Host) described(portal int64, scopes []string, use string, seconds int) reply {
	return ok(map[string]any{
		"active": true, "hub_id": portal, "hub_domain": "portal-" + strconv.FormatInt(portal, 10) + ".example.test",
		"app_id": h.app.ID, "client_id": h.app.ClientID, "scopes": slices.Clone(scopes),
		"expires_in": seconds, "user_id": 77, "token_use": use, "is_private_distribution": false,
	})
}

// revoke ends a refresh token; access tokens already issued live on.
func (h *Host) revoke(c *call) reply {
	form, f := c.form()
	if f != nil {
		return refused(f)
	}
	if _, refusal := h.known(form); refusal != nil {
		return *refusal
	}
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	delete(h.oauth.refresh, form.Get("token"))
	return noContent()
}
