package workflows_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// massSync runs a mass sync to its end and returns what became of it.
func massSync(t *testing.T, s *wiringtest.System, dryRun bool, prepare ...func(*testsuite.TestWorkflowEnvironment, store.Run)) store.Progress {
	t.Helper()
	run, begun, err := s.Store.BeginMass(t.Context(), s.Connection.ID, dryRun)
	if err != nil || !begun {
		t.Fatalf("begun %t: %v", begun, err)
	}
	env := environment(s)
	for _, f := range prepare {
		f(env, run)
	}
	env.ExecuteWorkflow(workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatalf("the mass sync failed: %v", err)
	}
	progress := massProgress(t, s)
	var result workflows.MassSyncProgress
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	if result.Counts != progress.Counts || string(result.State) != string(progress.State) {
		t.Errorf("the workflow says %+v, the database %+v", result, progress)
	}
	return progress
}

func massProgress(t *testing.T, s *wiringtest.System) store.Progress {
	t.Helper()
	progress, err := s.Store.MassProgress(t.Context(), s.Connection.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	return progress
}

func wantCounts(t *testing.T, got, want store.Counts) {
	t.Helper()
	got.ToUpdate, got.ToMatchOrCreate = 0, 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// variety is a tenant in which everything occurs: mapped participants, one of
// them changed; unmapped ones with and without a contact, or with one that is
// taken; one without an email, and one who was erased.
func variety(t *testing.T, s *wiringtest.System) store.Counts {
	t.Helper()
	for _, email := range []string{"same@shop.example", "changed@shop.example"} {
		s.Join(t, email, "Mapped", "Person")
	}
	report(t, s)
	if _, err := s.Tenant.ChangeCode("changed@shop.example", "changed@shop.example", wiringtest.Program, "CHANGED"); err != nil {
		t.Fatal(err)
	}
	s.CreateContact(t, map[string]string{"email": "match@shop.example"})
	s.CreateContact(t, map[string]string{"email": "taken@shop.example", bridge.PropUserID: "somebody", bridge.PropAccountID: "else"})
	for _, email := range []string{"match@shop.example", "taken@shop.example", "new@shop.example", "other@shop.example", "erased@shop.example"} {
		s.Join(t, email, "Unmapped", "Person")
	}
	s.Tenant.Seed(3, func(i int) advocatetest.User {
		return []advocatetest.User{{ID: "twin1", Email: "twin@shop.example"}, {ID: "twin2", Email: "twin@shop.example"}, {ID: "nameless"}}[i]
	})
	if err := s.Store.AddTombstone(t.Context(), s.Connection.ID, s.Store.Hasher().Email("erased@shop.example")); err != nil {
		t.Fatal(err)
	}
	s.HubSpot.ResetCounts()
	return store.Counts{Total: 10, Unchanged: 1, Updated: 1, Matched: 1, Created: 3, Parked: 2, NoEmail: 1, Blocked: 1}
}

func TestMassSync_bringsEverybodyInStep(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	want := variety(t, s)
	s.SetRules(t, bridge.Rules{ParticipantCreated: true}) // the other rule does not count here

	got := massSync(t, s, false)

	wantCounts(t, got.Counts, want)
	for _, email := range []string{"same@shop.example", "changed@shop.example", "match@shop.example", "new@shop.example", "other@shop.example"} {
		id, _ := s.ContactByEmail(t, email)
		s.InStep(t, id, email, email)
	}
	if _, made := s.Portal.ContactByEmail("erased@shop.example"); made {
		t.Error("an erased person came back")
	}
	if counts := s.HubSpot.Counts(); int64(counts.Total) != got.HubSpotCalls {
		t.Errorf("%d HubSpot calls were counted, %d made: %v", got.HubSpotCalls, counts.Total, counts.Calls)
	}
	if repeats := s.Portal.Writes().Repeats; repeats != 0 {
		t.Errorf("%d contacts were written again with what they had", repeats)
	}
}

func TestMassSync_again_writesNothing(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	variety(t, s)
	massSync(t, s, false)
	before := s.Portal.Writes().Writes
	massSync(t, s, false)
	if got := s.Portal.Writes().Writes - before; got != 0 {
		t.Errorf("%d writes by a mass sync without news", got)
	}
}

func TestMassSync_verify_repairsWhatOthersHaveOverwritten(t *testing.T) {
	t.Parallel()
	for name, dryRun := range map[string]bool{"for real": false, "as a dry run": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			people(t, s, 5)
			report(t, s)
			id, _ := s.ContactByEmail(t, person(3))
			s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "overwritten"})
			massSync(t, s, false) // trusts what was recorded
			if got := s.Contact(t, id)[bridge.PropReferralCode]; got != "overwritten" {
				t.Fatalf("an ordinary mass sync reads every contact: %s", got)
			}
			before := s.Portal.Writes().Writes
			run, _, err := s.Store.BeginVerify(t.Context(), s.Connection.ID, dryRun)
			if err != nil {
				t.Fatal(err)
			}
			env := environment(s)
			env.ExecuteWorkflow(workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID})
			if err := env.GetWorkflowError(); err != nil {
				t.Fatal(err)
			}
			wantCounts(t, massProgress(t, s).Counts, store.Counts{Total: 5, Updated: 1, Unchanged: 4})
			want := 1
			if dryRun {
				want = 0
			} else {
				s.InStep(t, id, person(3), person(3))
			}
			if got := s.Portal.Writes().Writes - before; got != want {
				t.Errorf("%d contacts were written, want %d", got, want)
			}
		})
	}
}

