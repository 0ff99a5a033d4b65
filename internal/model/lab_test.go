package model

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"advocatesync/activities"
	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/impact"
	"advocatesync/internal/intake"
	"advocatesync/internal/operator"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/vendors"
	"advocatesync/internal/wiring"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// programs are the tenant's live referral programs; the first one is connected
// at the start.
var programs = []string{"47255", "48001"}

// lab is what many sequences use one after the other: a database, and both
// stand-ins, which are emptied in between.
type lab struct {
	store     *store.Store
	operator  *operator.Operator // for what needs nobody but the store
	db        *pgx.Conn
	crm       *hubspottest.Host
	referrals *advocatetest.Host
	seen      *effects
}

func newLab(t *testing.T) *lab {
	t.Helper()
	s, dsn := storetest.NewWithDSN(t)
	db, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) }) // the database goes anyway
	crm := hubspottest.NewHost()
	t.Cleanup(crm.Close)
	crm.Webhooks().Hold()
	referrals, err := advocatetest.NewHost(advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ExportDelay, k.VerdictDelay = 0, 0 }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(referrals.Close)
	return &lab{
		store: s, db: db, crm: crm, referrals: referrals, seen: &effects{},
		operator: operator.New(s, &wiringtest.Temporal{}, operator.Vendors{
			Config: vendors.Config{HubSpot: base(crmHost), Advocate: base(referralsHost), Impact: base(impactHost)}, PublicURL: publicURL,
		}, time.Minute, time.Now),
	}
}

// world makes an empty world with a fresh connection.
func (l *lab) world(t reporter, p plan) *world {
	ctx := context.Background()
	l.referrals.Reset()
	l.crm.Webhooks().Take()
	if _, err := l.db.Exec(ctx, "DELETE FROM connection"); err != nil {
		t.Fatalf("empty the database: %v", err)
	}
	crm := l.crm.AddPortal(hubspottest.PortalConfig{ID: hubspottest.DefaultPortalID, Token: hubspottest.DefaultToken})
	crm.Tune(func(k *hubspottest.Knobs) { k.Limits, k.ReadLagReads = hubspottest.Unlimited(), p.lag })
	w := &world{
		t: t, ctx: ctx, lab: l, portal: crm, tenant: l.referrals.Tenant(""), pii: p.pii, lag: p.lag,
		program: programs[0],
		mail:    map[string][]bridge.Hints{}, bulk: map[string]bool{}, living: map[string]bool{}, down: map[string]int{}, said: map[string]string{}, ref: newReference(),
		triggers: wiring.NewTriggers(l.store, quietLog), dealMail: map[string]bridge.ObjectHints{}, tracking: map[string]bool{},
	}
	w.define()
	var err error
	w.connection, err = l.store.SaveConnection(ctx, bridge.Connection{
		PortalID: crm.ID(), Tenant: advocatetest.DefaultAlias, Program: w.program, Rules: bridge.DefaultRules,
	}, store.Credentials{HubSpotToken: hubspottest.DefaultToken, AdvocateKey: advocatetest.DefaultKey})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	w.setRules(p.rules)
	w.hook = w.intake()
	return w
}

// intake is the product's door for HubSpot's events. It keeps for some seconds what the
// triggers watch.
func (w *world) intake() http.Handler {
	return intake.NewHandler(intake.HandlerConfig{
		ClientSecret: hubspottest.DefaultClientSecret, AppID: hubspottest.DefaultAppID, PublicURL: publicURL,
		Inbox: w.lab.store, Triggers: w.triggers, Wake: func() {}, WakeObjects: func() {}, Metrics: prometheus.NewRegistry(), Log: quietLog, Now: time.Now,
	})
}

const publicURL = "http://product.invalid"

var quietLog = slog.New(slog.DiscardHandler)

