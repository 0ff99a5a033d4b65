package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// recording is the folder that RECORD_HISTORIES names; "make record-histories" sets
// it. The tests that record skip without it. They record the code as it is, so they
// are run when a release is cut, and the files are kept from then on.
func recording(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("RECORD_HISTORIES")
	if folder == "" {
		t.Skip("records only when RECORD_HISTORIES names a folder")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// recorder returns a function that writes the history of a run that has ended, of
// the workflow with an id or a prefix of it, and that says some words.
func (s *system) recorder(t *testing.T) func(name, workflowID string, says ...string) {
	t.Helper()
	folder := recording(t)
	return func(name, workflowID string, says ...string) {
		var found string
		eventually(t, patience, name+" has ended", func() bool {
			for run, text := range s.historiesOf(t, workflowID) {
				if ended(text) && containsAll(text+payloads(text), says) {
					found = text
					t.Logf("%s: %s", name, run)
				}
			}
			return found != ""
		})
		if err := os.WriteFile(filepath.Join(folder, name+".json"), []byte(found), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func ended(history string) bool {
	for _, event := range []string{"COMPLETED", "FAILED", "CANCELED", "CONTINUED_AS_NEW"} {
		if strings.Contains(history, "EVENT_TYPE_WORKFLOW_EXECUTION_"+event) {
			return true
		}
	}
	return false
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// TestRecordHistories writes one history of every kind of run.
func TestRecordHistories(t *testing.T) {
	recording(t)
	s := start(t, stack.Options{})
	record := s.recorder(t)
	s.recordRuns(t, record)
	s.recordEnds(t, record)
	s.recordSteering(t, record)
	s.recordContacts(t, record)
	s.recordTriggers(t, record)

	s.portal.Tune(func(k *hubspottest.Knobs) { k.InUse = map[string]int{bridge.PropShareLink: 1} })
	if _, err := s.Command(t.Context(), nil, "program", "switch", champions, "--wait"); err == nil {
		t.Fatal("the switch was not refused")
	}
	record("program_switch_refused", "program-switch/", `"refused"`)
	s.portal.Tune(func(k *hubspottest.Knobs) { k.InUse = nil })
	s.must(t, "program", "switch", champions, "--wait")
	record("program_switch", "program-switch/", `"done"`)
}

// must runs a command of the starter's.
func (s *system) must(t *testing.T, args ...string) {
	t.Helper()
	if out, err := s.Command(t.Context(), nil, args...); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// mapped makes a contact and waits until it is in step.
func (s *system) mapped(t *testing.T, i int) string {
	t.Helper()
	id := s.createContact(t, map[string]string{"email": person(i)})
	eventually(t, patience, "the contact is in step", func() bool { return s.inStep(id, person(i)) })
	s.quiet(t)
	return id
}

// recordContacts records what happens to contacts that live.
func (s *system) recordContacts(t *testing.T, record func(name, workflowID string, says ...string)) {
	contact := func(id string) string { return "contact/" + s.ConnectionID + "/" + id }
	id := s.mapped(t, 0)
	record("contact_created", contact(id), "create_participant")
	s.editContact(t, id, map[string]string{bridge.PropUserID: "half"})
	record("contact_half_pair_parked", contact(id), "half_pair")

	s.portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 3 })
	late := s.mapped(t, 1)
	record("contact_not_readable_yet", contact(late), "await_contact")
	s.portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 0 })

	importing := s.portal.Person(1).Importing()
	s.HubSpot.Webhooks().Hold()
	for i := range 12 { // who go by the page if they are heard of together
		if _, err := importing.Create("contacts", map[string]string{"email": fmt.Sprintf("imported%d@shop.example", i)}); err != nil {
			t.Fatal(err)
		}
	}
	s.HubSpot.Webhooks().Release()
	record("contact_batch", "contact-batch/", `"SyncContacts"`)

	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteUpsert, Status: 503, Times: 3})
	failing := s.mapped(t, 5)
	record("contact_outlasts_an_outage", contact(failing), "create_participant")
}

// recordEnds records how contacts end.
func (s *system) recordEnds(t *testing.T, record func(name, workflowID string, says ...string)) {
	contact := func(id string) string { return "contact/" + s.ConnectionID + "/" + id }
	gone := s.mapped(t, 3)
	if err := s.portal.Person(1).Archive("contacts", gone); err != nil {
		t.Fatal(err)
	}
	record("contact_deleted_after_hold", contact(gone), "hold_deletion", "delete_participant")
	s.recordDeletionPage(t, record)
	if err := s.portal.Person(1).Restore("contacts", gone); err != nil {
		t.Fatal(err)
	}
	record("contact_restored", contact(gone), "contact_restored")

	erased := s.mapped(t, 4)
	if err := s.portal.Person(1).Erase(erased); err != nil {
		t.Fatal(err)
	}
	record("contact_erased", contact(erased), "erase_participant")

	survivor, other := s.mapped(t, 6), s.mapped(t, 7)
	if _, err := s.portal.Person(1).Merge("contacts", survivor, other); err != nil {
		t.Fatal(err)
	}
	record("contact_merged", contact(other), "follow_merge")
}

// recordDeletionPage records a page that holds deletions.
func (s *system) recordDeletionPage(t *testing.T, record func(name, workflowID string, says ...string)) {
	importing := s.portal.Person(1).Importing()
	s.HubSpot.Webhooks().Hold()
	for range 12 { // who go by the page if they are heard of together
		id, err := importing.Create("contacts", map[string]string{"firstname": "Gone"})
		if err != nil {
			t.Fatal(err)
		}
		if err := importing.Archive("contacts", id); err != nil {
			t.Fatal(err)
		}
	}
	s.HubSpot.Webhooks().Release()
	record("contact_batch_deletions", "contact-batch/", `"held"`, "_TIMER_FIRED")
}

// recordRuns records the passes over many participants.
func (s *system) recordRuns(t *testing.T, record func(name, workflowID string, says ...string)) {
	if _, err := s.tenant.Join(person(10), "Person", "Joined"); err != nil {
		t.Fatal(err)
	}
	record("report_with_ranges", "report-sync/", `"ApplyPages"`)

	if _, err := s.tenant.Join(person(11), "Person", "Refused"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.tenant.Edit(person(11), person(11), func(u *advocatetest.User) { u.Email = "not-an-email" }); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "it is parked", func() bool {
		out, err := s.Command(t.Context(), nil, "parked", "list", "--json")
		return err == nil && strings.Contains(out, string(bridge.CauseRefusedByHubSpot))
	})
	s.must(t, "parked", "retry", "--cause", string(bridge.CauseRefusedByHubSpot))
	record("retry_parked", "parked-retry/", `"ApplyPages"`)

	s.must(t, "mass-sync", "start", "--verify", "--wait")
	record("mass_sync", "mass-sync/", `"ApplyPages"`, "_EXECUTION_COMPLETED")
	s.must(t, "mass-sync", "start", "--dry-run", "--wait")

	id := s.contactOf(person(10))
	s.editContact(t, id, map[string]string{bridge.PropReferralCode: "overwritten"})
	s.must(t, "reconcile", "start", "--wait")
	record("reconcile", "reconcile/", `"ApplyPages"`, "_EXECUTION_COMPLETED")
	for name, schedule := range map[string]string{
		"reconcile_by_schedule": workflows.ReconcileScheduleID(s.ConnectionID), "housekeeping": workflows.HousekeepingID,
	} {
		if err := s.Temporal.ScheduleClient().GetHandle(t.Context(), schedule).Trigger(t.Context(), client.ScheduleTriggerOptions{}); err != nil {
			t.Fatal(err)
		}
		record(name, schedule, map[string]string{"reconcile_by_schedule": `"BeginReconcile"`, "housekeeping": `"Purge"`}[name], "_EXECUTION_COMPLETED")
	}
}

// recordSteering records what operators do to runs.
func (s *system) recordSteering(t *testing.T, record func(name, workflowID string, says ...string)) {
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = advocatetest.Span(time.Minute) })
	s.must(t, "mass-sync", "start", "--verify")
	s.must(t, "mass-sync", "cancel")
	record("mass_sync_cancelled_while_it_waits", "mass-sync/", `"CancelRun"`, "_ACTIVITY_TASK_CANCEL_REQUESTED")

	s.pausedMassSync(t)
	s.must(t, "mass-sync", "resume")
	record("mass_sync_paused", "mass-sync/", "_WORKFLOW_EXECUTION_SIGNALED", `"FinishRun"`)

	begun := s.pausedMassSync(t)
	s.HubSpot.Inject(hubspottest.Fault{Status: 503, Times: -1}) // so that its pages stay under way
	s.must(t, "mass-sync", "resume")
	eventually(t, patience, "its pages are under way", func() bool { return s.triesAgain(t, begun, "ApplyPages") })
	s.must(t, "mass-sync", "cancel")
	s.HubSpot.ClearFaults()
	record("mass_sync_cancelled", begun, `"CancelRun"`, "begun_only")

	id := s.pausedMassSync(t)
	if err := s.Temporal.CancelWorkflow(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	record("mass_sync_cancelled_in_temporal", id, "_WORKFLOW_EXECUTION_CANCEL_REQUESTED", `"CancelRun"`)
}