func TestMassSync_ruleOff_leavesUnmappedParticipantsAlone(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	want := variety(t, s)
	s.SetRules(t, bridge.Rules{ParticipantUpdated: true})

	got := massSync(t, s, false)

	wantCounts(t, got.Counts, store.Counts{Total: want.Total, Unchanged: 1, Updated: 1, Blocked: want.Total - 2})
	id, props := s.ContactByEmail(t, "match@shop.example")
	if s.State(t, id) == bridge.StateMapped || props[bridge.PropUserID] != "" {
		t.Error("the rule also turns off matching")
	}
}

func TestMassSync_dryRun_writesNothingAndForetellsEverything(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	variety(t, s)

	foretold := massSync(t, s, true)

	if got := s.Portal.Writes(); got.Writes != 0 {
		t.Errorf("a dry run wrote %d contacts", got.Writes)
	}
	if got := s.Parked(t); len(got) != 0 {
		t.Errorf("a dry run parked %v", got)
	}
	actual := massSync(t, s, false)
	if diff := cmp.Diff(foretold.Counts, actual.Counts); diff != "" {
		t.Errorf("counts (-foretold +actual):\n%s", diff)
	}
	if foretold.AdvocateCalls != actual.AdvocateCalls {
		t.Errorf("%d Advocate calls foretold, %d made", foretold.AdvocateCalls, actual.AdvocateCalls)
	}
	if linked, found, err := s.Store.Prediction(t.Context(), actual.Run); err != nil || !found || linked.ID != foretold.ID {
		t.Errorf("the real run does not know its prediction: %t, %v", found, err)
	}
}

func TestMassSync_dryRun_foretellsTheCalls(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const people = 450
	for i := range people {
		if i%2 == 0 {
			s.CreateContact(t, map[string]string{"email": person(i)})
		}
	}
	s.Tenant.Seed(people, func(i int) advocatetest.User { return advocatetest.User{Email: person(i), FirstName: "Person"} })
	foretold := massSync(t, s, true)
	actual := massSync(t, s, false)
	if foretold.HubSpotCalls != actual.HubSpotCalls || foretold.Counts != actual.Counts {
		t.Errorf("foretold %d calls, %+v\nactual   %d calls, %+v", foretold.HubSpotCalls, foretold.Counts, actual.HubSpotCalls, actual.Counts)
	}
	if perRecord := float64(actual.HubSpotCalls) / people; perRecord > 0.0315 {
		t.Errorf("%.4f calls per record, want at most 0.0315", perRecord)
	}
}

func TestMassSync_pausedGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	variety(t, s)
	var paused workflows.MassSyncProgress
	got := massSync(t, s, false, func(env *testsuite.TestWorkflowEnvironment, run store.Run) {
		desired(t, s, run, store.DesiredPaused) // noted before the first page
		env.RegisterDelayedCallback(func() {
			paused = query(t, env)
			desired(t, s, run, store.DesiredRunning)
			env.SignalWorkflow(workflows.SignalDesired, nil)
		}, time.Hour)
	})
	if paused.State != workflows.MassSyncPaused || paused.Counts.Total != 10 || paused.Counts.Created != 0 {
		t.Errorf("while paused it said %+v", paused)
	}
	if got.State != store.RunDone || got.Done() != got.Total {
		t.Errorf("after resuming it ended as %+v", got)
	}
}

