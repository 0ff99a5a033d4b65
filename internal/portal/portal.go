// Package portal is one HubSpot portal as the activities use it: the client
// behind the budget that all workers share, calls about single contacts
// gathered into batches, and batches that HubSpot refuses as a whole taken
// apart until the bad record is alone.
//
// Every HTTP request costs exactly one token of the budget: quick repeats, halves of a
// split, and what the client adds to a call, such as the one that confirms a refusal.
// What lasts longer than a transient is returned with
// its kind: retrying is Temporal's.
package portal

import (
	"context"
	"time"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// client is the part of hubspot.Client that moves contacts, and defines their
// properties.
type client interface {
	definitions
	records
	Contact(ctx context.Context, id string, props []string) (hubspot.Contact, error)
	BatchReadContacts(ctx context.Context, ids, props []string) (found map[string]hubspot.Contact, missing []string, err error)
	BatchReadArchivedContacts(ctx context.Context, ids, props []string) (found map[string]hubspot.Contact, missing []string, err error)
	ListContacts(ctx context.Context, archived bool, after string, limit int, props []string) (hubspot.ContactPage, error)
	BatchReadContactsByEmail(ctx context.Context, emails, props []string) (found map[string]hubspot.Contact, missing []string, err error)
	BatchCreateContacts(ctx context.Context, in []hubspot.ContactInput) ([]hubspot.ContactResult, error)
	BatchUpdateContacts(ctx context.Context, in []hubspot.ContactInput) ([]hubspot.ContactResult, error)
}

// budget hands out the calls that all workers together may make.
type budget interface {
	// Acquire asks for one call, without waiting for it.
	Acquire(ctx context.Context, portalID int64, lane bridge.Lane) (bridge.Grant, error)
	// Pause lets nobody call the portal for d.
	Pause(ctx context.Context, portalID int64, d time.Duration) error
}

// Portal moves contacts to and from one HubSpot portal. One Portal serves all
// activities of a worker for that portal; make it with New.
type Portal struct {
	id      int64
	client  client
	budget  budget
	metrics *Metrics
	gaps    batching.Gaps

	bulkTurn   chan struct{} // holds one: the bulk caller who asks the budget
	suspecting chan struct{} // holds one: whoever splits a batch that HubSpot fails on

	live, bulk *singles // calls about single contacts, by lane
	objects    map[bridge.ObjectType]*batching.Batcher[objectKey, struct{}, bridge.Object]
	links      map[bridge.ObjectType]*batching.Batcher[string, struct{}, []string] // to contacts, by the type of what they are linked to
	currency   remembered
	pages      *batching.Batcher[pageKey, struct{}, submissionPage]
}

// Option adjusts a Portal when it is made.
type Option func(*Portal)

// WithMetrics counts the portal's calls in m, which several portals may share.
func WithMetrics(m *Metrics) Option { return func(p *Portal) { p.metrics = m } }

// WithoutGaps sends live batches as soon as there is a token. It is for tests
// that run thousands of calls one after the other and have no limit to save.
func WithoutGaps() Option { return func(p *Portal) { p.gaps = batching.Gaps{} } }

// New makes the Portal of the HubSpot account portalID. It starts nothing:
// an idle Portal has no goroutine.
func New(portalID int64, c client, b budget, opts ...Option) *Portal {
	p := &Portal{id: portalID, client: c, budget: b, gaps: batching.UsualGaps, bulkTurn: make(chan struct{}, 1), suspecting: make(chan struct{}, 1)}
	for _, opt := range opts {
		opt(p)
	}
	if p.metrics == nil {
		p.metrics = NewMetrics(nil)
	}
	p.live = p.gatherContacts(bridge.LaneLive, p.gaps, p.endGaps())
	p.bulk = p.gatherContacts(bridge.LaneBulk, batching.Gaps{}, batching.Gaps{})
	p.gatherObjects()
	return p
}

// Close refuses new calls about single records and returns when those that wait have been
// answered. Calls about sets of contacts are their callers' to end.
func (p *Portal) Close() {
	p.live.close()
	p.bulk.close()
	for _, reads := range p.objects {
		reads.Close()
	}
	for _, reads := range p.links {
		reads.Close()
	}
	p.pages.Close()
}

func keysOf[K comparable, V any](batch []batching.Item[K, V]) []K {
	keys := make([]K, len(batch))
	for i, it := range batch {
		keys[i] = it.Key
	}
	return keys
}

// failRest gives err, which ended a batch early, to all who have no answer yet.
func failRest[K comparable, R any](outcomes map[K]batching.Outcome[R], keys []K, err error) map[K]batching.Outcome[R] {
	if err == nil {
		return outcomes
	}
	for _, key := range keys {
		if _, known := outcomes[key]; !known {
			outcomes[key] = batching.Outcome[R]{Err: err}
		}
	}
	return outcomes
}
