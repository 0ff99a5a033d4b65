package workflows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// reconcile runs a reconcile to its end, with a relay and the contacts' lives
// beside it, and returns what became of it.
func reconcile(t *testing.T, s *wiringtest.System, dryRun bool, prepare ...func(*testsuite.TestWorkflowEnvironment, store.Run)) store.ReconcileProgress {
	t.Helper()
	run, begun, err := s.Store.BeginReconcile(t.Context(), s.Connection.ID, dryRun)
	if err != nil || !begun {
		t.Fatalf("begun %t: %v", begun, err)
	}
	env := environment(s)
	for _, f := range prepare {
		f(env, run)
	}
	var beside func()
	beside = func() {
		relayAll(t, s)
		if !env.IsWorkflowCompleted() {
			env.RegisterDelayedCallback(beside, time.Second)
		}
	}
	env.RegisterDelayedCallback(beside, time.Second)
	env.ExecuteWorkflow(workflows.ReconcileName, workflows.ReconcileInput{ConnectionID: s.Connection.ID, RunID: run.ID, DryRun: dryRun})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatalf("the reconcile failed: %v", err)
	}
	return reconcileProgress(t, s)
}

func reconcileProgress(t *testing.T, s *wiringtest.System) store.ReconcileProgress {
	t.Helper()
	progress, err := s.Store.ReconcileProgress(t.Context(), s.Connection.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	return progress
}

// relayAll passes on what waits in the inbox and lives the contacts' lives. It
// returns how long the longest of them lasted.
func relayAll(t *testing.T, s *wiringtest.System) (longest time.Duration) {
	t.Helper()
	for {
		var due []store.ContactHints
		if _, err := s.Store.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error {
			due = batch
			return make([]error, len(batch))
		}); err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			return longest
		}
		for _, heard := range due {
			longest = max(longest, live(t, s, heard.ContactID, heard.Hints))
		}
	}
}

// drift is what a reconcile found, by class and outcome.
func drift(p store.ReconcileProgress) map[string]int64 {
	found := map[string]int64{}
	for _, d := range p.Drift {
		found[fmt.Sprintf("%s %s", d.Class, d.Outcome)] += d.N
	}
	return found
}

func wantDrift(t *testing.T, p store.ReconcileProgress, want map[string]int64) {
	t.Helper()
	if diff := cmp.Diff(want, drift(p)); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
}

// wantAgreement has another reconcile find nothing, and write nothing.
func wantAgreement(t *testing.T, s *wiringtest.System) {
	t.Helper()
	wantLeft(t, s, map[string]int64{})
}

// wantLeft has another reconcile find what is left to people, and write nothing.
func wantLeft(t *testing.T, s *wiringtest.System, left map[string]int64) {
	t.Helper()
	before, sent := s.Portal.Writes().Writes, upserts(s)
	wantDrift(t, reconcile(t, s, false), left)
	if n := s.Portal.Writes().Writes - before; n != 0 {
		t.Errorf("%d contacts were written although both sides agree", n)
	}
	if n := upserts(s) - sent; n != 0 {
		t.Errorf("%d participants were written although both sides agree", n)
	}
}

