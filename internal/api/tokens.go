package api

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Token is a token of this API, without its secret.
type Token struct {
	ID         string      `json:"id"` // its public part
	Name       string      `json:"name"`
	Role       bridge.Role `json:"role"`
	CreatedAt  time.Time   `json:"created_at"`
	CreatedBy  string      `json:"created_by"`
	ExpiresAt  time.Time   `json:"expires_at"`
	LastUsedAt time.Time   `json:"last_used_at,omitzero"` // to the minute; left out: never
	RevokedAt  time.Time   `json:"revoked_at,omitzero"`   // left out: it was not
}

// CreatedToken is a new token with its secret, which is shown this once.
type CreatedToken struct {
	Token
	Secret string `json:"token"` // for the header "Authorization: Bearer ..."
}

// NewToken says which token to make.
type NewToken struct {
	Name          string      `json:"name"`
	Role          bridge.Role `json:"role"`
	ExpiresInDays int         `json:"expires_in_days,omitempty"` // 0: operator.TokenDays
}

func tokenOf(t store.APIToken) Token {
	return Token{
		ID: t.ID, Name: t.Name, Role: t.Role, CreatedAt: utc(t.CreatedAt), CreatedBy: t.CreatedBy, ExpiresAt: utc(t.ExpiresAt),
		LastUsedAt: utc(t.LastUsedAt), RevokedAt: utc(t.RevokedAt),
	}
}

// fitTokenName keeps names fit for logs and tables.
var fitTokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$`)

func (h *Handler) createToken(r *request) (any, error) {
	var in NewToken
	r.body(&in)
	r.required("name", in.Name)
	if in.Name != "" && !fitTokenName.MatchString(in.Name) {
		r.mistake("name", "must be letters, digits, spaces, dots, dashes and underscores, at most 64, and begin with a letter or digit")
	}
	if !in.Role.Valid() {
		r.mistake("role", "must be one of: %s", roleNames())
	}
	if in.ExpiresInDays < 0 || in.ExpiresInDays > operator.MaxTokenDays {
		r.mistake("expires_in_days", "must be a whole number from 1 to %d", operator.MaxTokenDays)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	t, secret, err := h.access.CreateToken(r.Context(), r.caller, operator.NewToken{Name: in.Name, Role: in.Role, Days: in.ExpiresInDays})
	return CreatedToken{Token: tokenOf(t), Secret: secret}, err
}

func roleNames() string {
	names := make([]string, 0, len(bridge.Roles()))
	for _, role := range bridge.Roles() {
		names = append(names, string(role))
	}
	return strings.Join(slices.Clip(names), ", ")
}

func (h *Handler) listTokens(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	all, err := h.access.Tokens(r.Context())
	return onePage(collect(all, tokenOf)), err
}

func (h *Handler) revokeToken(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	t, err := h.access.RevokeToken(r.Context(), r.PathValue("token"))
	return tokenOf(t), err
}

// CreateToken makes a token and returns it with its secret, which nobody can
// read again.
func (c *Client) CreateToken(ctx context.Context, in NewToken) (CreatedToken, error) {
	return send[CreatedToken](ctx, c, call{operation: "createToken", in: in})
}

// Tokens lists all tokens, the newest first, also those that have ended.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	page, err := send[Page[Token]](ctx, c, call{operation: "listTokens"})
	return page.Items, err
}

// RevokeToken ends a token, named by its id, at once.
func (c *Client) RevokeToken(ctx context.Context, id string) (Token, error) {
	return send[Token](ctx, c, call{operation: "revokeToken", path: []string{id}})
}
