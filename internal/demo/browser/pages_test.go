package browser_test

import (
	"fmt"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/browser"
)

// shows is every page of the console, by its route, in the states that look
// different. A route that is not here, nor among the acts, fails the test: whoever
// adds one says here what there is to look at.
func (s *scene) shows() map[string][]string {
	fresh := "/connections/" + s.fresh
	return map[string][]string{
		"/sign-in": {"/sign-in", "/sign-in?next=%2Ftokens"},
		"/{$}":     {"/"},

		"/connections/{connection}":                           {s.path(""), fresh},
		"/connections/{connection}/pause":                     {s.path("/pause")},
		"/connections/{connection}/resume":                    {s.path("/resume")},
		"/connections/{connection}/contacts/{contact}/resync": {s.path("/contacts/" + s.person + "/resync")},
		"/connections/{connection}/numbers":                   {s.path("/numbers?span=day"), fresh + "/numbers"},
		"/connections/{connection}/contacts":                  {s.path("/contacts")},
		"/connections/{connection}/contacts/{contact}":        {s.path("/contacts/" + s.person), s.path("/contacts/20003"), s.path("/contacts/404")},
		"/connections/{connection}/contacts/{contact}/erase":  {s.path("/contacts/" + s.person + "/erase")},

		"/connections/{connection}/problems":     {s.path("/problems"), s.path("/problems?cause=refused_by_hubspot"), fresh + "/problems"},
		"/connections/{connection}/problems/ask": {s.path("/problems/ask?all=1&act=discard"), s.path("/problems/ask?act=retry")},

		"/connections/{connection}/mass-syncs":       {s.path("/mass-syncs"), fresh + "/mass-syncs"},
		"/connections/{connection}/mass-syncs/start": {s.path("/mass-syncs/start?verify=1")},
		"/connections/{connection}/mass-syncs/{run}": {s.path(fmt.Sprint("/mass-syncs/", s.dryRun)), s.path(fmt.Sprint("/mass-syncs/", s.massSync))},
		"/connections/{connection}/reconciles":       {s.path("/reconciles"), fresh + "/reconciles"},
		"/connections/{connection}/reconciles/start": {s.path("/reconciles/start")},
		"/connections/{connection}/reconciles/{run}": {s.path(fmt.Sprint("/reconciles/", s.reconcile))},

		"/connections/{connection}/deletions":              {s.path("/deletions"), fresh + "/deletions"},
		"/connections/{connection}/deletions/contacts/ask": {s.path("/deletions/contacts/ask?all=1&act=approve")},
		"/connections/{connection}/deletions/erasures/ask": {s.path("/deletions/erasures/ask?all=1&act=reject")},

		"/connections/{connection}/rules":                     {s.path("/rules")},
		"/connections/{connection}/rules/{rule}":              {s.path("/rules/contact_updated")},
		"/connections/{connection}/program":                   {s.path("/program")},
		"/connections/{connection}/program/plan":              {s.path("/program/plan?program=48001&way=in_place"), s.path("/program/plan?program=48001&way=replace")},
		"/connections/{connection}/program/switches/{switch}": {s.path(fmt.Sprint("/program/switches/", s.programSwitch))},

		"/connections/{connection}/triggers":                    {s.path("/triggers"), fresh + "/triggers"},
		"/connections/{connection}/triggers/new":                {s.path("/triggers/new")},
		"/connections/{connection}/triggers/{trigger}":          {s.path("/triggers/won")},
		"/connections/{connection}/triggers/{trigger}/enable":   {s.path("/triggers/won/enable"), s.path("/triggers/won/enable?on=1")},
		"/connections/{connection}/triggers/{trigger}/edit":     {s.path("/triggers/won/edit")},
		"/connections/{connection}/triggers/{trigger}/approval": {s.path("/triggers/won/approval?reason=import&act=approve")},
		"/connections/{connection}/events":                      {s.path("/events"), s.path("/events?state=error")},

		"/connect":                             {"/connect"},
		"/connections/{connection}/disconnect": {s.path("/disconnect")},
		"/erasures":                            {"/erasures", "/erasures?open=1"},
		"/erasures/{erasure}":                  {"/erasures/1", "/erasures/2", "/erasures/3"},
		"/audit":                               {"/audit", "/audit?actor=nobody"},
		"/tokens":                              {"/tokens"},
	}
}

// signIn signs a tab in with a role.
func (s *scene) signIn(t *testing.T, tab *browser.Tab, role bridge.Role) {
	t.Helper()
	tab.Open("/sign-in")
	tab.Fill("Your token", s.Token(t, role))
	tab.Follow("Sign in")
	if got := tab.Path(); got != "/" {
		t.Fatalf("signing in leads to %s", got)
	}
}

// Every page, on every screen, in both colour schemes: nothing of it keeps anybody
// out, sticks out of the screen, comes from elsewhere or fails.
func TestConsole_everyPageOnEveryScreen(t *testing.T) {
	t.Parallel()
	s, axe := newScene(t), browser.NewAxe(t)
	chromium := browser.Start(t)
	stranger, tab := chromium.Tab(t, s.URL), chromium.Tab(t, s.URL)
	s.signIn(t, tab, bridge.RoleAdmin)
	for route, paths := range s.shows() {
		tab := tab
		if route == "/sign-in" {
			tab = stranger
		}
		t.Run(route, func(t *testing.T) {
			for _, path := range paths {
				s.look(t, tab, axe, path)
			}
		})
	}
}

// firstLoad is how much a page may take that somebody opens for the first time, in
// bytes: style sheet, script, icon and headers included.
const firstLoad = 100 << 10

// look looks at a page on every screen.
func (s *scene) look(t *testing.T, tab *browser.Tab, axe browser.Axe, path string) {
	t.Helper()
	tab.Bytes()
	if tab.Open(path); tab.Path() != path {
		t.Fatalf("%s leads to %s", path, tab.Path())
	}
	if loaded := tab.Bytes(); loaded == 0 || loaded > firstLoad {
		t.Errorf("%s takes %d bytes to load, with all that it needs", path, loaded)
	}
	for _, width := range []browser.Width{browser.Phone, browser.Tablet, browser.Desktop} {
		for _, scheme := range []browser.Scheme{browser.Light, browser.Dark} {
			tab.At(width, scheme)
			for _, violation := range axe.Violations(tab) {
				t.Errorf("%s at %d, %s: %s", path, width, scheme, violation)
			}
		}
		if wide := browser.Value[int64](tab, "document.documentElement.scrollWidth"); wide > int64(width) {
			t.Errorf("%s is %d wide on a screen of %d", path, wide, width)
		}
	}
	for _, complaint := range tab.Complaints() {
		t.Errorf("%s: %s", path, complaint)
	}
}
