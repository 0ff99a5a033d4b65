// Package vendors makes the clients of a connection's vendors: the one place that
// knows their addresses, timeouts and credentials, and that keeps a connection's
// status true to what their answers say.
package vendors

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/impact"
	"advocatesync/internal/oauth"
	"advocatesync/internal/outbound"
	"advocatesync/internal/store"
)

const (
	// callTimeout bounds one call. HubSpot's gateway gives up after 100 s; a call
	// that takes a third of it is better tried again.
	callTimeout = 30 * time.Second
	// tokenTimeout bounds a call of the token endpoint. It is shorter than a claim
	// to refresh lasts.
	tokenTimeout = 15 * time.Second
)

// Config says where the vendors are reached, and as which HubSpot app.
type Config struct {
	HubSpot  *url.URL
	Advocate *url.URL
	Impact   *url.URL
	App      hubspot.App // without a client id, portals connect by static token alone

	// ImpactConcurrency is how many calls this process may have under way at
	// impact.com for one account; 0 means one.
	ImpactConcurrency int
}

// Store is where tokens and connections are kept.
type Store interface {
	oauth.Store
	RecordAnswer(ctx context.Context, connectionID string, a bridge.Answer) (c bridge.Connection, changed bool, err error)
}

// Vendors makes clients. It is safe for concurrent use; one per process is enough.
type Vendors struct {
	Config
	OAuth  *hubspot.OAuth
	Tokens *oauth.Tokens

	store Store
	log   *slog.Logger
}

// New returns vendors over the store.
func New(cfg Config, s Store, log *slog.Logger) *Vendors {
	app := hubspot.NewOAuth(cfg.HubSpot, cfg.App, &http.Client{Timeout: tokenTimeout})
	return &Vendors{
		Config: cfg, OAuth: app, Tokens: oauth.NewTokens(s, app, time.Now), store: s, log: log,
	}
}

// Clients are the vendors of one connection.
type Clients struct {
	HubSpot  *hubspot.Client
	Advocate *advocate.Client
	Impact   *impact.Client

	watch *watch
}

// Connected makes the clients of a connection. What their calls meet is kept as the
// connection's status. Keep them: the limit of Advocate's calls lives in them.
func (v *Vendors) Connected(c bridge.Connection, secrets store.Credentials) Clients {
	w := &watch{vendors: v, connectionID: c.ID, known: c.Refusals}
	return Clients{
		HubSpot:  oauth.Client(v.HubSpot, v.Tokens, c.ID, secrets.HubSpotToken, callTimeout).Observed(w.heard),
		Advocate: v.advocate(c, secrets, w.heard),
		Impact: impact.New(impact.Config{
			BaseURL: v.Impact, AccountSID: secrets.ImpactAccountSID, AuthToken: secrets.ImpactAuthToken, Heard: w.heard,
		}, &http.Client{Transport: outbound.NewLimiter(answering(), outbound.AtMost(v.ImpactConcurrency))}),
		watch: w,
	}
}

// Refresh tells the clients what is kept of their connection now.
func (c Clients) Refresh(now bridge.Connection) { c.watch.refresh(now.Refusals) }

// Portal makes a client with a static token that is not kept yet.
func (v *Vendors) Portal(token string) *hubspot.Client {
	return oauth.Client(v.HubSpot, nil, "", token, callTimeout)
}

// Consented makes a client with an access token that HubSpot has just handed out.
func (v *Vendors) Consented(access string) *hubspot.Client {
	return oauth.Granted(v.HubSpot, access, callTimeout)
}

// Tenant makes a client with credentials that are not kept yet.
func (v *Vendors) Tenant(tenant string, secrets store.Credentials) *advocate.Client {
	return v.advocate(bridge.Connection{Tenant: tenant}, secrets, nil)
}

func (v *Vendors) advocate(c bridge.Connection, secrets store.Credentials, heard func(context.Context, bridge.Answer)) *advocate.Client {
	// The client's own timeout would count the wait for a free slot, and cut
	// long downloads; an answer that does not begin is what must not last.
	return advocate.New(advocate.Config{
		BaseURL: v.Advocate, Tenant: c.Tenant, User: secrets.AdvocateUser, Key: secrets.AdvocateKey,
		ContactIDField: c.ContactIDField, Heard: heard,
	}, &http.Client{Transport: outbound.NewLimiter(answering())})
}

// answering is a transport that gives up on a vendor who does not answer.
func answering() http.RoundTripper {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	transport = transport.Clone()
	transport.ResponseHeaderTimeout = callTimeout
	return transport
}

// recordTimeout bounds the note of an answer, which is taken even if the caller has
// given up.
const recordTimeout = 5 * time.Second

// watch hears the answers of one connection's vendors. Most change nothing, and cost
// nothing.
type watch struct {
	vendors      *Vendors
	connectionID string

	mu    sync.Mutex
	known []bridge.Refusal
}

func (w *watch) refresh(known []bridge.Refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = known
}

// heard keeps an answer that is news. Of many that say the same at once, the first
// is kept.
func (w *watch) heard(ctx context.Context, a bridge.Answer) {
	w.mu.Lock()
	next := bridge.Hear(w.known, a, time.Now().UTC())
	news := len(next) != len(w.known)
	w.known = next
	w.mu.Unlock()
	if !news {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	log := w.vendors.log.With("connection", w.connectionID)
	c, changed, err := w.vendors.store.RecordAnswer(ctx, w.connectionID, a)
	switch {
	case bridge.KindOf(err) == bridge.NotFound: // it was disconnected meanwhile
	case err != nil:
		log.WarnContext(ctx, "connection status not recorded", "err", err)
	case changed:
		w.refresh(c.Refusals)
		log.WarnContext(ctx, "connection status changed", "status", string(c.Status), "reason", c.StatusReason)
	}
}
