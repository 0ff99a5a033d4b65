package oauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/oauth"
	"advocatesync/internal/outbound"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	callback   = "https://sync.example.test/oauth/hubspot/callback"
	tokenRoute = "POST /oauth/2026-09/token"
	account    = "GET /account-info/2026-09/details"
)

// lab is a portal that has consented, and the database that keeps its tokens.
type lab struct {
	crm        *hubspottest.Server
	clock      *clock // HubSpot's
	base       *url.URL
	app        *hubspot.OAuth
	store      *store.Store
	dsn        string
	connection bridge.Connection
}

// newLab connects a portal by consent, with an access token of HubSpot's usual life
// of which the database believes to be left what is left.
func newLab(t *testing.T, left time.Duration) *lab {
	t.Helper()
	clock := &clock{}
	crm := hubspottest.New(t, hubspottest.WithClock(clock.now))
	base, err := url.Parse(crm.URL)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{crm: crm, clock: clock, base: base}
	l.app = hubspot.NewOAuth(base, l.appData(), http.DefaultClient)
	l.store, l.dsn = storetest.NewWithDSN(t)
	l.consent(t, left)
	return l
}

// appData is the app that the portal consents to.
func (*lab) appData() hubspot.App {
	return hubspot.App{ClientID: hubspottest.DefaultClientID, ClientSecret: hubspottest.DefaultClientSecret, Callback: callback}
}

// consent has the portal consent, for the first time or once more.
func (l *lab) consent(t *testing.T, left time.Duration) {
	t.Helper()
	tokens, err := l.app.Exchange(t.Context(), l.crm.Authorize(callback, nil), "")
	if err != nil {
		t.Fatal(err)
	}
	l.connection, err = l.store.SaveConsented(t.Context(), bridge.Connection{
		PortalID: hubspottest.DefaultPortalID, Tenant: "tenant", Program: "1", Rules: bridge.DefaultRules,
	}, store.Credentials{AdvocateKey: "k"}, tokens)
	if err != nil {
		t.Fatal(err)
	}
	l.age(t, tokens.ExpiresIn-left)
	l.crm.Host().ResetCounts()
}

// age makes the pair in the database older.
func (l *lab) age(t *testing.T, by time.Duration) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), l.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	if _, err := db.Exec(t.Context(), "UPDATE hubspot_token SET issued_at = issued_at - $1::interval, expires_at = expires_at - $1::interval", by); err != nil {
		t.Fatal(err)
	}
}

// clock is a clock that a test can put forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) pass(d time.Duration) { c.ahead.Add(int64(d)) }

// worker is what one process has.
func (l *lab) worker() *oauth.Tokens { return oauth.NewTokens(l.store, l.app, time.Now) }

func (l *lab) refreshes() int { return l.crm.Host().Counts().Calls[tokenRoute] }

// works fails the test unless HubSpot takes the token.
func (l *lab) works(t *testing.T, access string) {
	t.Helper()
	if _, err := oauth.Client(l.base, nil, "", access, time.Minute).AccountDetails(t.Context()); err != nil {
		t.Errorf("HubSpot rejects the token: %v", err)
	}
}

// together asks all workers at once and returns what they got.
func (l *lab) together(t *testing.T, workers []*oauth.Tokens) ([]string, []error) {
	t.Helper()
	got, errs := make([]string, len(workers)), make([]error, len(workers))
	var all sync.WaitGroup
	for i, w := range workers {
		all.Go(func() { got[i], errs[i] = w.Token(t.Context(), l.connection.ID) })
	}
	all.Wait()
	return got, errs
}

func (l *lab) workers(n int) []*oauth.Tokens {
	all := make([]*oauth.Tokens, n)
	for i := range all {
		all[i] = l.worker()
	}
	return all
}

func TestToken_twentyWorkersAtOnceRefreshOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]time.Duration{
		"the old token is dead":            0,
		"the old token is about to expire": 2 * time.Minute,
	}
	for name, left := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, left)
			l.crm.Tune(func(k *hubspottest.Knobs) { k.RotateRefreshToken = true })
			workers := l.workers(20)
			for range 3 {
				got, errs := l.together(t, workers)
				if err := errors.Join(errs...); err != nil {
					t.Fatal(err)
				}
				for _, access := range got {
					l.works(t, access)
				}
			}
			if n := l.refreshes(); n != 1 {
				t.Errorf("%d calls of the token endpoint, want 1", n)
			}
		})
	}
}

