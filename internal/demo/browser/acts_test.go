package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/console"
	"advocatesync/internal/console/consoletest"
	"advocatesync/internal/demo/browser"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/wiring/wiringtest"
)

// act is something that a person does in the console: one or several routes, and
// how a hand gets there. Acts are done one after the other, from the sign-in to the
// sign-out; each leaves the installation as the next one expects it.
type act struct {
	name   string
	routes []string // that it uses, besides those of pages
	do     func(t *testing.T, s *scene, tab *browser.Tab)
}

// acts are all there are. A route that is neither here nor among the pages fails
// TestConsole_everyRouteIsDriven.
var acts = []act{
	{"sign in", []string{"POST /sign-in"}, func(t *testing.T, s *scene, tab *browser.Tab) {
		tab.Open("/tokens")
		tab.Fill("Your token", "adv_wrong")
		tab.Follow("Sign in")
		tab.Says("This token opens nothing")
		tab.Fill("Your token", s.Token(t, bridge.RoleAdmin))
		tab.Follow("Sign in")
		tab.Says("Make the token") // the page that was asked for
	}},
	{"look a contact up by its email", []string{"POST /connections/{connection}/contacts"}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/contacts"))
		tab.Fill("Contact", "ann@shop.example")
		tab.Submit()
		tab.Says("Contact "+s.person, "NOSUCHCODE")
	}},
	{"sync it again", []string{"POST /connections/{connection}/contacts/{contact}/resync"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Sync again …")
		tab.Says("1 contact and its participant are read")
		tab.Follow("Sync again")
		tab.Says("synced again within seconds")
	}},
	{"reveal the person", []string{"POST /connections/{connection}/contacts/{contact}/reveal"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Reveal the person")
		tab.Says("ann@shop.example", "Archer", "The audit log records that you looked")
	}},
	{"retry an item", []string{"POST /connections/{connection}/problems/retry"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Retry")
		tab.Says("1 item will be tried again")
		tab.Follow("Retry 1 item")
		tab.Says("1 item is tried again", "Contact ") // the page that it was asked for on
		tab.Follow("Problems")
	}},
	{"discard some items", []string{"POST /connections/{connection}/problems/discard"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("HubSpot refuses a value")
		tab.Choose("Item 6")
		tab.Follow("Discard the chosen …")
		tab.Says("1 item will be given up", "cannot be undone")
		tab.Follow("Discard 1 item")
		tab.Says("1 item was given up")
	}},
	{"run a dry run of a mass sync, and follow it", []string{"POST /connections/{connection}/mass-syncs", "GET /connections/{connection}/mass-syncs/{run}/live"}, func(t *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/mass-syncs"))
		tab.Follow("Run a dry run")
		tab.Says("Reads and plans")
		s.Exec(t, `UPDATE sync_run SET state = 'done', exported_at = now(), finished_at = now(), total = 360, created = 199, hubspot_calls = 9 WHERE kind = 'mass' AND finished_at IS NULL`)
		follow(tab, "Done.")
	}},
	{"start the mass sync that was foretold, pause it, resume it, stop it", []string{
		"POST /connections/{connection}/mass-syncs/{run}/pause", "POST /connections/{connection}/mass-syncs/{run}/resume", "GET /connections/{connection}/mass-syncs/{run}/cancel", "POST /connections/{connection}/mass-syncs/{run}/cancel",
	}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Start the mass sync …")
		tab.Says("360 participants will be read", "199 contacts will be created")
		tab.Follow("Start the mass sync")
		tab.Follow("Pause")
		tab.Says("Paused")
		tab.Follow("Resume")
		tab.Says("Reads and plans")
		tab.Follow("Stop …")
		tab.Says("nothing was written", "cannot be resumed")
		tab.Follow("Stop the mass sync")
		tab.Says("Stops once what was begun has finished")
	}},
	{"reconcile: dry run, pause, resume, stop", []string{
		"POST /connections/{connection}/reconciles", "GET /connections/{connection}/reconciles/{run}/live", "POST /connections/{connection}/reconciles/{run}/pause",
		"POST /connections/{connection}/reconciles/{run}/resume", "GET /connections/{connection}/reconciles/{run}/cancel", "POST /connections/{connection}/reconciles/{run}/cancel",
	}, func(t *testing.T, s *scene, tab *browser.Tab) {
		s.Exec(t, `UPDATE sync_run SET state = 'cancelled', finished_at = now() WHERE finished_at IS NULL`)
		tab.Open(s.path("/reconciles"))
		tab.Follow("Run a dry run")
		tab.Follow("Pause")
		tab.Says("Paused")
		tab.Follow("Resume")
		tab.Follow("Stop …")
		tab.Says("Nothing was repaired")
		tab.Follow("Stop the dry run")
		tab.Says("Stops once what was begun has finished")
		s.Exec(t, `UPDATE sync_run SET state = 'cancelled', finished_at = now() WHERE finished_at IS NULL`)
		follow(tab, "Stopped")
	}},
	{"keep one deletion, approve the rest", []string{
		"POST /connections/{connection}/deletions/contacts/reject", "POST /connections/{connection}/deletions/contacts/approve",
	}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/deletions"))
		tab.Choose("Contact 20101")
		tab.Follow("Keep the chosen …")
		tab.Says("1 participant will stay")
		tab.Follow("Keep 1 participant")
		tab.Says("1 participant will stay in Advocate")
		tab.Follow("Delete all 13 …")
		tab.Says("13 participants will be deleted", "cannot be undone")
		tab.Follow("Delete 13 participants")
		tab.Says("13 participants will be deleted within a minute")
	}},
	{"decide on privacy deletions", []string{
		"POST /connections/{connection}/deletions/erasures/reject", "POST /connections/{connection}/deletions/erasures/approve",
	}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Choose("Contact 20115")
		tab.Follow("Keep the chosen …")
		tab.Follow("Keep 1 person")
		tab.Says("1 person will not be erased")
		tab.Follow("Erase all 2 …")
		tab.Follow("Erase 2 people")
		tab.Says("2 people will be erased")
	}},
	{"set both guards", []string{
		"POST /connections/{connection}/deletions/contacts/guard", "POST /connections/{connection}/deletions/erasures/guard",
	}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Fill("Deletions within an hour that need no approval", "7")
		tab.Submit()
		tab.Says("more than 7 are due")
		tab.Fill("Privacy deletions within an hour that need no approval", "3")
		tab.Submit()
		tab.Says("more than 3 are due")
	}},
	{"turn a rule off", []string{"POST /connections/{connection}/rules/{rule}"}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/rules"))
		tab.Follow("Turn off … New participant → contact")
		tab.Follow("Turn it off")
		tab.Says("is off")
	}},
	{"switch the program in place", []string{
		"POST /connections/{connection}/program/switches", "GET /connections/{connection}/program/switches/{switch}/live",
	}, func(t *testing.T, s *scene, tab *browser.Tab) {
		// As a worker does that has just taken it up.
		s.row(t, `INSERT INTO program_switch (connection_id, from_program, to_program, in_place, mass_sync, state) VALUES ($1, '47255', '48001', true, false, 'holding')`)
		tab.Open(s.path("/program"))
		tab.Choose("48001")
		tab.Follow("See what this changes …")
		tab.Says("10 properties will be kept", "will be replaced")
		tab.Follow("Switch the program")
		s.Exec(t, `UPDATE program_switch SET state = 'done', connected_at = now(), finished_at = now() WHERE finished_at IS NULL`)
		follow(tab, "Done.")
	}},
	{"write a trigger, with a mistake at first", []string{"POST /connections/{connection}/triggers"}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/triggers"))
		tab.Follow("New trigger")
		tab.Fill("Definition, in YAML", strings.Replace(wonDeals, "property: dealstage", "property: dealstge", 1))
		tab.Follow("Check and apply")
		tab.Says("Nothing was changed", "dealstge")
		tab.Fill("Definition, in YAML", strings.Replace(wonDeals, "id: won", "id: won-again", 1))
		tab.Follow("Check and apply")
		tab.Says("Version 1 counts from now on")
	}},
	{"try the trigger, turn it off", []string{
		"POST /connections/{connection}/triggers/{trigger}/test", "POST /connections/{connection}/triggers/{trigger}/enable",
	}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Fill("Id of a deal", s.deal)
		tab.Follow("Try")
		tab.Says("What it makes of deal " + s.deal)
		tab.Follow("Turn off …")
		tab.Says("0 changes that matched it are on record")
		tab.Follow("Turn it off")
		tab.Says("The trigger is off")
	}},
	{"decide on events that wait", []string{
		"POST /connections/{connection}/triggers/{trigger}/approve", "POST /connections/{connection}/triggers/{trigger}/skip",
	}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/triggers"))
		tab.Follow("Send …")
		tab.Says("will be sent")
		tab.Follow("Send 1 event")
		tab.Says("sent.")
		tab.Follow("Skip …")
		tab.Says("will come to nothing")
		tab.Follow("Skip 2 events")
		tab.Says("skipped.")
	}},
	{"pause the connection, and resume it", []string{"POST /connections/{connection}/pause", "POST /connections/{connection}/resume"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Open("/")
		tab.Follow(fmt.Sprintf("Portal %d", hubspottest.DefaultPortalID))
		tab.Follow("Pause all work …")
		tab.Says("mapped contacts are no longer kept in step")
		tab.Follow("Pause all work")
		tab.Says("Paused by an operator")
		tab.Follow("Resume all work …")
		tab.Says("kept in step again")
		tab.Follow("Resume all work")
		tab.Says("Resumed.")
	}},
	{"ask for consent again", []string{"POST /connections/{connection}/consent", "GET /connect/{intent}", "GET /connect/{intent}/live"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Ask for consent again")
		tab.Says("HubSpot waits for your consent")
	}},
	{"disconnect", []string{"POST /connections/{connection}/disconnect"}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Open("/connections/" + s.fresh)
		tab.Follow("Disconnect …")
		tab.Says("0 mappings")
		tab.Follow("Disconnect")
		tab.Says("Disconnected.")
	}},
	{"connect a portal", []string{"POST /connect"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Connect another portal")
		tab.Fill("Tenant alias", freshTenant)
		tab.Fill("API key", "wrong")
		tab.Fill("Program id", "47255")
		tab.Fill("Access token (optional)", freshToken)
		tab.Follow("Check and connect")
		tab.Says("Nothing was connected")
		tab.Fill("API key", freshKey)
		tab.Fill("Access token (optional)", freshToken)
		tab.Follow("Check and connect")
		tab.Says("Connected. The first report runs within a minute")
	}},
	{"export a person's data", []string{"POST /connections/{connection}/person/export"}, func(t *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/contacts"))
		tab.Fill("Email of the person whose data to export", "ann@shop.example")
		if saved := tab.Save("Export all data of the person", "person.json"); !strings.Contains(saved, "Archer") {
			t.Errorf("the export is %s", saved)
		}
	}},
	{"erase somebody who has no contact", []string{
		"POST /connections/{connection}/person/plan", "POST /connections/{connection}/person/erase",
	}, func(t *testing.T, s *scene, tab *browser.Tab) {
		s.Join(t, "zoe@shop.example", "Zoe", "Zimmer")
		tab.Open(s.path("/contacts"))
		tab.Fill("Email of the person to erase", "zoe@shop.example")
		tab.Follow("See whom an erasure reaches …")
		tab.Says("1 participant is deleted in Advocate", "cannot be undone")
		tab.Follow("Erase this person")
		tab.Says("The erasure has begun")
	}},
	{"export all erasures, and replay them", []string{"POST /erasures/export", "POST /erasures/replay"}, func(t *testing.T, _ *scene, tab *browser.Tab) {
		tab.Open("/erasures")
		saved := tab.Save("Export all erasures", "erasures.txt")
		if strings.Count(saved, ".") < 2 {
			t.Errorf("the export is %q", saved)
		}
		tab.Attach("File of an export", "erasures.txt", saved)
		tab.Follow("Replay the erasures of this file")
		tab.Says("Replayed: 0 erasures were begun")
	}},
	{"erase a person", []string{"POST /connections/{connection}/contacts/{contact}/erase", "GET /erasures/{erasure}/live"}, func(_ *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(s.path("/contacts/20009"))
		tab.Follow("Erase the person …")
		tab.Says("1 person will be erased", "cannot be undone")
		tab.Follow("Erase this person")
		tab.Says("The erasure has begun")
	}},
	{"save a receipt", []string{"GET /erasures/{erasure}/receipt"}, func(t *testing.T, s *scene, tab *browser.Tab) {
		tab.Open(fmt.Sprintf("/erasures/%d", s.erasure))
		if receipt := tab.Save("Save the signed receipt", "erasure-1.jws"); strings.Count(receipt, ".") != 2 {
			t.Errorf("the receipt is %q", receipt)
		}
	}},
	{"find an entry of the audit log", nil, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Audit log")
		tab.Fill("Who", "marie")
		tab.Follow("Show")
		tab.Says("Start mass sync", "contact 20001")
	}},
	{"make a token, and revoke it", []string{"POST /tokens", "GET /tokens/{token}/revoke", "POST /tokens/{token}/revoke"}, func(_ *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Tokens")
		tab.Fill("Name of the person or script", "Jean")
		tab.Choose("viewer")
		tab.Follow("Make the token")
		tab.Says("shown this once", "adv_")
		tab.Follow("Revoke … Jean")
		tab.Follow("Revoke")
		tab.Says("opens nothing any more")
	}},
	{"sign out", []string{"POST /sign-out"}, func(t *testing.T, _ *scene, tab *browser.Tab) {
		tab.Follow("Sign out")
		tab.Says("You are signed out")
		tab.Open("/tokens")
		if got := tab.Path(); !strings.HasPrefix(got, "/sign-in") {
			t.Errorf("after the sign-out, /tokens shows %s", got)
		}
	}},
}