func TestMassSync_cancelled(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(*wiringtest.System)
		cancel func(*testing.T, *wiringtest.System, *testsuite.TestWorkflowEnvironment, store.Run)
	}{
		"before the first page": {nil, func(t *testing.T, s *wiringtest.System, _ *testsuite.TestWorkflowEnvironment, run store.Run) {
			desired(t, s, run, store.DesiredCancelled)
		}},
		"while paused": {nil, func(t *testing.T, s *wiringtest.System, env *testsuite.TestWorkflowEnvironment, run store.Run) {
			desired(t, s, run, store.DesiredPaused)
			env.RegisterDelayedCallback(func() {
				desired(t, s, run, store.DesiredCancelled)
				env.SignalWorkflow(workflows.SignalDesired, nil)
			}, time.Hour)
		}},
		"while the export does not come": {
			func(s *wiringtest.System) {
				s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = advocatetest.Span(time.Hour) })
			},
			func(t *testing.T, s *wiringtest.System, env *testsuite.TestWorkflowEnvironment, run store.Run) {
				env.RegisterDelayedCallback(func() {
					desired(t, s, run, store.DesiredCancelled)
					env.SignalWorkflow(workflows.SignalDesired, nil)
				}, 10*time.Second)
			}},
		"in the Temporal UI": {nil, func(t *testing.T, s *wiringtest.System, env *testsuite.TestWorkflowEnvironment, run store.Run) {
			desired(t, s, run, store.DesiredPaused)
			env.RegisterDelayedCallback(env.CancelWorkflow, time.Hour)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Join(t, ann, "Ann", "Archer")
			if tt.before != nil {
				tt.before(s)
			}
			got := massSync(t, s, false, func(env *testsuite.TestWorkflowEnvironment, run store.Run) { tt.cancel(t, s, env, run) })
			if got.State != store.RunCancelled || got.Created != 0 {
				t.Errorf("cancelled, it ended as %s with %+v", got.State, got.Counts)
			}
			if _, begun, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false); err != nil || !begun {
				t.Errorf("no other can begin: %v", err)
			}
		})
	}
}

func desired(t *testing.T, s *wiringtest.System, run store.Run, desired store.Desired) {
	t.Helper()
	if err := s.Store.SetDesired(t.Context(), run.ID, desired); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, env *testsuite.TestWorkflowEnvironment) workflows.MassSyncProgress {
	t.Helper()
	var progress workflows.MassSyncProgress
	answer, err := env.QueryWorkflow(workflows.QueryProgress)
	if err == nil {
		err = answer.Get(&progress)
	}
	if err != nil {
		t.Error(err)
	}
	return progress
}

func TestMassSync_asksForAnotherExportWhenOneIsLost(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Ann", "Archer")
	s.Tenant.FailNextExports(advocatetest.Aborted, advocatetest.Expired)
	if got := massSync(t, s, false); got.Created != 1 {
		t.Errorf("counts %+v", got.Counts)
	}
}

func TestMassSync_failsAndSaysWhy(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		harm   func(*testing.T, *wiringtest.System)
		reason string
	}{
		"three exports were lost": {func(_ *testing.T, s *wiringtest.System) {
			s.Tenant.FailNextExports(advocatetest.Aborted, advocatetest.Aborted, advocatetest.Aborted)
		}, "advocate.export: not_found (ABORTED)"},
		"a property is missing: nobody is parked for it": {func(t *testing.T, s *wiringtest.System) {
			t.Helper()
			if err := s.Portal.ArchiveProperty("contacts", bridge.PropShareLink); err != nil {
				t.Fatal(err)
			}
		}, `activities.apply_pages: invalid: HubSpot lacks one of our properties; "starter connect" makes it again`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Join(t, ann, "Ann", "Archer")
			tt.harm(t, s)
			run, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
			if err != nil {
				t.Fatal(err)
			}
			env := environment(s)
			env.ExecuteWorkflow(workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID})
			if env.GetWorkflowError() == nil {
				t.Error("the workflow did not fail")
			}
			if got := massProgress(t, s); got.State != store.RunAborted || got.Reason != tt.reason {
				t.Errorf("ended as %s: %s", got.State, got.Reason)
			}
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("parked: %v", items)
			}
		})
	}
}

