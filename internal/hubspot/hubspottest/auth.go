package hubspottest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// grant is what an access token stands for.
type grant struct {
	portal  int64
	app     bool      // the app's own: for the journal only, of no portal
	expires time.Time // zero for static tokens
	scopes  []string  // nil for all
}

// authenticate finds the portal of the bearer token.
func (h *Host) authenticate(c *call) *failure {
	token, found := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	g, known, refused := h.oauth.lookup(token)
	if !found || !known || refused {
		return fail(http.StatusUnauthorized, "INVALID_AUTHENTICATION", "Authentication credentials not found. "+
			"This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview")
	}
	if late := h.now().Sub(g.expires); !g.expires.IsZero() && late >= 0 {
		return fail(http.StatusUnauthorized, "EXPIRED_AUTHENTICATION",
			"The OAuth token used to make this call expired %d second(s) ago.", int(late.Seconds()))
	}
	p, there := h.Portal(g.portal)
	if !there || g.app {
		return fail(http.StatusUnauthorized, "INVALID_AUTHENTICATION", "The app is not installed in this account.")
	}
	c.portal, c.grant = p, g
	return nil
}

// authorize checks that the installation has the scope of the operation.
func (c *call) authorize() *failure {
	scope := c.scope()
	if scope == "" {
		return nil
	}
	missing := slices.Contains(c.portal.currentKnobs().MissingScopes, scope)
	if !missing && (c.grant.scopes == nil || slices.Contains(c.grant.scopes, scope)) {
		return nil
	}
	return missingScope(scope)
}

func missingScope(scope string) *failure {
	f := fail(http.StatusForbidden, "MISSING_SCOPES",
		"This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.")
	f.Errors = []detail{{
		Message: "One or more of the following scopes are required.",
		Context: map[string][]string{"requiredGranularScopes": {scope}},
	}}
	f.Links = map[string]string{"scopes": "https://developers.hubspot.com/scopes"}
	return f
}

// scope names what the call needs, from its path and method (HubSpot docs: scopes).
func (c *call) scope() string {
	path := c.URL.Path
	if strings.HasPrefix(path, "/marketing/") || strings.HasPrefix(path, "/form-integrations/") {
		return "forms"
	}
	k, known := kindNamed(c.PathValue("objectType"))
	if !known {
		return ""
	}
	family := "objects"
	if strings.HasPrefix(path, "/crm/properties/") || strings.HasPrefix(path, "/crm/v3/properties/") {
		family = "schemas"
	}
	access := "write"
	if c.Method == http.MethodGet || strings.HasSuffix(path, "/batch/read") || strings.HasSuffix(path, "/search") {
		access = "read"
	}
	return "crm." + family + "." + k.plural + "." + access
}
