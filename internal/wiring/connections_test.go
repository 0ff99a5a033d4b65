package wiring_test

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// lab is a connection, and the activity that looks at one of its contacts.
type lab struct {
	*wiringtest.System
	contactID string
	look      func(hints bridge.Hints) (activities.SyncContactResult, error)
}

func newLab(t *testing.T) *lab {
	t.Helper()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	contacts := activities.NewContacts(s.Connections, s.Store, time.Minute, time.Now)
	env.RegisterActivity(contacts)
	return &lab{System: s, contactID: id, look: func(hints bridge.Hints) (result activities.SyncContactResult, err error) {
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

// Whatever stands between us and the portal's API stops the connection once; no
// record pays for it, and it goes on by itself.
func TestConnection_stopsOnceWhereItsCallsDoNotReachTheVendor(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault hubspottest.Fault
		says  string
	}{
		"the portal lives in another region": {hubspottest.Fault{Status: 488}, "488"},
		"a refusal in somebody else's words": {hubspottest.Fault{Status: 451, Answer: fault.Answer{Body: "not here"}}, "451"},
		"a redirect to another host":         {hubspottest.Fault{Status: 307, Answer: fault.Answer{Location: "https://other.example/x?token=secret"}}, "other.example"},
		"a redirect for good":                {hubspottest.Fault{Status: 308, Answer: fault.Answer{Location: "https://eu1.example/"}}, "eu1.example"},
		"an API version that is gone":        {hubspottest.Fault{Status: 410}, "410"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			tt.fault.Times = -1
			l.HubSpot.Inject(tt.fault)
			l.HubSpot.ResetCounts()
			if _, err := l.look(created); err == nil {
				t.Fatal("a refusal was taken for success")
			}
			for range 10 {
				if result, err := l.look(created); err != nil || result.Reason != bridge.ReasonSuspended {
					t.Fatalf("then decided %+v, error %v, want it suspended", result, err)
				}
			}
			if n := l.HubSpot.Counts().Total; n > 3 {
				t.Errorf("%d HubSpot calls, want the first, and the one that confirms it", n)
			}
			c, err := l.Store.Connection(t.Context(), l.Connection.ID)
			if err != nil || c.Status != bridge.StatusMisdirected || !strings.Contains(c.StatusReason, tt.says) || strings.Contains(c.StatusReason, "secret") {
				t.Errorf("status %s: %s, error %v, want it to say %s", c.Status, c.StatusReason, err, tt.says)
			}
			if items := l.Parked(t); len(items) != 0 {
				t.Errorf("parked %v", items)
			}
			l.HubSpot.ClearFaults()
			l.recheck(t)
			if got := l.status(t); got != bridge.StatusActive {
				t.Errorf("status = %s, want active again", got)
			}
		})
	}
}

// A firewall that dislikes what one record holds refuses it in words of its own. That
// says nothing about the connection, whichever vendor is behind it.
func TestConnection_goesOnWhereOneRecordAloneIsRefused(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"not acceptable": 406, "blocked for legal reasons": 451, "a bad request": 400, "not found": 404, "refused": 401} {
		refusal := fault.Answer{Body: "blocked: rule 9407", ContentType: "text/plain"}
		t.Run("hubspot: "+name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.HubSpot.Inject(hubspottest.Fault{Status: status, Times: -1, Contains: l.contactID, Answer: refusal})
			if _, err := l.look(created); err == nil {
				t.Fatal("a refusal was taken for success")
			}
			if got := l.status(t); got != bridge.StatusActive {
				t.Errorf("status = %s, want active", got)
			}
		})
		t.Run("advocate: "+name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.Advocate.Order(advocatetest.Fault{Status: status, Times: -1, Contains: "ann@shop.example", Answer: refusal})
			if _, err := l.look(created); err == nil {
				t.Fatal("a refusal was taken for success")
			}
			if got := l.status(t); got != bridge.StatusActive {
				t.Errorf("status = %s, want active", got)
			}
		})
	}
}

// A gateway's trouble passes, whatever status it comes with.
func TestConnection_aGatewaysPageLeavesItAlone(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404, 407, 502, 503} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.HubSpot.Inject(hubspottest.Fault{Status: status, Times: 3, Answer: fault.Answer{Page: true}})
			if _, err := l.look(created); err == nil {
				t.Fatal("a page was taken for a contact")
			}
			if got := l.status(t); got != bridge.StatusActive {
				t.Errorf("status = %s, want active", got)
			}
			l.HubSpot.ClearFaults()
			if result, err := l.look(created); err != nil || result.State != bridge.StateMapped {
				t.Errorf("then decided %+v, error %v", result, err)
			}
		})
	}
}

// What one capability lacks, the success of another does not hide.
func TestConnection_remembersWhatEachCapabilityLacks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.Portal.Tune(func(k *hubspottest.Knobs) {
		k.MissingScopes = []string{"forms", "crm.objects.deals.read", "crm.objects.companies.read"}
	})
	open, err := l.Connections.Open(t.Context(), l.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	ask := map[bridge.Capability]func() error{
		bridge.CapabilityForms: func() error {
			_, _, err := open.HubSpot.Submissions(t.Context(), "0f8fad5b-d9cb-469f-a165-70867728950e", "")
			return err
		},
		bridge.CapabilityDeals: func() error {
			_, err := open.HubSpot.Object(t.Context(), bridge.ObjectDeal, "1", nil)
			return err
		},
		bridge.CapabilityCompanies: func() error {
			_, err := open.HubSpot.Object(t.Context(), bridge.ObjectCompany, "1", nil)
			return err
		},
	}
	for capability, call := range ask {
		if err := call(); bridge.KindOf(err) != bridge.Unauthorized {
			t.Fatalf("%s: error %v, want unauthorized", capability, err)
		}
	}
	if _, err := l.look(created); err != nil {
		t.Fatal(err)
	}
	refused := func() (all []bridge.Capability) {
		c, err := l.Store.Connection(t.Context(), l.Connection.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.Refusals {
			all = append(all, r.Capability)
		}
		slices.Sort(all)
		return all
	}
	if got := refused(); !slices.Equal(got, []bridge.Capability{bridge.CapabilityCompanies, bridge.CapabilityDeals, bridge.CapabilityForms}) {
		t.Errorf("after a contact went well, %v are refused", got)
	}
	l.Portal.Tune(func(k *hubspottest.Knobs) { k.MissingScopes = []string{"forms"} })
	_, _ = ask[bridge.CapabilityDeals](), ask[bridge.CapabilityCompanies]() // there are none such, but they may be read
	if got := refused(); !slices.Equal(got, []bridge.Capability{bridge.CapabilityForms}) {
		t.Errorf("with deals and companies granted, %v are refused", got)
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
	if _, err := l.Operator.DisconnectConnection(t.Context(), l.Connection, false); err != nil {
		t.Fatal(err)
	}
	if result, err := l.look(created); err != nil || result.Reason != bridge.ReasonDisconnected {
		t.Errorf("decided %+v, error %v", result, err)
	}
	if items := l.Parked(t); len(items) != 0 {
		t.Errorf("parked %v for a connection that is gone", items)
	}
}
