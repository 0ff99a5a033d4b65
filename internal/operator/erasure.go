package operator

import (
	"context"
	"fmt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// Erase has a contact's person erased, as if HubSpot had told of the contact's
// privacy deletion: for one that nobody told us of. It refuses a contact that
// HubSpot still shows, for the person would still be there. Asking again, or
// about somebody erased before, does no harm.
func (o *Operator) Erase(ctx context.Context, c bridge.Connection, contactID string, by bridge.Caller) (store.ErasureRecord, error) {
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return store.ErasureRecord{}, err
	}
	shown, err := readContact(ctx, o.clients(c, credentials).HubSpot, contactID)
	if err != nil {
		return store.ErasureRecord{}, fmt.Errorf("read contact %s from HubSpot: %w", contactID, err)
	}
	if shown != nil && !shown.Archived {
		return store.ErasureRecord{}, refuse(bridge.Conflict, "still_in_hubspot",
			"HubSpot still shows contact %s: delete it for privacy there (\"Delete permanently\"); its webhook starts the erasure here", contactID)
	}
	return o.store.RequestErasure(ctx, c.ID, contactID, by.Name, o.now())
}

// Erasure returns one erasure, or refuses one that there is not.
func (o *Operator) Erasure(ctx context.Context, id int64) (store.ErasureRecord, error) {
	e, err := o.store.Erasure(ctx, id)
	if bridge.KindOf(err) == bridge.NotFound {
		err = refuse(bridge.NotFound, "unknown_erasure", "there is no erasure %d: see \"starter erasure list\"", id)
	}
	return e, err
}

// Erasures returns erasures, the latest first, at most limit: those before an
// id, or the latest for 0; of one connection, or of all for "". open leaves out
// those that have ended.
func (o *Operator) Erasures(ctx context.Context, connectionID string, open bool, before int64, limit int) ([]store.ErasureRecord, error) {
	return o.store.Erasures(ctx, connectionID, open, before, limit)
}
