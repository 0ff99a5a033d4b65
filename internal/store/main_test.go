package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// hang bounds a wait that would otherwise never end. It is no requirement: the
// machine may be busy.
const hang = 5 * time.Minute

var secrets = store.Credentials{HubSpotToken: "pat-1", AdvocateKey: "LIVE_1", ImpactAccountSID: "IR1", ImpactAuthToken: "t1"}

// database is a store for one test, with one connection and a side door for
// what the store does not show.
type database struct {
	*store.Store
	conn bridge.Connection
	side *pgx.Conn
	dsn  string
}

func newDatabase(t *testing.T) database {
	t.Helper()
	s, dsn := storetest.NewWithDSN(t)
	d := newSide(t, s, dsn)
	d.conn = connect(t, s, 1001)
	return d
}

func newSide(t *testing.T, s *store.Store, dsn string) database {
	t.Helper()
	side, err := pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { must(t, side.Close(context.Background())) })
	return database{Store: s, side: side, dsn: dsn}
}

func connect(t *testing.T, s *store.Store, portal int64) bridge.Connection {
	t.Helper()
	c, err := s.SaveConnection(t.Context(),
		bridge.Connection{PortalID: portal, Tenant: "acme", Program: "p1", Rules: bridge.DefaultRules}, secrets)
	must(t, err)
	return c
}

func (d database) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := d.side.Exec(t.Context(), statement, args...)
	must(t, err)
}

// count returns the first number that a query yields.
func (d database) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	must(t, d.side.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, want bridge.Kind) {
	t.Helper()
	if err == nil || bridge.KindOf(err) != want {
		t.Errorf("error %v, want one of kind %q", err, want)
	}
}

func at(second int) time.Time { return time.Date(2026, 5, 1, 12, 0, second, 0, time.UTC) }

// hear has HubSpot refuse everything to a connection, or with no kind, accept it.
func (d database) hear(t *testing.T, connectionID string, kind bridge.Kind) {
	t.Helper()
	answer := bridge.Answer{System: bridge.SystemHubSpot, Capability: bridge.CapabilityAccount}
	if kind != "" {
		answer.Err = &bridge.Error{Kind: kind, Op: "hubspot.account_details", Status: 401}
	}
	if _, _, err := d.RecordAnswer(t.Context(), connectionID, answer); err != nil {
		t.Fatal(err)
	}
}
