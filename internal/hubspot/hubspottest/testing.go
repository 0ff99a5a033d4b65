package hubspottest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"advocatesync/internal/hubspot"
)

// Server is a Host behind a test server, with its first portal at hand.
type Server struct {
	*Portal
	URL string
	t   testing.TB
}

// New starts a stand-in that ends with the test.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	h := NewHost(opts...)
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		srv.Close()
		h.Close()
	})
	return &Server{Portal: h.DefaultPortal(), URL: srv.URL, t: t}
}

// Client returns a client of the first portal, with its static token.
func (s *Server) Client() *hubspot.Client { return s.ClientFor(s.token) }

// ClientFor returns a client that uses another token.
func (s *Server) ClientFor(token string) *hubspot.Client {
	s.t.Helper()
	base, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	return hubspot.New(base, func(context.Context) (string, error) { return token, nil }, &http.Client{Timeout: 30 * time.Second})
}

// Put seeds a contact, without events; the test fails if HubSpot could not hold it.
func (s *Server) Put(id string, values map[string]string) {
	s.t.Helper()
	if _, err := s.Seed("contacts", id, values); err != nil {
		s.t.Fatalf("seed contact %s: %v", id, err)
	}
}

// Get returns the values of a live contact; the test fails if there is none.
func (s *Server) Get(id string) map[string]string {
	s.t.Helper()
	r, found := s.Record("contacts", id)
	if !found || r.Archived {
		s.t.Fatalf("no live contact %s", id)
	}
	return r.Properties
}

// Define makes plain text properties of contacts that forms can ask for.
func (s *Server) Define(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if err := s.DefineProperty("contacts", Property{Name: name, Label: name, GroupName: "contactinformation",
			Type: "string", FieldType: "text", FormField: true}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Inject makes calls go wrong; see Host.Inject.
func (s *Server) Inject(f Fault) { s.Host().Inject(f) }

// FailNext answers the next calls with these statuses; see Host.FailNext.
func (s *Server) FailNext(statuses ...int) { s.Host().FailNext(statuses...) }

// Calls returns how often a route was called: "POST /crm/objects/2026-09/contacts/batch/read".
func (s *Server) Calls(route string) int { return s.Host().Counts().Calls[route] }
