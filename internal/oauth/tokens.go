// Package oauth lets portals in by consent instead of a static token: the way
// through HubSpot's consent page, and the tokens that come of it.
//
// An access token lives for half an hour. All processes share one pair of
// tokens per connection, through the database: whoever finds it about to expire
// first claims its refresh, and everybody else goes on with the old token or,
// where that is dead, waits for the new one.
package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sethvargo/go-retry"
	"golang.org/x/sync/singleflight"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

const (
	// ahead is how long before its end an access token is refreshed, so that
	// nobody has to wait for the next one.
	ahead = 5 * time.Minute
	// safe is how much of its life a token must have left to be used: a call may
	// wait for the portal's budget before it is made.
	safe = time.Minute
	// brandNew is how old a token is at most for a 401 to be HubSpot's last word:
	// another refresh would bring nothing else.
	brandNew = time.Minute

	// patience bounds all that one process does about one token at a time. It is
	// shorter than the claim, so that nobody else claims while this one lives.
	patience = 25 * time.Second
	claim    = 30 * time.Second
	// lookAgain is how soon somebody who waits for another process's refresh
	// looks, and recheck how soon somebody who need not wait does.
	lookAgain = 100 * time.Millisecond
	recheck   = 5 * time.Second
)

// Store is where all processes keep the tokens.
type Store interface {
	Tokens(ctx context.Context, connectionID string) (store.TokenState, error)
	ClaimRefresh(ctx context.Context, connectionID string, generation int64, lease time.Duration) (bool, error)
	SaveTokens(ctx context.Context, connectionID string, generation int64, t bridge.Tokens) error
	EndTokens(ctx context.Context, connectionID string, generation int64) error
	ReleaseRefresh(ctx context.Context, connectionID string, generation int64, pause time.Duration) error
}

// refresher asks HubSpot for the next pair.
type refresher interface {
	Refresh(ctx context.Context, refresh string) (bridge.Tokens, error)
}

// Tokens hands out the access tokens of connections. It is safe for concurrent
// use; one per process is enough.
type Tokens struct {
	store  Store
	vendor refresher
	now    func() time.Time

	flights singleflight.Group // one look at a connection's tokens at a time

	mu   sync.Mutex
	held map[string]heldToken // by connection id
}

// heldToken is a token that can be used without a look at the database.
type heldToken struct {
	access string
	until  time.Time
}

// NewTokens returns the tokens kept in a store.
func NewTokens(s Store, vendor refresher, now func() time.Time) *Tokens {
	return &Tokens{store: s, vendor: vendor, now: now, held: map[string]heldToken{}}
}

// Token returns an access token that works for a minute or more. The error is
// bridge.Unauthorized once only a new consent helps, and bridge.Throttled while
// HubSpot wants its token endpoint to be left alone.
func (t *Tokens) Token(ctx context.Context, connectionID string) (string, error) {
	t.mu.Lock()
	held, ok := t.held[connectionID]
	t.mu.Unlock()
	if ok && t.now().Before(held.until) {
		return held.access, nil
	}
	return t.together(ctx, connectionID, "")
}

// Renew returns another access token than one that HubSpot has rejected.
func (t *Tokens) Renew(ctx context.Context, connectionID, rejected string) (string, error) {
	return t.together(ctx, connectionID, rejected)
}