// follow waits for what a page of running work comes to say. With scripts, the page
// follows by itself; without, a person reloads it.
func follow(tab *browser.Tab, says string) {
	if tab.Hand() == browser.NoScripts {
		tab.Open(tab.Path())
	}
	tab.Await(says)
}

// Every act works with the mouse, with the keyboard alone, and without scripts.
func TestConsole_everyActWithEveryHand(t *testing.T) {
	t.Parallel()
	for _, hand := range []browser.Hand{browser.Mouse, browser.Keys, browser.NoScripts} {
		t.Run(string(hand), func(t *testing.T) {
			s := newScene(t)
			tab := browser.Start(t).Tab(t, s.URL)
			tab.Use(hand)
			for _, act := range acts {
				before := map[string]int{}
				for _, route := range act.routes {
					before[route] = s.Served(route)
				}
				act.do(t, s, tab)
				for _, route := range act.routes {
					used := func() bool { return s.Served(route) > before[route] }
					switch live := strings.HasSuffix(route, "/live"); {
					case live && hand == browser.NoScripts:
						if used() {
							t.Errorf("%s: %s is asked for without scripts", act.name, route)
						}
					case live: // asked for once the page is there
						tab.Until("follow "+route, used)
					case !used():
						t.Errorf("%s: nobody asked for %s", act.name, route)
					}
				}
				for _, complaint := range tab.Complaints() {
					t.Errorf("%s: %s", act.name, complaint)
				}
			}
		})
	}
}

// Every route is driven: as a page, or by an act.
func TestConsole_everyRouteIsDriven(t *testing.T) {
	t.Parallel()
	driven := map[string]bool{
		// An identity provider's page is not ours: TestOIDC_… in internal/console plays the browser there.
		"GET /sign-in/oidc": true, "GET /sign-in/oidc/callback": true,
	}
	for path := range (&scene{Site: &consoletest.Site{System: &wiringtest.System{}}}).shows() {
		driven["GET "+path] = true
	}
	for _, act := range acts {
		for _, route := range act.routes {
			driven[route] = true
		}
	}
	for _, rt := range console.Routes() {
		if route := rt.Method + " " + rt.Path; !driven[route] {
			t.Errorf("nobody drives %s", route)
		} else {
			delete(driven, route)
		}
	}
	for route := range driven {
		t.Errorf("there is no route %s", route)
	}
}