func TestToken_isNotAskedForBeforeItIsTime(t *testing.T) {
	t.Parallel()
	l := newLab(t, 25*time.Minute)
	w := l.worker()
	for range 3 {
		if _, err := w.Token(t.Context(), l.connection.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.refreshes(); n != 0 {
		t.Errorf("%d calls of the token endpoint, want none", n)
	}
}

func TestToken_theTokenEndpointsPauseBindsEveryWorkerAndPortal(t *testing.T) {
	t.Parallel()
	l := newLab(t, 0)
	l.crm.Host().Inject(hubspottest.Fault{Route: tokenRoute, Status: http.StatusTooManyRequests, RetryAfter: 30, Times: -1})
	_, errs := l.together(t, l.workers(20))
	for _, err := range errs {
		refusal, ok := errors.AsType[*bridge.Error](err)
		if !ok || refusal.Kind != bridge.Throttled || refusal.RetryAfter <= 20*time.Second || refusal.RetryAfter > 30*time.Second {
			t.Errorf("error %v, want throttled for up to 30 s", err)
		}
	}
	if n := l.refreshes(); n != 1 {
		t.Errorf("%d calls of the token endpoint, want 1", n)
	}
	state, err := l.store.Tokens(t.Context(), l.connection.ID)
	if err != nil || state.Ended {
		t.Errorf("ended %t, error %v: a limit is no refusal", state.Ended, err)
	}
}

func TestToken_aTokenThatStillWorksIsUsedWhileItsRefreshFails(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3*time.Minute)
	l.crm.Host().Inject(hubspottest.Fault{Route: tokenRoute, Status: http.StatusBadGateway})
	access, err := l.worker().Token(t.Context(), l.connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	l.works(t, access)
}

func TestToken_survivesAnAnswerThatWasLost(t *testing.T) {
	t.Parallel()
	tests := map[string]hubspottest.Fault{
		"cut off":              {Route: tokenRoute, After: true, Drop: true},
		"replaced by a gate's": {Route: tokenRoute, After: true, Status: http.StatusGatewayTimeout},
	}
	for name, fault := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 0)
			l.crm.Host().Inject(fault)
			w := l.worker()
			if _, err := w.Token(t.Context(), l.connection.ID); bridge.KindOf(err) != bridge.Unavailable {
				t.Errorf("error %v, want unavailable: the activity tries again", err)
			}
			access, err := w.Token(t.Context(), l.connection.ID)
			if err != nil {
				t.Fatal(err)
			}
			l.works(t, access)
		})
	}
}

