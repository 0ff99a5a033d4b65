// Package hubspottest is a stateful stand-in for HubSpot: the same limits, the
// same refusals, the same partial failures and the same signed webhooks as the
// real one, as far as its documentation and third-party captures tell. It
// serves unit tests, end-to-end tests, the demo and docker compose alike.
//
// A Host plays one HubSpot host with one app installed in one or more portals.
// It is an http.Handler; New wraps it in a test server. What a person would do
// in HubSpot's pages (editing, merging, restoring) is offered as methods of
// Portal and, for other processes, as JSON under /_admin/.
//
// Where the vendor's behaviour is unknown the stand-in takes the reading that
// is harder on its client, or offers a knob.
package hubspottest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// What a Host uses unless told otherwise. All are made up.
const (
	DefaultPortalID     = 4711001
	DefaultToken        = "pat-na1-standin-4711001"
	DefaultAppID        = 3300221
	DefaultClientID     = "standin-client-id"
	DefaultClientSecret = "standin-client-secret"
)

// App is the HubSpot app under which every call and every webhook runs.
type App struct {
	ID           int64  `json:"id"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"` // also the key of webhook signatures
}

// Host plays one HubSpot host. Make it with NewHost, end it with Close.
type Host struct {
	app      App
	now      func() time.Time
	seed     uint64
	hooks    *Webhooks
	journal  *Journal
	faults   faults
	counters counters
	oauth    oauth
	mux      *http.ServeMux

	mu      sync.RWMutex
	portals map[int64]*Portal
	first   *Portal
}

type settings struct {
	app     App
	now     func() time.Time
	seed    uint64
	portals []PortalConfig
	target  string
}

// Option adjusts a Host when it is made.
type Option func(*settings)

// WithClock lets the test decide what time it is in HubSpot: limits, token
// expiry, purging and every time stamp follow it. The default is time.Now.
func WithClock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// WithApp replaces the default app.
func WithApp(app App) Option { return func(s *settings) { s.app = app } }

// WithSeed makes every random choice (shuffled results, webhook disorder)
// repeatable. The default seed is 1.
func WithSeed(seed uint64) Option { return func(s *settings) { s.seed = seed } }

// WithPortal adds a portal; the first one given replaces the default portal.
func WithPortal(c PortalConfig) Option {
	return func(s *settings) { s.portals = append(s.portals, c) }
}

// WithWebhooks sends webhooks to target, for DefaultSubscriptions until
// Webhooks.Subscribe says otherwise.
func WithWebhooks(target string) Option { return func(s *settings) { s.target = target } }

// NewHost makes a Host with one portal, DefaultPortalID, unless WithPortal names others.
func NewHost(opts ...Option) *Host {
	s := settings{
		app:  App{ID: DefaultAppID, ClientID: DefaultClientID, ClientSecret: DefaultClientSecret},
		now:  time.Now,
		seed: 1,
	}
	for _, opt := range opts {
		opt(&s)
	}
	if len(s.portals) == 0 {
		s.portals = []PortalConfig{{ID: DefaultPortalID, Token: DefaultToken}}
	}
	h := &Host{
		app:     s.app,
		now:     s.now,
		seed:    s.seed,
		mux:     http.NewServeMux(),
		portals: make(map[int64]*Portal),
	}
	h.oauth.init(h.app)
	h.journal = newJournal(h.now)
	h.hooks = newWebhooks(h.app, h.now, newRand(s.seed), s.target)
	for _, c := range s.portals {
		p := h.AddPortal(c)
		if h.first == nil {
			h.first = p
		}
	}
	h.routes()
	return h
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// ServeHTTP answers HubSpot's API, its form endpoint and the admin API.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Close stops the webhooks: deliveries in flight are waited for, waiting ones
// are given up.
func (h *Host) Close() { h.hooks.close() }

// App returns the app the Host plays for.
func (h *Host) App() App { return h.app }

// Webhooks returns the sender of webhooks, one for all portals of the app.
func (h *Host) Webhooks() *Webhooks { return h.hooks }

// AddPortal installs the app in one more portal. An ID already there is
// replaced by an empty portal.
func (h *Host) AddPortal(c PortalConfig) *Portal {
	p := newPortal(h, c, newRand(h.seed+uint64(c.ID)))
	h.mu.Lock()
	h.portals[c.ID] = p
	h.mu.Unlock()
	if c.Token != "" {
		h.oauth.static(c.Token, c.ID)
	}
	return p
}

// Portal returns a portal by its id.
func (h *Host) Portal(id int64) (*Portal, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	p, ok := h.portals[id]
	return p, ok
}

// DefaultPortal returns the first portal.
func (h *Host) DefaultPortal() *Portal { return h.first }

func (h *Host) portalByText(id string) (*Portal, error) {
	if id == "default" {
		return h.first, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("portal id %q is not a number", id)
	}
	p, ok := h.Portal(n)
	if !ok {
		return nil, fmt.Errorf("no portal %d", n)
	}
	return p, nil
}
