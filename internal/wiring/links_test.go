package wiring_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// lab is a connection, and the activity that looks at one of its contacts.
type lab struct {
	*wiringtest.System
	look func(hints bridge.Hints) (activities.SyncContactResult, error)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	contacts := activities.NewContacts(s.Connections, s.Store, s.Store.Hasher(), time.Minute, time.Now)
	env.RegisterActivity(contacts)
	return &lab{System: s, look: func(hints bridge.Hints) (result activities.SyncContactResult, err error) {
		value, err := env.ExecuteActivity(contacts.SyncContact, activities.SyncContactInput{
			ConnectionID: s.Connection.ID, ContactID: id, Hints: hints,
		})
		if err == nil {
			err = value.Get(&result)
		}
		return result, err
	}}
}

func (l *lab) status(t *testing.T) bridge.ConnectionStatus {
	t.Helper()
	c, err := l.Store.Connection(t.Context(), l.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	return c.Status
}

// relayed returns what the relay would pass on now.
func (l *lab) relayed(t *testing.T) []store.ContactHints {
	t.Helper()
	var heard []store.ContactHints
	_, err := l.Store.RelayHints(t.Context(), 10, func(_ context.Context, batch []store.ContactHints) []error {
		heard = batch
		return make([]error, len(batch))
	})
	if err != nil {
		t.Fatal(err)
	}
	return heard
}

func (l *lab) recheck(t *testing.T) {
	t.Helper()
	if err := l.Operator.Recheck(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

var created = bridge.Hints{CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}

func TestRefusedCredentials_workWaitsInTheInboxAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Status: 401})
	if _, err := l.look(created); err == nil {
		t.Fatal("a refusal was taken for success")
	}
	if got := l.status(t); got != bridge.StatusUnauthorized {
		t.Fatalf("status = %s, want unauthorized", got)
	}
	result, err := l.look(created) // as Temporal tries again
	if err != nil || result.Reason != bridge.ReasonSuspended {
		t.Fatalf("decided %+v, error %v, want it held", result, err)
	}
	if heard := l.relayed(t); len(heard) != 0 {
		t.Errorf("relayed %v while the credentials are refused", heard)
	}
	l.recheck(t)
	if got := l.status(t); got != bridge.StatusActive {
		t.Fatalf("status = %s, want active again", got)
	}
	heard := l.relayed(t)
	if len(heard) != 1 || !heard[0].Hints.CreatedAt.Equal(created.CreatedAt) {
		t.Fatalf("relayed %v, want the creation that was held", heard)
	}
	if result, err := l.look(heard[0].Hints); err != nil || result.State != bridge.StateMapped {
		t.Errorf("then decided %+v, error %v", result, err)
	}
}

func TestRecheck_leavesTheMarkWhileTheVendorRefuses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Status: 401, Times: 2})
	if _, err := l.look(created); err == nil {
		t.Fatal("a refusal was taken for success")
	}
	l.recheck(t)
	if got := l.status(t); got != bridge.StatusUnauthorized {
		t.Errorf("status = %s, want unauthorized", got)
	}
}

// A portal that lacks one scope still has work that can be done.
func TestObserve_aRefusalOfOneThingDoesNotHoldTheRest(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Portal.Tune(func(k *hubspottest.Knobs) { k.MissingScopes = []string{"crm.objects.contacts.read"} })
	if _, err := l.look(created); err == nil {
		t.Fatal("a refusal was taken for success")
	}
	if got := l.status(t); got != bridge.StatusForbidden {
		t.Errorf("status = %s, want forbidden", got)
	}
	l.Portal.Tune(func(k *hubspottest.Knobs) { k.MissingScopes = nil })
	if _, err := l.look(created); err != nil {
		t.Fatal(err)
	}
	if got := l.status(t); got != bridge.StatusActive {
		t.Errorf("status = %s, want active again", got)
	}
}

func TestPausedConnection_aLookGoesBackToTheInbox(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := l.Operator.PauseConnection(t.Context(), l.Connection); err != nil {
		t.Fatal(err)
	}
	l.HubSpot.ResetCounts()
	if result, err := l.look(created); err != nil || result.Reason != bridge.ReasonSuspended {
		t.Fatalf("decided %+v, error %v, want it held", result, err)
	}
	if n := l.HubSpot.Counts().Total; n != 0 {
		t.Errorf("%d HubSpot calls while paused", n)
	}
	if err := l.Operator.ResumeConnection(t.Context(), l.Connection); err != nil {
		t.Fatal(err)
	}
	if heard := l.relayed(t); len(heard) != 1 {
		t.Errorf("relayed %v after the pause, want the contact", heard)
	}
}

func TestDisconnectedConnection_aLateLookChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if _, err := l.Operator.DisconnectConnection(t.Context(), l.Connection); err != nil {
		t.Fatal(err)
	}
	if result, err := l.look(created); err != nil || result.Reason != bridge.ReasonDisconnected {
		t.Errorf("decided %+v, error %v", result, err)
	}
	if items := l.Parked(t); len(items) != 0 {
		t.Errorf("parked %v for a connection that is gone", items)
	}
}
