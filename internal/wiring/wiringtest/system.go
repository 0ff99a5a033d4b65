// Package wiringtest sets up the real thing for tests of workflows and
// activities: a database of its own, strict stand-ins for both vendors and a
// connection made by "connect". Only Temporal is the test's own business.
package wiringtest

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/operator"
	"advocatesync/internal/portal"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/vendors"
	"advocatesync/internal/wiring"
)

// Program is the connected referral program.
const Program = "47255"

// Hold is how long deletions are held.
const Hold = time.Minute

// ExportPatience is how long exports may take.
const ExportPatience = time.Hour

// patience is longer than any query takes, on whatever machine.
const patience = 3 * time.Minute

// RatePer10s is the portal's call limit: ten times HubSpot's usual one, since tests
// skip time and the limit's windows do not. How a portal's limit is kept is tested in
// portal, in store, and end to end.
const RatePer10s = 1100

// PublicURL is where browsers are told to reach us.
const PublicURL = "https://sync.example.test"

// System is one connection with everything behind it but Temporal.
type System struct {
	HubSpot     *hubspottest.Host
	Portal      *hubspottest.Portal
	Advocate    *advocatetest.Server
	Tenant      *advocatetest.Tenant
	Store       *store.Store
	Connections *wiring.Connections
	Temporal    *Temporal
	Operator    *operator.Operator
	Connection  bridge.Connection

	// Inferred is what contacts that are gone without a trace mean; empty: ask.
	Inferred bridge.InferredErasure

	keepsGaps  bool
	hubspotURL *url.URL
	vendors    operator.Vendors
	dsn        string
	ahead      atomic.Int64 // how far exports' clock is ahead, in nanoseconds
}

// Age lets time pass for what asks how old an export is.
func (s *System) Age(by time.Duration) { s.ahead.Add(int64(by)) }

func (s *System) now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

// New sets a system up; it goes with the test.
func New(t *testing.T, opts ...hubspottest.Option) *System {
	t.Helper()
	crm := hubspottest.NewHost(opts...)
	t.Cleanup(crm.Close)
	crm.DefaultPortal().Tune(func(k *hubspottest.Knobs) { k.Limits.PerTenSeconds = RatePer10s })
	server := httptest.NewServer(crm)
	t.Cleanup(server.Close)
	// Tests skip time; exports and verdicts, on the vendor's clock, must not take any.
	referrals := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ExportDelay, k.VerdictDelay = 0, 0 }))
	database, dsn := storetest.NewWithDSN(t)
	s := &System{
		HubSpot: crm, Portal: crm.DefaultPortal(),
		Advocate: referrals, Tenant: referrals.Tenant(""),
		Store: database, Temporal: &Temporal{}, dsn: dsn,
	}
	s.connect(t, address(t, server.URL), address(t, referrals.URL))
	return s
}

// Behind puts a handler of the test's in front of both vendors, from now on.
func (s *System) Behind(t *testing.T, front func(vendor http.Handler) http.Handler) {
	t.Helper()
	behind := func(vendor *url.URL) *url.URL {
		server := httptest.NewServer(front(httputil.NewSingleHostReverseProxy(vendor)))
		t.Cleanup(server.Close)
		return address(t, server.URL)
	}
	s.connect(t, behind(s.hubspotURL), behind(address(t, s.Advocate.URL)))
}

// KeepGaps has single calls to HubSpot keep their gaps, as a worker does, for tests that
// count the calls of many at once. Other tests make them one after the other, and have
// nothing to gather.
func (s *System) KeepGaps(t *testing.T) {
	t.Helper()
	s.keepsGaps = true
	s.connect(t, s.hubspotURL, address(t, s.Advocate.URL))
}

