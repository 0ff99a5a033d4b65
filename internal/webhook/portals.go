package webhook

import (
	"context"
	"sync"
	"time"

	"advocatesync/internal/bridge"
)

const (
	// A request may hold a hundred events of one portal, ten requests may be in
	// flight: they should cost one query together.
	knownFor = 10 * time.Second
	// A portal that was just connected must not lose events for long.
	unknownFor = time.Second

	maxPortals = 10_000
)

// portals remembers for a moment which connection a portal belongs to, or that
// it belongs to none.
type portals struct {
	lookup func(ctx context.Context, portalID int64) (bridge.Connection, error)
	now    func() time.Time

	mu   sync.Mutex
	seen map[int64]portalEntry
}

type portalEntry struct {
	connection string
	err        error // not_found, or nil
	until      time.Time
}

func newPortals(lookup func(context.Context, int64) (bridge.Connection, error), now func() time.Time) *portals {
	return &portals{lookup: lookup, now: now, seen: map[int64]portalEntry{}}
}

// connection returns the id of the portal's connection, or the lookup's error.
// Only a not_found is remembered; other failures are asked about again.
func (p *portals) connection(ctx context.Context, portalID int64) (string, error) {
	p.mu.Lock()
	entry, ok := p.seen[portalID]
	p.mu.Unlock()
	if ok && p.now().Before(entry.until) {
		return entry.connection, entry.err
	}
	c, err := p.lookup(ctx, portalID)
	switch {
	case err == nil:
		p.remember(portalID, portalEntry{connection: c.ID, until: p.now().Add(knownFor)})
	case bridge.KindOf(err) == bridge.NotFound:
		p.remember(portalID, portalEntry{err: err, until: p.now().Add(unknownFor)})
	}
	return c.ID, err
}

func (p *portals) remember(portalID int64, entry portalEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) >= maxPortals {
		clear(p.seen)
	}
	p.seen[portalID] = entry
}

func (p *portals) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.seen)
}