func TestToken_survivesTheDeathOfWhoeverRefreshes(t *testing.T) {
	t.Parallel()
	l := newLab(t, 0)
	state, err := l.store.Tokens(t.Context(), l.connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := l.store.ClaimRefresh(t.Context(), l.connection.ID, state.Generation, 300*time.Millisecond)
	if err != nil || !claimed {
		t.Fatalf("claimed %t, error %v", claimed, err)
	}
	access, err := l.worker().Token(t.Context(), l.connection.ID) // waits for the dead one's claim to end
	if err != nil {
		t.Fatal(err)
	}
	l.works(t, access)
}

func TestToken_afterAnUninstallOnlyANewConsentHelps(t *testing.T) {
	t.Parallel()
	l := newLab(t, 0)
	l.crm.Host().RevokeTokens(hubspottest.DefaultPortalID)
	workers := l.workers(5)
	for range 2 {
		_, errs := l.together(t, workers)
		for _, err := range errs {
			if bridge.KindOf(err) != bridge.Unauthorized {
				t.Errorf("error %v, want unauthorized", err)
			}
		}
	}
	if n := l.refreshes(); n != 1 {
		t.Errorf("HubSpot was asked %d times with a dead token, want 1", n)
	}
	l.consent(t, 30*time.Minute)
	got, errs := l.together(t, workers)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, access := range got {
		l.works(t, access)
	}
}

// A process may be stopped between HubSpot's answer and its own note of it, for
// longer than its claim.
func TestSaveTokens_aLateWorkerDoesNotReplaceANewerPair(t *testing.T) {
	t.Parallel()
	l := newLab(t, 0)
	state, err := l.store.Tokens(t.Context(), l.connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	access, err := l.worker().Token(t.Context(), l.connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	late := bridge.Tokens{Access: "late", Refresh: "late", ExpiresIn: time.Hour}
	if err := l.store.SaveTokens(t.Context(), l.connection.ID, state.Generation, late); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("error %v, want not_found", err)
	}
	if err := l.store.EndTokens(t.Context(), l.connection.ID, state.Generation); err != nil {
		t.Fatal(err)
	}
	if now, err := l.store.Tokens(t.Context(), l.connection.ID); err != nil || now.Access != access || now.Ended {
		t.Errorf("the newer pair did not stay (ended %t, error %v)", now.Ended, err)
	}
}

// HubSpot's clock may be ahead of ours, or an administrator may have ended the
// token: 401 is the first we hear of it.
func TestClient_replacesATokenThatHubSpotRejectsEarly(t *testing.T) {
	t.Parallel()
	l := newLab(t, 25*time.Minute)
	workers := l.workers(10)
	l.together(t, workers) // all hold the token that is about to be rejected
	l.clock.pass(31 * time.Minute)
	var all sync.WaitGroup
	errs := make([]error, len(workers))
	for i, w := range workers {
		all.Go(func() {
			_, errs[i] = oauth.Client(l.base, w, l.connection.ID, "", time.Minute).AccountDetails(t.Context())
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := l.refreshes(); n != 1 {
		t.Errorf("%d calls of the token endpoint, want 1", n)
	}
}

// HubSpot's servers do not learn of a new token all at once.
func TestClient_triesAYoungTokenAgainBeforeItBelievesHubSpot(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rejections int // -1: for ever
		want       bridge.Kind
		calls      int
	}{
		"rejected once":        {1, "", 2},
		"rejected three times": {3, "", 4},
		"rejected for good":    {-1, bridge.Unauthorized, 4},
	}
	clients := map[string]func(t *testing.T, l *lab) *hubspot.Client{
		"of a consent that is seconds old": func(_ *testing.T, l *lab) *hubspot.Client {
			return oauth.Client(l.base, l.worker(), l.connection.ID, "", time.Minute)
		},
		"of a pair that has just been refreshed": func(t *testing.T, l *lab) *hubspot.Client {
			l.age(t, time.Hour)
			return oauth.Client(l.base, l.worker(), l.connection.ID, "", time.Minute)
		},
		"that nobody keeps yet": func(t *testing.T, l *lab) *hubspot.Client {
			state, err := l.store.Tokens(t.Context(), l.connection.ID)
			if err != nil {
				t.Fatal(err)
			}
			return oauth.Granted(l.base, state.Access, time.Minute)
		},
	}
	for name, tt := range tests {
		for whose, client := range clients {
			t.Run(name+", "+whose, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, 30*time.Minute)
				hub := client(t, l)
				l.crm.Host().Inject(hubspottest.Fault{Route: account, Status: http.StatusUnauthorized, Times: tt.rejections})
				if _, err := hub.AccountDetails(t.Context()); bridge.KindOf(err) != tt.want {
					t.Errorf("error %v, want %q", err, tt.want)
				}
				if n := l.crm.Host().Counts().Calls[account]; n != tt.calls {
					t.Errorf("%d calls, want %d", n, tt.calls)
				}
				if n := l.refreshes(); n > 1 {
					t.Errorf("%d calls of the token endpoint: the next token would be as new", n)
				}
			})
		}
	}
}

// Each repetition for a token's sake counts against the portal's limit. Where there is
// no leave for one, nobody knows whether HubSpot means the rejection.
func TestClient_asksLeaveForEveryRepetition(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		leaves int
		want   bridge.Kind
	}{
		"all are granted":    {4, bridge.Unauthorized},
		"only the first one": {1, bridge.Throttled},
		"all but the last":   {3, bridge.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 30*time.Minute)
			hub := oauth.Client(l.base, l.worker(), l.connection.ID, "", time.Minute)
			l.crm.Host().Inject(hubspottest.Fault{Route: account, Status: http.StatusUnauthorized, Times: -1})
			asked := 0
			ctx := outbound.WithLeave(t.Context(), func(context.Context) error {
				if asked++; asked > tt.leaves {
					return &bridge.Error{Kind: bridge.Throttled, Op: "test"}
				}
				return nil
			})
			var heard bridge.Kind
			hub = hub.Observed(func(_ context.Context, a bridge.Answer) { heard = bridge.KindOf(a.Err) })
			if _, err := hub.AccountDetails(ctx); bridge.KindOf(err) != tt.want || heard != tt.want {
				t.Errorf("error %v, told as %q, want %q", err, heard, tt.want)
			}
			if n := l.crm.Host().Counts().Calls[account]; n != tt.leaves {
				t.Errorf("%d calls, want %d", n, tt.leaves)
			}
		})
	}
}

// A token that is not young has no excuse: it is replaced at once.
func TestClient_aRejectedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, 20*time.Minute)
	l.crm.Host().Inject(hubspottest.Fault{Route: account, Status: http.StatusUnauthorized, Times: -1})
	_, err := oauth.Client(l.base, l.worker(), l.connection.ID, "", time.Minute).AccountDetails(t.Context())
	if bridge.KindOf(err) != bridge.Unauthorized {
		t.Errorf("error %v, want unauthorized", err)
	}
	if n := l.refreshes(); n != 1 {
		t.Errorf("%d calls of the token endpoint, want 1", n)
	}
}

// lives answers for HubSpot's token endpoint with another life.
type lives struct{ seconds string }

func (l lives) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.Replace(body, []byte(`"expires_in":1800`), []byte(`"expires_in":`+l.seconds), 1)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	return res, nil
}

