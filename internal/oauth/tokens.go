// Package oauth connects portals by consent instead of a static token: it
// handles HubSpot's consent page and the tokens that result.
//
// An access token lives for half an hour. All processes share one pair of
// tokens per connection, through the database: whoever finds it about to expire
// first claims its refresh; everybody else goes on with the old token or, if
// that is dead, waits for the new one.
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
	"advocatesync/internal/outbound"
	"advocatesync/internal/store"
)

// How a token's lifetime is used. These are upper bounds: they shrink with a
// short lifetime.
const (
	// ahead is how long before its end an access token is refreshed, so that
	// nobody has to wait for the next one.
	ahead = 5 * time.Minute
	// safe is how much lifetime a token must have left to be used rather than
	// replaced: a call may wait for the portal's budget before it is made.
	safe = time.Minute
	// young is up to what age a rejected token is tried again rather than replaced:
	// HubSpot's servers may not know it yet, and another one would be as new.
	young = time.Minute
)

const (
	// patience bounds all that one process does about one token at a time. It is
	// shorter than the claim, so that nobody else claims while this one lives.
	patience = 25 * time.Second
	claim    = 30 * time.Second
	// lookAgain is how often a caller that waits for another process's refresh
	// checks for it, and recheck how often a caller that need not wait does.
	lookAgain = 100 * time.Millisecond
	recheck   = 5 * time.Second
	// appPause is how long a process whose app HubSpot refuses asks for nothing.
	appPause = time.Minute
	// othersTurn is how long to wait before retrying work that another process
	// can do and this one cannot.
	othersTurn = 5 * time.Second
)

// Store is where all processes keep the tokens.
type Store interface {
	Tokens(ctx context.Context, connectionID string) (store.TokenState, error)
	ClaimRefresh(ctx context.Context, connectionID string, generation int64, lease time.Duration) (bool, error)
	SaveTokens(ctx context.Context, connectionID string, generation int64, t bridge.Tokens) error
	EndTokens(ctx context.Context, connectionID string, generation int64) error
	ReleaseRefresh(ctx context.Context, connectionID string, generation int64, pause time.Duration) error
}

// refresher asks HubSpot for the next pair, as one app.
type refresher interface {
	ClientID() string
	Refresh(ctx context.Context, refresh string) (bridge.Tokens, error)
}

// Tokens hands out the access tokens of connections. It is safe for concurrent
// use; one per process is enough.
//
// Only the app that got a pair can refresh it. A process that runs as another
// app uses the access token while it lives and leaves the refresh to others.
// What HubSpot says about the app concerns this process, never a connection;
// see Refused.
type Tokens struct {
	store  Store
	vendor refresher
	now    func() time.Time

	flights singleflight.Group // one read of a connection's tokens at a time
	refused chan struct{}      // closed once the app is refused for good
	end     func()             // closes it, once

	mu         sync.Mutex
	held       map[string]heldToken // by connection id
	refusals   int                  // of the app, in a row
	appRefused time.Time            // the last of them
}

// heldToken is a token that can be used without asking the database.
type heldToken struct {
	access string
	until  time.Time
}

// NewTokens returns the tokens kept in a store.
func NewTokens(s Store, vendor refresher, now func() time.Time) *Tokens {
	refused := make(chan struct{})
	return &Tokens{
		store: s, vendor: vendor, now: now, held: map[string]heldToken{},
		refused: refused, end: sync.OnceFunc(func() { close(refused) }),
	}
}

// Token returns an access token that works. The error is bridge.Unauthorized
// once only a new consent helps, bridge.Throttled while HubSpot throttles its
// token endpoint, and bridge.Unavailable if another process has to refresh the
// pair.
func (t *Tokens) Token(ctx context.Context, connectionID string) (string, error) {
	t.mu.Lock()
	held, ok := t.held[connectionID]
	t.mu.Unlock()
	if ok && t.now().Before(held.until) {
		return held.access, nil
	}
	return t.together(ctx, connectionID, "")
}

// Renew returns another access token than one that HubSpot has rejected. While
// that one is young there is no other: the error is errYoung.
func (t *Tokens) Renew(ctx context.Context, connectionID, rejected string) (string, error) {
	return t.together(ctx, connectionID, rejected)
}

// together reads once for all callers of this process. A caller that gives up
// does not stop the read, so that its result is not lost.
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

