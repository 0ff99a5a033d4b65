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
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"advocatesync/activities"
	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/intake"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring"
	"advocatesync/workflows"
)

// programs are the tenant's live referral programs; the first one is connected
// at the start.
var programs = []string{"47255", "48001"}

// lab is what many sequences use one after the other: a database, and both
// stand-ins, which are emptied in between.
type lab struct {
	store     *store.Store
	db        *pgx.Conn
	crm       *hubspottest.Host
	referrals *advocatetest.Host
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
	referrals, err := advocatetest.NewHost(advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ExportDelay = 0 }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(referrals.Close)
	return &lab{store: s, db: db, crm: crm, referrals: referrals}
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
		mail:    map[string][]bridge.Hints{}, living: map[string]bool{}, said: map[string]string{}, ref: newReference(),
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
	w.hook = intake.NewHandler(intake.HandlerConfig{
		ClientSecret: hubspottest.DefaultClientSecret, AppID: hubspottest.DefaultAppID, PublicURL: publicURL,
		Inbox: l.store, Triggers: wiring.NewTriggers(l.store, quietLog), Wake: func() {}, WakeObjects: func() {}, Metrics: prometheus.NewRegistry(), Log: quietLog, Now: time.Now,
	})
	return w
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

func (w *world) open(x *wire) activities.Connections {
	client := &http.Client{Transport: x}
	base := func(host string) *url.URL { return &url.URL{Scheme: "http", Host: host} }
	token := func(context.Context) (string, error) { return hubspottest.DefaultToken, nil }
	return &connections{store: w.lab.store, link: activities.ConnectionClients{
		HubSpot: portal.New(w.portal.ID(), hubspot.New(base(crmHost), token, client), plenty{}, portal.WithoutGaps()),
		Advocate: advocate.New(advocate.Config{
			BaseURL: base(referralsHost), Tenant: advocatetest.DefaultAlias, Key: advocatetest.DefaultKey,
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
	env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 5 * time.Minute}) // a second is little on a busy machine
	env.SetTestTimeout(5 * time.Minute)                                             // of no progress; the machine may be busy
	workflows.Register(env)
	x, s := &wire{w: w, nested: nested}, w.lab.store
	env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, args converter.EncodedValues) { x.begin(info, args) })
	connections := w.open(x)
	for _, a := range []any{
		activities.NewContacts(connections, s, s.Hasher(), hold, time.Now), activities.NewExports(connections, s, s.Hasher(), time.Hour, time.Now), activities.NewPages(connections, s, s.Hasher()),
		activities.NewPrograms(connections, s), activities.NewReconciles(connections, s, bridge.InferredErase),
	} {
		env.RegisterActivity(a)
	}
	return env
}

// hold is how long deletions are held.
const hold = time.Minute

// reporter is the part of a test that a world speaks to.
type reporter interface {
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}
