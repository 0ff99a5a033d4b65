// Package operator is what a person may ask of an installation: connect a
// portal with a tenant, set the sharing rules, look at a contact, have work
// tried again. The admin API speaks for it, and the command line speaks to that.
package operator

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/oauth"
	"advocatesync/internal/store"
)

// vendorTimeout bounds one call to a vendor while a person waits.
const vendorTimeout = 20 * time.Second

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
	vendors  Vendors
	tokens   *oauth.Tokens
	interval time.Duration // of the report schedules

	schedules *Schedules
	now       func() time.Time
}

// Vendors says where the vendors are reached, and as which HubSpot app.
type Vendors struct {
	HubSpot  *url.URL
	Advocate *url.URL
	App      hubspot.App // without a client id, portals connect by static token alone

	// PublicURL is where browsers reach us, without a trailing slash.
	PublicURL string

	// RatePer10s is how many calls a HubSpot portal takes in 10 seconds; 0 means
	// what a public app may make.
	RatePer10s int
}

// New returns an operator. Reports of the connections it makes run every
// interval.
func New(s *store.Store, temporal temporalClient, vendors Vendors, interval time.Duration, now func() time.Time, opts ...Option) *Operator {
	o := &Operator{
		store: s, temporal: temporal, vendors: vendors, tokens: oauth.NewTokens(s, vendors.oauth(), now),
		interval: interval, schedules: NewSchedules(temporal.ScheduleClient(), s, interval, reconcileEvery), now: now,
	}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// Option adjusts an Operator when it is made.
type Option func(*Operator)

// reconcileEvery is how often connections are reconciled unless told otherwise.
const reconcileEvery = 24 * time.Hour

// ReconcileEvery sets how often the connections that it makes are reconciled; a
// day by default.
func ReconcileEvery(d time.Duration) Option {
	return func(o *Operator) { o.schedules.reconcileEvery = d }
}

// hubspot calls a portal with a token that is not kept yet.
func (v Vendors) hubspot(token string) *hubspot.Client {
	return oauth.Client(v.HubSpot, nil, "", token, vendorTimeout)
}

// hubspot calls a connection's portal.
func (o *Operator) hubspot(c bridge.Connection, secrets store.Credentials) *hubspot.Client {
	return oauth.Client(o.vendors.HubSpot, o.tokens, c.ID, secrets.HubSpotToken, vendorTimeout)
}

// OAuth is the app's side of HubSpot's consent page.
func (o *Operator) OAuth() *hubspot.OAuth { return o.vendors.oauth() }

func (v Vendors) oauth() *hubspot.OAuth {
	app := v.App
	app.Callback = v.PublicURL + oauth.CallbackPath
	return hubspot.NewOAuth(v.HubSpot, app, &http.Client{Timeout: vendorTimeout})
}

func (v Vendors) advocate(c bridge.Connection, secrets store.Credentials) *advocate.Client {
	return advocate.New(advocate.Config{
		BaseURL: v.Advocate, Tenant: c.Tenant, User: secrets.AdvocateUser, Key: secrets.AdvocateKey,
		ContactIDField: c.ContactIDField,
	}, &http.Client{Timeout: vendorTimeout})
}

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
