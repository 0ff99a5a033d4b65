package workflows_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// TestVendors_areCalledOutsideOfTransactions has every call to a vendor wait until each
// transaction that was open when it was made has ended. One that waits for the call
// never does: a database that ends idle transactions would end it, however often it
// is tried.
func TestVendors_areCalledOutsideOfTransactions(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	w := &transactions{t: t, db: s.Database(t), calls: map[string]int{}}
	s.Behind(t, w.before)

	var mapped, deal string
	for _, flow := range []struct {
		name  string
		run   func()
		calls []string // some of those that it makes
	}{
		{"a contact is created", func() { mapped = buyer(t, s, ann) }, []string{"PUT", "POST"}},
		{"a participant joins", func() {
			s.Join(t, person(1), "Bob", "Baker")
			report(t, s)
		}, []string{"GET", "POST"}},
		{"a mass sync", func() { massSync(t, s, false) }, []string{"GET", "POST"}},
		{"a deal is won", func() {
			apply(t, s, dealReversed)
			deal = record(t, s, "deals", won(), mapped)
			heard(t, s, bridge.ObjectDeal, deal, stageChanged())
			look(t, s)
			wantTracked(t, s, "deal-won: complete")
		}, []string{"POST", "GET"}},
		{"it is lost", func() {
			heard(t, s, bridge.ObjectDeal, deal, stage(t, s, deal, "closedlost"))
			look(t, s)
			wantTracked(t, s, "deal-won: reversed")
		}, []string{"DELETE", "GET"}},
		{"a reconcile", func() { reconcile(t, s, false) }, []string{"GET", "POST"}},
		{"a contact is deleted", func() {
			id := buyer(t, s, person(2))
			archive(t, s, id)
			live(t, s, id, deleted())
			wantParticipant(t, s, person(2), false)
		}, []string{"DELETE"}},
		{"a person is erased", func() {
			erase(t, s, mapped)
			live(t, s, mapped, erased())
			wantParticipant(t, s, ann, false)
		}, []string{"DELETE"}},
		{"a program switch", func() { wantSwitched(t, s, workflows.ProgramSwitchInput{Program: champions}) }, []string{"POST"}},
	} {
		w.reset()
		flow.run()
		for _, method := range flow.calls {
			if w.made(method) == 0 {
				t.Errorf("%s: no %s has been watched", flow.name, method)
			}
		}
	}
}

// transactions watches the database at every call to a vendor.
type transactions struct {
	t *testing.T

	mu    sync.Mutex // one call at a time
	db    *pgx.Conn
	calls map[string]int // by method
}

func (w *transactions) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.calls)
}

func (w *transactions) made(method string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[method]
}

// before holds a call back until the transactions have ended that were open before it.
func (w *transactions) before(vendor http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.await(r)
		vendor.ServeHTTP(rw, r)
	})
}

func (w *transactions) await(r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[r.Method]++
	const patience = 2 * time.Minute // longer than any transaction takes, on whatever machine
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(patience)
	for open := w.open(r); len(open) > 0; open = still(open, w.open(r)) {
		if time.Now().After(deadline) {
			w.t.Errorf("%s %s is made while %d transactions wait for it", r.Method, r.URL.Path, len(open))
			return
		}
		<-tick.C
	}
}

// open are the transactions that are under way.
func (w *transactions) open(r *http.Request) map[string]bool {
	ctx := context.WithoutCancel(r.Context()) // the connection is for all calls
	rows, err := w.db.Query(ctx, `SELECT pid || ' ' || xact_start FROM pg_stat_activity
		WHERE datname = current_database() AND backend_type = 'client backend' AND xact_start IS NOT NULL AND pid <> pg_backend_pid()`)
	if err != nil {
		w.t.Error(err)
		return nil
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Error(err)
	}
	open := make(map[string]bool, len(all))
	for _, one := range all {
		open[one] = true
	}
	return open
}

func still(before, now map[string]bool) map[string]bool {
	left := map[string]bool{}
	for one := range before {
		if now[one] {
			left[one] = true
		}
	}
	return left
}
