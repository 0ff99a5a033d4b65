package portal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
)

// bulkPatience is how long a batch of the bulk lane waits for its token: live work goes
// first, and mass syncs take their turns.
const bulkPatience = 2 * time.Minute

// singles gathers the calls about single contacts that travel in one lane. Contacts
// that somebody waits for have the live lane. Those of a page, which come in company,
// have the bulk lane: in the live one, an import would use up the portal's window, and
// everybody would wait until the window has moved on.
type singles struct {
	portal *Portal
	lane   bridge.Lane

	reads    *batching.Batcher[string, struct{}, bridge.Contact]
	archived *batching.Batcher[string, struct{}, bridge.Contact]
	holders  *batching.Batcher[string, struct{}, bridge.Contact] // by email
	writes   *batching.Batcher[string, bridge.Properties, struct{}]
}

// gatherContacts makes the singles of a lane. ends are the gaps of calls that verify
// the ends of contacts.
func (p *Portal) gatherContacts(lane bridge.Lane, gaps, ends batching.Gaps) *singles {
	s := &singles{portal: p, lane: lane}
	s.reads = newBatcher(p, lane, true, gaps, s.read(opRead, p.client.BatchReadContacts))
	s.archived = newBatcher(p, lane, true, ends, s.read(opReadArchived, p.client.BatchReadArchivedContacts))
	s.holders = newBatcher(p, lane, true, ends, s.find)
	s.writes = newBatcher(p, lane, false, gaps, s.write)
	return s
}

func (s *singles) close() {
	s.reads.Close()
	s.archived.Close()
	s.holders.Close()
	s.writes.Close()
}

// singles returns the gathered calls that the caller's belong to.
func (p *Portal) singles(ctx context.Context) *singles {
	if batching.Accompanied(ctx) {
		return p.bulk
	}
	return p.live
}

// newBatcher makes the batcher of one kind of call.
func newBatcher[K comparable, V, R any](p *Portal, lane bridge.Lane, shared bool, gaps batching.Gaps, send func(context.Context, []batching.Item[K, V]) map[K]batching.Outcome[R]) *batching.Batcher[K, V, R] {
	cfg := batching.Config[K, V, R]{
		Token:  func(ctx context.Context) (bridge.Grant, error) { return p.acquire(ctx, lane) },
		Shared: shared, Gaps: gaps, Fault: fault,
		Send: func(ctx context.Context, tries int, batch []batching.Item[K, V]) map[K]batching.Outcome[R] {
			// Short of convictFrom: who waits for a single record gives it up himself.
			return send(WithTries(ctx, min(tries, convictFrom-1)), batch)
		},
	}
	if lane == bridge.LaneBulk {
		cfg.Patience = bulkPatience
	}
	return batching.New(cfg)
}

// paid returns the turn of a batch that has its token.
func (s *singles) paid() *turn { return &turn{lane: s.lane, held: true, single: true} }

// Contact reads a contact as it is at some moment after the call, with
// bridge.ReadProperties, in one batch with whoever else reads in the same lane now. The
// error is bridge.NotFound where HubSpot shows no such contact: not yet, deleted, or
// merged away.
func (p *Portal) Contact(ctx context.Context, id string) (bridge.Contact, error) {
	c, err := p.singles(ctx).reads.Do(ctx, id, struct{}{})
	if err != nil {
		return bridge.Contact{}, fmt.Errorf("portal %d: read contact %s: %w", p.id, id, err)
	}
	c.Properties = maps.Clone(c.Properties) // callers of one contact share the answer
	return c, nil
}

// UpdateContact sets properties of a contact and leaves all others alone, in one batch
// with whoever else writes in the same lane now. Writes of one contact in one lane
// happen in the order of their calls. The error is bridge.NotFound for a contact that
// was deleted or merged away.
func (p *Portal) UpdateContact(ctx context.Context, id string, props bridge.Properties) error {
	if _, err := p.singles(ctx).writes.Do(ctx, id, maps.Clone(props)); err != nil {
		return fmt.Errorf("portal %d: update contact %s: %w", p.id, id, err)
	}
	return nil
}

// read makes the work of one batch of reads.
func (s *singles) read(op string, do read) func(context.Context, []batching.Item[string, struct{}]) map[string]batching.Outcome[bridge.Contact] {
	return func(ctx context.Context, batch []batching.Item[string, struct{}]) map[string]batching.Outcome[bridge.Contact] {
		ids := keysOf(batch)
		outcomes := make(map[string]batching.Outcome[bridge.Contact], len(batch))
		err := s.portal.readBatch(ctx, s.paid(), op, do, ids, outcomes)
		return failRest(outcomes, ids, err)
	}
}

// find is the work of one batch of Holder. Of an email whose contact HubSpot cannot
// show, nobody knows who holds it.
func (s *singles) find(ctx context.Context, batch []batching.Item[string, struct{}]) map[string]batching.Outcome[bridge.Contact] {
	emails := keysOf(batch)
	spelled, err := s.portal.outcomes(ctx, s.paid(), opFind, s.portal.client.BatchReadContactsByEmail, spellings(emails))
	outcomes := make(map[string]batching.Outcome[bridge.Contact], len(batch))
	for _, email := range emails {
		if holder, known := holderOf(email, spelled); known {
			outcomes[email] = holder
		}
	}
	return failRest(outcomes, emails, err)
}

// holderOf is the outcome of an email of which each spelling was looked up. It reports
// false if one was not.
func holderOf(email string, spelled map[string]batching.Outcome[bridge.Contact]) (holder batching.Outcome[bridge.Contact], known bool) {
	holder.Err = &bridge.Error{Kind: bridge.NotFound, Op: opFind}
	for _, spelling := range bridge.EmailSpellings(email) {
		o, asked := spelled[spelling]
		switch {
		case !asked:
			return holder, false
		case o.Err == nil:
			return o, true
		case !nobodys(o.Err):
			holder.Err = o.Err
		}
	}
	return holder, true
}

// nobodys tells an email that no contact has: HubSpot does not find it, or refuses it.
func nobodys(err error) bool {
	return refusal(err) && !errors.Is(err, errUnacceptable)
}

// write is the work of one batch of writes. The contact id serves as trace id: a batch
// names no contact twice.
func (s *singles) write(ctx context.Context, batch []batching.Item[string, bridge.Properties]) map[string]batching.Outcome[struct{}] {
	writes, ids := make([]Write, len(batch)), make([]string, len(batch))
	for i, it := range batch {
		writes[i] = Write{Key: it.Key, ContactID: it.Key, Properties: it.Value}
		ids[i] = it.Key
	}
	results := make(map[string]Result, len(batch))
	err := s.portal.update(ctx, s.paid(), writes, results)
	outcomes := make(map[string]batching.Outcome[struct{}], len(batch))
	for id, result := range results {
		outcomes[id] = batching.Outcome[struct{}]{Err: result.Err}
	}
	return failRest(outcomes, ids, err)
}
