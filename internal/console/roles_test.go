package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/console"
)

// opens says who may do what: the lowest roles that an address is open to. Whoever
// adds a route decides here, too, so that a slip in the routes shows.
var opens = map[string][]bridge.Role{
	"GET /sign-in": nil, "POST /sign-in": nil, "GET /sign-in/oidc": nil, "GET /sign-in/oidc/callback": nil, "POST /sign-out": nil, // anybody

	"GET /{$}": viewer, "GET /connections/{connection}": viewer, "GET /connections/{connection}/numbers": viewer,
	"GET /connections/{connection}/pause": runner, "GET /connections/{connection}/resume": runner,
	"POST /connections/{connection}/pause": runner, "POST /connections/{connection}/resume": runner,

	"GET /connections/{connection}/contacts": viewer, "POST /connections/{connection}/contacts": viewer,
	"GET /connections/{connection}/contacts/{contact}":         viewer,
	"GET /connections/{connection}/contacts/{contact}/resync":  runner,
	"POST /connections/{connection}/contacts/{contact}/resync": runner,
	"POST /connections/{connection}/contacts/{contact}/reveal": privacy,
	"GET /connections/{connection}/contacts/{contact}/erase":   privacy, "POST /connections/{connection}/contacts/{contact}/erase": privacy,

	"POST /connections/{connection}/person/plan": privacy, "POST /connections/{connection}/person/erase": privacy,
	"POST /connections/{connection}/person/export": privacy, "POST /erasures/export": privacy, "POST /erasures/replay": privacy,

	"GET /connections/{connection}/problems": viewer, "GET /connections/{connection}/problems/ask": runner,
	"POST /connections/{connection}/problems/retry": runner, "POST /connections/{connection}/problems/discard": runner,

	"GET /connections/{connection}/mass-syncs": viewer, "POST /connections/{connection}/mass-syncs": runner,
	"GET /connections/{connection}/mass-syncs/start": runner, "GET /connections/{connection}/mass-syncs/{run}": viewer,
	"GET /connections/{connection}/mass-syncs/{run}/live":    viewer,
	"GET /connections/{connection}/mass-syncs/{run}/cancel":  runner,
	"POST /connections/{connection}/mass-syncs/{run}/pause":  runner,
	"POST /connections/{connection}/mass-syncs/{run}/resume": runner, "POST /connections/{connection}/mass-syncs/{run}/cancel": runner,

	"GET /connections/{connection}/reconciles": viewer, "POST /connections/{connection}/reconciles": runner,
	"GET /connections/{connection}/reconciles/start": runner, "GET /connections/{connection}/reconciles/{run}": viewer,
	"GET /connections/{connection}/reconciles/{run}/live":    viewer,
	"GET /connections/{connection}/reconciles/{run}/cancel":  runner,
	"POST /connections/{connection}/reconciles/{run}/pause":  runner,
	"POST /connections/{connection}/reconciles/{run}/resume": runner, "POST /connections/{connection}/reconciles/{run}/cancel": runner,

	"GET /connections/{connection}/deletions":              viewer,
	"GET /connections/{connection}/deletions/contacts/ask": runner, "POST /connections/{connection}/deletions/contacts/approve": runner,
	"POST /connections/{connection}/deletions/contacts/reject": runner, "POST /connections/{connection}/deletions/contacts/guard": runner,
	"GET /connections/{connection}/deletions/erasures/ask": privacy, "POST /connections/{connection}/deletions/erasures/approve": privacy,
	"POST /connections/{connection}/deletions/erasures/reject": privacy, "POST /connections/{connection}/deletions/erasures/guard": privacy,

	"GET /connections/{connection}/rules": viewer, "GET /connections/{connection}/rules/{rule}": runner, "POST /connections/{connection}/rules/{rule}": runner,

	"GET /connections/{connection}/program": viewer, "GET /connections/{connection}/program/plan": runner,
	"POST /connections/{connection}/program/switches":              runner,
	"GET /connections/{connection}/program/switches/{switch}":      viewer,
	"GET /connections/{connection}/program/switches/{switch}/live": viewer,

	"GET /connections/{connection}/triggers": viewer, "POST /connections/{connection}/triggers": runner, "GET /connections/{connection}/triggers/new": runner,
	"GET /connections/{connection}/triggers/{trigger}": viewer, "GET /connections/{connection}/triggers/{trigger}/edit": runner,
	"GET /connections/{connection}/triggers/{trigger}/enable":  runner,
	"POST /connections/{connection}/triggers/{trigger}/enable": runner, "POST /connections/{connection}/triggers/{trigger}/test": runner,
	"GET /connections/{connection}/triggers/{trigger}/approval": runner, "POST /connections/{connection}/triggers/{trigger}/approve": runner,
	"POST /connections/{connection}/triggers/{trigger}/skip": runner,
	"GET /connections/{connection}/events":                   viewer,

	"GET /connect": admin, "POST /connect": admin, "GET /connect/{intent}": admin, "GET /connect/{intent}/live": admin,
	"POST /connections/{connection}/consent": admin, "GET /connections/{connection}/disconnect": admin, "POST /connections/{connection}/disconnect": admin,

	"GET /erasures": viewer, "GET /erasures/{erasure}": viewer, "GET /erasures/{erasure}/live": viewer, "GET /erasures/{erasure}/receipt": viewer,
	"GET /audit": privacy, "GET /tokens": admin, "POST /tokens": admin, "GET /tokens/{token}/revoke": admin, "POST /tokens/{token}/revoke": admin,
}

