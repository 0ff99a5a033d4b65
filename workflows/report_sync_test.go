package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	goretry "github.com/sethvargo/go-retry"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// report runs one report sync and returns what it did.
func report(t *testing.T, s *wiringtest.System) workflows.ReportSyncResult {
	t.Helper()
	env := environment(s)
	env.ExecuteWorkflow(workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: s.Connection.ID})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatalf("the report failed: %v", err)
	}
	var result workflows.ReportSyncResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestReportSync_makesAContactOfANewParticipant(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	user := s.Join(t, ann, "Ann", "Archer")

	report(t, s)

	id, props := s.ContactByEmail(t, ann)
	s.InStep(t, id, user.AccountID, user.ID)
	if props["firstname"] != "Ann" || props["lastname"] != "Archer" {
		t.Errorf("the contact is called %s %s", props["firstname"], props["lastname"])
	}
}

// A thousand portals without news are a thousand of these a minute.
func TestReportSync_withoutNewsIsOneActivity(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		delay time.Duration // until the export is ready
		wait  time.Duration // for it
		want  []string      // activities
	}{
		"the export is there at once":            {want: []string{"PrepareReport"}},
		"it is there while the activity waits":   {delay: 300 * time.Millisecond, wait: time.Hour, want: []string{"PrepareReport"}},
		"it is there once the activity has gone": {delay: 300 * time.Millisecond, want: []string{"PrepareReport", "AwaitExport", "StageExport", "PlanRun", "FinishRun"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Join(t, ann, "Ann", "Archer")
			report(t, s)
			s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = advocatetest.Span(test.delay) })
			env := environment(s)
			exports := activitiesOf[*activities.Exports](t, s)
			env.RegisterActivityWithOptions(func(ctx context.Context, in activities.Run) error {
				// Its attempts would be polls: the workflow's pauses are skipped, the export
				// is ready by the wall clock.
				return goretry.Constant(ctx, 10*time.Millisecond, func(ctx context.Context) error {
					return goretry.RetryableError(exports.AwaitExport(ctx, in))
				})
			}, activity.RegisterOptions{Name: "AwaitExport", DisableAlreadyRegisteredCheck: true})
			env.RegisterActivityWithOptions(activities.NewExports(s.Connections, s.Store, time.Hour, test.wait, time.Now).PrepareReport,
				activity.RegisterOptions{Name: "PrepareReport", DisableAlreadyRegisteredCheck: true})
			var started []string
			env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
				started = append(started, info.ActivityType.Name)
			})
			env.ExecuteWorkflow(workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: s.Connection.ID})
			if err := env.GetWorkflowError(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(started, test.want) {
				t.Errorf("activities: %q, want %q", started, test.want)
			}
		})
	}
}

// activitiesOf is the struct of a type among a system's activities.
func activitiesOf[T any](t *testing.T, s *wiringtest.System) T {
	t.Helper()
	for _, a := range s.Activities() {
		if found, ok := a.(T); ok {
			return found
		}
	}
	panic(fmt.Sprintf("there are no activities %T", *new(T)))
}

// Only a stub can tell when it is asked: the stand-in's exports are ready by the
// wall clock, the workflow's pauses are skipped.
func TestReportSync_stopsWaitingWhenItHearsThatTheExportIsThere(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	user := s.Join(t, ann, "Ann", "Archer")
	env := environment(s)
	// The workflow's clock is the wall clock while activities run: the next poll is
	// further away than a busy machine takes for the rest.
	const nextPoll, heard = time.Hour, time.Hour / 2
	var ready atomic.Bool
	env.RegisterActivityWithOptions(func(context.Context, activities.Run) error {
		if !ready.Load() {
			return temporal.NewApplicationErrorWithOptions("not yet", "", temporal.ApplicationErrorOptions{NextRetryDelay: nextPoll})
		}
		return nil
	}, activity.RegisterOptions{Name: "AwaitExport", DisableAlreadyRegisteredCheck: true})
	exports := activitiesOf[*activities.Exports](t, s)
	env.RegisterActivityWithOptions(func(ctx context.Context, in activities.RequestReportInput) (activities.PreparedReport, error) {
		run, err := exports.RequestReport(ctx, in)
		return activities.PreparedReport{Run: run, Step: activities.ReportRequested}, err
	}, activity.RegisterOptions{Name: "PrepareReport", DisableAlreadyRegisteredCheck: true})
	env.RegisterDelayedCallback(func() {
		ready.Store(true)
		env.SignalWorkflow(workflows.SignalExportReady, nil)
		env.SignalWorkflow(workflows.SignalExportReady, nil)
	}, heard)
	began := env.Now()
	env.ExecuteWorkflow(workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: s.Connection.ID})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if took := env.Now().Sub(began); took < heard || took >= nextPoll {
		t.Errorf("it went on after %v of the workflow's time, want about %v", took, heard)
	}
	id, _ := s.ContactByEmail(t, ann)
	s.InStep(t, id, user.AccountID, user.ID)
}

