// Package operator is what a person may ask of an installation: connect a
// portal with a tenant, look at connections, set their sharing rules. The
// command line and, later, the admin API are two mouths of the same code.
package operator

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"go.temporal.io/sdk/client"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

// vendorTimeout bounds one call to a vendor while a person waits.
const vendorTimeout = 20 * time.Second

// connections is the part of the store that operators act on.
type connections interface {
	SaveConnection(ctx context.Context, c bridge.Connection, credentials store.Credentials) (bridge.Connection, error)
	Connection(ctx context.Context, id string) (bridge.Connection, error)
	Connections(ctx context.Context) ([]bridge.Connection, error)
	SetRules(ctx context.Context, id string, rules bridge.Rules, sharePII bool) error
	ParkedItems(ctx context.Context, connectionID string) ([]bridge.ParkedItem, error)
}

// Operator carries out what a person asks for.
type Operator struct {
	store     connections
	schedules client.ScheduleClient
	vendors   Vendors
	interval  time.Duration // of the report schedules
}

// Vendors says where the vendors are reached.
type Vendors struct {
	HubSpot  *url.URL
	Advocate *url.URL
}

// New returns an operator. Reports of the connections it makes run every
// interval.
func New(s connections, schedules client.ScheduleClient, vendors Vendors, interval time.Duration) *Operator {
	return &Operator{store: s, schedules: schedules, vendors: vendors, interval: interval}
}

func (v Vendors) hubspot(token string) *hubspot.Client {
	static := func(context.Context) (string, error) { return token, nil }
	return hubspot.New(v.HubSpot, static, &http.Client{Timeout: vendorTimeout})
}

func (v Vendors) advocate(tenant string, c store.Credentials) *advocate.Client {
	return advocate.New(advocate.Config{
		BaseURL: v.Advocate, Tenant: tenant, User: c.AdvocateUser, Key: c.AdvocateKey,
	}, &http.Client{Timeout: vendorTimeout})
}

// Connections lists all connections.
func (o *Operator) Connections(ctx context.Context) ([]bridge.Connection, error) {
	return o.store.Connections(ctx)
}

// Connection returns one connection by id. An empty id means the only one
// there is.
func (o *Operator) Connection(ctx context.Context, id string) (bridge.Connection, error) {
	if id != "" {
		return o.store.Connection(ctx, id)
	}
	all, err := o.store.Connections(ctx)
	switch {
	case err != nil:
		return bridge.Connection{}, err
	case len(all) == 0:
		return bridge.Connection{}, errNoConnection
	case len(all) > 1:
		return bridge.Connection{}, errManyConnections
	}
	return all[0], nil
}

// SetRules replaces a connection's sharing rules. They count for what is
// decided from now on.
func (o *Operator) SetRules(ctx context.Context, id string, rules bridge.Rules, sharePII bool) error {
	return o.store.SetRules(ctx, id, rules, sharePII)
}

// Parked lists what waits for a person.
func (o *Operator) Parked(ctx context.Context, connectionID string) ([]bridge.ParkedItem, error) {
	return o.store.ParkedItems(ctx, connectionID)
}
