package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

// A page tells what is known while something else does not answer.
func TestPages_standWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.park(t, "4711", bridge.CauseHalfPair, "")
	b := s.signedIn(t, bridge.RoleAdmin)
	s.Temporal.Die()
	for _, path := range s.everyPage() {
		b.get(t, path).says(t, http.StatusOK)
	}
	b.get(t, "/").says(t, http.StatusOK, "Temporal does not answer", "1 problem", "Mapped contacts")
	b.get(t, s.path("")).says(t, http.StatusOK, "Temporal does not answer", "the schedule of reports, which Temporal keeps", "whether work is stuck", "1 item waits")
	b.get(t, s.path("/disconnect")).says(t, http.StatusOK, "not known how many workflows will be ended")
	for path, form := range map[string]url.Values{
		"/mass-syncs": {"dry_run": {"1"}}, "/reconciles": {"dry_run": {"1"}}, "/pause": nil, "/resume": nil, "/disconnect": nil,
	} {
		b.post(t, s.path(path), form).says(t, http.StatusServiceUnavailable, "Temporal does not answer", "Request ")
	}
	s.Temporal.Live()
	b.submit(t, s.path("/resume"), nil).says(t, http.StatusOK, "Resumed")
	if page := b.get(t, s.path("")).says(t, http.StatusOK); strings.Contains(page.body, "Temporal does not answer") {
		t.Error("the page goes on to say that Temporal does not answer")
	}
}

func TestPages_standWhileOneTableDoesNotAnswer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ table, overview, state string }{
		"parked items": {"parked_item", "the database does not answer in time", "the numbers of contacts, problems, events and calls"},
		"agreement":    {"agreement", "Agreement", "whether both sides agree"},
		"deletions":    {"due_deletion", "some parts do not answer", "the deletions that wait"},
		"the journal":  {"journal_portal", "some parts do not answer", "the journal"},
		"runs":         {"sync_run", "some parts do not answer", "the latest mass sync"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			b := s.signedIn(t, bridge.RoleViewer)
			s.Exec(t, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 200', current_database()); END $$")
			s.Trace(t, &storetest.Queries{}) // opens the database again
			handler := s.Handler(t, s.URL)
			defer s.Lock(t, "LOCK TABLE "+c.table)()
			for path, says := range map[string][]string{"/": {c.overview, s.Connection.Tenant}, s.path(""): {"Parts of this page are missing", c.state}} {
				w := b.serve(t, handler, path)
				shown{w.Code, w.Header(), w.Body.String()}.says(t, http.StatusOK, says...)
			}
		})
	}
}

func TestPages_standWhileBothVendorsAreAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleAdmin)
	s.HubSpot.Inject(hubspottest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
	s.Advocate.Order(advocatetest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
	for _, path := range s.everyPage() {
		b.get(t, path).says(t, http.StatusOK)
	}
	b.get(t, s.path("/program")).says(t, http.StatusOK, "Advocate does not list its programs", "Program "+wiringtest.Program+" is connected")
	b.get(t, s.path("/triggers/new")).says(t, http.StatusOK, "You can write the text without them", "closedwon")
	b.get(t, s.path("/program/plan?program=4711&way=in_place")).says(t, http.StatusServiceUnavailable, "No answer")
}

// A database that is gone is told in words, too.
func TestPages_sayThatTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleViewer)
	handler := s.Handler(t, s.URL)
	s.Store.Close()
	for _, path := range []string{"/", s.path(""), "/sign-in"} {
		w := b.serve(t, handler, path)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "database") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
