package console

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"advocatesync/internal/bridge"
)

// OIDC says which identity provider lets people sign in, and what they may do.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	RoleClaim    string     // the claim whose values mean roles
	Roles        []RoleRule // the first that fits counts
}

// RoleRule gives whoever's claim has a value a role.
type RoleRule struct {
	Value string
	Role  bridge.Role
}

// callbackPath is where the identity provider sends people back to.
const callbackPath = "/sign-in/oidc/callback"

// What a session keeps while somebody is at the identity provider.
const (
	keyState    = "oidc_state"
	keyNonce    = "oidc_nonce"
	keyVerifier = "oidc_verifier"
	keyNext     = "oidc_next"
)

// identityTimeout bounds each call to the identity provider.
const identityTimeout = 10 * time.Second

// identity is the identity provider. It is asked for its addresses and keys when
// somebody signs in first, so that the console starts without it.
type identity struct {
	cfg    OIDC
	public string

	mu       sync.Mutex
	provider *oidc.Provider // nil: not asked yet
}

// found returns the provider and our side of its sign-in.
func (i *identity) found() (*oidc.Provider, *oauth2.Config, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider == nil {
		// The provider goes on to use this context's client when it fetches keys, so
		// it must not end with a request.
		ctx := oidc.ClientContext(context.Background(), &http.Client{Timeout: identityTimeout})
		provider, err := oidc.NewProvider(ctx, i.cfg.Issuer)
		if err != nil {
			return nil, nil, err
		}
		i.provider = provider
	}
	return i.provider, &oauth2.Config{
		ClientID: i.cfg.ClientID, ClientSecret: i.cfg.ClientSecret, Endpoint: i.provider.Endpoint(),
		RedirectURL: i.public + callbackPath, Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}, nil
}

// noAnswer says that the identity provider cannot be asked.
func (c *Console) noAnswer(v *visit, err error) error {
	c.log.WarnContext(v.ctx(), "the identity provider does not answer", "request_id", v.id, "err", err)
	return refusal(http.StatusBadGateway, "identity_unavailable", "The identity provider does not answer. Try again in a minute, or sign in with a token.")
}

// leave sends somebody to the identity provider.
func (c *Console) leave(v *visit) (answer, error) {
	if c.identity == nil {
		return nil, notFound("There is no such page.")
	}
	_, client, err := c.identity.found()
	if err != nil {
		return nil, c.noAnswer(v, err)
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	for key, value := range map[string]string{keyState: state, keyNonce: nonce, keyVerifier: verifier, keyNext: localPath(v.URL.Query().Get("next"))} {
		c.sessions.Put(v.ctx(), key, value)
	}
	return away{client.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier))}, nil
}

// back takes the identity provider's answer. The state that it carries works once,
// and only in the browser that was sent there.
func (c *Console) back(v *visit) (answer, error) {
	if c.identity == nil {
		return nil, notFound("There is no such page.")
	}
	ctx, query := v.ctx(), v.URL.Query()
	state, nonce := c.sessions.PopString(ctx, keyState), c.sessions.PopString(ctx, keyNonce)
	verifier, next := c.sessions.PopString(ctx, keyVerifier), localPath(c.sessions.PopString(ctx, keyNext))
	if state == "" || subtle.ConstantTimeCompare([]byte(state), []byte(query.Get("state"))) != 1 {
		return nil, refusal(http.StatusForbidden, "other_visit", "This answer belongs to another browser, or to a sign-in that is over. Sign in again.")
	}
	if query.Get("error") != "" {
		return nil, refusal(http.StatusForbidden, "declined", "The identity provider did not sign you in. Sign in again, or ask whoever runs it.")
	}
	provider, client, err := c.identity.found()
	if err != nil {
		return nil, c.noAnswer(v, err)
	}
	ctx = oidc.ClientContext(ctx, &http.Client{Timeout: identityTimeout})
	tokens, err := client.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return nil, c.noAnswer(v, err)
	}
	caller, err := c.identity.caller(ctx, provider, tokens, nonce)
	if err != nil {
		c.log.WarnContext(ctx, "somebody was not signed in", "request_id", v.id, "err", err)
		return nil, refusal(http.StatusForbidden, "no_role", "You are known, but have no role here. Ask an admin of this installation for one, and sign in again.")
	}
	if err := c.enter(v, caller); err != nil {
		return nil, err
	}
	return see{path: next}, nil
}

// claims are what we read of an identity token.
type claims struct {
	Subject string `json:"sub"`
	Name    string `json:"preferred_username"`
	Email   string `json:"email"`
	Nonce   string `json:"nonce"`
}

// caller verifies an identity token and says who that is here. Its errors name
// nobody.
func (i *identity) caller(ctx context.Context, provider *oidc.Provider, tokens *oauth2.Token, nonce string) (bridge.Caller, error) {
	raw, _ := tokens.Extra("id_token").(string)
	token, err := provider.Verifier(&oidc.Config{ClientID: i.cfg.ClientID}).Verify(ctx, raw)
	if err != nil {
		return bridge.Caller{}, fmt.Errorf("the identity token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return bridge.Caller{}, errors.New("the identity token belongs to another sign-in")
	}
	var who claims
	all := map[string]any{}
	if err := errors.Join(token.Claims(&who), token.Claims(&all)); err != nil {
		return bridge.Caller{}, fmt.Errorf("the identity token: %w", err)
	}
	role := i.role(all[i.cfg.RoleClaim])
	if role == "" {
		return bridge.Caller{}, fmt.Errorf("no value of the claim %q means a role", i.cfg.RoleClaim)
	}
	return bridge.Caller{Kind: bridge.CallerPerson, Name: cmp.Or(who.Name, who.Email, who.Subject), Role: role}, nil
}

// role is what a claim's values mean; it is empty if none means anything.
func (i *identity) role(claim any) bridge.Role {
	var values []string
	switch claim := claim.(type) {
	case string:
		values = []string{claim}
	case []any:
		for _, one := range claim {
			if text, ok := one.(string); ok {
				values = append(values, text)
			}
		}
	}
	for _, rule := range i.cfg.Roles {
		if slices.Contains(values, rule.Value) {
			return rule.Role
		}
	}
	return ""
}

// away sends the browser to another site.
type away struct{ address string }

func (a away) write(_ *Console, v *visit, w http.ResponseWriter) error {
	http.Redirect(w, v.Request, a.address, http.StatusSeeOther)
	return nil
}
