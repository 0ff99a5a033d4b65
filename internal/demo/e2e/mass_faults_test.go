package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
)

// HubSpot refuses some people one by one, some batches as a whole, storms with
// 429, and loses answers to what it has done: all others are done, those refused
// are parked with reasons, and nothing is doubled.
func TestMassSync_partialFailures(t *testing.T) {
	const update, create = "POST /crm/objects/2026-09/contacts/batch/update", "POST /crm/objects/2026-09/contacts/batch/create"
	people := massRecords(t, 2000)
	bad, twins := people/100, people/100
	m := startMass(t, people, stack.Options{RatePer10s: 3000, Limits: new(hubspottest.Unlimited())})
	m.tenant.Seed(bad+twins, func(i int) advocatetest.User {
		u := advocatetest.User{ID: strangerID(i), FirstName: "Stranger", Email: fmt.Sprintf("no-email-%d", i)}
		if i >= bad {
			// Shares the email of somebody whom HubSpot does not know yet, who
			// comes first in the export and so gets the contact.
			u.Email = seed.Email(people/2 + 1 + 2*(i-bad))
		}
		return u
	})
	for range 3 {
		for _, fault := range []hubspottest.Fault{
			{Route: update, Status: 409}, {Route: create, Status: 409},
			{Route: update, Status: 400}, {Route: create, Status: 400},
			{Route: update, Status: 504, After: true}, {Route: create, Status: 504, After: true},
			{Route: update, Drop: true, After: true}, {Route: create, Drop: true, After: true},
			{Status: 429, Times: 5, RetryAfter: 1},
		} {
			m.HubSpot.Inject(fault)
		}
	}
	m.HubSpot.Inject(hubspottest.Fault{Status: 429, Times: 2}) // each a pause of ten seconds

	m.begin(t)

	quarter := int64(people) / 4
	m.ended(t, 2*patience+time.Duration(people)*10*time.Millisecond, store.Counts{
		Total: int64(people + bad + twins), Updated: 2 * quarter, Matched: quarter, Created: quarter, Parked: int64(bad + twins),
	})
	m.everybodyInStep(t)
	if got := m.portal.Count("contacts"); got != people {
		t.Errorf("%d contacts for %d people", got, people)
	}
	for _, status := range []int{400, 409, 429, 504} {
		if m.HubSpot.Counts().Statuses[status] == 0 {
			t.Errorf("no call was answered with %d: the test tests nothing", status)
		}
	}
	m.wantParked(t, map[bridge.Cause]int{bridge.CauseRefusedByHubSpot: bad, bridge.CauseTakenContact: twins})
}

// strangerID is an id as Advocate stores it.
func strangerID(i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "stranger %d", i))
	return hex.EncodeToString(sum[:])
}

// wantParked wants so many items of each cause, each with its reason.
func (m *mass) wantParked(t *testing.T, want map[bridge.Cause]int) {
	t.Helper()
	items, err := m.store.ParkedItems(t.Context(), m.ConnectionID)
	if err != nil {
		t.Fatal(err)
	}
	got := map[bridge.Cause]int{}
	for _, item := range items {
		got[item.Cause]++
		if item.Advice == "" || item.Cause == bridge.CauseRefusedByHubSpot && item.VendorMessage == "" {
			t.Errorf("parked without a reason: %+v", item)
		}
	}
	for cause, n := range want {
		if got[cause] != n {
			t.Errorf("%d parked as %s, want %d", got[cause], cause, n)
		}
	}
}
