package console_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"advocatesync/internal/bridge"
)

// everyPage lists the pages that a connection's data fill.
func (s *site) everyPage() []string {
	return []string{
		"/", s.path(""), s.path("/numbers?span=hour"), s.path("/numbers?span=day"), s.path("/numbers?span=fortnight"), s.path("/contacts"), s.path("/contacts/4711"),
		s.path("/problems"), s.path("/problems?cause=half_pair"), s.path("/problems/ask?all=1&act=retry"), s.path("/deletions"),
		s.path("/deletions/contacts/ask?all=1&act=approve"), s.path("/mass-syncs"), s.path("/mass-syncs/start"), s.path("/reconciles"), s.path("/reconciles/start"),
		s.path("/rules"), s.path("/rules/contact_updated?on=1"), s.path("/program"), s.path("/triggers"), s.path("/triggers/new"),
		s.path("/events"), s.path("/events?state=sent"), s.path("/events?state=error"), s.path("/events?trigger=won-3"), s.path("/disconnect"),
		"/erasures", "/erasures?open=1", "/audit", "/audit?actor=marie", "/audit?actor=nobody", "/audit?operation=revealContact", "/audit?subject=contact:17", "/tokens", "/connect",
	}
}

// TestServerTimeOfEachPage prints how long each page takes on the server with a
// million mapped contacts, ten thousand parked items and a year of audit. It takes
// minutes, so it runs where CONSOLE_SIZE is set; TestPages_readFewRows holds what
// the pages read on every run.
func TestServerTimeOfEachPage(t *testing.T) {
	t.Parallel()
	contacts, err := strconv.Atoi(os.Getenv("CONSOLE_SIZE"))
	if err != nil {
		t.Skip("set CONSOLE_SIZE to the number of mapped contacts, such as 1000000")
	}
	s := newSite(t)
	s.grow(t, contacts)
	if err := s.Store.SampleMinutes(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.measure(t, s.Handler(t, s.URL), s.signedIn(t, bridge.RoleAdmin))
}

// measure prints how long a handler takes for each page, and how large it is.
func (s *site) measure(t *testing.T, handler http.Handler, b *browser) {
	t.Helper()
	for _, path := range s.everyPage() {
		const times = 200
		took := make([]time.Duration, 0, times)
		size := 0
		for range times {
			began := time.Now()
			w := b.serve(t, handler, path)
			took = append(took, time.Since(began))
			if size = w.Body.Len(); w.Code != http.StatusOK {
				t.Fatalf("%s: %d", path, w.Code)
			}
		}
		slices.Sort(took)
		t.Logf("%-65s p50 %6.1f ms  p99 %6.1f ms  %5.1f KB", path, ms(took[times/2]), ms(took[times*99/100]), float64(size)/1024)
	}
}

// serve has a handler answer for a page as the browser's owner, without a network.
func (b *browser) serve(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, b.site.URL+path, http.NoBody)
	for _, cookie := range b.client.Jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