func TestMassSync_goesOnInAFreshHistory(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	want := variety(t, s)
	run, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	in := workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID}
	env := environment(s)
	env.SetContinueAsNewSuggested(true)
	env.ExecuteWorkflow(workflows.MassSyncName, in)
	var next *workflow.ContinueAsNewError
	if !errors.As(env.GetWorkflowError(), &next) {
		t.Fatalf("a long history ended with %v", env.GetWorkflowError())
	}
	if got := massProgress(t, s); got.State != store.RunPlanned {
		t.Fatalf("the run is %s", got.State)
	}
	env = environment(s)
	in.Planned, in.Pages = true, 2
	env.ExecuteWorkflow(workflows.MassSyncName, in)
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, massProgress(t, s).Counts, want)
}

func TestMassSync_doesNotUndoWhatAReportBrought(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mapped bool
		rules  bridge.Rules
	}{
		"onto a mapped contact":            {true, bridge.DefaultRules},
		"to a participant it had to leave": {false, bridge.Rules{ParticipantCreated: true}}, // its update may not make a contact
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.SetRules(t, tt.rules)
			s.Join(t, ann, "Ann", "Archer")
			if !tt.mapped {
				s.SetRules(t, bridge.Rules{})
			}
			report(t, s)
			s.SetRules(t, tt.rules)
			if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, "OLD"); err != nil {
				t.Fatal(err)
			}

			massSync(t, s, false, func(env *testsuite.TestWorkflowEnvironment, run store.Run) {
				desired(t, s, run, store.DesiredPaused) // its export is made, its pages are not
				env.RegisterDelayedCallback(func() {
					if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, "NEW"); err != nil {
						t.Error(err)
					}
					report(t, s)
					desired(t, s, run, store.DesiredRunning)
					env.SignalWorkflow(workflows.SignalDesired, nil)
				}, time.Hour)
			})

			id, props := s.ContactByEmail(t, ann)
			if got := props[bridge.PropReferralCode]; got != "NEW" {
				t.Errorf("the contact has the code %s", got)
			}
			s.InStep(t, id, ann, ann)
		})
	}
}

func TestMassSync_outlastsFaultsAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	const update, create = "POST /crm/objects/2026-09/contacts/batch/update", "POST /crm/objects/2026-09/contacts/batch/create"
	tests := map[string][]hubspottest.Fault{
		"the answer to an update is lost":  {{Route: update, Status: 504, After: true}},
		"the answer to a create is lost":   {{Route: create, Status: 504, After: true}},
		"the connection breaks after both": {{Route: update, Drop: true, After: true}, {Route: create, Drop: true, After: true}},
		"a bad gateway after both":         {{Route: update, Status: 502, After: true}, {Route: create, Status: 502, After: true}},
		"a storm of 429 with a time":       {{Status: 429, Times: 3, RetryAfter: 1}},
		"a storm of 429 on writes":         {{Route: update, Status: 429, RetryAfter: 1}, {Route: create, Status: 429, RetryAfter: 1}},
		"HubSpot is down for a while":      {{Status: 503, Times: 5}},
	}
	for name, faults := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			want := variety(t, s)
			for _, fault := range faults {
				s.HubSpot.Inject(fault)
			}
			got := massSync(t, s, false)
			wantCounts(t, got.Counts, want)
			if repeats := s.Portal.Writes().Repeats; repeats != 0 {
				t.Errorf("%d contacts were written again with what they had", repeats)
			}
		})
	}
}

func TestMassSync_parksWhatIsRefusedOneByOne(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const people, bad = 200, 2
	s.Tenant.Seed(people, func(i int) advocatetest.User {
		u := advocatetest.User{ID: person(i), Email: person(i)}
		if i%(people/bad) == 0 {
			u.Email = fmt.Sprintf("not-an-email-%d", i)
		}
		return u
	})
	got := massSync(t, s, false)
	wantCounts(t, got.Counts, store.Counts{Total: people, Created: people - bad, Parked: bad})
	items := s.Parked(t)
	for _, item := range items {
		if item.Cause != bridge.CauseRefusedByHubSpot || item.VendorMessage == "" || item.Advice == "" {
			t.Errorf("parked without a reason: %+v", item)
		}
	}
	if len(items) != bad || s.Portal.Count("contacts") != people-bad {
		t.Errorf("%d parked, %d contacts", len(items), s.Portal.Count("contacts"))
	}
}
