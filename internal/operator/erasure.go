package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/receipt"
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

// Receipt returns the signed receipt of an erasure that is done, as a JWS. It
// refuses one that goes on, or that was doubted: there is nothing to prove.
func (o *Operator) Receipt(ctx context.Context, id int64) (string, error) {
	e, err := o.Erasure(ctx, id)
	switch {
	case err != nil:
		return "", err
	case !e.DoubtedAt.IsZero():
		return "", refuse(bridge.Conflict, "erasure_doubted", "erasure %d erased nobody: HubSpot went on showing the contact", id)
	case e.Open():
		return "", refuse(bridge.Conflict, "erasure_open", "erasure %d is not done yet: see \"starter erasure show %[1]d\"", id)
	}
	refs, err := o.store.ConnectionRefs(ctx)
	if err != nil {
		return "", err
	}
	orders, err := o.store.ErasureOrders(ctx, e.ConnectionID, e.ContactID)
	if err != nil {
		return "", err
	}
	key, err := o.store.ReceiptSigner(ctx)
	if err != nil {
		return "", err
	}
	return receipt.Sign(o.receipt(refs, e, orders), key)
}

func (o *Operator) receipt(refs []store.ConnectionRef, e store.ErasureRecord, orders []string) receipt.Receipt {
	var c store.ConnectionRef
	for _, ref := range refs {
		if ref.ID == e.ConnectionID {
			c = ref
		}
	}
	r := receipt.Receipt{
		Version: receipt.Version, Issuer: o.cfg.PublicURL, IssuedAt: o.now().UTC().Truncate(time.Second), ErasureID: e.ID,
		ConnectionID: e.ConnectionID, PortalID: c.PortalID, Tenant: c.Tenant, ContactID: e.ContactID,
		Requested:  receipt.Requested{Source: string(e.Source), By: e.RequestedBy, OccurredAt: e.OccurredAt.UTC()},
		Counts:     receipt.Counts{ParticipantsDeleted: e.Participants, ContactsForgotten: e.Contacts, ContactsUnmapped: e.Orphaned},
		Checked:    receipt.Checked{HubSpot: string(e.Check.HubSpot), Advocate: string(e.Check.Advocate), IdentitiesAsked: e.Check.Identities},
		OutOfReach: receipt.OutOfReach{ImpactOrders: slices.Concat([]string{}, orders), Backups: receipt.Backups},
	}
	if e.OfPerson() {
		r.ContactID = ""
	}
	for _, s := range e.Steps() {
		r.Steps = append(r.Steps, receipt.Step{Step: s.Name, At: s.At.UTC()})
	}
	return r
}

// ReceiptKeys returns the public keys that verify receipts.
func (o *Operator) ReceiptKeys(ctx context.Context) (receipt.KeySet, error) {
	keys, err := o.store.ReceiptKeys(ctx)
	return receipt.NewKeySet(keys...), err
}