func TestReconcile_repairsWhatNobodyHeardOf(t *testing.T) {
	t.Parallel()
	classes := map[string]struct {
		lose func(t *testing.T, s *wiringtest.System, id string) // without a word to us
		want string
		then map[string]int64 // what the next reconcile finds
	}{
		"a new contact": {func(t *testing.T, s *wiringtest.System, _ string) {
			s.CreateContact(t, map[string]string{"email": "new@shop.example"})
		}, "missing_participant repaired", nil},
		"a changed contact": {func(t *testing.T, s *wiringtest.System, id string) {
			code := s.Join(t, "ben@shop.example", "Ben", "Baker").ReferralCodes[wiringtest.Program]
			report(t, s)
			s.EditContact(t, id, map[string]string{bridge.PropReferredByCode: code})
		}, "unsent_changes repaired", nil},
		"a deleted contact": {func(t *testing.T, s *wiringtest.System, id string) { archive(t, s, id) }, "deleted_contact repaired", nil},
		"values that an import overwrote": {func(t *testing.T, s *wiringtest.System, id string) {
			s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "WRONG", bridge.PropShareLink: ""})
		}, "contact_values repaired", nil},
		"ids that an import wiped": {func(t *testing.T, s *wiringtest.System, id string) {
			s.EditContact(t, id, map[string]string{bridge.PropUserID: "", bridge.PropAccountID: ""})
		}, "contact_values repaired", nil},
		"a contact mapped to another participant": {func(t *testing.T, s *wiringtest.System, id string) {
			ben := s.Join(t, "ben@shop.example", "Ben", "Baker")
			s.SetRules(t, bridge.Rules{ContactCreated: true, ContactUpdated: true})
			s.EditContact(t, id, map[string]string{bridge.PropUserID: ben.ID, bridge.PropAccountID: ben.AccountID})
		}, "ids_edited repaired", nil},
		"a participant that somebody deleted in Advocate": {func(_ *testing.T, s *wiringtest.System, _ string) {
			s.Tenant.Delete(ann, ann, false)
		}, "participant_gone repaired", map[string]int64{"missing_participant parked": 1}},
		"a contact that was restored": {func(t *testing.T, s *wiringtest.System, id string) {
			archive(t, s, id)
			live(t, s, id, deleted())
			restore(t, s, id)
		}, "missing_participant repaired", nil},
		"a participant that names another contact": {func(t *testing.T, s *wiringtest.System, _ string) {
			if _, err := s.Tenant.Edit(ann, ann, func(u *advocatetest.User) { u.CustomFields["hubspot_contact_id"] = "999" }); err != nil {
				t.Fatal(err)
			}
		}, "wrong_contact_id repaired", nil},
		"a participant without its contact": {func(t *testing.T, s *wiringtest.System, _ string) {
			s.Join(t, "ben@shop.example", "Ben", "Baker")
		}, "missing_contact repaired", nil},
		"a contact deleted for privacy": {func(t *testing.T, s *wiringtest.System, id string) {
			s.Inferred = bridge.InferredErase
			erase(t, s, id)
		}, "vanished_contact repaired", nil},
		"a deletion that turned out to be one for privacy": {func(t *testing.T, s *wiringtest.System, id string) {
			s.Inferred = bridge.InferredErase
			archive(t, s, id)
			live(t, s, id, deleted())
			erase(t, s, id)
		}, "vanished_contact repaired", nil},
		"a deletion that turned out to be one for privacy, of a contact without a participant": {func(t *testing.T, s *wiringtest.System, _ string) {
			s.Inferred = bridge.InferredErase
			ben := keptOut(t, s)
			archive(t, s, ben)
			live(t, s, ben, deleted())
			erase(t, s, ben)
		}, "vanished_contact repaired", nil},
		"a deleted contact without a participant": {func(t *testing.T, s *wiringtest.System, _ string) {
			archive(t, s, keptOut(t, s))
		}, "deleted_contact repaired", nil},
		"a contact without a participant, deleted for privacy": {func(t *testing.T, s *wiringtest.System, _ string) {
			s.Inferred = bridge.InferredErase
			erase(t, s, keptOut(t, s))
		}, "vanished_contact repaired", nil},
		"a contact that waits for a person, deleted for privacy": {func(t *testing.T, s *wiringtest.System, id string) {
			ben := mappedContact(t, s, "ben@shop.example")
			s.EditContact(t, ben, map[string]string{bridge.PropUserID: ann, bridge.PropAccountID: ann})
			live(t, s, ben, updated())
			erase(t, s, ben)
			erase(t, s, id)
			live(t, s, id, erased())
			wantState(t, s, ben, bridge.StateParked)
		}, "vanished_contact parked", map[string]int64{"vanished_contact parked": 1}},
		"a participant that was given an erased person's email": {func(t *testing.T, s *wiringtest.System, _ string) {
			ben := mappedContact(t, s, "ben@shop.example")
			erase(t, s, ben)
			live(t, s, ben, erased())
			if _, err := s.Tenant.Edit(ann, ann, func(u *advocatetest.User) { u.Email = "ben@shop.example" }); err != nil {
				t.Fatal(err)
			}
		}, "erased_present parked", map[string]int64{"erased_present parked": 1}},
		"a contact that was given an erased person's email beside its own": {func(t *testing.T, s *wiringtest.System, id string) {
			ben := mappedContact(t, s, "ben@shop.example")
			erase(t, s, ben)
			live(t, s, ben, erased())
			addEmail(t, s, id, "ben@shop.example")
		}, "erased_present parked", map[string]int64{"erased_present parked": 1}},
		"a contact that was given an erased person's email beside its own, and synced since": {func(t *testing.T, s *wiringtest.System, id string) {
			ben := mappedContact(t, s, "ben@shop.example")
			erase(t, s, ben)
			live(t, s, ben, erased())
			addEmail(t, s, id, "ben@shop.example")
			live(t, s, id, updated())
		}, "erased_present parked", map[string]int64{"erased_present parked": 1}},
		"an erased contact, of which nobody may be sure": {func(t *testing.T, s *wiringtest.System, id string) { erase(t, s, id) },
			"vanished_contact parked", map[string]int64{"vanished_contact parked": 1}},
		"a contact with the ids of another tenant": {func(t *testing.T, s *wiringtest.System, _ string) {
			s.CreateContact(t, map[string]string{"email": "cy@shop.example", bridge.PropUserID: "x", bridge.PropAccountID: "x"})
		}, "foreign_ids parked", map[string]int64{"foreign_ids parked": 1}},
	}
	for name, tt := range classes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := mappedContact(t, s, ann)
			s.HubSpot.Webhooks().Take()
			tt.lose(t, s, id)
			writes := s.Portal.Writes()

			wantDrift(t, reconcile(t, s, false), map[string]int64{tt.want: 1})

			if n := s.Portal.Writes().Writes - writes.Writes; n > 1 {
				t.Errorf("%d writes to repair one record", n)
			}
			if tt.then == nil {
				wantAgreement(t, s)
			} else {
				wantLeft(t, s, tt.then)
			}
		})
	}
}

