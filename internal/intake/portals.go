package intake

import (
	"context"
	"sync"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

const (
	// A request may hold a hundred events of one portal, and ten requests may be in
	// flight: together they should cost one look-up. But a portal that was just
	// connected, or a trigger that was just enabled, must not lose events for long.
	knownFor = time.Second

	maxPortals = 10_000
)

// portals caches, for knownFor, which connection a portal belongs to, if any, and
// what its triggers watch.
type portals struct {
	lookup  func(ctx context.Context, portalID int64) (bridge.Connection, error)
	watches func(ctx context.Context, connectionID string) ([]trigger.Watch, error)
	now     func() time.Time

	mu   sync.Mutex
	seen map[int64]portalEntry
}

// knownPortal is what decides where events of a portal go.
type knownPortal struct {
	connection string
	watches    []trigger.Watch
}

type portalEntry struct {
	knownPortal
	err   error // not_found, or nil
	until time.Time
}

func newPortals(lookup func(context.Context, int64) (bridge.Connection, error),
	watches func(context.Context, string) ([]trigger.Watch, error), now func() time.Time,
) *portals {
	return &portals{lookup: lookup, watches: watches, now: now, seen: map[int64]portalEntry{}}
}

// find returns what is known of the portal, or the error of the look-up. Of the
// errors only not_found is cached.
func (p *portals) find(ctx context.Context, portalID int64) (knownPortal, error) {
	p.mu.Lock()
	entry, ok := p.seen[portalID]
	p.mu.Unlock()
	if ok && p.now().Before(entry.until) {
		return entry.knownPortal, entry.err
	}
	known, err := p.load(ctx, portalID)
	if err == nil || bridge.KindOf(err) == bridge.NotFound {
		p.remember(portalID, portalEntry{knownPortal: known, err: err, until: p.now().Add(knownFor)})
	}
	return known, err
}

func (p *portals) load(ctx context.Context, portalID int64) (knownPortal, error) {
	c, err := p.lookup(ctx, portalID)
	if err != nil {
		return knownPortal{}, err
	}
	watches, err := p.watches(ctx, c.ID)
	return knownPortal{connection: c.ID, watches: watches}, err
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
