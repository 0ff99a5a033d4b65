package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger/triggertest"
	"advocatesync/internal/wiring/wiringtest"
)

const demoForm = "2f6c2b1e-7a54-4a55-9d7e-6f0d0a3f5c11"

const demoRequest = `
id: demo-request
object: contact
event: {type: form_submitted, forms: 2f6c2b1e-7a54-4a55-9d7e-6f0d0a3f5c11}
when: form.interest != "jobs"
conversion:
  campaign_id: 47255
  event_type_code: qualified_lead
  fields:
    Text1: = form.interest
`

// All of them are meant, however many come at once.
const everySubmission = demoRequest + "once: change\nat_once: 0\n"

func withForm(t *testing.T, definition string) *wiringtest.System {
	t.Helper()
	s := wiringtest.New(t)
	if _, err := s.Portal.DefineForm(hubspottest.Form{ID: demoForm, Name: "Demo", Fields: []string{"email", "firstname"}}); err != nil {
		t.Fatal(err)
	}
	apply(t, s, definition)
	look(t, s) // from now on
	return s
}

func submit(t *testing.T, s *wiringtest.System, email, interest string) {
	t.Helper()
	if err := s.Portal.SubmitForm(demoForm, map[string]string{"email": email, "interest": interest}, ""); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, s *wiringtest.System, change func([]hubspottest.Submission) []hubspottest.Submission) {
	t.Helper()
	if err := s.Portal.EditSubmissions(demoForm, change); err != nil {
		t.Fatal(err)
	}
}

func TestTrackRound_aSubmissionBecomesOneConversion(t *testing.T) {
	t.Parallel()
	s := withForm(t, demoRequest)
	submit(t, s, ann, "demo")
	id, _ := s.ContactByEmail(t, ann)
	live(t, s, id, created())
	if got := look(t, s); got.Submissions != 1 {
		t.Fatalf("a round did %+v", got)
	}
	wantTracked(t, s, "demo-request: sent")
	look(t, s)
	wantTracked(t, s, "demo-request: complete")
	sent := s.Tenant.Conversions()
	if len(sent) != 1 || sent[0].Params["CustomerEmail"] != sha1Of(ann) || sent[0].Params["Text1"] != "demo" {
		t.Errorf("conversions: %+v", sent)
	}
	submit(t, s, ann, "demo again") // once per contact
	look(t, s)
	wantTracked(t, s, "demo-request: complete")
}

func TestTrackRound_theConditionSeesWhatWasEntered(t *testing.T) {
	t.Parallel()
	s := withForm(t, demoRequest)
	submit(t, s, ann, "jobs")
	id, _ := s.ContactByEmail(t, ann)
	live(t, s, id, created())
	look(t, s)
	wantTracked(t, s, "demo-request: skipped")
	submit(t, s, ann, "demo")
	look(t, s)
	wantTracked(t, s, "demo-request: sent")
}

func TestTrackRound_aSubmissionWaitsForItsContactToBeMapped(t *testing.T) {
	t.Parallel()
	s := withForm(t, demoRequest)
	submit(t, s, ann, "demo")
	look(t, s)
	wantTracked(t, s, "demo-request: waiting")
	id, _ := s.ContactByEmail(t, ann)
	live(t, s, id, created())
	look(t, s)
	wantTracked(t, s, "demo-request: sent")
	if sent := s.Tenant.Conversions(); len(sent) != 1 || sent[0].Params["Text1"] != "demo" {
		t.Errorf("conversions: %+v", sent)
	}
}

func TestTrackRound_eachSubmissionCountsOnceWhateverBecomesOfTheList(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func([]hubspottest.Submission) []hubspottest.Submission{
		"with HubSpot's ids": func(all []hubspottest.Submission) []hubspottest.Submission { return all },
		"without ids": func(all []hubspottest.Submission) []hubspottest.Submission {
			for i := range all {
				all[i].ConversionID = ""
				all[i].SubmittedAt += int64(i) // one person submits once at a time
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withForm(t, everySubmission)
			buyer(t, s, ann)
			const first = 120 // more than two pages
			for i := range first {
				submit(t, s, ann, fmt.Sprint("demo ", i))
			}
			edit(t, s, prepare)
			rounds := func(want int) {
				t.Helper()
				look(t, s)
				look(t, s)
				if got := len(s.Tenant.Conversions()); got != want {
					t.Fatalf("%d conversions, want %d", got, want)
				}
			}
			rounds(first)
			edit(t, s, func(all []hubspottest.Submission) []hubspottest.Submission {
				all[3].Set("interest", "changed")
				return slices.Delete(all, first-2, first) // the newest ones
			})
			rounds(first)
			submit(t, s, ann, "late")
			edit(t, s, func(all []hubspottest.Submission) []hubspottest.Submission {
				all[len(all)-1].SubmittedAt = all[len(all)-2].SubmittedAt // a tie, of another person's id
				all[len(all)-1].ConversionID = "tie"
				return all
			})
			rounds(first + 1)
		})
	}
}

