package model

import (
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/receipt"
	"advocatesync/internal/store"
)

// checkErasures: what was heard has ended, one way or the other, with every step on
// record.
func (w *world) checkErasures() {
	for _, e := range w.erasures() {
		switch complete := !e.BlockedAt.IsZero() && !e.VerifiedAt.IsZero() && !e.DeletedAt.IsZero() && !e.CheckedAt.IsZero(); {
		case e.Open() && (w.retried || !w.givenUp(e.ContactID)):
			w.breaks("an erasure is still open", e.ContactID)
		case !e.Open() && e.DoubtedAt.IsZero() && !complete:
			w.breaks("an erasure has ended without all its steps", e.ContactID)
		}
	}
}

func (w *world) checkErased(contact string, known store.Known) {
	if w.ref.untold[contact] {
		return
	}
	if !w.retried && w.givenUp(contact) {
		return // it met a report that stood still for a day, or a vendor that did not answer
	}
	if known.Mapping != nil || len(known.Former) > 0 || known.EmailHash != nil {
		w.breaks("something is still known of an erased contact", contact, known.Ledger.State, known.Mapping, known.Former, len(known.EmailHash))
	}
	if known.Ledger.State != bridge.StateErased && known.Ledger.State != bridge.StateMergedAway {
		w.breaks("an erased contact is not marked as erased", contact, known.Ledger.State)
	}
}

// erasures returns all there are.
func (w *world) erasures() []store.ErasureRecord {
	erasures, err := w.lab.store.Erasures(w.ctx, w.connection.ID, false, 0, 1000)
	if err != nil {
		w.t.Fatalf("erasures: %v", err)
	}
	return erasures
}

// checkReceipts: every erasure that is done is proven, by a receipt that verifies and
// leaves nothing out, and nobody can make the person again.
func (w *world) checkReceipts() {
	keys, err := w.lab.operator.ReceiptKeys(w.ctx)
	if err != nil {
		w.t.Fatalf("receipt keys: %v", err)
	}
	for _, e := range w.erasures() {
		if e.Open() || !e.DoubtedAt.IsZero() {
			continue
		}
		signed, err := w.lab.operator.Receipt(w.ctx, e.ID)
		if err != nil {
			w.breaks("an erasure that is done has no receipt", e.ContactID, err)
			continue
		}
		proof, err := receipt.Verify(signed, keys)
		if err != nil {
			w.breaks("a receipt does not verify", e.ContactID, err)
		}
		w.lab.seen.receipts.Add(1)
		w.checkReceipt(proof)
		w.checkBuried(e.ContactID)
	}
}

// stepsOfErasure are those of an erasure that is done, sorted.
var stepsOfErasure = []string{"blocked", "checked", "deleted", "forgotten", "heard", "verified"}

func (w *world) checkReceipt(proof receipt.Receipt) {
	contact := proof.ContactID
	var steps []string
	for _, s := range proof.Steps {
		steps = append(steps, s.Step)
	}
	slices.Sort(steps)
	switch checked := proof.Checked; {
	case !slices.Equal(steps, stepsOfErasure):
		w.breaks("a receipt lacks a step", contact, steps)
	case checked.HubSpot == "" || checked.Advocate == "" && checked.IdentitiesAsked > 0:
		w.breaks("a receipt does not say what the vendors answered", contact, checked)
	}
	for order, of := range w.orders {
		if w.ref.survivor(of) == contact && w.counts(order) > 0 && !slices.Contains(proof.OutOfReach.ImpactOrders, order) {
			w.breaks("a receipt does not name an order of the person's", contact, order)
		}
	}
}

// checkBuried: tombstones keep an erased person out under the contact's id, the email
// that it was last seen with, and all participants that it was mapped to for sure.
func (w *world) checkBuried(contact string) {
	hash := w.lab.store.Hasher()
	keys := map[string][]byte{"the contact's id": hash.ContactID(contact)}
	if w.ref.erased[contact] && !w.ref.untold[contact] {
		if email := w.ref.seen[contact].email; email != "" {
			keys["the email"] = hash.Email(email)
		}
		for _, id := range w.ref.lastIDs[contact] {
			keys["a participant's ids"] = hash.Identity(id)
		}
	}
	for under, key := range keys {
		buried, err := w.lab.store.Erased(w.ctx, w.connection.ID, key)
		if err != nil {
			w.t.Fatalf("erased: %v", err)
		}
		if !buried {
			w.breaks("an erased person is not buried under "+under, contact)
		}
	}
}

// checkReturned: after a reconcile, a live contact with an email of a person who was
// erased, whichever of its emails that is, waits for a person to look at it.
func (w *world) checkReturned() {
	for _, contact := range w.contacts {
		if !w.alive(contact) || len(w.parked(contact)) > 0 {
			continue
		}
		for _, email := range addresses(w.properties(contact)) {
			buried, err := w.lab.store.Erased(w.ctx, w.connection.ID, w.lab.store.Hasher().Email(email))
			if err != nil {
				w.t.Fatalf("erased: %v", err)
			}
			if buried {
				w.breaks("nobody is told of an erased person who is there again", contact)
			}
		}
	}
}