// keptOut makes a contact that we know and that the rules want no participant for.
func keptOut(t *testing.T, s *wiringtest.System) (id string) {
	t.Helper()
	s.SetRules(t, bridge.Rules{})
	id = s.CreateContact(t, map[string]string{"email": "ben@shop.example"})
	live(t, s, id, created())
	wantState(t, s, id, bridge.StateNotShared)
	return id
}

// A contact that HubSpot shows in no form that can be read is there: it is neither
// gone nor different, and it keeps nobody else from being compared.
func TestReconcile_concludesNothingFromAContactThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]fault.Edit{
		"an object for a value":            fault.Set("properties.advocate_referral_code", map[string]any{}),
		"a list for an id that it carries": fault.Set("properties.advocate_user_id", []int{1}),
		"null for the properties":          fault.Set("properties", nil),
		"a list for its own id":            fault.Set("id", []int{1}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Inferred = bridge.InferredErase
			id, other := mappedContact(t, s, ann), mappedContact(t, s, "ben@shop.example")
			s.EditContact(t, other, map[string]string{bridge.PropReferralCode: "WRONG"})
			inList := fault.Edit{Path: "results.id=" + id + "." + odd.Path, Value: odd.Value}
			for route, edit := range map[string]fault.Edit{
				"GET /crm/objects/2026-09/contacts": inList, "POST /crm/objects/2026-09/contacts/batch/read": inList, "GET /crm/objects/2026-09/contacts/{id}": odd,
			} {
				contains := ""
				if edit.Path == odd.Path {
					contains = id
				}
				s.HubSpot.Inject(hubspottest.Fault{Route: route, Contains: contains, Times: -1, Answer: fault.Answer{Alter: []fault.Edit{edit}}})
			}

			wantDrift(t, reconcile(t, s, false), map[string]int64{"contact_values repaired": 1})

			wantParticipant(t, s, ann, true)
			s.HubSpot.ClearFaults()
			wantAgreement(t, s)
		})
	}
}

