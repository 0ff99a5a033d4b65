package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

func person(i int) string { return fmt.Sprintf("person%d@seed.example", i) }

// 200 contacts created at once: HubSpot's calls are shared among them, its
// limit is never hit, and each has its fields back. The times are printed.
func TestBurstOfNewContacts(t *testing.T) {
	const people = 200
	s := start(t, stack.Options{ReportInterval: time.Hour})
	s.HubSpot.ResetCounts()

	began := time.Now()
	ids := make([]string, people)
	for i := range people {
		ids[i] = s.createContact(t, map[string]string{"email": person(i), "firstname": "Person"})
	}
	took := make([]time.Duration, people)
	eventually(t, patience, "all contacts are in step", func() bool {
		return s.noteInStep(ids, took, func(int) time.Time { return began })
	})
	seconds := time.Since(began).Seconds()
	t.Logf("%d contacts at once: all in step after %.2f s, %d HubSpot calls", people, seconds, s.HubSpot.Counts().Total)

	s.quiet(t)
	counts := s.HubSpot.Counts()
	// Batches wait for company only as far as HubSpot's limit asks: on a machine so
	// slow that contacts arrive one by one, a call for each costs nothing.
	if most := 60 + int(5*seconds); counts.Total > most {
		t.Errorf("%d HubSpot calls for %d contacts in %.0f s, want at most %d: %v", counts.Total, people, seconds, most, counts.Calls)
	}
	if counts.TooMany != 0 {
		t.Errorf("%d calls were refused for HubSpot's limit", counts.TooMany)
	}
	if got := s.tenant.Count(); got != people {
		t.Errorf("%d participants for %d contacts", got, people)
	}
}

// An import goes by the page; a contact by form in the middle of it does not wait
// for it. The worker dies once on the way: nobody is lost, nobody is doubled.
func TestImport(t *testing.T) {
	const people = 600
	s := start(t, stack.Options{ReportInterval: time.Hour})
	s.HubSpot.ResetCounts()
	before := s.advocateCalls()

	began := time.Now()
	ids := make([]string, people)
	for i := range people {
		id, err := s.portal.Person(1).Importing().Create("contacts", map[string]string{"email": person(i), "firstname": "Person"})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	took := make([]time.Duration, people)
	inStep := func() bool { return s.noteInStep(ids, took, func(int) time.Time { return began }) }
	eventually(t, patience, "some contacts are in step", func() bool {
		inStep()
		return slices.ContainsFunc(took, func(d time.Duration) bool { return d != 0 })
	})
	born := time.Now()
	form, err := s.portal.Person(1).Submitting().Create("contacts", map[string]string{"email": person(people), "firstname": "Lead"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the contact by form is in step", func() bool { return s.inStep(form, person(people)) })
	t.Logf("a contact by form, in the middle of an import of %d: in step after %.2f s", people, time.Since(born).Seconds())
	s.restartWorker(t)
	eventually(t, patience, "all contacts are in step", inStep)
	s.quiet(t)

	hubspot, advocate := s.HubSpot.Counts(), s.advocateCalls()-before
	t.Logf("%d contacts imported, a worker killed: in step after %.1f s, %d HubSpot and %d Advocate calls",
		people, slices.Max(took).Seconds(), hubspot.Total, advocate)
	if hubspot.TooMany != 0 {
		t.Errorf("%d calls were refused for HubSpot's limit", hubspot.TooMany)
	}
	if got := s.tenant.Count(); got != people+1 {
		t.Errorf("%d participants for %d contacts", got, people+1)
	}
}

// 200 contacts, ten a second: how long from a contact's creation until its
// fields are back. The figures are printed, not judged.
func TestTimeUntilFieldsAreBack(t *testing.T) {
	const people, perSecond = 200, 10
	s := start(t, stack.Options{})
	ids, born, took := make([]string, people), make([]time.Time, people), make([]time.Duration, people)
	created := 0
	next := time.NewTicker(time.Second / perSecond)
	defer next.Stop()
	eventually(t, patience, "all contacts are in step", func() bool {
		select {
		case <-next.C:
			if created < people {
				born[created] = time.Now()
				ids[created] = s.createContact(t, map[string]string{"email": person(created), "firstname": "Person"})
				created++
			}
		default:
		}
		return s.noteInStep(ids[:created], took, func(i int) time.Time { return born[i] }) && created == people
	})
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(people-1))].Seconds() }
	t.Logf("contact created until fields back, %d contacts at %d/s: p50 %.2f s, p90 %.2f s, p99 %.2f s, max %.2f s",
		people, perSecond, at(0.5), at(0.9), at(0.99), at(1))
	if got := s.HubSpot.Counts().TooMany; got != 0 {
		t.Errorf("%d calls were refused for HubSpot's limit", got)
	}
}

// noteInStep notes how long each contact took until it was in step, and
// reports whether all are.
func (s *system) noteInStep(ids []string, took []time.Duration, since func(int) time.Time) bool {
	all := true
	for i, id := range ids {
		if took[i] != 0 {
			continue
		}
		if s.properties(id)[bridge.PropReferralCode] == "" {
			all = false
			continue
		}
		took[i] = time.Since(since(i))
	}
	return all
}

// Webhooks come twice, in disorder and late, for contacts that HubSpot does not
// show yet: the end is the same.
func TestUnrulyWebhooks(t *testing.T) {
	const people = 30
	s := start(t, stack.Options{})
	s.HubSpot.Webhooks().Tune(func(k *hubspottest.WebhookKnobs) {
		k.Duplicate, k.Reorder, k.Delay = 0.7, true, hubspottest.Duration(time.Second)
	})
	s.portal.Tune(func(k *hubspottest.Knobs) { k.ReadLag = hubspottest.Duration(500 * time.Millisecond) })
	ids := make([]string, people)
	for i := range people {
		ids[i] = s.createContact(t, map[string]string{"firstname": "Person"})
		s.editContact(t, ids[i], map[string]string{"email": person(i)})
		s.editContact(t, ids[i], map[string]string{"lastname": "Late"})
	}
	for i := range people {
		eventually(t, patience, "contact is in step", func() bool { return s.inStep(ids[i], person(i)) })
	}
	s.quiet(t)
	if got := s.tenant.Count(); got != people {
		t.Errorf("%d participants for %d contacts", got, people)
	}
	if got := s.portal.Count("contacts"); got != people {
		t.Errorf("%d contacts, want %d", got, people)
	}
}

func (s *system) advocateCalls() int {
	calls := 0
	for _, route := range s.Advocate.Counts() {
		calls += route.Calls
	}
	return calls
}
