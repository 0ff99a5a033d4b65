package config

import (
	"net/url"
	"slices"
	"strings"
)

// OIDC says which identity provider lets people sign in to the console. The zero
// value: none does.
type OIDC struct {
	Issuer       string // as its discovery document names itself
	ClientID     string
	ClientSecret Secret

	// RoleClaim is the claim whose values are roles here, as Roles maps them. The
	// order of Roles decides about somebody who has several.
	RoleClaim string
	Roles     []OIDCRole
}

// OIDCRole maps a value of the claim to a role of ours.
type OIDCRole struct {
	Value string
	Role  string
}

// oidcRoles are the roles that a value can mean, the strongest first, which is the
// order where nobody chose one.
var oidcRoles = []string{"admin", "privacy", "operator", "viewer"}

func (r *reader) oidc() OIDC {
	issuer := r.get("OIDC_ISSUER")
	o := OIDC{
		Issuer: issuer, ClientID: r.get("OIDC_CLIENT_ID"), ClientSecret: Secret(r.secret("OIDC_CLIENT_SECRET")),
		RoleClaim: r.get("OIDC_ROLE_CLAIM"), Roles: r.oidcRoles(),
	}
	if o.RoleClaim == "" {
		o.RoleClaim = "roles"
	}
	if issuer == "" {
		if o.ClientID != "" || o.ClientSecret != "" {
			r.mistake("OIDC_ISSUER", "is not set, but OIDC_CLIENT_ID or OIDC_CLIENT_SECRET is: set all three, or none")
		}
		return OIDC{}
	}
	if u, err := url.Parse(issuer); err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
		r.mistake("OIDC_ISSUER", "must be the issuer's https address, such as https://login.example.com")
	}
	r.require("OIDC_CLIENT_ID", "the id under which the identity provider knows the console")
	r.requireSecret("OIDC_CLIENT_SECRET", "the secret of OIDC_CLIENT_ID")
	return o
}

// oidcRoles reads "value=role,value=role"; by default a value is the role's name.
func (r *reader) oidcRoles() []OIDCRole {
	const name = "OIDC_ROLES"
	var roles []OIDCRole
	for pair := range strings.SplitSeq(r.get(name), ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		value, role, _ := strings.Cut(pair, "=")
		if value == "" || !slices.Contains(oidcRoles, role) {
			r.mistake(name, "must be pairs such as marketing=operator,it=admin, with the roles %s", strings.Join(oidcRoles, ", "))
			return nil
		}
		roles = append(roles, OIDCRole{value, role})
	}
	if roles == nil {
		for _, role := range oidcRoles {
			roles = append(roles, OIDCRole{role, role})
		}
	}
	return roles
}