func TestReportSync_matchesAContactThatExistsAndKeepsItsName(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann, "firstname": "Annabel"})
	user := s.Join(t, ann, "Ann", "Archer")

	report(t, s)

	s.InStep(t, id, user.AccountID, user.ID)
	if props := s.Contact(t, id); props["firstname"] != "Annabel" || props["lastname"] != "" {
		t.Errorf("a match changed the name to %s %s", props["firstname"], props["lastname"])
	}
}

func TestReportSync_doesNotTakeAContactFromAnotherParticipant(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann, bridge.PropUserID: "somebody", bridge.PropAccountID: "else"})
	s.Join(t, ann, "Ann", "Archer")

	report(t, s)

	wantParked(t, s, bridge.CauseTakenContact)
	if props := s.Contact(t, id); props[bridge.PropUserID] != "somebody" {
		t.Error("the contact was re-mapped without anybody asking for it")
	}
}

func TestReportSync_doesNotTakeAMappedContactWhoseIDsWereWiped(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	s.EditContact(t, id, map[string]string{"email": "new@shop.example", bridge.PropUserID: "", bridge.PropAccountID: ""})
	s.Join(t, "new@shop.example", "Nell", "New")

	report(t, s)

	wantParked(t, s, bridge.CauseTakenContact)
	live(t, s, id, updated())
	s.InStep(t, id, ann, ann)
}

func TestReportSync_givesAContactToOnlyOneOfTheParticipantsThatShareItsEmail(t *testing.T) {
	t.Parallel()
	for name, exists := range map[string]bool{"the contact exists": true, "the contact is made": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			if exists {
				s.CreateContact(t, map[string]string{"email": ann})
			}
			s.Join(t, ann, "Ann", "Archer")
			s.Join(t, "other-account@shop.example", "Ann", "Again")
			if _, err := s.Tenant.Edit("other-account@shop.example", "other-account@shop.example", withEmail(ann)); err != nil {
				t.Fatal(err)
			}

			report(t, s)

			wantParked(t, s, bridge.CauseTakenContact)
			if got := s.Portal.Count("contacts"); got != 1 {
				t.Errorf("%d contacts have one email", got)
			}
		})
	}
}

func TestReportSync_obeysTheRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rules bridge.Rules
		want  bool // a contact is made
	}{
		"new participant, rule on":  {bridge.Rules{ParticipantCreated: true}, true},
		"new participant, rule off": {bridge.Rules{ParticipantUpdated: true}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.SetRules(t, tt.rules)
			s.Join(t, ann, "Ann", "Archer")
			report(t, s)
			if _, got := s.Portal.ContactByEmail(ann); got != tt.want {
				t.Errorf("contact made: %t, want %t", got, tt.want)
			}
		})
	}
}

func TestReportSync_takesInAnUnmappedParticipantWhenItIsUpdated(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.SetRules(t, bridge.Rules{ParticipantUpdated: true})
	user := s.Join(t, ann, "Ann", "Archer")
	report(t, s)
	if _, made := s.Portal.ContactByEmail(ann); made {
		t.Fatal("the rule for new participants is off, yet a contact was made")
	}
	if _, err := s.Tenant.Edit(ann, ann, func(u *advocatetest.User) { u.FirstName = "Annabel" }); err != nil {
		t.Fatal(err)
	}

	report(t, s)

	id, _ := s.ContactByEmail(t, ann)
	s.InStep(t, id, user.AccountID, user.ID)
}

func TestReportSync_bringsNewCodesButNoNamesToMappedContacts(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	user := s.Join(t, ann, "Ann", "Archer")
	report(t, s)
	if _, err := s.Tenant.Edit(ann, ann, func(u *advocatetest.User) { u.FirstName, u.Email = "Annabel", "annabel@work.example" }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, "ANNROCKS"); err != nil {
		t.Fatal(err)
	}

	report(t, s)

	id, props := s.ContactByEmail(t, ann)
	s.InStep(t, id, user.AccountID, user.ID)
	if props["firstname"] != "Ann" {
		t.Errorf("the name of a mapped participant travelled: %s", props["firstname"])
	}
}