// current finds a token that works, and refreshes the pair when it is due.
func (t *Tokens) current(ctx context.Context, connectionID, rejected string) (string, error) {
	var first int64 // the generation that was there at the beginning
	for {
		state, err := t.store.Tokens(ctx, connectionID)
		if err != nil {
			return "", err
		}
		if first == 0 {
			first = state.Generation
		}
		access, fit := state.Access, fitness(state, rejected)
		switch {
		case state.Ended:
			return "", errEnded()
		case fit == good:
			t.hold(connectionID, access, state.ExpiresIn-min(ahead, state.Life/4))
			return access, nil
		case access != rejected && state.Generation > first:
			return access, nil // there is none that is newer, however short its life
		case access == rejected && state.Age < min(young, state.Life/2):
			return "", errYoung
		}
		refreshed, err := t.refreshOnce(ctx, connectionID, state)
		switch {
		case refreshed: // see the result
		case fit == aging: // the refresh is for later
			t.hold(connectionID, access, min(recheck, state.ExpiresIn-min(safe, state.Life/10)))
			return access, nil
		case err != nil && fit == dying:
			return access, nil
		case err != nil:
			return "", err
		default:
			if err := wait(ctx, lookAgain); err != nil {
				return "", err
			}
		}
	}
}

// How fit an access token is, from best to worst.
const (
	good  = iota // to be used
	aging        // to be used, and refreshed
	dying        // to be used only if there will be no other
	dead         // rejected or expired
)

func fitness(state store.TokenState, rejected string) int {
	switch left := state.ExpiresIn; {
	case state.Access == rejected || left <= 0:
		return dead
	case left > min(ahead, state.Life/4):
		return good
	case left > min(safe, state.Life/10):
		return aging
	default:
		return dying
	}
}

// refreshOnce asks for the next pair unless another process is doing so. It
// reports whether the stored pair has changed.
func (t *Tokens) refreshOnce(ctx context.Context, connectionID string, state store.TokenState) (bool, error) {
	if err := t.mayRefresh(state); err != nil {
		return false, err
	}
	claimed, err := t.store.ClaimRefresh(ctx, connectionID, state.Generation, claim)
	switch {
	case err != nil:
		return false, err
	case claimed:
		err = t.refresh(ctx, connectionID, state)
		return err == nil, err
	case state.Pause > 0:
		return false, &bridge.Error{Kind: bridge.Throttled, Op: "hubspot.refresh_token", RetryAfter: state.Pause}
	default:
		return false, nil
	}
}

// mayRefresh tells why this process must not ask for a pair's successor.
func (t *Tokens) mayRefresh(state store.TokenState) error {
	if state.ClientID != "" && state.ClientID != t.vendor.ClientID() {
		return errOtherApp()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusals > 0 && t.now().Sub(t.appRefused) < appPause {
		return errAppRefused()
	}
	return nil
}

// refresh asks for the next pair; the caller holds the claim. Without an error
// the stored pair has changed: to the next one, or to none.
func (t *Tokens) refresh(ctx context.Context, connectionID string, state store.TokenState) error {
	next, err := t.vendor.Refresh(ctx, state.Refresh)
	t.noteApp(err)
	switch {
	case hubspot.GrantEnded(err):
		return t.store.EndTokens(ctx, connectionID, state.Generation)
	case hubspot.AppRefused(err):
		return errors.Join(errAppRefused(), t.store.ReleaseRefresh(ctx, connectionID, state.Generation, 0))
	case err != nil:
		var pause time.Duration
		if refusal, ok := errors.AsType[*bridge.Error](err); ok && refusal.Kind == bridge.Throttled {
			pause = refusal.RetryAfter
		}
		return errors.Join(err, t.store.ReleaseRefresh(ctx, connectionID, state.Generation, pause))
	}
	// HubSpot may have revoked the old refresh token with this answer, so
	// storing the new one is tried more than once.
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

// believedFrom is from which refusal of the app on, each a pause after the one
// before, HubSpot is believed.
const believedFrom = 2

// noteApp counts refusals of the app. One may be a glitch of HubSpot's; two, a
// pause apart, count. Any answer about the grant proves that the app is known.
func (t *Tokens) noteApp(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case hubspot.AppRefused(err):
		t.refusals++
		t.appRefused = t.now()
		if t.refusals == believedFrom {
			t.end()
		}
	case err == nil || hubspot.GrantEnded(err):
		t.refusals = 0
	}
}

// Refused is closed once HubSpot has refused this process's app twice, with a
// pause in between. Such a process cannot refresh any token and should end;
// others, which run as the app that portals consented to, go on.
func (t *Tokens) Refused() <-chan struct{} { return t.refused }

// Err is why HubSpot does not know this process's app, as far as the process
// can tell; nil if it does. A single refusal may be a glitch.
func (t *Tokens) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusals >= believedFrom {
		return errAppRefused()
	}
	return nil
}