// together looks once for all callers of this process. A caller who gives up
// does not stop the look: what it brings is not to be lost.
func (t *Tokens) together(ctx context.Context, connectionID, rejected string) (string, error) {
	flight := t.flights.DoChan(connectionID+" "+rejected, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		return t.current(ctx, connectionID, rejected)
	})
	select {
	case result := <-flight:
		access, _ := result.Val.(string) // empty beside an error
		return access, result.Err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// current finds a token that works, and has the pair refreshed where it is time.
func (t *Tokens) current(ctx context.Context, connectionID, rejected string) (string, error) {
	for {
		state, err := t.store.Tokens(ctx, connectionID)
		if err != nil {
			return "", err
		}
		refused := state.Access == rejected
		usable := !refused && state.ExpiresIn > safe
		switch {
		case state.Ended:
			return "", errEnded()
		case usable && state.ExpiresIn > ahead:
			t.hold(connectionID, state.Access, state.ExpiresIn-ahead)
			return state.Access, nil
		case refused && state.Age < brandNew:
			return "", &bridge.Error{Kind: bridge.Unauthorized, Op: "hubspot.renew_token", Err: errors.New("HubSpot rejects a new token")}
		}
		claimed, err := t.store.ClaimRefresh(ctx, connectionID, state.Generation, claim)
		switch {
		case err != nil:
			return "", err
		case claimed:
			err = t.refresh(ctx, connectionID, state)
		case state.Pause > 0:
			err = &bridge.Error{Kind: bridge.Throttled, Op: "hubspot.refresh_token", RetryAfter: state.Pause}
		}
		switch {
		case err == nil && claimed: // look at what came of it
		case usable: // the refresh is for later
			t.hold(connectionID, state.Access, min(recheck, state.ExpiresIn-safe))
			return state.Access, nil
		case err != nil:
			return "", err
		default:
			if err := wait(ctx, lookAgain); err != nil {
				return "", err
			}
		}
	}
}

// refresh asks for the next pair, as the only one to do so. Without an error
// there is something new to see: the next pair, or that there will be none.
func (t *Tokens) refresh(ctx context.Context, connectionID string, state store.TokenState) error {
	next, err := t.vendor.Refresh(ctx, state.Refresh)
	switch {
	case hubspot.GrantEnded(err):
		return t.store.EndTokens(ctx, connectionID, state.Generation)
	case err != nil:
		var pause time.Duration
		if refusal, ok := errors.AsType[*bridge.Error](err); ok && refusal.Kind == bridge.Throttled {
			pause = refusal.RetryAfter
		}
		return errors.Join(err, t.store.ReleaseRefresh(ctx, connectionID, state.Generation, pause))
	}
	// HubSpot may have ended the old refresh token with this answer: it is worth
	// more than one try to keep the new one.
	backoff := retry.WithMaxRetries(5, retry.NewExponential(50*time.Millisecond))
	return retry.Do(ctx, backoff, func(ctx context.Context) error {
		err := t.store.SaveTokens(ctx, connectionID, state.Generation, next)
		switch bridge.KindOf(err) {
		case bridge.NotFound:
			return nil // a new consent came meanwhile
		case bridge.Unavailable:
			return retry.RetryableError(err)
		default:
			return err
		}
	})
}

func errEnded() error {
	return &bridge.Error{
		Kind: bridge.Unauthorized, Op: "hubspot.refresh_token", Code: "invalid_grant",
		Err: errors.New("the app was uninstalled, or its consent withdrawn: connect again"),
	}
}

func (t *Tokens) hold(connectionID, access string, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held[connectionID] = heldToken{access: access, until: t.now().Add(d)}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &bridge.Error{Kind: bridge.Unavailable, Op: "hubspot.refresh_token", Err: errors.New("another worker's refresh did not end")}
	}
}

// Client returns a client of HubSpot for a connection: with its static token, or
// where that is empty, with those of its consent. timeout bounds a call.
func Client(base *url.URL, t *Tokens, connectionID, static string, timeout time.Duration) *hubspot.Client {
	if static != "" {
		token := func(context.Context) (string, error) { return static, nil }
		return hubspot.New(base, token, &http.Client{Timeout: timeout})
	}
	token := func(ctx context.Context) (string, error) { return t.Token(ctx, connectionID) }
	return hubspot.New(base, token, &http.Client{Timeout: timeout, Transport: t.Transport(connectionID, http.DefaultTransport)})
}

// Transport sends requests that carry one of the connection's access tokens, and
// sends one again, once, with another token where HubSpot rejects the first:
// its clock, or an administrator, may end a token before its time.
func (t *Tokens) Transport(connectionID string, next http.RoundTripper) http.RoundTripper {
	return transport{tokens: t, connectionID: connectionID, next: next}
}

type transport struct {
	tokens       *Tokens
	connectionID string
	next         http.RoundTripper
}

// RoundTrip sends the request.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(req)
	if err != nil || res.StatusCode != http.StatusUnauthorized || req.Body != nil && req.GetBody == nil {
		return res, err
	}
	rejected := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	access, err := t.tokens.Renew(req.Context(), t.connectionID, rejected)
	if err != nil {
		return res, nil //nolint:nilerr // HubSpot's own answer says best what is wrong
	}
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return res, nil //nolint:nilerr // the answer stands
		}
	}
	_ = res.Body.Close() // another answer takes its place
	again.Header.Set("Authorization", "Bearer "+access)
	return t.next.RoundTrip(again)
}