// triesAgain reports whether an activity of a workflow has failed and is tried again.
func (s *system) triesAgain(t *testing.T, workflowID, activity string) bool {
	t.Helper()
	described, err := s.Temporal.DescribeWorkflowExecution(t.Context(), workflowID, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range described.GetPendingActivities() {
		if a.GetActivityType().GetName() == activity && a.GetAttempt() > 1 {
			return true
		}
	}
	return false
}

// exportDelay is how long a mass sync waits for its export, so that it is paused
// before its first page.
const exportDelay = 15 * time.Second

// pausedMassSync starts a mass sync and holds it before its first page.
func (s *system) pausedMassSync(t *testing.T) (workflowID string) {
	t.Helper()
	eventually(t, patience, "no mass sync is under way", func() bool {
		return s.count(t, "WorkflowType = 'MassSync' AND ExecutionStatus = 'Running'") == 0
	})
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = advocatetest.Span(exportDelay) })
	s.must(t, "mass-sync", "start", "--verify")
	s.must(t, "mass-sync", "pause")
	var status massStatus
	eventually(t, patience, "it is paused", func() bool {
		status = answer[massStatus](t, &operating{system: s}, "mass-sync status")
		return status.State == "paused" && status.Total > 0
	})
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = 0 })
	return workflows.MassSyncID(s.ConnectionID, status.Run)
}