// Accepted is Err as a readiness check.
func (t *Tokens) Accepted(context.Context) error { return t.Err() }

func errEnded() error {
	return &bridge.Error{
		Kind: bridge.Unauthorized, Op: "hubspot.refresh_token", Code: "invalid_grant",
		Err: errors.New("the app was uninstalled, or its consent was withdrawn: connect again"),
	}
}

// errYoung is why a rejected token is not replaced.
var errYoung error = &bridge.Error{Kind: bridge.Unauthorized, Op: "hubspot.renew_token", Err: errors.New("HubSpot rejects a new token")}

func errAppRefused() error {
	return &bridge.Error{
		Kind: bridge.Unavailable, Op: "hubspot.refresh_token", Code: "invalid_client", RetryAfter: othersTurn,
		Err: errors.New("HubSpot refuses the app that this process runs as: check HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET, and restart it"),
	}
}

func errOtherApp() error {
	return &bridge.Error{
		Kind: bridge.Unavailable, Op: "hubspot.refresh_token", Code: "other_app", RetryAfter: othersTurn,
		Err: errors.New("the portal consented to another app than this process runs as: set HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET of that app, or connect again"),
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
		return &bridge.Error{Kind: bridge.Unavailable, Op: "hubspot.refresh_token", Err: errors.New("another process's refresh did not end")}
	}
}

// Client returns a HubSpot client for a connection: with its static token or,
// if that is empty, with the tokens of its consent. timeout bounds a call.
func Client(base *url.URL, t *Tokens, connectionID, static string, timeout time.Duration) *hubspot.Client {
	if static != "" {
		token := func(context.Context) (string, error) { return static, nil }
		return hubspot.New(base, token, &http.Client{Timeout: timeout})
	}
	token := func(ctx context.Context) (string, error) { return t.Token(ctx, connectionID) }
	return hubspot.New(base, token, &http.Client{Timeout: timeout, Transport: t.Transport(connectionID, http.DefaultTransport)})
}

// Granted returns a HubSpot client with an access token that was issued just
// now and that not all of HubSpot's servers may know yet.
func Granted(base *url.URL, access string, timeout time.Duration) *hubspot.Client {
	token := func(context.Context) (string, error) { return access, nil }
	return hubspot.New(base, token, &http.Client{Timeout: timeout, Transport: transport{
		renew: func(context.Context, string) (string, error) { return "", errYoung }, next: http.DefaultTransport,
	}})
}

// Transport sends requests with one of the connection's access tokens. If
// HubSpot rejects the token, it sends the request again: a few times with the
// same token while that is young, and once with another.
func (t *Tokens) Transport(connectionID string, next http.RoundTripper) http.RoundTripper {
	renew := func(ctx context.Context, rejected string) (string, error) {
		return t.Renew(ctx, connectionID, rejected)
	}
	return transport{renew: renew, next: next}
}

// youngPauses are the pauses before each further try of a young token.
var youngPauses = []time.Duration{200 * time.Millisecond, 800 * time.Millisecond, 2 * time.Second}

type transport struct {
	renew func(ctx context.Context, rejected string) (string, error)
	next  http.RoundTripper
}

// RoundTrip sends the request. If there is no other token to try, HubSpot's own
// answer stands, because it says best what is wrong.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	access := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	tries, replaced := 0, false
	for {
		res, err := t.next.RoundTrip(req)
		if err != nil || res.StatusCode != http.StatusUnauthorized || req.Body != nil && req.GetBody == nil {
			return res, err
		}
		renewed, err := t.renew(req.Context(), access)
		switch {
		case errors.Is(err, errYoung) && tries < len(youngPauses):
			if wait(req.Context(), youngPauses[tries]) != nil {
				return res, nil //nolint:nilerr // see above
			}
			tries++
		case err != nil || replaced:
			return res, nil //nolint:nilerr // see above
		default:
			access, replaced = renewed, true
		}
		again, err := resend(req, access)
		if err != nil {
			return res, nil //nolint:nilerr // see above
		}
		_ = res.Body.Close() // another answer takes its place
		if err := outbound.AskLeave(req.Context()); err != nil {
			return nil, err // not the rejection: nobody knows whether HubSpot means it
		}
		req = again
	}
}

// resend returns the request with another token, or with the same one again.
func resend(req *http.Request, access string) (*http.Request, error) {
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		again.Body = body
	}
	again.Header.Set("Authorization", "Bearer "+access)
	return again, nil
}
