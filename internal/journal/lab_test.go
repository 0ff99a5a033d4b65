package journal_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/intake"
	"advocatesync/internal/journal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/trigger"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// clock is HubSpot's and the reader's; it moves when told.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// lab is a portal whose webhooks are lost, all of them, and a reader of the journal
// over a real database.
type lab struct {
	*journal.Reader
	t          *testing.T
	clock      *clock
	crm        *hubspottest.Server
	store      *store.Store
	db         *pgx.Conn
	connection bridge.Connection
	secret     string // of the app, as we know it
	watches    []trigger.Watch

	took       func() error // nil, or what happens after events were made durable
	reconciles []string     // ids of the connections that were reconciled
	refusal    error        // instead of a reconcile
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, clock: &clock{at: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}, secret: hubspottest.DefaultClientSecret}
	l.crm = hubspottest.New(t, hubspottest.WithClock(l.clock.now))
	database, dsn := storetest.NewWithDSN(t)
	l.store = database
	var err error
	if l.db, err = pgx.Connect(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.db.Close(context.Background()) }) // the database goes anyway
	l.connection = l.connect(hubspottest.DefaultPortalID)
	l.restart()
	return l
}

func (l *lab) connect(portalID int64) bridge.Connection {
	l.t.Helper()
	c, err := l.store.SaveConnection(l.t.Context(),
		bridge.Connection{PortalID: portalID, Tenant: "acme", Program: "p1", Rules: bridge.DefaultRules}, store.Credentials{})
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

// restart has another process take over: what was only in memory is gone.
func (l *lab) restart() {
	l.t.Helper()
	base, err := url.Parse(l.crm.URL)
	if err != nil {
		l.t.Fatal(err)
	}
	watches := func(context.Context, string) ([]trigger.Watch, error) { return l.watches, nil }
	heard := intake.NewJournal(intake.JournalConfig{
		Inbox: l.store, Triggers: watching(watches), Wake: func() {}, WakeObjects: func() {}, Metrics: prometheus.NewRegistry(), Now: l.clock.now,
	})
	app := hubspot.App{ClientID: hubspottest.DefaultClientID, ClientSecret: l.secret}
	l.exec("UPDATE journal SET held_until = '-infinity'") // the lease lapses
	l.Reader = journal.New(journal.Config{
		HubSpot: hubspot.NewJournal(base, app, &http.Client{Timeout: 30 * time.Second}, nil), Store: l.store,
		Take: func(ctx context.Context, events []json.RawMessage) error {
			if err := heard.Take(ctx, events); err != nil || l.took == nil {
				return err
			}
			return l.took()
		},
		Watches: watches,
		Reconcile: func(_ context.Context, connectionID string) error {
			if l.refusal == nil {
				l.reconciles = append(l.reconciles, connectionID)
			}
			return l.refusal
		},
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: l.clock.now,
	})
}

// watching are the triggers of a connection.
type watching func(context.Context, string) ([]trigger.Watch, error)

func (w watching) Watches(ctx context.Context, id string) ([]trigger.Watch, error) { return w(ctx, id) }

// pass has the reader do what is due. A token that has ended meanwhile costs a second
// try.
func (l *lab) pass() {
	l.t.Helper()
	err := l.Pass(l.t.Context())
	if bridge.KindOf(err) == bridge.Unauthorized {
		err = l.Pass(l.t.Context())
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// fails has the reader meet a failure.
func (l *lab) fails() error {
	l.t.Helper()
	err := l.Pass(l.t.Context())
	if err == nil {
		l.t.Fatal("the pass succeeds")
	}
	return err
}

func (l *lab) exec(statement string, args ...any) {
	l.t.Helper()
	if _, err := l.db.Exec(l.t.Context(), statement, args...); err != nil {
		l.t.Fatal(err)
	}
}

// create makes a contact and lets a second pass, so that each has its own moment.
func (l *lab) create(email string) string {
	l.t.Helper()
	id, err := l.crm.Person(9).Create("contacts", map[string]string{"email": email})
	if err != nil {
		l.t.Fatal(err)
	}
	l.clock.pass(time.Second)
	return id
}

// wantHeard checks what the inbox holds of contacts: each creation counts once.
func (l *lab) wantHeard(contacts ...string) {
	l.t.Helper()
	rows, err := l.db.Query(l.t.Context(), "SELECT contact_id FROM inbox WHERE kind = 'created' ORDER BY id")
	if err != nil {
		l.t.Fatal(err)
	}
	heard, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		l.t.Fatal(err)
	}
	slices.Sort(heard)
	slices.Sort(contacts)
	if !slices.Equal(heard, contacts) {
		l.t.Errorf("heard of %v, want %v", heard, contacts)
	}
}

func (l *lab) wantReconciles(n int) {
	l.t.Helper()
	if len(l.reconciles) != n {
		l.t.Errorf("%d reconciles were started, want %d", len(l.reconciles), n)
	}
}

func (l *lab) state() store.Journal {
	l.t.Helper()
	j, err := l.store.Journal(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return j
}

func (l *lab) wantState(want bridge.JournalState) {
	l.t.Helper()
	if j := l.state(); j.State != want || (j.Reason == "") != (want == bridge.JournalFollowing) {
		l.t.Errorf("state %s, reason %q, want %s", j.State, j.Reason, want)
	}
}

func (l *lab) portal(id int64) store.JournalPortal {
	l.t.Helper()
	all, err := l.store.JournalPortals(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(p store.JournalPortal) bool { return p.PortalID == id })
	if i < 0 {
		return store.JournalPortal{}
	}
	return all[i]
}

func (l *lab) tune(change func(*hubspottest.JournalKnobs)) { l.crm.Host().Journal().Tune(change) }