// The figures: at most 32 calls for 1,000 new participants, 11 for
// 1,000 mapped ones, none where nothing changed.
func TestReportSync_costsFewHubSpotCalls(t *testing.T) {
	t.Parallel()
	const people = 1000
	s := wiringtest.New(t, hubspottest.WithSeed(7))
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.Limits = hubspottest.Unlimited() })
	for i := range people {
		s.Join(t, person(i), "Person", fmt.Sprint(i))
	}
	calls := func() (int, workflows.ReportSyncResult) {
		s.HubSpot.ResetCounts()
		result := report(t, s)
		return s.HubSpot.Counts().Total, result
	}

	if got, result := calls(); got > 32 {
		t.Errorf("%d new participants cost %d calls, want at most 32 (%+v)", people, got, result)
	}
	if got := s.Portal.Count("contacts"); got != people {
		t.Errorf("%d contacts, want %d", got, people)
	}
	if got, result := calls(); got != 0 {
		t.Errorf("a report without news cost %d calls, want none (%+v)", got, result)
	}
	for i := range people {
		if _, err := s.Tenant.ChangeCode(person(i), person(i), wiringtest.Program, fmt.Sprintf("CODE%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if got, result := calls(); got > 11 {
		t.Errorf("%d changed, mapped participants cost %d calls, want at most 11 (%+v)", people, got, result)
	}
	if got := s.HubSpot.Counts().TooMany; got != 0 {
		t.Errorf("%d calls were refused for the limit", got)
	}
}

func person(i int) string { return fmt.Sprintf("person%d@shop.example", i) }

func TestReportSync_parksTheOneThatHubSpotRefusesAndSyncsTheRest(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	for i := range 20 {
		s.Join(t, person(i), "Person", fmt.Sprint(i))
	}
	// Advocate takes emails that HubSpot does not.
	if _, err := s.Tenant.Edit(person(7), person(7), func(u *advocatetest.User) { u.Email = "not-an-email" }); err != nil {
		t.Fatal(err)
	}

	report(t, s)

	wantParked(t, s, bridge.CauseRefusedByHubSpot)
	if got := s.Portal.Count("contacts"); got != 19 {
		t.Errorf("%d contacts, want the other 19", got)
	}
	s.HubSpot.ResetCounts()
	report(t, s)
	if got := s.HubSpot.Counts().Total; got != 0 {
		t.Errorf("the parked one cost %d calls in the next report", got)
	}
}

func TestReportSync_repeatsNothingAfterALostAnswer(t *testing.T) {
	t.Parallel()
	routes := map[string]string{
		"creating": "POST /crm/objects/2026-09/contacts/batch/create",
		"updating": "POST /crm/objects/2026-09/contacts/batch/update",
	}
	for name, route := range routes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			for i := range 10 {
				s.Join(t, person(i), "Person", fmt.Sprint(i))
				if name == "updating" {
					s.CreateContact(t, map[string]string{"email": person(i)})
				}
			}
			s.HubSpot.Inject(hubspottest.Fault{Route: route, Status: 504, After: true})

			report(t, s)

			for i := range 10 {
				id, _ := s.ContactByEmail(t, person(i))
				s.InStep(t, id, person(i), person(i))
			}
			if got := s.Portal.Writes().Repeats; got != 0 {
				t.Errorf("%d contacts were written again with what they had", got)
			}
		})
	}
}

func TestReportSync_startsAfreshWhenTheExportIsLost(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Ann", "Archer")
	s.Tenant.FailNextExports(advocatetest.Aborted)

	if got := report(t, s); got.Abandoned == "" {
		t.Error("a lost export was not reported")
	}
	report(t, s)

	s.ContactByEmail(t, ann) // the same watermark brought her after all
}

func TestReportSync_outlastsFaultsOfBothVendors(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Ann", "Archer")
	s.Advocate.Order(
		advocatetest.Fault{Route: advocatetest.RouteExport, DropAfter: true},
		advocatetest.Fault{Route: advocatetest.RouteExportGet, Status: 503},
		advocatetest.Fault{Route: advocatetest.RouteStorage, Answer: fault.Answer{CutAfter: 40}},
	)
	s.HubSpot.FailNext(503, 502, 500)

	report(t, s)

	id, _ := s.ContactByEmail(t, ann)
	s.InStep(t, id, ann, ann)
	if got := s.Advocate.Calls(advocatetest.RouteExport); got != 1 {
		t.Errorf("%d exports were requested; the lost answer's should have been found", got)
	}
}