var (
	viewer  = []bridge.Role{bridge.RoleViewer, bridge.RoleOperator, bridge.RolePrivacy, bridge.RoleAdmin}
	runner  = []bridge.Role{bridge.RoleOperator, bridge.RoleAdmin}
	privacy = []bridge.Role{bridge.RolePrivacy, bridge.RoleAdmin}
	admin   = []bridge.Role{bridge.RoleAdmin}
)

// Every route, with every role and with none. The ids in the addresses are of
// nothing that there is, so that nothing is done.
func TestRoutes_openToTheirRolesAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	browsers := map[bridge.Role]*browser{"": s.browser(t)}
	for _, role := range bridge.Roles() {
		browsers[role] = s.signedIn(t, role)
	}
	undecided := map[string]bool{}
	for address := range opens {
		undecided[address] = true
	}
	for _, rt := range console.Routes() {
		address := rt.Method + " " + rt.Path
		allowed, decided := opens[address]
		if !decided {
			t.Errorf("nobody decided who may %s", address)
		}
		delete(undecided, address)
		if allowed == nil {
			continue
		}
		path := strings.TrimSuffix(regexp.MustCompile(`\{\w+\}`).ReplaceAllString(rt.Path, "987654"), "{$}")
		for role, b := range browsers {
			got := b.get
			if rt.Method == http.MethodPost {
				got = func(t *testing.T, path string) shown { return b.post(t, path, url.Values{}) }
			}
			answer := got(t, path)
			switch {
			case role == "":
				if to := answer.header.Get("Location"); answer.status != http.StatusSeeOther || !strings.HasPrefix(to, "/sign-in") {
					t.Errorf("%s, not signed in: %d, %q", address, answer.status, to)
				}
			case slices.Contains(allowed, role) && (answer.status == http.StatusForbidden || answer.status >= http.StatusInternalServerError):
				t.Errorf("%s as %s: %d, want it to be let in\n%s", address, role, answer.status, answer.body)
			case !slices.Contains(allowed, role) && answer.status != http.StatusForbidden:
				t.Errorf("%s as %s: %d, want it to be refused", address, role, answer.status)
			}
		}
	}
	for address := range undecided {
		t.Errorf("there is no route %s", address)
	}
}

// A page offers no act to somebody whose role does not allow it.
func TestPages_offerOnlyWhatTheRoleAllows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.park(t, "101", bridge.CauseHalfPair, "")
	form := regexp.MustCompile(`<form[^>]* method="post" action="([^"]+)"`)
	pages := []string{
		"/", s.path(""), s.path("/contacts"), s.path("/contacts/101"), s.path("/problems"), s.path("/problems?cause=half_pair"), s.path("/mass-syncs"),
		s.path("/reconciles"), s.path("/deletions"), s.path("/rules"), s.path("/program"), s.path("/triggers"), s.path("/events"), "/erasures",
	}
	mux := http.NewServeMux()
	for address := range opens {
		mux.Handle(address, http.NotFoundHandler())
	}
	for _, role := range bridge.Roles() {
		b := s.signedIn(t, role)
		for _, path := range pages {
			for _, m := range form.FindAllStringSubmatch(b.get(t, path).says(t, http.StatusOK).body, -1) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m[1], http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				_, pattern := mux.Handler(req)
				if allowed := opens[pattern]; pattern == "" || allowed != nil && !slices.Contains(allowed, role) {
					t.Errorf("%s offers %s (%s) to the role %s", path, m[1], pattern, role)
				}
			}
		}
	}
}
