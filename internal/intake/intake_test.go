package intake

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/serviceerror"

	"advocatesync/internal/bridge"
	"advocatesync/internal/relay"
	"advocatesync/internal/relay/relaytest"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/workflows"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// hundred is a full delivery: 50 contacts, each created with an email.
func hundred() string {
	var elements []string
	for _, contact := range numbered(50) {
		elements = append(elements,
			fmt.Sprintf(`{"eventId":1,"portalId":%d,"occurredAt":1794999000123,"subscriptionType":"contact.creation","objectId":%s}`,
				ourPortal, contact),
			fmt.Sprintf(`{"eventId":2,"portalId":%d,"occurredAt":1794999000456,"subscriptionType":"contact.propertyChange",
				"objectId":%s,"propertyName":"email","propertyValue":"ada@example.test"}`, ourPortal, contact))
	}
	return array(elements...)
}

// whole is a handler on a real store that holds one connection.
type whole struct {
	*Handler
	store        *store.Store
	connectionID string
}

func newWhole(t *testing.T) whole {
	t.Helper()
	s := storetest.New(t)
	c, err := s.SaveConnection(t.Context(),
		bridge.Connection{PortalID: ourPortal, Tenant: "acme", Program: "p1", Rules: bridge.DefaultRules}, store.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	return whole{store: s, connectionID: c.ID, Handler: NewHandler(HandlerConfig{
		ClientSecret: testSecret, AppID: ourApp, PublicURL: testPublic, Inbox: s, Triggers: watching{}, Wake: func() {}, WakeObjects: func() {},
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return receipt },
	})}
}

func (w whole) deliver(t *testing.T, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, signed(body, receipt))
	if answer.Code != http.StatusOK {
		t.Errorf("status %d: %s", answer.Code, answer.Body)
	}
}

// carry runs a relay until the inbox of contacts is empty.
func (w whole) carry(t *testing.T, to relay.Signaler) {
	t.Helper()
	cfg := relay.Contacts(w.store, to, relay.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler))
	empty(t, relay.New(cfg).Run, w.store.InboxLag)
}

// carryObjects does it with what triggers watch.
func (w whole) carryObjects(t *testing.T, to relay.Signaler) {
	t.Helper()
	cfg := relay.Objects(w.store, to, relay.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler))
	empty(t, relay.New(cfg).Run, w.store.ObjectInboxLag)
}

func empty(t *testing.T, run func(context.Context), lag func(context.Context) (time.Duration, error)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { run(ctx) })
	defer done.Wait()
	defer stop()
	look, deadline := time.NewTicker(20*time.Millisecond), time.After(5*time.Minute)
	defer look.Stop()
	for {
		waited, err := lag(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if waited == 0 {
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("the inbox is not empty")
		}
	}
}

func (w whole) lag(t *testing.T) time.Duration {
	t.Helper()
	lag, err := w.store.InboxLag(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return lag
}

func TestIntake_tenDeliveriesAtOnceBecomeOneSignalAContact(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	var flight sync.WaitGroup
	for range 10 {
		flight.Go(func() { w.deliver(t, hundred()) })
	}
	flight.Wait()
	if w.lag(t) == 0 {
		t.Fatal("answered without anything in the inbox")
	}

	signaler := &relaytest.Signaler{}
	w.carry(t, signaler)
	if len(signaler.Calls()) != 50 {
		t.Fatalf("%d signals, want 50", len(signaler.Calls()))
	}
	want := bridge.Hints{CreatedAt: time.UnixMilli(1794999000123), UpdatedAt: time.UnixMilli(1794999000456)}
	for _, call := range signaler.Calls() {
		if diff := cmp.Diff(want, call.Arg); diff != "" {
			t.Errorf("hints of %s (-want +got)\n%s", call.WorkflowID, diff)
		}
		if !strings.HasPrefix(call.WorkflowID, workflows.ContactLifecycleID(w.connectionID, "5")) {
			t.Errorf("workflow id %s", call.WorkflowID)
		}
	}
}

func TestIntake_ourOwnWritesSignalNobody(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.deliver(t, array(ownWrite))
	if w.lag(t) != 0 {
		t.Error("an echo waits for its relay")
	}
}

func TestIntake_tellsEveryContactOfItsEnd(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	const at = 1794999000123
	ended := func(subscription string, object int) string {
		return fmt.Sprintf(`{"eventId":1,"portalId":%d,"occurredAt":%d,"subscriptionType":%q,"objectId":%d}`, ourPortal, at, subscription, object)
	}
	w.deliver(t, array(merge, ended("contact.deletion", 501), ended("contact.privacyDeletion", 601), ended("contact.restore", 602)))
	signaler := &relaytest.Signaler{}
	w.carry(t, signaler)
	got := map[string]any{}
	for _, call := range signaler.Calls() {
		got[call.WorkflowID] = call.Arg
	}
	then := time.UnixMilli(at)
	want := map[string]any{}
	for contact, hints := range map[string]bridge.Hints{
		"700": {MergedAt: then}, "501": {MergedAt: then, DeletedAt: then}, "502": {MergedAt: then},
		"601": {ErasedAt: then}, "602": {RestoredAt: then},
	} {
		want[workflows.ContactLifecycleID(w.connectionID, contact)] = hints
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got)\n%s", diff)
	}
}

// What a killed process had claimed comes again: see
// TestRelayHints_whatADeadProcessClaimedComesAgain in package store.
func TestIntake_aRelayThatIsStoppedLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.deliver(t, array(creation))

	// It is stopped while its signal is under way.
	ctx, stop := context.WithCancel(t.Context())
	first := &relaytest.Signaler{Fail: func(string) error { stop(); return nil }}
	relay.New(relay.Contacts(w.store, first, relay.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler))).Run(ctx)
	if len(first.Calls()) != 1 {
		t.Fatalf("%d signals before the stop, want 1", len(first.Calls()))
	}

	second := &relaytest.Signaler{}
	w.carry(t, second)
	if len(second.Calls()) != 0 {
		t.Errorf("%d signals after the stop, want none", len(second.Calls()))
	}
}

func TestIntake_outlastsAnOutageOfTemporal(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.deliver(t, array(creation))
	var tries atomic.Int32
	w.carry(t, &relaytest.Signaler{Fail: func(string) error {
		if tries.Add(1) < 3 {
			return serviceerror.NewUnavailable("connection refused")
		}
		return nil
	}})
	if n := tries.Load(); n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
}

// numbered are the ids of n contacts.
func numbered(n int) []string {
	var contacts []string
	for i := range n {
		contacts = append(contacts, fmt.Sprint(501+i))
	}
	return contacts
}
