package hubspottest

import (
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

// tokenLife is how long an access token works (HubSpot docs: OAuth, 30 minutes).
const tokenLife = 30 * time.Minute

// oauth holds every code and token of the host.
type oauth struct {
	mu      sync.Mutex
	access  map[string]grant
	refresh map[string]refreshGrant
	codes   map[string]codeGrant
	issued  int
}

type refreshGrant struct {
	portal int64
	scopes []string
}

type codeGrant struct {
	refreshGrant
	redirect  string
	challenge string // PKCE, S256; "" for none
}

func (o *oauth) init() {
	o.access = make(map[string]grant)
	o.refresh = make(map[string]refreshGrant)
	o.codes = make(map[string]codeGrant)
}

func (o *oauth) static(token string, portal int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.access[token] = grant{portal: portal}
}

func (o *oauth) lookup(token string) (grant, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	g, ok := o.access[token]
	return g, ok
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
	if err != nil || !back.IsAbs() || q.Get("client_id") != h.app.ClientID {
		http.Error(w, "client_id, redirect_uri or portal is wrong", http.StatusBadRequest)
		return
	}
	scopes := strings.Fields(q.Get("scope") + " " + q.Get("optional_scope"))
	answer := back.Query()
	if portal.currentKnobs().DenyConsent {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "the user denied the request")
	} else {
		answer.Set("code", h.authorizeCode(portal.id, q.Get("redirect_uri"), scopes, q.Get("code_challenge")))
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
	return p.host.authorizeCode(p.id, redirectURI, scopes, "")
}

func (h *Host) authorizeCode(portal int64, redirect string, scopes []string, challenge string) string {
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	code := h.oauth.name("code")
	h.oauth.codes[code] = codeGrant{refreshGrant{portal, scopes}, redirect, challenge}
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

// known refuses a form that is not our app's.
func (h *Host) known(form url.Values) (refusal reply, ours bool) {
	switch {
	case form.Get("client_id") != h.app.ClientID:
		return oauthRefused("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id"), false
	case form.Get("client_secret") != h.app.ClientSecret:
		return oauthRefused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret"), false
	}
	return reply{}, true
}

func (h *Host) issueToken(c *call) reply {
	form, f := c.form()
	if f != nil {
		return refused(f)
	}
	if refusal, ours := h.known(form); !ours {
		return refusal
	}
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	switch form.Get("grant_type") {
	case "authorization_code":
		code, known := h.oauth.codes[form.Get("code")]
		if !known || code.redirect != form.Get("redirect_uri") || !code.verified(form.Get("code_verifier")) {
			return oauthRefused("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code")
		}
		delete(h.oauth.codes, form.Get("code")) // a code works once
		return h.newTokens(code.refreshGrant, "")
	case "refresh_token":
		token := form.Get("refresh_token")
		g, known := h.oauth.refresh[token]
		if !known {
			return oauthRefused("BAD_REFRESH_TOKEN", "invalid_grant", "refresh token is invalid, expired or revoked")
		}
		return h.newTokens(g, token)
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
	if refresh == "" || p.currentKnobs().RotateRefreshToken {
		delete(h.oauth.refresh, refresh)
		refresh = h.oauth.name("na1")
		h.oauth.refresh[refresh] = g
	}
	access := h.oauth.name("CNs")
	h.oauth.access[access] = grant{portal: g.portal, expires: h.now().Add(tokenLife), scopes: g.scopes}
	scopes := g.scopes
	if scopes == nil {
		scopes = []string{"oauth"}
	}
	return ok(map[string]any{
		"access_token": access, "refresh_token": refresh, "expires_in": int(tokenLife / time.Second),
		"token_type": "bearer", "token_use": "access_token", "hub_id": g.portal, "user_id": 77, "scopes": scopes,
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
	if refusal, ours := h.known(form); !ours {
		return refusal
	}
	h.oauth.mu.Lock()
	defer h.oauth.mu.Unlock()
	delete(h.oauth.refresh, form.Get("token"))
	return noContent()
}
