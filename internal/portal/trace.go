package portal

import (
	"context"
	"fmt"
	"maps"
	"time"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const opTrace = "hubspot.contact"

// burstGap is the time between two batches that verify contacts' ends, once several
// came together and unless a batch is full. Ends are held for a minute, and come in
// numbers: two seconds more fill a batch where a tenth of a second fills a tenth.
const burstGap = 2 * time.Second

func (p *Portal) endGaps() batching.Gaps {
	g := p.gaps
	if g != (batching.Gaps{}) {
		g.Shared = burstGap
	}
	return g
}

// Archived returns a contact that is in the recycle bin, in one batch with whoever else
// looks there in the same lane now. One that is not there is NotFound:
// it lives, it was merged, or it is gone for good.
func (p *Portal) Archived(ctx context.Context, id string) (bridge.Contact, error) {
	found, err := p.singles(ctx).archived.Do(ctx, id, struct{}{})
	if err != nil {
		return bridge.Contact{}, fmt.Errorf("portal %d: look for contact %s in the recycle bin: %w", p.id, id, err)
	}
	found.Properties = maps.Clone(found.Properties) // callers of one contact share the answer
	return found, nil
}

// Holder returns the live contact that holds an email, in one batch with whoever else
// asks for one in the same lane now; see FindContacts. NotFound: nobody does.
func (p *Portal) Holder(ctx context.Context, email string) (bridge.Contact, error) {
	found, err := p.singles(ctx).holders.Do(ctx, bridge.NormalEmail(email), struct{}{})
	if err != nil {
		return bridge.Contact{}, fmt.Errorf("portal %d: find who holds an email: %w", p.id, err)
	}
	found.Properties = maps.Clone(found.Properties)
	return found, nil
}

// Trace looks for a contact that batches of live ones do not show: in the
// recycle bin, in one batch with whoever else looks there now, and only where
// that does not have it by a call of its own, because HubSpot resolves the id of
// a merged-away contact on single reads only (HubSpot docs: merge). The contact
// returned is in the recycle bin, or lives on under another id, or is shown after
// all; one that is gone for good is NotFound.
func (p *Portal) Trace(ctx context.Context, id string) (bridge.Contact, error) {
	found, err := p.Archived(ctx, id)
	if bridge.KindOf(err) == bridge.NotFound {
		return p.Survivor(ctx, p.singles(ctx).lane, id)
	}
	return found, err
}

// Survivor returns the contact that a contact was merged into, or the contact
// itself if it lives. One that is gone is NotFound. It is a call of its own.
func (p *Portal) Survivor(ctx context.Context, lane bridge.Lane, id string) (bridge.Contact, error) {
	found, err := call(ctx, p, &turn{lane: lane}, opTrace, true, func(ctx context.Context) (hubspot.Contact, error) {
		return p.client.Contact(ctx, id, bridge.ReadProperties())
	})
	if err != nil {
		return bridge.Contact{}, fmt.Errorf("portal %d: read contact %s: %w", p.id, id, err)
	}
	return contact(found), nil
}