// HubSpot may fail for ever on a page of its list, or on a contact wherever it turns up.
// The reconcile ends all the same: it says what it has not read, concludes nothing from
// it, and both sides are not known to agree.
func TestReconcile_endsWhereHubSpotFailsToShowAContact(t *testing.T) {
	t.Parallel()
	const list = "GET /crm/objects/2026-09/contacts"
	for name, tt := range map[string]struct {
		routes []string // that fail where they would show the contact
		mapped bool
	}{
		"in the list, a mapped contact":   {[]string{list}, true},
		"in the list, any other contact":  {[]string{list}, false},
		"wherever it turns up":            {[]string{list, "POST /crm/objects/2026-09/contacts/batch/read", "GET /crm/objects/2026-09/contacts/{id}"}, true},
		"wherever it turns up, but alone": {[]string{list, "POST /crm/objects/2026-09/contacts/batch/read"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Inferred = bridge.InferredErase
			bad, other := mappedContact(t, s, ann), mappedContact(t, s, "ben@shop.example")
			third := mappedContact(t, s, "cleo@shop.example")
			if !tt.mapped {
				bad = s.CreateContact(t, map[string]string{"email": "dan@shop.example"})
				relayAll(t, s)
			}
			s.EditContact(t, other, map[string]string{bridge.PropReferralCode: "WRONG"})
			s.EditContact(t, third, map[string]string{bridge.PropShareLink: "WRONG"})
			for _, route := range tt.routes {
				s.HubSpot.Inject(hubspottest.Fault{Route: route, Status: 500, Times: -1, Shows: `"id":"` + bad + `"`})
			}

			ended := reconcile(t, s, false)

			wantDrift(t, ended, map[string]int64{"contact_values repaired": 2})
			if len(ended.Unlisted) != 1 || ended.Unlisted[0].Archived {
				t.Errorf("left out %+v, want one part of the list of live contacts", ended.Unlisted)
			}
			if _, err := s.Store.Agreement(t.Context(), s.Connection.ID); bridge.KindOf(err) != bridge.NotFound {
				t.Errorf("both sides count as agreeing: %v", err)
			}
			wantParticipant(t, s, ann, true)
			s.HubSpot.ClearFaults()
			if !tt.mapped {
				wantDrift(t, reconcile(t, s, false), map[string]int64{"missing_participant repaired": 1})
			}
			wantAgreement(t, s)
			if _, err := s.Store.Agreement(t.Context(), s.Connection.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

// The old contacts of a merge are gone, a third one lives: three differences.
func TestReconcile_followsAMergeThatNobodyHeardOf(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	first, second := mappedContact(t, s, ann), mappedContact(t, s, "ben@shop.example")
	survivor, err := s.Portal.Person(1).Merge("contacts", first, second)
	if err != nil {
		t.Fatal(err)
	}
	reconcile(t, s, false)
	s.InStep(t, survivor, ann, ann)
	wantState(t, s, first, bridge.StateMergedAway)
	wantState(t, s, second, bridge.StateMergedAway)
	wantAgreement(t, s)
}

// Only one of the two was mapped. The other one's email is known all the same.
func TestReconcile_followsAMergeOfAContactWithoutAParticipant(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id, other := mappedContact(t, s, ann), keptOut(t, s)
	if _, err := s.Portal.Person(1).Merge("contacts", id, other); err != nil {
		t.Fatal(err)
	}
	reconcile(t, s, false)
	wantState(t, s, id, bridge.StateMergedAway)
	wantState(t, s, other, bridge.StateMergedAway)
	wantAgreement(t, s)
}

// The export is read twice: to compare, and for the values of what is repaired.
func TestReconcile_repairsDespiteARowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ColumnSeed = 0 })
	mappedContact(t, s, "ben@shop.example")
	id := mappedContact(t, s, ann)
	s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "WRONG"})
	s.Tenant.SpoilNextExports(advocatetest.FileFlaws{Rows: []advocatetest.RowFlaw{{Email: "ben@shop.example", How: advocatetest.TooFew}}})

	found := drift(reconcile(t, s, false))

	if found["contact_values repaired"] != 1 {
		t.Errorf("drift %v", found)
	}
	s.InStep(t, id, ann, ann)
}

func TestReconcile_dryRun_findsAndChangesNothing(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, mappedContact(t, s, "ben@shop.example"))
	s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "WRONG"})
	writes := s.Portal.Writes().Writes
	want := map[string]int64{"contact_values foretold": 1, "deleted_contact foretold": 1}

	wantDrift(t, reconcile(t, s, true), want)
	wantDrift(t, reconcile(t, s, true), want)

	wantParticipant(t, s, "ben@shop.example", true)
	if n := s.Portal.Writes().Writes - writes; n != 0 {
		t.Errorf("a dry run wrote %d contacts", n)
	}
}

func TestReconcile_readsAHundredContactsACall(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const people = 1500
	for i := range people {
		s.CreateContact(t, map[string]string{"email": person(i)})
	}
	s.HubSpot.Webhooks().Take()
	s.SetRules(t, bridge.Rules{})
	s.HubSpot.ResetCounts()
	got := reconcile(t, s, false)
	if got.Contacts != people || got.HubSpotCalls != int64(s.HubSpot.Counts().Total) {
		t.Errorf("%d contacts listed in %d calls, %d were made", got.Contacts, got.HubSpotCalls, s.HubSpot.Counts().Total)
	}
	if got.HubSpotCalls > people/100+1 { // the recycle bin is one more
		t.Errorf("%d calls for %d contacts", got.HubSpotCalls, people)
	}
}

