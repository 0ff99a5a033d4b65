package workflows_test

import (
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/wiring/wiringtest"
)

const (
	createRoute = "POST /crm/objects/2026-09/contacts/batch/create"
	updateRoute = "POST /crm/objects/2026-09/contacts/batch/update"
	readRoute   = "POST /crm/objects/2026-09/contacts/batch/read"
)

// Whatever HubSpot does whenever one record is in a batch, that record is parked
// and the others are written.
func TestReportSync_onePoisonRecordStopsNoOther(t *testing.T) {
	t.Parallel()
	const n, bad = 30, 7
	poison := func(route string, status int) func(*wiringtest.System) {
		return func(s *wiringtest.System) {
			s.HubSpot.Inject(hubspottest.Fault{Route: route, Contains: person(bad), Status: status, Times: -1})
		}
	}
	tests := map[string]func(*wiringtest.System){
		"a 500 for its creation": poison(createRoute, 500),
		"a 503 for its creation": poison(createRoute, 503),
		"a 504 for its creation": poison(createRoute, 504),
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t, hubspottest.WithSeed(3))
			people(t, s, n)
			spoil(s)
			report(t, s)
			wantContacts(t, s, n, bad)
			wantParked(t, s, bridge.CauseRefusedByHubSpot)
		})
	}
}

// A record of which HubSpot says something that we do not understand.
func TestReportSync_parksARecordOfAnUnknownErrorCategory(t *testing.T) {
	t.Parallel()
	const n, bad = 5, 2
	s := wiringtest.New(t)
	people(t, s, n)
	if _, err := s.Tenant.Edit(person(bad), person(bad), withEmail("not-an-email")); err != nil {
		t.Fatal(err)
	}
	s.HubSpot.Inject(hubspottest.Fault{Route: createRoute, Times: -1, Answer: fault.Answer{
		Alter: []fault.Edit{fault.Set("errors.*.category", "SOLAR_FLARE"), fault.Set("category", "SOLAR_FLARE")}}})
	report(t, s)
	wantContacts(t, s, n, bad)
	wantParked(t, s, bridge.CauseRefusedByHubSpot)
}

func TestReportSync_aPoisonReadOrUpdateStopsNoOther(t *testing.T) {
	t.Parallel()
	const n, bad = 20, 4
	for name, route := range map[string]string{"update": updateRoute, "read": readRoute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			people(t, s, n)
			report(t, s)
			var ids []string
			for i := range n {
				id, _ := s.ContactByEmail(t, person(i))
				ids = append(ids, id)
				if _, err := s.Tenant.ChangeCode(person(i), person(i), wiringtest.Program, "NEW"+id); err != nil {
					t.Fatal(err)
				}
			}
			s.HubSpot.Inject(hubspottest.Fault{Route: route, Contains: `"` + ids[bad] + `"`, Status: 500, Times: -1})
			if route == readRoute { // only a second attempt reads
				s.HubSpot.Inject(hubspottest.Fault{Route: updateRoute, Status: 500, Times: 2})
			}
			report(t, s)
			for i, id := range ids {
				got := s.Contact(t, id)[bridge.PropReferralCode]
				if written := got == "NEW"+id; written != (i != bad || route == readRoute) {
					t.Errorf("contact %d has %q", i, got)
				}
			}
			if route == updateRoute {
				wantParked(t, s, bridge.CauseRefusedByHubSpot)
			}
		})
	}
}
