package operator_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/operator"
	"advocatesync/internal/standin/fault"
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
	if _, err := s.Operator.DisconnectConnection(t.Context(), other, false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Operator.Connect(t.Context(), in); err != nil {
		t.Errorf("the tenant is free again: %v", err)
	}
}

// A property that HubSpot does not create is named, and keeps none of the others from
// being created: connecting again does what is left.
func TestConnect_namesThePropertyThatHubSpotDoesNotCreate(t *testing.T) {
	t.Parallel()
	const bad, other = bridge.PropShareLink, bridge.PropReferralCode
	for name, answer := range map[string]hubspottest.Fault{
		"it refuses all for one":         {Status: http.StatusBadRequest},
		"it fails on one":                {Status: http.StatusInternalServerError},
		"a gateway fails on one":         {Status: http.StatusGatewayTimeout},
		"a firewall dislikes one":        {Status: http.StatusForbidden, Answer: fault.Answer{Page: true}},
		"a firewall says so in its way":  {Status: http.StatusNotAcceptable, Answer: fault.Answer{Body: `{"blocked":true}`}},
		"it says nothing of any of them": {Answer: fault.Answer{Body: `{"status":"COMPLETE","results":[],"errors":[]}`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			for _, property := range []string{bad, other} {
				if err := s.Portal.ArchiveProperty("contacts", property); err != nil {
					t.Fatal(err)
				}
			}
			answer.Route, answer.Contains, answer.Times = "POST /crm/properties/2026-09/contacts/batch/create", `"name":"`+bad+`"`, -1
			s.HubSpot.Inject(answer)
			in := operator.ConnectInput{
				Tenant: advocatetest.DefaultAlias, Program: wiringtest.Program,
				Credentials: store.Credentials{HubSpotToken: hubspottest.DefaultToken, AdvocateKey: advocatetest.DefaultKey},
			}
			if _, err := s.Operator.Connect(t.Context(), in); err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("error %v does not name %s", err, bad)
			}
			if _, there := s.Portal.Property("contacts", other); !there {
				t.Errorf("%s was not created", other)
			}
			s.HubSpot.ClearFaults()
			if _, err := s.Operator.Connect(t.Context(), in); err != nil {
				t.Error(err)
			}
			if _, there := s.Portal.Property("contacts", bad); !there {
				t.Errorf("%s was not created", bad)
			}
		})
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
	if _, err := s.Operator.DisconnectConnection(t.Context(), s.Connection, false); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Operator.Connect(t.Context(), in); err != nil || c.Tenant != other {
		t.Errorf("after the disconnection: %+v, %v", c, err)
	}
}
