package browser_test

import (
	"strings"
	"testing"

	"advocatesync/internal/console/consoletest"
	"advocatesync/internal/demo/browser"
)

// Somebody with an account of the company gets to the page that they asked for,
// through the identity provider's site and back, with the role of their group.
func TestPeople_signInWithTheirCompanysAccount(t *testing.T) {
	t.Parallel()
	issuer := consoletest.NewIssuer(t)
	issuer.Claim(map[string]any{"groups": []string{"marketing"}})
	s := consoletest.New(t, issuer.People())
	tab := browser.Start(t).Tab(t, s.URL)
	tab.Open("/connections/" + s.Connection.ID + "/rules")
	tab.Follow("Sign in with your company's account")
	tab.Says("Turn off …") // the page that was asked for, for somebody who runs the sync
	if who := browser.Value[string](tab, `document.querySelector(".who").innerText.replace(/\s+/g, " ").trim()`); who != "marie (operator) Sign out" {
		t.Errorf("signed in is %q", who)
	}

	issuer.Claim(map[string]any{"groups": []string{"sales"}})
	tab.Follow("Sign out")
	tab.Follow("Sign in with your company's account")
	tab.Says("You are known, but have no role here")
	for _, complaint := range tab.Complaints() {
		if !strings.HasPrefix(complaint, "a request to "+issuer.URL+"/authorize?") {
			t.Errorf("signing in: %s", complaint)
		}
	}
}