func TestTrackRound_submissionsOfNobodyComeToNothing(t *testing.T) {
	t.Parallel()
	s := withForm(t, everySubmission)
	if err := s.Portal.SubmitForm(demoForm, map[string]string{"firstname": "Nobody"}, ""); err != nil {
		t.Fatal(err)
	}
	look(t, s)
	look(t, s)
	wantTracked(t, s)
}

func TestTrackRound_waitsWhereTheVendorGrantsNoMoreCalls(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	heard(t, s, bridge.ObjectDeal, record(t, s, "deals", won(), buyer(t, s, ann)), stageChanged())
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteSubmission, Status: 429, RetryAfter: "3600"})
	look(t, s)
	calls := s.Advocate.Counts()[advocatetest.RouteSubmission].Calls
	look(t, s) // the next minute
	if again := s.Advocate.Counts()[advocatetest.RouteSubmission].Calls; again != calls {
		t.Errorf("asked %d times more within the hour", again-calls)
	}
	wantTracked(t, s, "deal-won: sent")
}

func TestTrackRound_aPausedConnectionWaitsAndGoesOn(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	deal := record(t, s, "deals", won(), buyer(t, s, ann))
	if err := s.Store.SetPaused(t.Context(), s.Connection.ID, true); err != nil {
		t.Fatal(err)
	}
	if result := heard(t, s, bridge.ObjectDeal, deal, stageChanged()); !result.Suspended {
		t.Errorf("result %+v", result)
	}
	look(t, s)
	wantTracked(t, s)
	if err := s.Store.SetPaused(t.Context(), s.Connection.ID, false); err != nil {
		t.Fatal(err)
	}
	relay(t, s)
	wantTracked(t, s, "deal-won: sent")
}

func TestTrackRound_whatIsSkippedIsForgottenAfterALongTime(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon+"wait_for_contact: 1h\n")
	old := bridge.ObjectHints{Changed: map[string]time.Time{"dealstage": time.Now().Add(-2 * time.Hour)}}
	heard(t, s, bridge.ObjectDeal, record(t, s, "deals", won()), old)
	heard(t, s, bridge.ObjectDeal, record(t, s, "deals", won(), buyer(t, s, ann)), stageChanged())
	if got := housekeepingAfter(t, s, 89*24*time.Hour).SkippedEvents; got != 0 {
		t.Errorf("%d deleted too early", got)
	}
	if got := housekeepingAfter(t, s, 91*24*time.Hour).SkippedEvents; got != 1 {
		t.Errorf("%d deleted, want 1", got)
	}
	wantTracked(t, s, "deal-won: sent")
	if got := events(t, s); got[0].State != store.TrackedSent {
		t.Errorf("left %+v", got)
	}
}

// A submission that HubSpot shows in an odd form keeps no other from counting. It is
// parked, once, however often it is read, and never again after a person has dealt
// with it.
func TestTrackRound_parksASubmissionThatCannotBeReadAndTakesTheRest(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]fault.Edit{
		"null for its time":    fault.Set("results.0.submittedAt", nil),
		"seconds for its time": fault.Set("results.0.submittedAt", 1794729600),
		"words for its time":   fault.Set("results.0.submittedAt", "yesterday"),
		"text for its values":  fault.Set("results.0.values", "none"),
		"a list for its email": fault.Set("results.0.values.name=email.value", []string{ann}),
		"text in its place":    fault.Set("results.0", "submission"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withForm(t, everySubmission)
			submit(t, s, ann, "demo")
			id, _ := s.ContactByEmail(t, ann)
			live(t, s, id, created())
			submit(t, s, "ben@shop.example", "demo") // the newest: the first of the list
			s.HubSpot.Inject(hubspottest.Fault{Route: "GET /form-integrations/v1/submissions/forms/{form}", Times: -1, Answer: fault.Answer{Alter: []fault.Edit{odd}}})
			look(t, s)
			wantTracked(t, s, "demo-request: sent")
			look(t, s)
			item := wantParked(t, s, bridge.CauseFaultySubmission)
			if strings.Contains(item.VendorMessage, "ben") {
				t.Errorf("the item quotes the submission: %q", item.VendorMessage)
			}
			if err := s.Store.CloseParked(t.Context(), item.ID, store.OutcomeDiscarded); err != nil {
				t.Fatal(err)
			}
			look(t, s)
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("parked again: %+v", items)
			}
		})
	}
}