// define makes our properties, and a form that asks for what people tell us.
func (w *world) define() {
	fields := []string{bridge.PropEmail, bridge.PropFirstName}
	for _, def := range bridge.OwnedProperties() {
		property := hubspottest.Property{
			Name: def.Name, Label: def.Label, GroupName: bridge.PropertyGroup, Type: "string", FieldType: "text", FormField: def.FormField,
		}
		if err := w.portal.DefineProperty("contacts", property); err != nil {
			w.t.Fatalf("define %s: %v", def.Name, err)
		}
		if def.FormField {
			fields = append(fields, def.Name)
		}
	}
	var err error
	if w.form, err = w.portal.DefineForm(hubspottest.Form{Name: "Refer a friend", Fields: fields}); err != nil {
		w.t.Fatalf("define the form: %v", err)
	}
}

// links open the one connection there is, over wires instead of a network and
// without anybody to share HubSpot's limit with.
type connections struct {
	store *store.Store
	link  activities.ConnectionClients
}

func base(host string) *url.URL { return &url.URL{Scheme: "http", Host: host} }

func (w *world) open(x *wire) activities.Connections {
	client := &http.Client{Transport: x}
	referrals := advocate.New(advocate.Config{
		BaseURL: base(referralsHost), Tenant: advocatetest.DefaultAlias, Key: advocatetest.DefaultKey, Files: x,
	}, client)
	token := func(context.Context) (string, error) { return hubspottest.DefaultToken, nil }
	return &connections{store: w.lab.store, link: activities.ConnectionClients{
		HubSpot:  portal.New(w.portal.ID(), hubspot.New(base(crmHost), token, client), plenty{}, portal.WithoutGaps()),
		Advocate: referrals, Batched: referrals,
		Impact: impact.New(impact.Config{
			BaseURL: base(impactHost), AccountSID: advocatetest.DefaultAccountSID, AuthToken: advocatetest.DefaultAuthToken,
		}, client),
	}}
}

// sharing is a program as participants are shared under it.
func sharing(program string) bridge.Program {
	return bridge.Program{ID: program, Tenant: advocatetest.DefaultAlias, BaseURL: "http://" + referralsHost}
}

// Open is activities.Connections'.
func (l *connections) Open(ctx context.Context, connectionID string) (activities.ConnectionClients, error) {
	connection, err := l.store.Connection(ctx, connectionID)
	if err == nil {
		err = connection.MayWork()
	}
	link := l.link
	link.Connection, link.Sharing = connection, sharing(connection.Program)
	return link, err
}

// plenty is a budget that always has a call left.
type plenty struct{}

func (plenty) Acquire(context.Context, int64, bridge.Lane) (bridge.Grant, error) {
	return bridge.Grant{OK: true}, nil
}

func (plenty) Pause(context.Context, int64, time.Duration) error { return nil }

// environment is a Temporal that skips time, over the real activities.
func (w *world) environment(nested bool) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(quietLog))
	env := suite.NewTestWorkflowEnvironment()
	x, s := &wire{w: w, nested: nested}, w.lab.store
	env.SetWorkerOptions(worker.Options{
		DeadlockDetectionTimeout: 5 * time.Minute, // a second is little on a busy machine
		Interceptors:             []interceptor.WorkerInterceptor{activities.Heartbeats(), &mortal{wire: x}},
	})
	env.SetTestTimeout(5 * time.Minute) // of no progress; the machine may be busy
	workflows.Register(env)
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, args converter.EncodedValues) { x.begin(info, args) })
	connections := w.open(x)
	contacts := activities.NewContacts(connections, s, hold, time.Now)
	for _, a := range []any{
		contacts, activities.NewContactBatches(contacts), activities.NewExports(connections, s, patienceForExports, 0, w.now), activities.NewPages(connections, s), activities.NewRetries(connections, s),
		activities.NewPrograms(connections, s), activities.NewReconciles(connections, s, bridge.InferredErase),
		activities.NewTracking(connections, w.triggers, s, conversionsAtOnce, verdictAfter, time.Now),
	} {
		env.RegisterActivity(a)
	}
	return env
}

const (
	hold               = time.Minute // of deletions
	patienceForExports = time.Hour
	conversionsAtOnce  = 4
	verdictAfter       = 0 // the stand-in has its verdict at once
)

// now is the clock of what asks for exports.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

// reporter is the part of a test that a world speaks to.
type reporter interface {
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}
