package operator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// A token reads adv_ID_SECRET. The id is public: it names the token in lists, in
// the audit log, and where wrong ones are counted. The secret has 130 random
// bits, so nobody guesses it, and a plain hash keeps it.
const (
	tokenPrefix = "adv_"
	tokenIDSize = 10
)

// Tokens live for TokenDays unless somebody asks for another number, up to
// MaxTokenDays.
const (
	TokenDays    = 90
	MaxTokenDays = 400
)

// BootstrapName is how the audit log names whoever shows ADMIN_TOKEN.
const BootstrapName = "ADMIN_TOKEN"

// Access is who may use an installation, and what they have asked for.
type Access struct {
	store     *store.Store
	bootstrap [sha256.Size]byte // of ADMIN_TOKEN
	lookups   chan struct{}     // a place for each look into the database that may be under way
	now       func() time.Time
}

// maxLookups keeps a flood of wrong tokens from taking the database's
// connections from everybody else.
const maxLookups = 4

// NewAccess returns the access to an installation. adminToken opens it until an
// admin's token exists; an empty one never does.
func NewAccess(s *store.Store, adminToken string, now func() time.Time) *Access {
	a := &Access{store: s, lookups: make(chan struct{}, maxLookups), now: now}
	if adminToken != "" {
		a.bootstrap = sha256.Sum256([]byte(adminToken))
	}
	return a
}

// TokenID is the public part of a token, empty for what does not look like one.
func TokenID(token string) string {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	id, _, whole := strings.Cut(rest, "_")
	if !ok || !whole || len(id) != tokenIDSize {
		return ""
	}
	return id
}

// Authenticate tells who shows a token. It refuses a token that opens nothing,
// with the kind bridge.Unauthorized.
func (a *Access) Authenticate(ctx context.Context, token string) (bridge.Caller, error) {
	given := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(given[:], a.bootstrap[:]) == 1 {
		return a.authenticateBootstrap(ctx)
	}
	id := TokenID(token)
	if id == "" {
		return bridge.Caller{}, errWrongToken()
	}
	found, err := a.inTurn(ctx, func() (store.APIToken, error) { return a.store.UseAPIToken(ctx, id, given[:]) })
	return a.callerOf(found, err)
}

// Resume tells who a caller is now that was authenticated earlier, when somebody
// signed in to the console. It refuses a caller whose token has ended since, with
// the kind bridge.Unauthorized.
func (a *Access) Resume(ctx context.Context, c bridge.Caller) (bridge.Caller, error) {
	switch c.Kind {
	case bridge.CallerToken:
		return a.callerOf(a.store.APIToken(ctx, c.TokenID))
	case bridge.CallerBootstrap:
		return a.authenticateBootstrap(ctx)
	default:
		return c, nil
	}
}

// callerOf is who shows a token that was looked up.
func (a *Access) callerOf(found store.APIToken, err error) (bridge.Caller, error) {
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
		return bridge.Caller{}, errWrongToken()
	case err != nil:
		return bridge.Caller{}, err
	case !found.RevokedAt.IsZero():
		return bridge.Caller{}, refuse(bridge.Unauthorized, "token_revoked", "this token was revoked: ask an admin for a new one")
	case !found.Live(a.now()):
		return bridge.Caller{}, refuse(bridge.Unauthorized, "token_expired",
			"this token expired on %s: ask an admin for another one", found.ExpiresAt.UTC().Format(time.DateOnly))
	}
	return bridge.Caller{Kind: bridge.CallerToken, Name: found.Name, TokenID: found.ID, Role: found.Role}, nil
}

func errWrongToken() error {
	return refuse(bridge.Unauthorized, "unauthorized", "pass an admin API token in the header \"Authorization: Bearer ...\"")
}

// authenticateBootstrap lets ADMIN_TOKEN in while nobody else could make a token.
func (a *Access) authenticateBootstrap(ctx context.Context) (bridge.Caller, error) {
	over, err := a.store.AdminTokenExists(ctx)
	if err != nil {
		return bridge.Caller{}, err
	}
	if over {
		return bridge.Caller{}, refuse(bridge.Unauthorized, "bootstrap_over",
			"ADMIN_TOKEN only opens the admin API until there is an admin's token: use a token of your own, "+
				"or make one beside the database with \"starter token create\"")
	}
	return bridge.Caller{Kind: bridge.CallerBootstrap, Name: BootstrapName, Role: bridge.RoleAdmin}, nil
}

// inTurn waits for its turn at the database.
func (a *Access) inTurn(ctx context.Context, find func() (store.APIToken, error)) (store.APIToken, error) {
	select {
	case a.lookups <- struct{}{}:
		defer func() { <-a.lookups }()
		return find()
	case <-ctx.Done():
		return store.APIToken{}, context.Cause(ctx)
	}
}

// NewToken says which token to make.
type NewToken struct {
	Name string // unlike that of any other token that is not revoked
	Role bridge.Role
	Days int // until it expires; 0: TokenDays
}

// CreateToken makes a token for somebody and returns it with its secret, which
// is told this once.
func (a *Access) CreateToken(ctx context.Context, by bridge.Caller, n NewToken) (t store.APIToken, token string, err error) {
	id := strings.ToLower(rand.Text()[:tokenIDSize])
	token = tokenPrefix + id + "_" + strings.ToLower(rand.Text())
	hash := sha256.Sum256([]byte(token))
	if n.Days == 0 {
		n.Days = TokenDays
	}
	t, err = a.store.CreateAPIToken(ctx, store.APIToken{
		ID: id, Name: n.Name, Role: n.Role, CreatedBy: by.Name, ExpiresAt: a.now().AddDate(0, 0, n.Days),
	}, hash[:])
	if bridge.KindOf(err) == bridge.Conflict {
		return t, "", refuse(bridge.Conflict, "token_name_taken",
			"there is a token named %q: choose another name, or revoke that one first", n.Name)
	}
	if err != nil {
		return t, "", err
	}
	return t, token, nil
}

// Tokens lists all tokens, the newest first, also those that were revoked or
// have expired.
func (a *Access) Tokens(ctx context.Context) ([]store.APIToken, error) { return a.store.APITokens(ctx) }

// RevokeToken ends a token, named by its id, at once.
func (a *Access) RevokeToken(ctx context.Context, id string) (store.APIToken, error) {
	t, err := a.store.RevokeAPIToken(ctx, id)
	if bridge.KindOf(err) == bridge.NotFound {
		err = refuse(bridge.NotFound, "unknown_token", "there is no token %q: see \"starter token list\"", id)
	}
	return t, err
}

// BeginAudit makes durable that somebody asks for something, before it is done.
func (a *Access) BeginAudit(ctx context.Context, e store.AuditEntry) (int64, error) {
	return a.store.BeginAudit(ctx, e)
}

// EndAudit makes durable how it ended.
func (a *Access) EndAudit(ctx context.Context, id int64, o store.AuditOutcome) error {
	return a.store.EndAudit(ctx, id, o)
}

// AuditLog returns entries of the audit log, the latest first, at most limit:
// those before an entry's id, or the latest for 0.
func (a *Access) AuditLog(ctx context.Context, f store.AuditFilter, before int64, limit int) ([]store.AuditEntry, error) {
	return a.store.AuditLog(ctx, f, before, limit)
}
