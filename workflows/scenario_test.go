package workflows_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/wiring/wiringtest"
)

// scenario is a portal of two hundred contacts to which everything happens that can
// happen to a contact, while HubSpot's webhooks are kept for the test to deliver or
// to lose.
type scenario struct {
	*wiringtest.System
	*wiringtest.Ears
	t *testing.T

	people []string // ids of the mapped contacts that nothing has happened to yet
	binned []string // ids of the contacts that were deleted, with their participants
	others []bridge.Identity
}

// How many of the two hundred something happens to.
const (
	creations, edits, deletions, privacyDeletions, merges, restores, reMaps = 40, 60, 20, 10, 10, 20, 30
	population                                                              = creations + edits + deletions + privacyDeletions + 2*merges + restores + reMaps
)

// newScenario makes the population: everybody but the contacts that are created later
// is mapped, and those that are restored later are in the recycle bin.
func newScenario(t *testing.T) *scenario {
	t.Helper()
	s := &scenario{System: wiringtest.New(t), t: t}
	none := 0
	if err := s.Store.SetDeletionGuard(t.Context(), s.Connection.ID, &none); err != nil {
		t.Fatal(err)
	}
	s.Ears = s.System.Ears(t)
	for i := range population - creations {
		s.people = append(s.people, s.CreateContact(t, map[string]string{"email": person(i), "firstname": "Ann"}))
	}
	s.hear(nothing)
	for _, id := range s.some(restores) {
		archive(t, s.System, id)
		s.binned = append(s.binned, id)
	}
	// Whom contacts are mapped to later has no contact: nobody asks for one.
	s.SetRules(t, bridge.Rules{ContactCreated: true, ContactUpdated: true})
	for i := range reMaps {
		other := s.Join(t, fmt.Sprintf("other%d@shop.example", i), "Other", fmt.Sprint(i))
		s.others = append(s.others, bridge.Identity{AccountID: other.AccountID, UserID: other.ID})
	}
	s.hear(nothing)
	s.wantDrift()
	return s
}

// some takes contacts that nothing has happened to.
func (s *scenario) some(n int) []string {
	taken := s.people[:n]
	s.people = s.people[n:]
	return taken
}

// happen does to the population what people do in HubSpot.
func (s *scenario) happen() {
	s.t.Helper()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	crm := s.Portal.Person(1)
	for i := range creations {
		s.CreateContact(s.t, map[string]string{"email": fmt.Sprintf("new%d@shop.example", i)})
	}
	code, ok := s.Tenant.User(person(restores), person(restores))
	if !ok {
		s.t.Fatal("nobody refers")
	}
	for _, id := range s.some(edits) {
		s.EditContact(s.t, id, map[string]string{bridge.PropReferredByCode: code.ReferralCodes[wiringtest.Program]})
	}
	for _, id := range s.some(deletions) {
		must(crm.Archive("contacts", id))
	}
	for _, id := range s.some(privacyDeletions) {
		must(crm.Erase(id))
	}
	for range merges {
		pair := s.some(2)
		_, err := crm.Merge("contacts", pair[0], pair[1])
		must(err)
	}
	for _, id := range s.binned {
		must(crm.Restore("contacts", id))
	}
	for i, id := range s.some(reMaps) {
		to := s.others[i]
		s.EditContact(s.t, id, map[string]string{bridge.PropUserID: to.UserID, bridge.PropAccountID: to.AccountID})
	}
}

func nothing(hubspottest.Event) bool { return false }

func everything(hubspottest.Event) bool { return true }

// someOf loses a share of the webhooks, by chance.
func someOf(share float64) func(hubspottest.Event) bool {
	rng := rand.New(rand.NewPCG(1, 2))
	return func(hubspottest.Event) bool { return rng.Float64() < share }
}

// hear delivers webhooks and lets the system act on them. It returns how many were
// lost.
func (s *scenario) hear(lost func(hubspottest.Event) bool) int {
	s.t.Helper()
	n := s.Deliver(s.t, lost)
	s.act()
	return n
}

// act lives the lives of the contacts that something was heard of, until all is quiet.
// It returns how long the longest of them lasted. What webhooks tell of our own writes
// is lost.
func (s *scenario) act() time.Duration {
	s.t.Helper()
	longest := relayAll(s.t, s.System)
	s.Deliver(s.t, everything)
	return longest
}

// waiting is how much was heard and is not acted on yet.
func (s *scenario) waiting() int64 {
	s.t.Helper()
	health, err := s.Store.ConnectionHealth(s.t.Context(), s.Connection.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return health.WaitingEvents
}

// wantDrift has a dry run compare both sides, as they are.
func (s *scenario) wantDrift(differences ...string) {
	s.t.Helper()
	want := map[string]int64{}
	for _, d := range differences {
		want[d]++
	}
	wantDrift(s.t, reconcile(s.t, s.System, true), want)
}