func TestReconcile_ofAQuietPair_findsNothing(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	mappedContact(t, s, ann)
	s.Join(t, "ben@shop.example", "Ben", "Baker")
	report(t, s)
	wantAgreement(t, s)
}

// upserts counts what Advocate was sent about participants.
func upserts(s *wiringtest.System) int { return s.Advocate.Counts()[advocatetest.RouteUpsert].Calls }

// The schedule begins a run of its own and waits for its end.
func TestReconcile_whenDue_beginsARunOfItsOwn(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "WRONG"})
	env := environment(s)
	env.ExecuteWorkflow(workflows.ReconcileName, workflows.ReconcileInput{ConnectionID: s.Connection.ID})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	wantDrift(t, reconcileProgress(t, s), map[string]int64{"contact_values repaired": 1})
	s.InStep(t, id, ann, ann)
	agreement, err := s.Store.Agreement(t.Context(), s.Connection.ID)
	if err != nil || agreement.Pairs != 1 || agreement.Repaired != 1 || agreement.LeftToPeople != 0 {
		t.Errorf("agreement %+v, %v", agreement, err)
	}
}

func TestReconcile_pausedGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, id)
	var paused workflows.ReconcileProgress
	got := reconcile(t, s, false, func(env *testsuite.TestWorkflowEnvironment, run store.Run) {
		desired(t, s, run, store.DesiredPaused) // noted before the first page
		env.RegisterDelayedCallback(func() {
			answer, err := env.QueryWorkflow(workflows.QueryProgress)
			if err != nil || answer.Get(&paused) != nil {
				t.Errorf("query: %v", err)
			}
			desired(t, s, run, store.DesiredRunning)
			env.SignalWorkflow(workflows.SignalDesired, nil)
		}, time.Hour)
	})
	if paused.State != workflows.MassSyncPaused || paused.Summary.Contacts != 0 {
		t.Errorf("while paused: %+v", paused)
	}
	wantDrift(t, got, map[string]int64{"deleted_contact repaired": 1})
}

func TestReconcile_cancelledLeavesNothingStaged(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	archive(t, s, mappedContact(t, s, ann))
	got := reconcile(t, s, false, func(_ *testsuite.TestWorkflowEnvironment, run store.Run) { desired(t, s, run, store.DesiredCancelled) })
	if got.Run.State != store.RunCancelled || len(got.Drift) != 0 {
		t.Errorf("%s, drift %v", got.Run.State, got.Drift)
	}
	wantParticipant(t, s, ann, true)
}

// Whatever moves while both sides are read is read again before it counts.
func TestReconcile_ofWhatChangesMeanwhile_findsNoFalseDifference(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	got := reconcile(t, s, false, func(env *testsuite.TestWorkflowEnvironment, _ store.Run) {
		env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
			if info.ActivityType.Name != "ListContacts" {
				return
			}
			// Listed, and changed before the export is made: our own work hears of it.
			if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, "CHANGED"); err != nil {
				t.Error(err)
			}
			report(t, s)
		})
	})
	wantDrift(t, got, map[string]int64{})
	s.InStep(t, id, ann, ann)
}

// One question for all of them, and one answer.
func TestReconcile_asksOnceAboutACopiedPortal(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const many = 30
	var last string
	for i := range many {
		last = s.CreateContact(t, map[string]string{"email": person(i), bridge.PropUserID: person(i), bridge.PropAccountID: person(i)})
	}
	found := map[string]int64{"foreign_ids parked": many}
	wantDrift(t, reconcile(t, s, false), found)
	causes, err := s.Store.ParkedCauses(t.Context(), s.Connection.ID)
	if err != nil || len(causes) != 1 || causes[0].Count != many {
		t.Fatalf("%+v, %v", causes, err)
	}
	if n, err := s.Store.DiscardParked(t.Context(), s.Connection.ID, store.ParkedFilter{Cause: causes[0].Cause}); err != nil || len(n) != many {
		t.Fatalf("%d discarded, %v", len(n), err)
	}
	wantDrift(t, reconcile(t, s, false), found)
	if items := s.Parked(t); len(items) != 0 {
		t.Errorf("%d are asked about again", len(items))
	}

	s.EditContact(t, last, map[string]string{"firstname": "Ann"})
	reconcile(t, s, false)
	if items := s.Parked(t); len(items) != 1 {
		t.Errorf("%d are asked about, want the one that was changed", len(items))
	}
}
