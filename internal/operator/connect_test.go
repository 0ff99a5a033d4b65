package operator_test

import (
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

func TestConnect_joinsATenantToOnePortalOnly(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	in := operator.ConnectInput{
		Tenant: advocatetest.DefaultAlias, Program: wiringtest.Program,
		Credentials: store.Credentials{HubSpotToken: hubspottest.DefaultToken, AdvocateKey: advocatetest.DefaultKey},
	}
	if again, err := s.Operator.Connect(t.Context(), in); err != nil || again.ID != s.Connection.ID {
		t.Fatalf("the same portal again: connection %s, error %v", again.ID, err)
	}
	other := s.Connection
	other.ID, other.PortalID = "", s.Connection.PortalID+1
	other, err := s.Store.SaveConnection(t.Context(), other, in.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Operator.Connect(t.Context(), in); !isRefusal(err, bridge.Conflict, "tenant_taken") {
		t.Errorf("error = %v, want tenant_taken", err)
	}
	if _, err := s.Operator.DisconnectConnection(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Operator.Connect(t.Context(), in); err != nil {
		t.Errorf("the tenant is free again: %v", err)
	}
}
