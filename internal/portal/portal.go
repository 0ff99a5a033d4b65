// Package portal is one HubSpot portal as the activities use it: the client
// behind the budget that all workers share, calls about single contacts
// gathered into batches, and batches that HubSpot refuses as a whole taken
// apart until the bad record is alone.
//
// Every HTTP call costs exactly one token of the budget, quick repeats and
// halves of a split included. What lasts longer than a transient is returned with
// its kind: retrying is Temporal's.
package portal

import (
	"context"
	"fmt"
	"maps"
	"time"

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
	ListContacts(ctx context.Context, archived bool, after string, props []string) (hubspot.ContactPage, error)
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
	gaps    gaps

	bulkTurn   chan struct{} // holds one: the bulk caller who asks the budget
	suspecting chan struct{} // holds one: whoever splits a batch that HubSpot fails on

	reads    *batcher[string, struct{}, bridge.Contact]
	archived *batcher[string, struct{}, bridge.Contact]
	writes   *batcher[string, bridge.Properties, struct{}]
	objects  map[bridge.ObjectType]*batcher[objectKey, struct{}, bridge.Object]
	links    map[bridge.ObjectType]*batcher[string, struct{}, []string] // to contacts, by the type of what they are linked to
	currency remembered
	pages    *batcher[pageKey, struct{}, submissionPage]
}

// Option adjusts a Portal when it is made.
type Option func(*Portal)

// WithMetrics counts the portal's calls in m, which several portals may share.
func WithMetrics(m *Metrics) Option { return func(p *Portal) { p.metrics = m } }

// WithoutGaps sends live batches as soon as there is a token. It is for tests
// that run thousands of calls one after the other and have no limit to save.
func WithoutGaps() Option { return func(p *Portal) { p.gaps = gaps{} } }

// New makes the Portal of the HubSpot account portalID. It starts nothing:
// an idle Portal has no goroutine.
func New(portalID int64, c client, b budget, opts ...Option) *Portal {
	p := &Portal{id: portalID, client: c, budget: b, gaps: usualGaps, bulkTurn: make(chan struct{}, 1), suspecting: make(chan struct{}, 1)}
	for _, opt := range opts {
		opt(p)
	}
	if p.metrics == nil {
		p.metrics = NewMetrics(nil)
	}
	p.reads = newBatcher(true, p.gaps, p.liveToken, p.readLive(opRead, c.BatchReadContacts))
	p.archived = newBatcher(true, p.gaps, p.liveToken, p.readLive(opReadArchived, c.BatchReadArchivedContacts))
	p.writes = newBatcher(false, p.gaps, p.liveToken, p.writeLive)
	p.gatherObjects()
	return p
}

// Close refuses new live calls and returns when those that wait have been
// answered. Calls about sets of contacts are their callers' to end.
func (p *Portal) Close() {
	p.reads.close()
	p.archived.close()
	p.writes.close()
	for _, reads := range p.objects {
		reads.close()
	}
	for _, reads := range p.links {
		reads.close()
	}
	p.pages.close()
}

// Contact reads a contact as it is at some moment after the call, with
// bridge.ReadProperties, in the live lane and in one batch with whoever else
// reads now. The error is bridge.NotFound where HubSpot shows no such contact:
// not yet, deleted, or merged away.
func (p *Portal) Contact(ctx context.Context, id string) (bridge.Contact, error) {
	c, err := p.reads.do(ctx, id, struct{}{})
	if err != nil {
		return bridge.Contact{}, fmt.Errorf("portal %d: read contact %s: %w", p.id, id, err)
	}
	c.Properties = maps.Clone(c.Properties) // callers of one contact share the answer
	return c, nil
}

// UpdateContact sets properties of a contact and leaves all others alone, in
// the live lane and in one batch with whoever else writes now. Writes of one
// contact happen in the order of their calls. The error is bridge.NotFound
// for a contact that was deleted or merged away.
func (p *Portal) UpdateContact(ctx context.Context, id string, props bridge.Properties) error {
	if _, err := p.writes.do(ctx, id, maps.Clone(props)); err != nil {
		return fmt.Errorf("portal %d: update contact %s: %w", p.id, id, err)
	}
	return nil
}

func (p *Portal) liveToken(ctx context.Context) (bridge.Grant, error) {
	return p.acquire(ctx, bridge.LaneLive)
}

// readLive makes the work of one batch of live reads.
func (p *Portal) readLive(op string, do read) func(context.Context, []item[string, struct{}]) map[string]outcome[bridge.Contact] {
	return func(ctx context.Context, batch []item[string, struct{}]) map[string]outcome[bridge.Contact] {
		ids := keysOf(batch)
		outcomes := make(map[string]outcome[bridge.Contact], len(batch))
		err := p.readBatch(ctx, &turn{lane: bridge.LaneLive, held: true}, op, do, ids, outcomes)
		return failRest(outcomes, ids, err)
	}
}

func keysOf[K comparable, V any](batch []item[K, V]) []K {
	keys := make([]K, len(batch))
	for i, it := range batch {
		keys[i] = it.key
	}
	return keys
}

// writeLive is the work of one batch of live writes. The contact id serves as
// trace id: a batch names no contact twice.
func (p *Portal) writeLive(ctx context.Context, batch []item[string, bridge.Properties]) map[string]outcome[struct{}] {
	writes, ids := make([]Write, len(batch)), make([]string, len(batch))
	for i, it := range batch {
		writes[i] = Write{Key: it.key, ContactID: it.key, Properties: it.value}
		ids[i] = it.key
	}
	results := make(map[string]Result, len(batch))
	err := p.update(ctx, &turn{lane: bridge.LaneLive, held: true}, writes, results)
	outcomes := make(map[string]outcome[struct{}], len(batch))
	for id, result := range results {
		outcomes[id] = outcome[struct{}]{err: result.Err}
	}
	return failRest(outcomes, ids, err)
}

// failRest gives err, which ended a batch early, to all who have no answer yet.
func failRest[K comparable, R any](outcomes map[K]outcome[R], keys []K, err error) map[K]outcome[R] {
	if err == nil {
		return outcomes
	}
	for _, key := range keys {
		if _, known := outcomes[key]; !known {
			outcomes[key] = outcome[R]{err: err}
		}
	}
	return outcomes
}
