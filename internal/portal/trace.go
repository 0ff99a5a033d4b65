package portal

import (
	"context"
	"fmt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const (
	opTrace    = "hubspot.contact"
	opArchived = "hubspot.archived_contact"
)

// Trace looks for a contact that batches do not show, which costs one or two
// calls of its own: HubSpot resolves the id of a merged-away contact on single
// reads only, and shows archived ones only where asked for them (HubSpot docs:
// merge, archived records). The contact returned lives on under another id, or
// is in the recycle bin, or is shown after all; one that is gone for good is
// NotFound.
func (p *Portal) Trace(ctx context.Context, id string) (bridge.Contact, error) {
	found, err := p.single(ctx, opTrace, p.client.Contact, id)
	if bridge.KindOf(err) == bridge.NotFound {
		found, err = p.single(ctx, opArchived, p.client.ArchivedContact, id)
	}
	if err != nil {
		return bridge.Contact{}, fmt.Errorf("portal %d: trace contact %s: %w", p.id, id, err)
	}
	return found, nil
}

func (p *Portal) single(ctx context.Context, op string,
	read func(context.Context, string, []string) (hubspot.Contact, error), id string,
) (bridge.Contact, error) {
	found, err := call(ctx, p, &turn{lane: bridge.LaneLive}, op, true, func(ctx context.Context) (hubspot.Contact, error) {
		return read(ctx, id, bridge.ReadProperties())
	})
	return contact(found), err
}
