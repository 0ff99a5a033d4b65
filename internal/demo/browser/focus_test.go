package browser_test

import (
	"slices"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/browser"
)

// Whoever has no mouse gets everywhere with the Tab key: to the skip link first, then
// to all that can be pressed or filled, in the order in which it is read, and sees
// each time where they are.
func TestConsole_tabKeyGoesThroughEveryPage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tab := browser.Start(t).Tab(t, s.URL)
	s.signIn(t, tab, bridge.RoleAdmin)
	for route, paths := range s.shows() {
		if route == "/sign-in" {
			continue // whoever is signed in is led on
		}
		t.Run(route, func(t *testing.T) {
			for _, path := range paths {
				tab.Open(path)
				want, got := tab.Stops(), tab.Walk()
				if len(got) == 0 || got[0].Name != "Skip to the content" {
					t.Errorf("%s: the first stop is no skip link", path)
				}
				for _, stop := range got {
					if !stop.Visible {
						t.Errorf("%s: nobody sees that the focus is on %q", path, stop.Name)
					}
				}
				if names := namesOf(got); !slices.Equal(names, want) {
					t.Errorf("%s: the Tab key goes\n%q\nwant\n%q", path, names, want)
				}
			}
		})
	}
}

func namesOf(stops []browser.Stop) (names []string) {
	for _, stop := range stops {
		names = append(names, stop.Name)
	}
	return names
}

// The skip link takes the focus past the navigation.
func TestConsole_skipLinkLeadsPastTheNavigation(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tab := browser.Start(t).Tab(t, s.URL)
	s.signIn(t, tab, bridge.RoleAdmin)
	tab.Use(browser.Keys)
	tab.Open(s.path("/contacts"))
	tab.Press("Skip to the content")
	if got := browser.Value[string](tab, "document.activeElement.id"); got != "main" {
		t.Errorf("the focus is on %q", got)
	}
}

// While the numbers of running work change, a button stays the one that it was: a
// finger on it presses it, and the focus does not leave it.
func TestConsole_liveNumbersLeaveButtonsAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	tab := browser.Start(t).Tab(t, s.URL)
	s.signIn(t, tab, bridge.RoleAdmin)
	tab.Open(s.path("/mass-syncs"))
	tab.Follow("Run a dry run")
	browser.Value[bool](tab, `(() => { const b = document.getElementById("pause"); b.focus(); window.before = b; return true; })()`)
	s.Exec(t, "UPDATE sync_run SET total = 1234 WHERE finished_at IS NULL")
	tab.Await("1,234 participants")
	if !browser.Value[bool](tab, `document.getElementById("pause") === window.before && document.activeElement === window.before`) {
		t.Error("the button was replaced, or has lost the focus")
	}
}
