// Package wiring connects the store, the vendors' clients and the activities. The
// worker and the tests that run in its place share it.
package wiring

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/tenant"
	"advocatesync/internal/vendors"
)

// connections is the part of the store that Open reads.
type connections interface {
	vendors.Store
	Connection(ctx context.Context, id string) (bridge.Connection, error)
	Credentials(ctx context.Context, id string) (store.Credentials, int, error)
}

// Connections opens connections. The clients of one connection are built once per
// process and credentials, because its batches and limits live in them.
type Connections struct {
	vendors *vendors.Vendors
	store   connections
	budget  *store.Budget
	portal  []portal.Option
	log     *slog.Logger
	written Written // nil: nothing is counted

	mu   sync.Mutex
	open map[string]*clients // by connection id
}

// clients are a connection's vendor clients, and what they depend on.
type clients struct {
	of     dependencies
	all    vendors.Clients
	portal *portal.Portal
	tenant *tenant.Tenant
}

func (c *clients) close() {
	c.portal.Close()
	c.tenant.Close()
}

type dependencies struct {
	revision       int // of the credentials
	portalID       int64
	tenant         string
	contactIDField string
}

// NewConnections opens connections of the store. All workers share the budget. opts are
// for every portal.
func NewConnections(v *vendors.Vendors, s connections, budget *store.Budget, metrics prometheus.Registerer, log *slog.Logger, opts ...portal.Option) *Connections {
	opts = append(opts, portal.WithMetrics(portal.NewMetrics(metrics)))
	return &Connections{vendors: v, store: s, budget: budget, portal: opts, log: log, open: map[string]*clients{}}
}

// CountInto counts successful writes in w. Call it before the first Open.
func (l *Connections) CountInto(w Written) { l.written = w }

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
	opened := activities.ConnectionClients{
		Connection: connection,
		Sharing:    bridge.Program{ID: connection.Program, Tenant: connection.Tenant, BaseURL: l.vendors.Advocate.String()},
		HubSpot:    c.portal,
		Advocate:   c.all.Advocate,
		Batched:    c.tenant,
		Impact:     c.all.Impact,
		Revision:   c.of.revision,
	}
	if l.written != nil {
		opened.HubSpot = countedHubSpot{c.portal, func(n int) { l.written.ContactsWritten(connectionID, n) }}
		opened.Advocate = countedAdvocate{c.all.Advocate, func() { l.written.ParticipantWritten(connectionID) }}
	}
	return opened, nil
}

// clients returns the connection's clients, and rebuilds them if something that
// they depend on has changed.
func (l *Connections) clients(ctx context.Context, c bridge.Connection) (*clients, error) {
	credentials, revision, err := l.store.Credentials(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	of := dependencies{revision: revision, portalID: c.PortalID, tenant: c.Tenant, contactIDField: c.ContactIDField}
	l.mu.Lock()
	defer l.mu.Unlock()
	if open := l.open[c.ID]; open != nil {
		if open.of == of {
			open.all.Refresh(c)
			return open, nil
		}
		go open.close() // lets the calls under way finish
	}
	made := &clients{of: of, all: l.vendors.Connected(c, credentials)}
	made.portal = portal.New(c.PortalID, made.all.HubSpot, l.budget, l.portal...)
	made.tenant = tenant.New(made.all.Advocate)
	l.open[c.ID] = made
	return made, nil
}

// Close waits for calls under way.
func (l *Connections) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		c.close()
	}
}
