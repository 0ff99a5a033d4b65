package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/browser"
	"advocatesync/internal/hubspot/hubspottest"
)

// What the person who runs campaigns connects.
const (
	anotherPortal = 4711003
	anotherToken  = "pat-eu1-another"
	anotherTenant = "another"
	anotherKey    = "LIVE_another"
)

// Somebody who runs campaigns gets from the address that they were given to a signed
// receipt by what each page shows: links, buttons and fields by their words. No
// address is typed but the first.
func TestOperator_findsTheWayByWhatIsVisible(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.HubSpot.AddPortal(hubspottest.PortalConfig{ID: anotherPortal, Token: anotherToken})
	tenant := advocatetest.DefaultTenant()
	tenant.Alias, tenant.Key = anotherTenant, anotherKey
	if _, err := s.Advocate.AddTenant(tenant); err != nil {
		t.Fatal(err)
	}
	tab := browser.Start(t).Tab(t, s.URL)
	tab.Open("/sign-in#" + s.Token(t, bridge.RoleAdmin)) // as it is printed
	tab.Follow("Sign in")

	home := fmt.Sprintf("Portal %d and %s", s.Connection.PortalID, s.Connection.Tenant)
	for _, stage := range []struct {
		name string
		do   func()
	}{
		{"connect another portal", func() {
			tab.Follow("Connect another portal")
			tab.Fill("Portal id (optional)", fmt.Sprint(anotherPortal))
			tab.Fill("Tenant alias", anotherTenant)
			tab.Fill("API key", anotherKey)
			tab.Fill("Program id", "47255")
			tab.Fill("Access token (optional)", anotherToken)
			tab.Follow("Check and connect")
			tab.Says("Connected. The first report runs within a minute", fmt.Sprintf("Portal %d and %s", anotherPortal, anotherTenant))
		}},
		{"find out why a contact has no code", func() {
			id := s.CreateContact(t, map[string]string{"firstname": "Ramona"})
			s.row(t, `INSERT INTO contact_ledger (connection_id, contact_id, state, reason) VALUES ($1, $2, 'awaiting_email', 'no_email')`, id)
			tab.Follow("Overview")
			tab.Follow(home)
			tab.Follow("Contacts")
			page := fmt.Sprintf("https://app.hubspot.com/contacts/%d/record/0-1/%s", s.Connection.PortalID, id)
			tab.Fill("Contact", page)
			tab.Follow("Look up")
			tab.Says("Waits for an email", "Open in HubSpot")
			if to := browser.Value[string](tab, `[...document.querySelectorAll("main a")].find((a) => a.innerText === "Open in HubSpot").href`); to != page {
				t.Errorf("the contact's page in HubSpot is %s, want %s", to, page)
			}
			tab.Follow("Sync again …")
			tab.Follow("Sync again")
			tab.Says("synced again within seconds", "Contact "+id)
		}},
		{"correct a problem", func() {
			tab.Follow("Problems")
			tab.Follow("The referred-by code was refused and left out.")
			tab.Follow(s.person)
			tab.Follow("Retry …")
			tab.Says("1 item will be tried again")
			tab.Follow("Retry 1 item")
			tab.Says("1 item is tried again", "Contact "+s.person)
		}},
		{"foresee a mass sync", func() {
			tab.Follow("Mass sync")
			tab.Follow("Run a dry run")
			s.Exec(t, `UPDATE sync_run SET state = 'done', exported_at = now(), finished_at = now(), total = 360, created = 199, hubspot_calls = 9 WHERE kind = 'mass' AND finished_at IS NULL`)
			tab.Await("Start the mass sync …")
		}},
		{"run it, and stop it in the middle", func() {
			tab.Follow("Start the mass sync …")
			tab.Says("360 participants will be read", "199 contacts will be created")
			tab.Follow("Start the mass sync")
			s.Exec(t, `UPDATE sync_run SET state = 'planned', exported_at = now(), total = 360, created = 120 WHERE kind = 'mass' AND finished_at IS NULL`)
			tab.Await("120 of 360 participants")
			tab.Follow("Stop …")
			tab.Says("120 of 360 participants are done", "240 participants are left as before")
			tab.Follow("Stop the mass sync")
			s.Exec(t, `UPDATE sync_run SET state = 'cancelled', finished_at = now() WHERE kind = 'mass' AND finished_at IS NULL`)
			tab.Await("The next run does the rest")
			tab.Follow("Start the mass sync …")
			tab.Says("was stopped after 120 of 360 participants")
			tab.Follow("Go back")
		}},
		{"switch the program in place", func() {
			tab.Follow("Program")
			tab.Choose("48001")
			tab.Follow("See what this changes …")
			tab.Says("10 properties will be kept")
			// As a worker does that has just taken it up.
			s.row(t, `INSERT INTO program_switch (connection_id, from_program, to_program, in_place, mass_sync, state) VALUES ($1, '47255', '48001', true, false, 'holding')`)
			tab.Follow("Switch the program")
			s.Exec(t, `UPDATE program_switch SET state = 'done', connected_at = now(), finished_at = now() WHERE finished_at IS NULL`)
			tab.Await("Done.")
		}},
		{"approve a deletion that waits", func() {
			tab.Follow("Deletions")
			tab.Choose("Contact 20102")
			tab.Follow("Delete the chosen …")
			tab.Says("1 participant will be deleted", "cannot be undone")
			tab.Follow("Delete 1 participant")
			tab.Says("1 participant will be deleted within a minute", "13 deletions wait")
		}},
		{"erase a person, and save the receipt", func() {
			tab.Follow("Contacts")
			tab.Fill("Contact", "20009")
			tab.Follow("Look up")
			tab.Follow("Erase the person …")
			tab.Says("1 person will be erased", "cannot be undone")
			tab.Follow("Erase this person")
			tab.Says("This page follows it")
			s.Exec(t, `UPDATE erasure SET verified_at = now(), blocked_at = now(), deleted_at = now(), checked_at = now(), forgotten_at = now(), hubspot_answer = 'not_found', advocate_answer = 'do_not_track'
			 WHERE contact_id = '20009'`)
			tab.Await("Save the signed receipt")
			if receipt := tab.Save("Save the signed receipt", "erasure-4.jws"); strings.Count(receipt, ".") != 2 {
				t.Errorf("the receipt is %q", receipt)
			}
		}},
		{"see who did it", func() {
			tab.Follow("Audit log")
			tab.Says("Erase the person of a contact", "contact 20009")
		}},
		{"sign out", func() {
			tab.Follow("Sign out")
			tab.Says("You are signed out")
		}},
	} {
		stage.do()
		for _, complaint := range tab.Complaints() {
			t.Errorf("%s: %s", stage.name, complaint)
		}
	}
}
