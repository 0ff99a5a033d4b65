// Package consoletest serves the console of a connected system, for tests that
// look at it from outside: with an HTTP client, or in a real browser.
package consoletest

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/console"
	"advocatesync/internal/operator"
	"advocatesync/internal/wiring/wiringtest"
)

// AdminToken signs in on the first day, while there is no admin's token yet.
const AdminToken = "the-token-of-the-first-day"

// Site is the console of a connected system, as browsers reach it.
type Site struct {
	*wiringtest.System
	Access *operator.Access
	URL    string // without a trailing slash
	Log    *Log

	people console.OIDC
	served served
	tokens atomic.Int64 // made so far
}

// served counts the requests of each route.
type served struct {
	mu    sync.Mutex
	times map[string]int
}

// Log is what the server's log says.
type Log struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write takes what the server logs.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// String is all that was logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// New serves the console of a system of its own. With people, somebody else lets
// them sign in, besides tokens. It goes with the test.
func New(t *testing.T, people ...console.OIDC) *Site {
	t.Helper()
	s := &Site{System: wiringtest.New(t), Log: &Log{}}
	if len(people) > 0 {
		s.people = people[0]
	}
	s.Access = operator.NewAccess(s.Store, AdminToken, time.Now)
	server := httptest.NewUnstartedServer(nil)
	s.URL = "http://" + server.Listener.Addr().String()
	server.Config.Handler = s.served.count(s.Handler(t, s.URL))
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// Served is how often a route, such as "POST /sign-in", was asked for.
func (s *Site) Served(route string) int {
	s.served.mu.Lock()
	defer s.served.mu.Unlock()
	return s.served.times[route]
}

func (s *served) count(next http.Handler) http.Handler {
	s.times = map[string]int{}
	mux := http.NewServeMux() // finds the route of a request
	for _, rt := range console.Routes() {
		mux.Handle(rt.Method+" "+rt.Path, next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, route := mux.Handler(r)
		s.mu.Lock()
		s.times[route]++
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// Handler is the console below a public address.
func (s *Site) Handler(t *testing.T, public string) *console.Console {
	t.Helper()
	log := slog.New(slog.NewTextHandler(s.Log, nil))
	admin := api.NewHandler(api.Config{
		Operator: s.Operator, Access: s.Access, Callers: s.Access, Metrics: prometheus.NewRegistry(), Log: log, Now: time.Now,
	})
	c, err := console.New(console.Config{
		API: admin, Access: s.Access, Sessions: s.Store.ConsoleSessions(), OIDC: s.people, PublicURL: public, HubSpot: "https://app.hubspot.com", Stopping: t.Context().Done(), Log: log, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Token makes a token with a role. Its name is the role and a number.
func (s *Site) Token(t *testing.T, role bridge.Role) string {
	t.Helper()
	name := fmt.Sprintf("%s %d", role, s.tokens.Add(1))
	_, token, err := s.Access.CreateToken(t.Context(), bridge.Caller{Kind: bridge.CallerLocal, Name: "tests", Role: bridge.RoleAdmin},
		operator.NewToken{Name: name, Role: role})
	if err != nil {
		t.Fatal(err)
	}
	return token
}