func (s *System) connect(t *testing.T, crm, referrals *url.URL) {
	t.Helper()
	s.hubspotURL = crm
	app := hubspot.App{
		ClientID: hubspottest.DefaultClientID, ClientSecret: hubspottest.DefaultClientSecret, Authorize: crm.JoinPath("/oauth/authorize"),
	}
	cfg := vendors.Config{HubSpot: crm, Advocate: referrals, Impact: referrals, App: app, ImpactConcurrency: 4}
	s.vendors = operator.Vendors{Config: cfg, PublicURL: PublicURL, RatePer10s: RatePer10s}
	s.Operator = operator.New(s.Store, s.Temporal, s.vendors, time.Minute, time.Now, operator.PartPatience(patience))
	s.Reconnect(t)
	s.HubSpot.ResetCounts()
	budget := store.NewBudget(s.Store, store.BudgetOptions{Limit: RatePer10s})
	var opts []portal.Option
	if !s.keepsGaps {
		opts = append(opts, portal.WithoutGaps())
	}
	s.Connections = wiring.NewConnections(vendors.New(cfg, s.Store, slog.New(slog.DiscardHandler)), s.Store, budget,
		prometheus.NewRegistry(), slog.New(slog.DiscardHandler), opts...)
	t.Cleanup(s.Connections.Close)
}

// Trace has a tracer see the statements that Store and Operator send from now on.
func (s *System) Trace(t *testing.T, tracer pgx.QueryTracer) {
	t.Helper()
	traced, err := store.Open(t.Context(), s.dsn, storetest.Sealer(t), store.Traced(tracer))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(traced.Close)
	s.Store = traced
	s.Operator = operator.New(traced, s.Temporal, s.vendors, time.Minute, time.Now, operator.PartPatience(patience))
}