// TestRecordContinuedHistories writes histories of runs that go on in a fresh one.
func TestRecordContinuedHistories(t *testing.T) {
	recording(t)
	const people = 9_000 // mapped, so in ranges of 4,000
	s := start(t, stack.Options{HistoryEvents: 15, RatePer10s: 3000, Limits: new(hubspottest.Unlimited()), ReportInterval: 24 * time.Hour})
	record := s.recorder(t)
	vendors := seed.Vendors{HubSpot: s.HubSpotURL, Advocate: s.AdvocateURL}
	if err := vendors.Mapped(t.Context(), people, s.DatabaseURL(), s.ConnectionID); err != nil {
		t.Fatal(err)
	}
	s.must(t, "mass-sync", "start", "--wait")
	record("mass_sync_continued", "mass-sync/", `"ApplyPages"`, "CONTINUED_AS_NEW")
	record("mass_sync_continued_to_its_end", "mass-sync/", `"FinishRun"`, `"planned":true`)

	newcomer := person(people)
	id := s.createContact(t, map[string]string{"email": newcomer})
	for i := range 8 {
		eventually(t, patience, "the contact is in step", func() bool { return s.inStep(id, newcomer) })
		s.editContact(t, id, map[string]string{bridge.PropReferredByCode: fmt.Sprintf("CODE%d", i)})
	}
	record("contact_continued", "contact/"+s.ConnectionID+"/"+id, "CONTINUED_AS_NEW")

	// A reconcile looks at the length of its history between two steps that repair. One
	// that finds nothing to write has none.
	s.editContact(t, id, map[string]string{bridge.PropReferralCode: "overwritten"})
	s.must(t, "reconcile", "start", "--wait")
	record("reconcile_continued", "reconcile/", `"Compare"`, "CONTINUED_AS_NEW")
	record("reconcile_continued_to_its_end", "reconcile/", `"FinishReconcile"`, `"compared":true`)
}

// recordTriggers records what triggers do: a deal that is won, one that waits,
// one whose sale is taken back, and a round.
func (s *system) recordTriggers(t *testing.T, record func(name, workflowID string, says ...string)) {
	selling := &selling{system: s}
	selling.prepare(t)
	selling.apply(t, documented("deal-won.yaml"))
	deal := selling.deal(t, selling.buyer(t, person(8)), nil)
	track := func(id string) string { return "track/" + s.ConnectionID + "/deal/" + id }
	selling.stage(t, deal, "closedwon")
	selling.becomes(t, "deal-won", deal, store.TrackedComplete)
	record("deal_won", track(deal))
	selling.stage(t, deal, "closedlost")
	selling.becomes(t, "deal-won", deal, store.TrackedReversed)
	record("deal_reversed", track(deal))
	lonely := selling.deal(t, "", nil)
	selling.stage(t, lonely, "closedwon")
	selling.becomes(t, "deal-won", lonely, store.TrackedWaiting)
	record("deal_waiting", track(lonely))
	for run := range s.histories(t) {
		if id, _, _ := strings.Cut(run, " "); strings.HasPrefix(id, "track-round/") {
			record("track_round", id)
			return
		}
	}
	t.Fatal("there was no round")
}
