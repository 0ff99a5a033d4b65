package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
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

// A record of which HubSpot says something that we do not understand, or something
// that it says of no other one in the batch.
func TestReportSync_parksARecordOfAnUnknownErrorCategory(t *testing.T) {
	t.Parallel()
	const n, bad = 5, 2
	for _, category := range []string{"SOLAR_FLARE", "MISSING_SCOPES"} {
		says := func(s *wiringtest.System, route string) {
			s.HubSpot.Inject(hubspottest.Fault{Route: route, Times: -1, Answer: fault.Answer{
				Alter: []fault.Edit{fault.Set("errors.*.category", category), fault.Set("category", category)}}})
		}
		t.Run("create "+category, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			people(t, s, n)
			giveEmail(t, s, person(bad), "not-an-email")
			says(s, createRoute)
			report(t, s)
			wantContacts(t, s, n, bad)
			wantParked(t, s, bridge.CauseRefusedByHubSpot)
		})
		t.Run("update "+category, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			people(t, s, n)
			report(t, s)
			for i := range n {
				if _, err := s.Tenant.ChangeCode(person(i), person(i), wiringtest.Program, fmt.Sprint("NEW", i)); err != nil {
					t.Fatal(err)
				}
			}
			gone, _ := s.ContactByEmail(t, person(bad))
			archive(t, s, gone) // of which HubSpot says so, in another word
			says(s, updateRoute)
			report(t, s)
			for i := range n {
				if i != bad {
					id, _ := s.ContactByEmail(t, person(i))
					s.InStep(t, id, person(i), person(i))
				}
			}
			wantParked(t, s, bridge.CauseRefusedByHubSpot)
		})
	}
}

// One participant on whom Advocate fails keeps no other one from being read again.
func TestRetryParked_onePoisonParticipantStopsNoOther(t *testing.T) {
	t.Parallel()
	faults := map[string]advocatetest.Fault{
		"a 500":                    {Status: 500},
		"an answer of an odd type": {Answer: fault.Answer{Alter: []fault.Edit{fault.Set("id", []int{1})}}},
		"a refusal":                {Status: 400},
	}
	for name, spoil := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			for i := range 2 {
				s.Join(t, person(i), "Person", "Parked")
				giveEmail(t, s, person(i), fmt.Sprintf("not-an-email-%d", i))
			}
			report(t, s)
			for i := range 2 {
				giveEmail(t, s, person(i), person(i))
			}
			bad, _ := s.Tenant.User(person(1), person(1))
			spoil.Contains, spoil.Times = bad.ID, -1
			s.Advocate.Order(spoil)

			counts, err := retryParked(t, s)
			if err != nil {
				t.Fatal(err)
			}

			if counts.Created != 1 {
				t.Errorf("counts %+v, want one created", counts)
			}
			id, _ := s.ContactByEmail(t, person(0))
			s.InStep(t, id, person(0), person(0))
			if item := wantParked(t, s, bridge.CauseRefusedByHubSpot); item.UserID != bad.ID {
				t.Error("the wrong item is still parked")
			}
			s.Advocate.ClearFaults()
			if _, err := retryParked(t, s); err != nil {
				t.Fatal(err)
			}
			wantNothingParked(t, s)
		})
	}
}

// Participants that another run has seen newer are read again. One that cannot be
// read stops no other.
func TestMassSync_onePoisonParticipantIsReadAgainInVain(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.SetRules(t, bridge.Rules{})
	people(t, s, 3)
	report(t, s) // has seen them, and may not make contacts
	s.SetRules(t, bridge.Rules{ParticipantCreated: true})
	bad, _ := s.Tenant.User(person(1), person(1))
	massSync(t, s, false, func(env *testsuite.TestWorkflowEnvironment, run store.Run) {
		desired(t, s, run, store.DesiredPaused) // its export is made, its pages are not
		env.RegisterDelayedCallback(func() {
			for i := range 3 {
				if _, err := s.Tenant.ChangeCode(person(i), person(i), wiringtest.Program, fmt.Sprint("NEW", i)); err != nil {
					t.Error(err)
				}
			}
			report(t, s)
			s.Advocate.Order(advocatetest.Fault{Contains: bad.ID, Status: 500, Times: -1})
			desired(t, s, run, store.DesiredRunning)
			env.SignalWorkflow(workflows.SignalDesired, nil)
		}, time.Hour)
	})
	wantContacts(t, s, 3, 1)
	wantParked(t, s, bridge.CauseUnreachable)
	s.Advocate.ClearFaults()
	retryDue(t, s)
	wantContacts(t, s, 3, -1)
	wantNothingParked(t, s)
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

// A record that is alone on its page has no other one to show that HubSpot is up. It
// stops no report all the same, and neither does a page of nothing else.
func TestReportSync_poisonRecordsAloneOnAPageStopNoReport(t *testing.T) {
	t.Parallel()
	for name, route := range map[string]string{"create": createRoute, "update": updateRoute} {
		for _, n := range []int{1, 12} {
			t.Run(fmt.Sprintf("%s %d", name, n), func(t *testing.T) {
				t.Parallel()
				s := wiringtest.New(t)
				people(t, s, n)
				if route == updateRoute {
					report(t, s)
					for i := range n {
						if _, err := s.Tenant.ChangeCode(person(i), person(i), wiringtest.Program, fmt.Sprint("NEW", i)); err != nil {
							t.Fatal(err)
						}
					}
				}
				for i := range n {
					contains := `"` + person(i) + `"`
					if record, there := s.Portal.ContactByEmail(person(i)); there {
						contains = `"` + record.ID + `"`
					}
					s.HubSpot.Inject(hubspottest.Fault{Route: route, Contains: contains, Status: 500, Times: -1})
				}
				report(t, s)
				items := s.Parked(t)
				for _, item := range items {
					if item.Cause != bridge.CauseRefusedByHubSpot {
						t.Errorf("parked because of %s", item.Cause)
					}
				}
				if len(items) != n {
					t.Errorf("%d items are parked, want %d", len(items), n)
				}

				s.HubSpot.ClearFaults()
				if _, err := retryParked(t, s); err != nil {
					t.Fatal(err)
				}
				wantNothingParked(t, s)
				for i := range n {
					id, _ := s.ContactByEmail(t, person(i))
					s.InStep(t, id, person(i), person(i))
				}
			})
		}
	}
}

// A participant that is retried alone has no other one to show that Advocate is up.
func TestRetryParked_aPoisonParticipantAloneEndsTheRetry(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, person(0), "Person", "Parked")
	giveEmail(t, s, person(0), "not-an-email")
	report(t, s)
	giveEmail(t, s, person(0), person(0))
	user, _ := s.Tenant.User(person(0), person(0))
	s.Advocate.Order(advocatetest.Fault{Contains: user.ID, Status: 500, Times: -1})
	if _, err := retryParked(t, s); err != nil {
		t.Fatal(err)
	}
	wantParked(t, s, bridge.CauseRefusedByHubSpot)

	s.Advocate.ClearFaults()
	if _, err := retryParked(t, s); err != nil {
		t.Fatal(err)
	}
	wantNothingParked(t, s)
}
