// Package wiring joins the store, the vendors' clients and the activities. The
// worker and the tests that stand in for it share it.
package wiring

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/activities"
	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/impact"
	"advocatesync/internal/oauth"
	"advocatesync/internal/outbound"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// Vendors says where the vendors are reached, and as which HubSpot app.
type Vendors struct {
	HubSpot  *url.URL
	Advocate *url.URL
	Impact   *url.URL
	App      hubspot.App // its id and secret refresh the tokens of portals that consented

	// ImpactConcurrency is how many calls this process may have under way at
	// impact.com for one account; 0 means one.
	ImpactConcurrency int
}

// vendorTimeout bounds one HTTP call. HubSpot's gateway gives up after 100 s;
// a call that takes a third of it is better tried again.
const vendorTimeout = 30 * time.Second

// tokenTimeout bounds a call of the token endpoint. It is shorter than a claim
// to refresh lasts.
const tokenTimeout = 15 * time.Second

// connections is the part of the store that opening a link reads.
type connections interface {
	oauth.Store
	Connection(ctx context.Context, id string) (bridge.Connection, error)
	Credentials(ctx context.Context, id string) (store.Credentials, int, error)
	SetStatus(ctx context.Context, id string, status bridge.ConnectionStatus, reason string) error
}

// Connections opens connections. The clients of one connection are built once per
// process and credentials, because its batches and limits live in them.
type Connections struct {
	vendors Vendors
	store   connections
	tokens  *oauth.Tokens
	budget  *store.Budget
	metrics *portal.Metrics
	log     *slog.Logger

	mu   sync.Mutex
	open map[string]*clients // by connection id
}

type clients struct {
	revision int
	portal   *portal.Portal
	advocate *advocate.Client
	impact   *impact.Client
}

// NewConnections returns links over the store. The budget is what all workers share.
func NewConnections(vendors Vendors, s connections, budget *store.Budget, metrics prometheus.Registerer, log *slog.Logger) *Connections {
	app := hubspot.NewOAuth(vendors.HubSpot, vendors.App, &http.Client{Timeout: tokenTimeout})
	return &Connections{
		vendors: vendors, store: s, tokens: oauth.NewTokens(s, app, time.Now), budget: budget,
		metrics: portal.NewMetrics(metrics), log: log, open: map[string]*clients{},
	}
}

// Open returns the connection with its settings as they are now. The error is
// bridge.ErrSuspended while its work waits.
func (l *Connections) Open(ctx context.Context, connectionID string) (activities.ConnectionClients, error) {
	connection, err := l.store.Connection(ctx, connectionID)
	if err == nil {
		err = connection.MayWork()
	}
	if err != nil {
		return activities.ConnectionClients{}, err
	}
	c, err := l.clients(ctx, connection)
	if err != nil {
		return activities.ConnectionClients{}, err
	}
	return activities.ConnectionClients{
		Connection: connection,
		Sharing:    bridge.Program{ID: connection.Program, Tenant: connection.Tenant, BaseURL: l.vendors.Advocate.String()},
		HubSpot:    c.portal,
		Advocate:   c.advocate,
		Impact:     c.impact,
		Revision:   c.revision,
	}, nil
}

// clients returns the connection's clients, building them anew when its
// credentials have changed.
func (l *Connections) clients(ctx context.Context, connection bridge.Connection) (*clients, error) {
	credentials, revision, err := l.store.Credentials(ctx, connection.ID)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.open[connection.ID]; c != nil && c.revision == revision {
		return c, nil
	}
	if old := l.open[connection.ID]; old != nil {
		go old.portal.Close() // lets the calls under way finish
	}
	c := l.build(connection, credentials)
	c.revision = revision
	l.open[connection.ID] = c
	return c, nil
}

func (l *Connections) build(connection bridge.Connection, credentials store.Credentials) *clients {
	hub := oauth.Client(l.vendors.HubSpot, l.tokens, connection.ID, credentials.HubSpotToken, vendorTimeout)
	// The client's own timeout would count the wait for a free slot, and cut
	// long downloads; an answer that does not begin is what must not last.
	limited := &http.Client{Transport: outbound.NewLimiter(answering())}
	return &clients{
		portal: portal.New(connection.PortalID, hub, l.budget, portal.WithMetrics(l.metrics)),
		advocate: advocate.New(advocate.Config{
			BaseURL: l.vendors.Advocate, Tenant: connection.Tenant,
			User: credentials.AdvocateUser, Key: credentials.AdvocateKey,
			ContactIDField: connection.ContactIDField,
		}, limited),
		impact: impact.New(impact.Config{
			BaseURL: l.vendors.Impact, AccountSID: credentials.ImpactAccountSID, AuthToken: credentials.ImpactAuthToken,
		}, &http.Client{Transport: outbound.NewLimiter(answering(), outbound.AtMost(l.vendors.ImpactConcurrency))}),
	}
}

// answering is a transport that gives up on a vendor who does not answer.
func answering() http.RoundTripper {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	transport = transport.Clone()
	transport.ResponseHeaderTimeout = vendorTimeout
	return transport
}

// Observe marks the connection when a vendor refuses its credentials, or a part
// of its work, and clears the mark once that vendor works again.
func (l *Connections) Observe(ctx context.Context, connection bridge.Connection, err error, worked ...activities.Vendor) {
	status, reason := connection.Status, connection.StatusReason
	var refusal *bridge.Error
	switch {
	case err == nil:
		for _, vendor := range worked {
			if strings.HasPrefix(reason, string(vendor)+".") {
				status, reason = bridge.StatusActive, ""
			}
		}
	case errors.As(err, &refusal) && (refusal.Kind == bridge.Misdirected || refusal.Kind == bridge.Unauthorized && refusal.Status != http.StatusForbidden):
		status, reason = bridge.StatusUnauthorized, refusal.Error()
	case refusal != nil && refusal.Kind == bridge.Unauthorized && status == bridge.StatusActive:
		status, reason = bridge.StatusForbidden, refusal.Error()
	}
	if status == connection.Status && reason == connection.StatusReason {
		return
	}
	if err := l.store.SetStatus(ctx, connection.ID, status, reason); err != nil {
		l.log.WarnContext(ctx, "connection status not recorded", "connection", connection.ID, "err", err)
		return
	}
	l.log.WarnContext(ctx, "connection status changed", "connection", connection.ID, "status", string(status), "reason", reason)
}

// Close lets the calls under way finish.
func (l *Connections) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.portal.Close()
	}
}
