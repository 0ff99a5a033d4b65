package console

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Sessions end after a working day, or after an hour in which nobody did anything.
const (
	sessionLife = 12 * time.Hour
	sessionIdle = time.Hour
)

// newSessions returns the manager of sessions, whose cookie goes to our own pages
// alone. The database keeps a hash of the cookie's value.
func newSessions(kept scs.CtxStore, public *url.URL, log *slog.Logger) *scs.SessionManager {
	m := scs.New()
	m.Store, m.HashTokenInStore = kept, true
	m.Lifetime, m.IdleTimeout = sessionLife, sessionIdle
	m.Cookie.HttpOnly = true
	// Lax, not Strict: a link in an email, or HubSpot's consent page, has to lead to
	// a page of somebody who is signed in. Forms of other sites are refused anyway.
	m.Cookie.SameSite = http.SameSiteLaxMode
	m.Cookie.Persist = false
	m.Cookie.Path = strings.TrimRight(public.Path, "/") + "/"
	m.Cookie.Name = "advocatesync_session"
	if public.Scheme == "https" {
		m.Cookie.Secure = true
		m.Cookie.Name = "__Secure-" + m.Cookie.Name
		if m.Cookie.Path == "/" {
			m.Cookie.Name = "__Host-advocatesync_session" // no other host of the domain can set it
		}
	}
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		id := newRequestID()
		log.ErrorContext(r.Context(), "console session", "request_id", id, "err", err)
		http.Error(w, "The database does not answer. Try again in a minute. Request "+id, http.StatusServiceUnavailable)
	}
	return m
}

// What a session keeps.
const (
	keyKind    = "kind"
	keyName    = "name"
	keyTokenID = "token_id"
	keyRole    = "role"
	keyNotice  = "notice" // for the next page
)

func newRequestID() string { return strings.ToLower(rand.Text()[:16]) }

// identify finds out who is signed in. Whoever's token has ended is signed out.
func (c *Console) identify(v *visit) error {
	ctx := v.ctx()
	signedIn := bridge.Caller{
		Kind: bridge.CallerKind(c.sessions.GetString(ctx, keyKind)), Name: c.sessions.GetString(ctx, keyName),
		TokenID: c.sessions.GetString(ctx, keyTokenID), Role: bridge.Role(c.sessions.GetString(ctx, keyRole)),
	}
	if signedIn.Kind == "" {
		return nil
	}
	caller, err := c.access.Resume(ctx, signedIn)
	if refusal, ended := errors.AsType[*operator.Refusal](err); ended {
		if err := c.sessions.Clear(ctx); err != nil {
			return err
		}
		c.notify(v, "You were signed out: "+refusal.Error()+".")
		return nil
	}
	if err != nil {
		return err
	}
	v.caller, v.client = caller, c.api.ClientFor(caller, c.api.Remote(v.Request), v.id)
	return nil
}

// enter signs a caller in. The cookie's value is a new one, so that nobody who
// planted an old one is signed in as well.
func (c *Console) enter(v *visit, caller bridge.Caller) error {
	ctx := v.ctx()
	if err := c.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return err
	}
	c.sessions.Put(ctx, keyKind, string(caller.Kind))
	c.sessions.Put(ctx, keyName, caller.Name)
	c.sessions.Put(ctx, keyTokenID, caller.TokenID)
	c.sessions.Put(ctx, keyRole, string(caller.Role))
	return c.record(v, caller, operationSignIn)
}

// What people do that is no operation of the API, as the audit log spells it.
const (
	operationSignIn  = "signIn"
	operationSignOut = "signOut"
)

// record puts on record that somebody came or went.
func (c *Console) record(v *visit, caller bridge.Caller, operation string) error {
	entry := store.AuditEntry{Caller: caller, Operation: operation, RequestID: v.id}
	if from := c.api.Remote(v.Request); from.IsValid() {
		entry.Remote = from.String()
	}
	id, err := c.access.BeginAudit(v.ctx(), entry)
	if err != nil {
		return err
	}
	return c.access.EndAudit(v.ctx(), id, store.AuditOutcome{Result: store.AuditDone})
}

// notify has the next page say something.
func (c *Console) notify(v *visit, text string) { c.sessions.Put(v.ctx(), keyNotice, text) }
