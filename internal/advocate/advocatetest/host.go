// Package advocatetest is a stateful stand-in for the impact.com Advocate
// (SaaSquatch) host and for the Brand API that takes conversions. It serves
// unit tests, integration tests, the demo and docker compose alike.
//
// It is meant to be as strict as the vendor: ids are hashed, erased identities
// are refused, exports are asynchronous jobs, GraphQL faults come with HTTP 200.
// Where the vendor publishes nothing it takes the reading that is harder on the
// caller, or offers a knob (see Knobs).
//
// People are immutable records that are swapped on every change, so an export
// is a list of pointers taken when the job was created: it costs eight bytes a
// row and later edits cannot leak into it.
package advocatetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"sort"
	"sync"
	"time"

	graphql "github.com/graph-gophers/graphql-go"
)

// Host is one Advocate host with the tenants living on it. It is an
// http.Handler; the Go API on Host and Tenant does what people, the vendor's
// widget and the vendor's own machinery would do.
type Host struct {
	now     func() time.Time
	secret  []byte // signs download links; derived, so that a restart keeps them valid
	mux     *http.ServeMux
	schema  *graphql.Schema
	traffic *traffic
	hooks   *courier

	mu      sync.RWMutex // guards everything below and the state of every tenant
	knobs   Knobs
	order   []string // tenant aliases in the order they were added
	tenants map[string]*Tenant
}

// Option sets up a Host.
type Option func(*setup)

type setup struct {
	now     func() time.Time
	tenants []TenantConfig
	tune    []func(*Knobs)
}

// WithClock replaces the wall clock that export delays, timestamps and expiries
// are measured by. Retries of webhooks stay on real time.
func WithClock(now func() time.Time) Option { return func(s *setup) { s.now = now } }

// WithTenant adds a tenant. With none, the host has DefaultTenant alone.
func WithTenant(c TenantConfig) Option {
	return func(s *setup) { s.tenants = append(s.tenants, c) }
}

// WithKnobs changes how the host behaves from the start.
func WithKnobs(tune func(*Knobs)) Option {
	return func(s *setup) { s.tune = append(s.tune, tune) }
}

// WithVerbatimIDs gives the host one default tenant whose ids are stored and
// returned exactly as sent, as impact.com sets up on request.
func WithVerbatimIDs() Option {
	c := DefaultTenant()
	c.VerbatimIDs = true
	return WithTenant(c)
}

// NewHost builds a host. Close it to stop its webhook deliveries.
func NewHost(opts ...Option) (*Host, error) {
	s := setup{now: time.Now}
	for _, opt := range opts {
		opt(&s)
	}
	if len(s.tenants) == 0 {
		s.tenants = []TenantConfig{DefaultTenant()}
	}
	secret := sha256.Sum256([]byte("advocatetest download links"))
	h := &Host{
		now:     s.now,
		secret:  secret[:],
		traffic: newTraffic(),
		knobs:   defaultKnobs(),
		tenants: map[string]*Tenant{},
	}
	h.hooks = newCourier(h.Knobs)
	for _, tune := range s.tune {
		tune(&h.knobs)
	}
	for _, c := range s.tenants {
		if _, err := h.AddTenant(c); err != nil {
			return nil, err
		}
	}
	schema, err := graphql.ParseSchema(schemaSDL, &rootResolver{h}, graphql.UseStringDescriptions())
	if err != nil {
		return nil, fmt.Errorf("advocatetest: schema: %w", err)
	}
	h.schema = schema
	h.mux = h.routes()
	return h, nil
}

// ServeHTTP answers one request, after counting it and applying any fault that
// was ordered for its route.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.finishExports()
	h.traffic.serve(w, r, h.mux, h.Knobs().MaxInFlight)
}

// Close stops webhook deliveries and waits for those under way.
func (h *Host) Close() { h.hooks.close() }

// AddTenant adds a tenant, or says why its configuration makes no sense.
func (h *Host) AddTenant(c TenantConfig) (*Tenant, error) {
	t, err := newTenant(h, c)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, taken := h.tenants[c.Alias]; taken {
		return nil, fmt.Errorf("advocatetest: tenant %s exists already", c.Alias)
	}
	h.tenants[c.Alias] = t
	h.order = append(h.order, c.Alias)
	return t, nil
}

// Tenant returns the tenant with that alias, or nil. The empty alias means the
// first tenant of the host.
func (h *Host) Tenant(alias string) *Tenant {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if alias == "" && len(h.order) > 0 {
		alias = h.order[0]
	}
	return h.tenants[alias]
}

// Tenants lists the aliases on this host, sorted.
func (h *Host) Tenants() []string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := append([]string(nil), h.order...)
	sort.Strings(out)
	return out
}

// Reset forgets every person, export, event, subscription, conversion, fault and
// count; tenants and knobs stay as they are.
func (h *Host) Reset() {
	h.mu.Lock()
	for _, t := range h.tenants {
		t.clear()
	}
	h.mu.Unlock()
	h.traffic.reset()
}

// millis is the server's clock, which a knob can set apart from the caller's.
// It needs h.mu.
func (h *Host) millis() int64 {
	return h.now().Add(time.Duration(h.knobs.ClockOffset)).UnixMilli()
}

type tenantKey struct{}

func tenantFrom(ctx context.Context) *Tenant {
	t, _ := ctx.Value(tenantKey{}).(*Tenant)
	return t
}
