// Package operator does what a person may ask of an installation: connect a portal
// to a tenant, set the sharing rules, look up a contact, retry parked work. The
// admin API calls it; the commands and the console call the API.
package operator

import (
	"context"
	"log/slog"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/oauth"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/vendors"
)

// Operator carries out the requests of a person.
type Operator struct {
	store    *store.Store
	temporal temporalClient
	cfg      Vendors
	vendors  *vendors.Vendors
	log      *slog.Logger
	interval time.Duration // between reports

	schedules    *Schedules
	properties   propertyMemory
	partPatience time.Duration
	now          func() time.Time
}

// Vendors says how we reach the vendors, and how browsers reach us.
type Vendors struct {
	vendors.Config

	// PublicURL is where browsers reach us, without a trailing slash.
	PublicURL string

	// RatePer10s is how many calls a HubSpot portal may get in 10 seconds; 0 means the
	// limit of a public app.
	RatePer10s int
}

// New returns an operator. It schedules the reports of new connections every
// interval.
func New(s *store.Store, temporal temporalClient, cfg Vendors, interval time.Duration, now func() time.Time, opts ...Option) *Operator {
	temporal = patient{temporal}
	o := &Operator{
		store: s, temporal: temporal, cfg: cfg, log: slog.New(slog.DiscardHandler),
		interval: interval, schedules: NewSchedules(temporal.ScheduleClient(), s, interval, reconcileEvery), partPatience: partPatience, now: now,
	}
	for _, opt := range opts {
		opt(o)
	}
	cfg.App.Callback = cfg.PublicURL + oauth.CallbackPath
	o.vendors = vendors.New(cfg.Config, s, o.log)
	return o
}

// Log sets the logger for changes of connections' status; by default they are not
// logged.
func Log(log *slog.Logger) Option { return func(o *Operator) { o.log = log } }

// Option adjusts an Operator when it is made.
type Option func(*Operator)

// reconcileEvery is how often connections are reconciled unless told otherwise.
const reconcileEvery = 24 * time.Hour

// ReconcileEvery sets how often new connections are reconciled; the default is a
// day.
func ReconcileEvery(d time.Duration) Option {
	return func(o *Operator) { o.schedules.reconcileEvery = d }
}

// clients returns the vendors' clients of a connection.
func (o *Operator) clients(c bridge.Connection, secrets store.Credentials) vendors.Clients {
	return o.vendors.Connected(c, secrets)
}

// portal returns a connection's portal behind the budget that all processes share,
// for reads that a person waits for: they use the live lane.
func (o *Operator) portal(c bridge.Connection, clients vendors.Clients) *portal.Portal {
	return portal.New(c.PortalID, clients.HubSpot, store.NewBudget(o.store, store.BudgetOptions{Limit: o.cfg.RatePer10s}))
}

// OAuth returns the client of HubSpot's OAuth endpoints.
func (o *Operator) OAuth() *hubspot.OAuth { return o.vendors.OAuth }

// AppAccepted is a readiness check: it returns an error if HubSpot does not know
// the app that this process runs as.
func (o *Operator) AppAccepted(ctx context.Context) error { return o.vendors.Tokens.Accepted(ctx) }

// Connections lists all connections.
func (o *Operator) Connections(ctx context.Context) ([]bridge.Connection, error) {
	return o.store.Connections(ctx)
}

// Connection returns one connection by id, or a refusal if there is none.
func (o *Operator) Connection(ctx context.Context, id string) (bridge.Connection, error) {
	c, err := o.store.Connection(ctx, id)
	return c, knownConnection(id, err)
}

// RuleEffects counts the contacts and participants that the sharing rules concern,
// for somebody who is about to change a rule.
func (o *Operator) RuleEffects(ctx context.Context, c bridge.Connection) (store.RuleEffects, error) {
	return o.store.RuleEffects(ctx, c.ID)
}

// ChangeRules changes some of a connection's sharing rules. They apply to later
// decisions.
func (o *Operator) ChangeRules(ctx context.Context, id string, changes bridge.RuleChanges) (bridge.Connection, error) {
	c, err := o.store.ChangeRules(ctx, id, changes)
	return c, knownConnection(id, err)
}

func knownConnection(id string, err error) error {
	if bridge.KindOf(err) == bridge.NotFound {
		return refuse(bridge.NotFound, "unknown_connection", "there is no connection %q: see \"starter connection list\"", id)
	}
	return err
}
