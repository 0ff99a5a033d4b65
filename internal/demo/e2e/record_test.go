package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
)

// TestRecordHistories writes one history of every kind of run into the folder
// that RECORD_HISTORIES names; "make record-histories" sets it. It records the
// code as it is, so it is run when a release is cut and the files are kept
// from then on.
func TestRecordHistories(t *testing.T) {
	folder := os.Getenv("RECORD_HISTORIES")
	if folder == "" {
		t.Skip("records only when RECORD_HISTORIES names a folder")
	}
	s := start(t, stack.Options{})
	record := func(name, workflowID string) {
		s.quiet(t)
		if err := os.WriteFile(filepath.Join(folder, name+".json"), []byte(s.history(t, workflowID, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	contact := func(id string) string { return "contact/" + s.ConnectionID + "/" + id }

	id := s.createContact(t, map[string]string{"email": person(0)})
	eventually(t, patience, "the contact is in step", func() bool { return s.inStep(id, person(0)) })
	record("contact_created", contact(id))

	s.editContact(t, id, map[string]string{bridge.PropUserID: "half"})
	s.quiet(t)
	record("contact_half_pair_parked", contact(id))

	s.portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 3 })
	late := s.createContact(t, map[string]string{"email": person(1)})
	eventually(t, patience, "the late contact is in step", func() bool { return s.inStep(late, person(1)) })
	record("contact_not_readable_yet", contact(late))

	gone := s.createContact(t, map[string]string{"email": person(3)})
	eventually(t, patience, "the contact is in step", func() bool { return s.inStep(gone, person(3)) })
	s.quiet(t)
	if err := s.portal.Person(1).Archive("contacts", gone); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "its participant is deleted", func() bool { return !s.hasParticipant(person(3)) })
	record("contact_deleted_after_hold", contact(gone))

	if err := s.portal.Person(1).Erase(late); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the person is erased", func() bool { return s.tenant.Erased(person(1), person(1)) })
	record("contact_erased", contact(late))

	if _, err := s.tenant.Join(person(2), "Person", "Joined"); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the report made a contact", func() bool { return s.contactOf(person(2)) != "" })
	var report string
	eventually(t, patience, "a report that applied a page has ended", func() bool {
		for run, text := range s.histories(t) {
			if strings.HasPrefix(run, "report-sync/") && strings.Contains(text, `"ApplyPage"`) && strings.Contains(text, "_EXECUTION_COMPLETED") {
				report = text
			}
		}
		return report != ""
	})
	if err := os.WriteFile(filepath.Join(folder, "report_with_pages.json"), []byte(report), 0o644); err != nil {
		t.Fatal(err)
	}

	s.recordTriggers(t, record)

	s.portal.Tune(func(k *hubspottest.Knobs) { k.InUse = map[string]int{bridge.PropShareLink: 1} })
	if _, err := s.Command(t.Context(), nil, "program", "switch", champions, "--wait"); err == nil {
		t.Fatal("the switch was not refused")
	}
	record("program_switch_refused", "program-switch/"+s.ConnectionID)
	s.portal.Tune(func(k *hubspottest.Knobs) { k.InUse = nil })
	if _, err := s.Command(t.Context(), nil, "program", "switch", champions, "--wait"); err != nil {
		t.Fatal(err)
	}
	record("program_switch", "program-switch/"+s.ConnectionID)
}

// recordTriggers records what triggers do: a deal that is won, one that waits,
// one whose sale is taken back, and a round.
func (s *system) recordTriggers(t *testing.T, record func(name, workflowID string)) {
	selling := &selling{system: s}
	selling.prepare(t)
	selling.apply(t, documented("deal-won.yaml"))
	deal := selling.deal(t, selling.buyer(t, person(4)), nil)
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