// Database opens a connection behind the store's back, which goes with the test.
func (s *System) Database(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// Exec changes the database behind the store's back: so that time has passed, say.
func (s *System) Exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// Dump returns the whole database, for Restore.
func (s *System) Dump(t *testing.T) []byte {
	t.Helper()
	return storetest.Dump(t, s.dsn)
}

// Restore puts the database back as it was when it was dumped.
func (s *System) Restore(t *testing.T, dump []byte) {
	t.Helper()
	storetest.Restore(t, s.dsn, dump)
}

// RotatePepper stops everything that uses the database, replaces the pepper, and
// starts it again.
func (s *System) RotatePepper(t *testing.T) {
	t.Helper()
	s.Connections.Close()
	s.Store.Close()
	alone, err := store.OpenAlone(t.Context(), s.dsn, storetest.Sealer(t))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Rotate(t, alone, make([]byte, seal.KeySize))
	alone.Close()
	opened, err := store.Open(t.Context(), s.dsn, storetest.Sealer(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	s.Store = opened
	s.connect(t, s.hubspotURL, address(t, s.Advocate.URL))
}

// Lock runs a statement behind the store's back and keeps its locks until the
// returned function is called.
func (s *System) Lock(t *testing.T, statement string, args ...any) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := conn.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), statement, args...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

// AwaitLocked returns once n statements wait for a lock.
func (s *System) AwaitLocked(t *testing.T, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); ; <-tick.C {
		var waiting int
		if err := conn.QueryRow(t.Context(), `
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d statements wait for a lock, want %d", waiting, n)
		}
	}
}

// Reconnect does what "connect" does, once more: it makes our HubSpot properties
// anew where somebody removed them.
func (s *System) Reconnect(t *testing.T) {
	t.Helper()
	var err error
	s.Connection, err = s.Operator.Connect(t.Context(), operator.ConnectInput{
		Tenant: advocatetest.DefaultAlias, Program: Program,
		Credentials: store.Credentials{
			HubSpotToken: hubspottest.DefaultToken, AdvocateKey: advocatetest.DefaultKey,
			ImpactAccountSID: advocatetest.DefaultAccountSID, ImpactAuthToken: advocatetest.DefaultAuthToken,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func address(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Activities are the system's real activities, as a worker registers them.
func (s *System) Activities() []any {
	return wiring.NewActivities(s.Connections, s.Store, wiring.ActivityOptions{Hold: Hold, Inferred: s.Inferred, ExportPatience: ExportPatience, ExportNow: s.now}).All()
}

// ObjectProperties are the properties that the portal has for a record type.
func (s *System) ObjectProperties(t *testing.T, of bridge.ObjectType) []hubspot.Property {
	t.Helper()
	client := hubspot.New(s.hubspotURL, func(context.Context) (string, error) { return hubspottest.DefaultToken, nil }, http.DefaultClient)
	found, err := client.ObjectProperties(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// SetRules changes the connection's sharing rules.
func (s *System) SetRules(t *testing.T, rules bridge.Rules) {
	t.Helper()
	changes := bridge.RuleChanges{
		ParticipantCreated: &rules.ParticipantCreated, ParticipantUpdated: &rules.ParticipantUpdated,
		ContactCreated: &rules.ContactCreated, ContactUpdated: &rules.ContactUpdated,
	}
	if _, err := s.Store.ChangeRules(t.Context(), s.Connection.ID, changes); err != nil {
		t.Fatal(err)
	}
}

// CreateContact makes a contact as a person does and returns its id.
func (s *System) CreateContact(t *testing.T, props map[string]string) string {
	t.Helper()
	id, err := s.Portal.Person(1).Create("contacts", props)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// EditContact changes a contact as a person does.
func (s *System) EditContact(t *testing.T, id string, props map[string]string) {
	t.Helper()
	if err := s.Portal.Person(1).Edit("contacts", id, props); err != nil {
		t.Fatal(err)
	}
}

// Contact returns a contact's properties as HubSpot holds them.
func (s *System) Contact(t *testing.T, id string) map[string]string {
	t.Helper()
	record, ok := s.Portal.Record("contacts", id)
	if !ok {
		t.Fatalf("no contact %s", id)
	}
	return record.Properties
}

// ContactByEmail returns the id and properties of the contact with an email.
func (s *System) ContactByEmail(t *testing.T, email string) (string, map[string]string) {
	t.Helper()
	record, ok := s.Portal.ContactByEmail(email)
	if !ok {
		t.Fatalf("no contact has the email of the test's person")
	}
	return record.ID, record.Properties
}

// Join makes a participant as the vendor's widget does.
func (s *System) Join(t *testing.T, email, first, last string) advocatetest.User {
	t.Helper()
	u, err := s.Tenant.Join(email, first, last)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// InStep fails the test unless the contact carries everything that its
// participant, found by any form of its ids, shares.
func (s *System) InStep(t *testing.T, contactID, accountID, userID string) {
	t.Helper()
	s.InStepWith(t, Program, contactID, accountID, userID)
}

// InStepWith is InStep with another program connected.
func (s *System) InStepWith(t *testing.T, program, contactID, accountID, userID string) {
	t.Helper()
	user, ok := s.Tenant.User(accountID, userID)
	if !ok {
		t.Fatalf("contact %s has no participant", contactID)
	}
	want := bridge.SharedProperties(bridge.Participant{
		AccountID: user.AccountID, UserID: user.ID,
		ReferralCode: user.ReferralCodes[program], ShareLink: user.ShareLinks[program],
	}, bridge.Program{ID: program, Tenant: advocatetest.DefaultAlias, BaseURL: s.Advocate.URL})
	for name, value := range bridge.Properties(s.Contact(t, contactID)).Changes(want) {
		t.Errorf("contact %s: %s differs from the participant's %q", contactID, name, value)
	}
}

// State returns where a contact stands with us.
func (s *System) State(t *testing.T, contactID string) bridge.State {
	t.Helper()
	known, err := s.Store.Known(t.Context(), s.Connection.ID, contactID)
	if err != nil {
		t.Fatal(err)
	}
	return known.Ledger.State
}

// Parked returns the open parked items.
func (s *System) Parked(t *testing.T) []bridge.ParkedItem {
	t.Helper()
	items, err := s.Store.ParkedItems(t.Context(), s.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	return items
}
