package wiring_test

import (
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestObserve_marksAConnectionWhoseVendorRefusesUsUntilThatVendorWorksAgain(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	contacts := activities.NewContacts(s.Links, s.Store, s.Store.Hasher(), time.Minute, time.Now)
	env.RegisterActivity(contacts)
	look := func() error {
		_, err := env.ExecuteActivity(contacts.SyncContact, activities.SyncContactInput{
			ConnectionID: s.Connection.ID, ContactID: id, Hints: bridge.Hints{CreatedAt: time.Now()},
		})
		return err
	}
	status := func() bridge.ConnectionStatus {
		c, err := s.Store.Connection(t.Context(), s.Connection.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c.Status
	}

	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Status: 401})
	if err := look(); err == nil {
		t.Fatal("a refusal was taken for success")
	}
	if got := status(); got != bridge.StatusUnauthorized {
		t.Errorf("status = %s, want unauthorized", got)
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	if got := status(); got != bridge.StatusActive {
		t.Errorf("status = %s, want active again", got)
	}
}
