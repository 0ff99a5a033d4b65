package operator_test

import (
	"errors"
	"strings"
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

func TestConnect_refusesAnotherTenantAndNamesTheCommandsThatMoveAPortal(t *testing.T) {
	t.Parallel()
	const other = "other"
	s := wiringtest.New(t)
	config := advocatetest.DefaultTenant()
	config.Alias = other
	if _, err := s.Advocate.Host.AddTenant(config); err != nil {
		t.Fatal(err)
	}
	in := operator.ConnectInput{
		Tenant: other, Program: wiringtest.Program,
		Credentials: store.Credentials{HubSpotToken: hubspottest.DefaultToken, AdvocateKey: advocatetest.DefaultKey},
	}
	_, err := s.Operator.Connect(t.Context(), in)
	refusal, ok := errors.AsType[*operator.Refusal](err)
	if !ok || refusal.Code != "other_tenant" {
		t.Fatalf("error %v, want other_tenant", err)
	}
	for _, command := range []string{"starter connection disconnect --connection " + s.Connection.ID, "starter connect"} {
		if !strings.Contains(err.Error(), command) {
			t.Errorf("%v does not name %q", err, command)
		}
	}
	if _, err := s.Operator.DisconnectConnection(t.Context(), s.Connection); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Operator.Connect(t.Context(), in); err != nil || c.Tenant != other {
		t.Errorf("after the disconnection: %+v, %v", c, err)
	}
}
