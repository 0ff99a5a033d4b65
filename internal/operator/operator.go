// Package operator is what a person may ask of an installation: connect a
// portal with a tenant, set the sharing rules, look at a contact, have work
// tried again. The admin API speaks for it, and the command line speaks to that.
package operator

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/oauth"
	"advocatesync/internal/store"
	"advocatesync/internal/vendors"
)

// temporalClient is the part of Temporal's client that operators act on.
type temporalClient interface {
	ScheduleClient() client.ScheduleClient
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWorkflow(ctx context.Context, workflowID, runID, signalName string, arg any) error
	ListWorkflow(ctx context.Context, request *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	TerminateWorkflow(ctx context.Context, workflowID, runID, reason string, details ...any) error
	DescribeWorkflow(ctx context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error)
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
}

// Operator carries out what a person asks for.
type Operator struct {
	store    *store.Store
	temporal temporalClient
	cfg      Vendors
	vendors  *vendors.Vendors
	log      *slog.Logger
	interval time.Duration // of the report schedules

	schedules *Schedules
	now       func() time.Time
}

// Vendors says where the vendors are reached, and how we are.
type Vendors struct {
	vendors.Config

	// PublicURL is where browsers reach us, without a trailing slash.
	PublicURL string

	// RatePer10s is how many calls a HubSpot portal takes in 10 seconds; 0 means
	// what a public app may make.
	RatePer10s int
}

// New returns an operator. Reports of the connections it makes run every
// interval.
func New(s *store.Store, temporal temporalClient, cfg Vendors, interval time.Duration, now func() time.Time, opts ...Option) *Operator {
	o := &Operator{
		store: s, temporal: temporal, cfg: cfg, log: slog.New(slog.DiscardHandler),
		interval: interval, schedules: NewSchedules(temporal.ScheduleClient(), s, interval, reconcileEvery), now: now,
	}
	for _, opt := range opts {
		opt(o)
	}
	cfg.App.Callback = cfg.PublicURL + oauth.CallbackPath
	o.vendors = vendors.New(cfg.Config, s, o.log)
	return o
}

// Log sets where changes of connections' states are logged; nowhere by default.
func Log(log *slog.Logger) Option { return func(o *Operator) { o.log = log } }

// Option adjusts an Operator when it is made.
type Option func(*Operator)

// reconcileEvery is how often connections are reconciled unless told otherwise.
const reconcileEvery = 24 * time.Hour

// ReconcileEvery sets how often the connections that it makes are reconciled; a
// day by default.
func ReconcileEvery(d time.Duration) Option {
	return func(o *Operator) { o.schedules.reconcileEvery = d }
}

// clients are the vendors of a connection.
func (o *Operator) clients(c bridge.Connection, secrets store.Credentials) vendors.Clients {
	return o.vendors.Connected(c, secrets)
}

// OAuth is the app's side of HubSpot's consent page.
func (o *Operator) OAuth() *hubspot.OAuth { return o.vendors.OAuth }

// Connections lists all connections.
func (o *Operator) Connections(ctx context.Context) ([]bridge.Connection, error) {
	return o.store.Connections(ctx)
}

// Connection returns one connection by id, or refuses one that there is not.
func (o *Operator) Connection(ctx context.Context, id string) (bridge.Connection, error) {
	c, err := o.store.Connection(ctx, id)
	return c, knownConnection(id, err)
}

// ChangeRules sets some of a connection's sharing rules. They count for what is
// decided from now on.
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
