package workflows_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/wiring/wiringtest"
)

// What each of HubSpot's refusals comes to, and what the operator sees of it.

const (
	batchCreate = "POST /crm/objects/2026-09/contacts/batch/create"
	batchUpdate = "POST /crm/objects/2026-09/contacts/batch/update"
)

// HubSpot answers 409 where somebody else made the contact between our look
// and our creation.
func TestReportSync_matchesAContactThatSomebodyElseMadeFirst(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 1 }) // our look comes too early to see it
	id := s.CreateContact(t, map[string]string{"email": ann, "firstname": "Annabel"})
	user := s.Join(t, ann, "Ann", "Archer")

	result := report(t, s)

	if result.Counts.Matched != 1 || result.Counts.Created != 0 || result.Counts.Parked != 0 {
		t.Errorf("the report tells of %+v, want one match", result.Counts)
	}
	if got := s.HubSpot.Counts().Calls[batchCreate]; got != 1 {
		t.Fatalf("%d calls tried to create the contact, want the one that HubSpot refuses", got)
	}
	s.InStep(t, id, user.AccountID, user.ID)
	if props := s.Contact(t, id); props["firstname"] != "Annabel" {
		t.Errorf("the contact is called %s now", props["firstname"])
	}
	if got := s.Portal.Count("contacts"); got != 1 {
		t.Errorf("%d contacts, want the one that was there", got)
	}
	if items := s.Parked(t); len(items) != 0 {
		t.Errorf("parked = %+v, want nothing to look at", items)
	}
}

func TestReportSync_parksAnEmailThatIsTakenByNobodyItCanSee(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 100 })
	s.CreateContact(t, map[string]string{"email": ann})
	user := s.Join(t, ann, "Ann", "Archer")

	report(t, s)

	item := wantParked(t, s, bridge.CauseRefusedByHubSpot)
	if item.ContactID != "" || item.AccountID != user.AccountID || item.UserID != user.ID {
		t.Errorf("the item is about %q, %q, %q; want the participant", item.ContactID, item.AccountID, item.UserID)
	}
	if !strings.Contains(item.VendorMessage, "already exists") || strings.Contains(item.VendorMessage, ann) {
		t.Errorf("words = %q, want HubSpot's without the email", item.VendorMessage)
	}
}

// HubSpot answers 404 right after it told of a contact, sometimes for long.
func TestContactLifecycle_takesUpAContactThatShowsUpTooLate(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 20 }) // more than one life looks
	id := s.CreateContact(t, map[string]string{"email": ann})

	live(t, s, id, created())

	if item := wantParked(t, s, bridge.CauseNotReadable); item.ContactID != id {
		t.Errorf("contact %s is parked, want %s", item.ContactID, id)
	}
	wantState(t, s, id, bridge.StateParked)
	live(t, s, id, resync()) // the operator retries
	s.InStep(t, id, ann, ann)
	if items := s.Parked(t); len(items) != 0 {
		t.Errorf("parked = %+v, want nothing any more", items)
	}
}

// HubSpot refuses a whole batch with 400 for one bad record in it.
func TestContactLifecycle_parksTheOneThatHubSpotRefusesInASharedBatch(t *testing.T) {
	t.Parallel()
	const people, bad = 40, 7
	s := wiringtest.New(t)
	s.KeepGaps(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) {
		k.RequiredWhen = []hubspottest.ConditionRule{{Property: "firstname", Value: "Bad", Requires: []string{"lastname"}}}
	})
	ids := make([]string, people)
	for i := range people {
		ids[i] = s.CreateContact(t, map[string]string{"email": person(i), "firstname": "Good", "lastname": "Person"})
	}
	s.EditContact(t, ids[bad], map[string]string{"firstname": "Bad", "lastname": ""})

	var all sync.WaitGroup // subtests would take turns, as many at a time as there are cores
	for i := range people {
		all.Go(func() { live(t, s, ids[i], created()) })
	}
	all.Wait()

	for i := range people {
		if i != bad {
			s.InStep(t, ids[i], person(i), person(i))
		}
	}
	item := wantParked(t, s, bridge.CauseRefusedByHubSpot)
	if item.ContactID != ids[bad] || !strings.Contains(item.VendorMessage, "lastname") {
		t.Errorf("contact %s is parked with the words %q; want %s, and what HubSpot misses", item.ContactID, item.VendorMessage, ids[bad])
	}
	if strings.Contains(item.VendorMessage, person(bad)) {
		t.Error("the words name the person")
	}
	if got := s.HubSpot.Counts().Calls[batchUpdate]; got >= people {
		t.Errorf("%d calls wrote %d contacts: they shared no batch", got, people)
	}
}

// The portal's own rules about required properties hold for us, too.
func TestReportSync_parksAContactThatThePortalsRulesForbid(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Portal.Tune(func(k *hubspottest.Knobs) { k.RequiredOnCreate = []string{"phone"} })
	s.Join(t, ann, "Ann", "Archer")

	report(t, s)

	item := wantParked(t, s, bridge.CauseRefusedByHubSpot)
	for _, want := range []string{"MISSING_REQUIRED_PROPERTY", "phone"} {
		if !strings.Contains(item.VendorMessage, want) {
			t.Errorf("words = %q, want %s in them", item.VendorMessage, want)
		}
	}
	if got := s.Portal.Count("contacts"); got != 0 {
		t.Errorf("%d contacts, want none", got)
	}
}

// HubSpot finds a contact by an additional email, but need not show that email.
func TestReportSync_joinsTheContactThatARefusalNames(t *testing.T) {
	t.Parallel()
	byEmail := func(edits ...fault.Edit) hubspottest.Fault {
		return hubspottest.Fault{Route: readRoute, Contains: `"idProperty":"email"`, Times: -1, Answer: fault.Answer{Alter: edits}}
	}
	const additional = "results.*.properties.hs_additional_emails"
	tests := map[string]struct {
		people int // on the same page, each with a contact like that
		reads  hubspottest.Fault
	}{
		"one on the page":                         {1, byEmail(fault.Remove(additional))},
		"several on the page":                     {3, byEmail(fault.Remove(additional))},
		"additional emails that are null":         {2, byEmail(fault.Set(additional, nil))},
		"additional emails of somebody else":      {2, byEmail(fault.Set(additional, "someone@else.example"))},
		"no email is shown at all":                {2, byEmail(fault.Remove(additional), fault.Remove("results.*.properties.email"))},
		"HubSpot finds nobody by their email":     {2, byEmail(fault.Set("results", []any{}))},
		"no read shows additional emails, of any": {2, hubspottest.Fault{Route: readRoute, Times: -1, Answer: fault.Answer{Alter: []fault.Edit{fault.Remove(additional)}}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.HubSpot.Inject(tt.reads)
			contacts, people := map[string]string{}, map[string]advocatetest.User{}
			for i := range tt.people {
				email := fmt.Sprintf("ann%d@shop.example", i)
				id := s.CreateContact(t, map[string]string{"email": fmt.Sprintf("ann%d@work.example", i)})
				addEmail(t, s, id, email)
				contacts[email], people[email] = id, s.Join(t, email, "Ann", "Archer")
			}

			result := report(t, s)

			if result.Counts.Matched != int64(tt.people) || result.Counts.Parked != 0 {
				t.Errorf("the report tells of %+v, want %d matches", result.Counts, tt.people)
			}
			for email, id := range contacts {
				s.InStep(t, id, people[email].AccountID, people[email].ID)
			}
			if got := s.Portal.Count("contacts"); got != tt.people {
				t.Errorf("%d contacts, want the %d that were there", got, tt.people)
			}
		})
	}
}
