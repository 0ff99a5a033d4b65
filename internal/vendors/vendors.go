// Package vendors makes the clients of a connection's vendors. It alone knows their
// addresses, timeouts and credentials, and it updates a connection's status from
// their answers.
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
	// callTimeout bounds one call. HubSpot's gateway gives up after 100 s; a call that
	// takes a third of that is better retried.
	callTimeout = 30 * time.Second
	// tokenTimeout bounds a call of the token endpoint. It is shorter than the lease
	// of a claim to refresh.
	tokenTimeout = 15 * time.Second
)

// Config says where we reach the vendors, and as which HubSpot app.
type Config struct {
	HubSpot  *url.URL
	Advocate *url.URL
	Impact   *url.URL
	App      hubspot.App // without a client id, portals can only connect by static token

	// InsecureHosts are hosts whose files are fetched wherever they are: stand-ins.
	InsecureHosts []string
	// MaxExport is how many bytes an export of Advocate's may have; 0 means the
	// client's default.
	MaxExport int64

	// ImpactConcurrency is how many calls this process may have under way at
	// impact.com for one account; 0 means one.
	ImpactConcurrency int
}

// Store stores tokens and connections.
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
	files http.RoundTripper // fetches what Advocate names
	log   *slog.Logger
}

// New returns vendors over the store.
func New(cfg Config, s Store, log *slog.Logger) *Vendors {
	app := hubspot.NewOAuth(cfg.HubSpot, cfg.App, &http.Client{Timeout: tokenTimeout})
	return &Vendors{
		Config: cfg, OAuth: app, Tokens: oauth.NewTokens(s, app, time.Now), store: s, log: log,
		files: outbound.Files(cfg.Advocate, cfg.InsecureHosts...),
	}
}

// Clients are the vendors of one connection.
type Clients struct {
	HubSpot  *hubspot.Client
	Advocate *advocate.Client
	Impact   *impact.Client

	watch *watch
}

// Connected makes the clients of a connection. They record the vendors' answers as
// the connection's status. Reuse them, because they hold the limiter of Advocate's
// calls.
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

// Refresh updates the clients with the stored state of their connection.
func (c Clients) Refresh(now bridge.Connection) { c.watch.refresh(now.Refusals) }

// Portal makes a client with a static token that is not stored yet.
func (v *Vendors) Portal(token string) *hubspot.Client {
	return oauth.Client(v.HubSpot, nil, "", token, callTimeout)
}

// Consented makes a client with an access token that HubSpot has just issued.
func (v *Vendors) Consented(access string) *hubspot.Client {
	return oauth.Granted(v.HubSpot, access, callTimeout)
}

// Tenant makes a client with credentials that are not stored yet.
func (v *Vendors) Tenant(tenant string, secrets store.Credentials) *advocate.Client {
	return v.advocate(bridge.Connection{Tenant: tenant}, secrets, nil)
}

func (v *Vendors) advocate(c bridge.Connection, secrets store.Credentials, heard func(context.Context, bridge.Answer)) *advocate.Client {
	// The client's own timeout would include the wait for a free slot, and cut long
	// downloads. What must be bounded is the wait for an answer to begin.
	return advocate.New(advocate.Config{
		BaseURL: v.Advocate, Tenant: c.Tenant, User: secrets.AdvocateUser, Key: secrets.AdvocateKey,
		ContactIDField: c.ContactIDField, Heard: heard, Files: v.files, MaxExport: v.MaxExport,
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

// recordTimeout bounds the recording of an answer, which happens even if the caller
// has given up.
const recordTimeout = 5 * time.Second

// watch receives the answers of one connection's vendors. Most of them change
// nothing and cost nothing.
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

// heard records an answer that changes something. Of concurrent answers that say
// the same, the first is recorded.
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
	case bridge.KindOf(err) == bridge.NotFound: // disconnected meanwhile
	case err != nil:
		log.WarnContext(ctx, "connection status not recorded", "err", err)
	case changed:
		w.refresh(c.Refusals)
		log.WarnContext(ctx, "connection status changed", "status", string(c.Status), "reason", c.StatusReason)
	}
}
