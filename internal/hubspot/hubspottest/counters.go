package hubspottest

import (
	"maps"
	"net/http"
	"sync"
)

// Counts says what was asked of a Host since the last reset.
type Counts struct {
	// Calls counts by route: "POST /crm/objects/2026-09/contacts/batch/read".
	// Refused calls count too.
	Calls map[string]int `json:"calls"`
	// Statuses counts answers by status.
	Statuses map[int]int `json:"statuses"`
	// Total is the sum of Calls.
	Total int `json:"total"`
	// TooMany is how many calls were answered with 429.
	TooMany int `json:"too_many"`
}

// WriteCounts says how records were written through the API.
type WriteCounts struct {
	Writes  int `json:"writes"`  // accepted creates and updates
	Repeats int `json:"repeats"` // of these, updates that changed nothing
}

type counters struct {
	mu       sync.Mutex
	calls    map[string]int
	statuses map[int]int
	portals  map[int64]int
}

func (c *counters) call(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = make(map[string]int)
	}
	c.calls[name]++
}

func (c *counters) portal(id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.portals == nil {
		c.portals = make(map[int64]int)
	}
	c.portals[id]++
}

// Calls returns how many calls were made for the portal since the Host was made
// or ResetCounts was called; refused ones count too.
func (p *Portal) Calls() int {
	c := &p.host.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.portals[p.id]
}

func (c *counters) answer(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses == nil {
		c.statuses = make(map[int]int)
	}
	c.statuses[status]++
}

// Counts returns the calls since the Host was made or ResetCounts was called.
// Calls to /_admin/ are not counted.
func (h *Host) Counts() Counts {
	c := &h.counters
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Counts{Calls: maps.Clone(c.calls), Statuses: maps.Clone(c.statuses)}
	for _, n := range out.Calls {
		out.Total += n
	}
	out.TooMany = out.Statuses[http.StatusTooManyRequests]
	return out
}

// ResetCounts starts all counting anew, also that of writes per record.
func (h *Host) ResetCounts() {
	h.counters.mu.Lock()
	h.counters.calls, h.counters.statuses, h.counters.portals = nil, nil, nil
	h.counters.mu.Unlock()
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, p := range h.portals {
		p.resetWrites()
	}
}

func (p *Portal) resetWrites() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.totals = WriteCounts{}
	for _, s := range p.stores {
		for _, r := range s.order {
			r.writes, r.repeats = 0, 0
		}
	}
}

// Writes returns how often records of the portal were written through the API.
func (p *Portal) Writes() WriteCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.totals
}
