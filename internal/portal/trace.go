package portal

import (
	"context"
	"fmt"
	"maps"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const opTrace = "hubspot.contact"

// Trace looks for a contact that batches of live ones do not show: in the
// recycle bin, in one batch with whoever else looks there now, and only where
// that does not have it by a call of its own, because HubSpot resolves the id of
// a merged-away contact on single reads only (HubSpot docs: merge). The contact
// returned is in the recycle bin, or lives on under another id, or is shown after
// all; one that is gone for good is NotFound.
func (p *Portal) Trace(ctx context.Context, id string) (bridge.Contact, error) {
	found, err := p.archived.do(ctx, id, struct{}{})
	if bridge.KindOf(err) == bridge.NotFound {
		return p.Survivor(ctx, bridge.LaneLive, id)
	}
	if err != nil {
		return bridge.Contact{}, fmt.Errorf("portal %d: trace contact %s: %w", p.id, id, err)
	}
	found.Properties = maps.Clone(found.Properties) // callers of one contact share the answer
	return found, nil
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