func TestToken_isUsedWhileItLivesHoweverShort(t *testing.T) {
	t.Parallel()
	for _, seconds := range []string{"20", "30", "59", "240", "299", "0", "-7", "null", "9000000000000000000"} {
		t.Run(seconds+" seconds", func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 0)
			app := hubspot.NewOAuth(l.base, l.appData(), &http.Client{Transport: lives{seconds}})
			workers := []*oauth.Tokens{oauth.NewTokens(l.store, app, time.Now), oauth.NewTokens(l.store, app, time.Now)}
			for range 3 {
				got, errs := l.together(t, workers)
				if err := errors.Join(errs...); err != nil {
					t.Fatal(err)
				}
				for _, access := range got {
					l.works(t, access)
				}
			}
			if n := l.refreshes(); n != 1 {
				t.Errorf("%d calls of the token endpoint for one life, want 1", n)
			}
		})
	}
}

// A process with another app's id or secret must neither use up a portal's tokens
// nor end them.
func TestToken_aProcessOfAnotherAppHarmsNobody(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*hubspot.App)
		calls  int // of the token endpoint, by the wrong process
		code   string
	}{
		"another client id":      {func(a *hubspot.App) { a.ClientID = "another" }, 0, "other_app"},
		"another app altogether": {func(a *hubspot.App) { a.ClientID, a.ClientSecret = "another", "its own" }, 0, "other_app"},
		"a wrong secret":         {func(a *hubspot.App) { a.ClientSecret = "stale" }, 1, "invalid_client"},
		"no secret":              {func(a *hubspot.App) { a.ClientSecret = "" }, 1, "invalid_client"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 0)
			app := l.appData()
			tt.change(&app)
			wrong := oauth.NewTokens(l.store, hubspot.NewOAuth(l.base, app, http.DefaultClient), time.Now)
			for range 5 {
				_, err := wrong.Token(t.Context(), l.connection.ID)
				refusal, ok := errors.AsType[*bridge.Error](err)
				if !ok || refusal.Kind != bridge.Unavailable || refusal.Code != tt.code || !strings.Contains(err.Error(), "HUBSPOT_CLIENT_ID") {
					t.Fatalf("error %v, want one that says what to set", err)
				}
			}
			if n := l.refreshes(); n != tt.calls {
				t.Errorf("%d calls of the token endpoint, want %d", n, tt.calls)
			}
			access, err := l.worker().Token(t.Context(), l.connection.ID)
			if err != nil {
				t.Fatalf("the right process: %v", err)
			}
			l.works(t, access)
			// What others have refreshed serves everybody.
			if got, err := wrong.Token(t.Context(), l.connection.ID); err != nil || got != access {
				t.Errorf("the wrong process afterwards: %v", err)
			}
		})
	}
}

func TestToken_aGrantIsEndedOnlyByTheAppThatGotIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, 0)
	l.crm.Host().RevokeTokens(hubspottest.DefaultPortalID)
	app := l.appData()
	app.ClientID = "another"
	wrong := oauth.NewTokens(l.store, hubspot.NewOAuth(l.base, app, http.DefaultClient), time.Now)
	if _, err := wrong.Token(t.Context(), l.connection.ID); bridge.KindOf(err) != bridge.Unavailable {
		t.Errorf("error %v, want unavailable", err)
	}
	if state, err := l.store.Tokens(t.Context(), l.connection.ID); err != nil || state.Ended {
		t.Fatalf("ended %t, error %v: another app knows nothing of the consent", state.Ended, err)
	}
	if _, err := l.worker().Token(t.Context(), l.connection.ID); bridge.KindOf(err) != bridge.Unauthorized {
		t.Errorf("error %v, want unauthorized", err)
	}
}

func TestToken_anAppThatIsRefusedTwiceEndsItsProcess(t *testing.T) {
	t.Parallel()
	l := newLab(t, 0)
	clock, app := &clock{}, l.appData()
	app.ClientSecret = "stale"
	wrong := oauth.NewTokens(l.store, hubspot.NewOAuth(l.base, app, http.DefaultClient), clock.now)
	ask := func() { _, _ = wrong.Token(t.Context(), l.connection.ID) } // the error is another test's
	ended := func() bool {
		select {
		case <-wrong.Refused():
			return true
		default:
			return false
		}
	}
	ask()
	if wrong.Accepted(t.Context()) != nil || ended() {
		t.Fatalf("after one refusal, which may be a glitch: %v, ended %t", wrong.Err(), ended())
	}
	clock.pass(2 * time.Minute)
	ask()
	if wrong.Accepted(t.Context()) == nil || !ended() {
		t.Errorf("after two refusals, a pause apart: %v, ended %t", wrong.Err(), ended())
	}
}
