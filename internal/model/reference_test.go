package model

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
)

// reference is what must be true, kept beside the product from what people do
// and from the product's calls, without a look into the product's reasons.
type reference struct {
	// What people want.
	wanted map[string]bridge.Identity // contact → the participant that a person mapped it to by its ids
	erased map[string]bool            // contacts erased for privacy
	forged map[string]bool            // contacts whose erasure somebody only claims
	// Contacts erased of which nobody tells, and of which the product knew nothing: no
	// record of either side leads to them.
	untold map[string]bool

	// What belongs to erased people for sure: ids they were mapped to when they
	// were erased, and emails that they had in a quiet moment before. buried
	// says that the world was quiet since, so that the product knows, too.
	erasedIDs    map[bridge.Identity]bool
	lastIDs      map[string][]bridge.Identity // contact → what it was mapped to when it was erased
	erasedEmails map[string]bool
	buried       bool
	// Emails of people whose erasure was heard, and that the product knew by then →
	// tick of the hearing: nobody is made with them, whether it was verified or not.
	blocked map[string]int
	// What may belong to them: everything that they ever had.
	maybeIDs    map[bridge.Identity]bool
	maybeEmails map[string]bool
	// Contacts whose claimed erasure HubSpot bore out, for a while at least.
	maybeContacts map[string]bool

	// What happened so far.
	seen      map[string]sighting          // contact → what the last quiet moment showed
	hadEmails map[string][]string          // contact → all it ever had
	hadIDs    map[string][]bridge.Identity // contact → all participants that were told of it
	addresses map[bridge.Identity][]string // participant → all emails it ever had
	changed   map[string]int               // contact → tick of a person's last doing
	restored  map[string]int               // contact → tick of its last restore
	toldAt    map[string]int               // contact → tick of our last write to a participant about it
	ours      map[bridge.Identity]string   // participants that the product made → for which contact
	removed   map[bridge.Identity]bool     // participants that staff deleted
	released  map[bridge.Identity]bool     // participants that lost a contact by a person's doing
	doomed    map[bridge.Identity]string   // participants whose contact was deleted → that contact
	// Participants that joined after somebody's erasure, which Advocate refuses
	// only whom it has marked as do-not-track, or that the product made between
	// an erasure in HubSpot and its hearing of it.
	returned  map[bridge.Identity]bool
	ancestors map[string][]string // contact → the ids that were merged into it
	// Participants of merged-away contacts that the survivor did not take over.
	left map[string][]bridge.Identity
}

func newReference() *reference {
	return &reference{
		wanted: map[string]bridge.Identity{}, erased: map[string]bool{}, forged: map[string]bool{}, untold: map[string]bool{},
		erasedIDs: map[bridge.Identity]bool{}, lastIDs: map[string][]bridge.Identity{}, erasedEmails: map[string]bool{},
		blocked:  map[string]int{},
		maybeIDs: map[bridge.Identity]bool{}, maybeEmails: map[string]bool{}, maybeContacts: map[string]bool{},
		seen: map[string]sighting{}, hadEmails: map[string][]string{}, hadIDs: map[string][]bridge.Identity{},
		addresses: map[bridge.Identity][]string{}, changed: map[string]int{}, restored: map[string]int{}, toldAt: map[string]int{},
		ours: map[bridge.Identity]string{}, removed: map[bridge.Identity]bool{},
		released: map[bridge.Identity]bool{}, returned: map[bridge.Identity]bool{}, doomed: map[bridge.Identity]string{}, ancestors: map[string][]string{}, left: map[string][]bridge.Identity{},
	}
}

// sighting is what a quiet moment shows of a contact's email.
type sighting struct {
	email string
	led   bool // to the participant that the contact is mapped to
}

// note keeps what a contact has: everything that may once be erased with it. An
// email that led nowhere is its own only for as long as it has it.
func (r *reference) note(contact string, props bridge.Properties) {
	e := bridge.NormalEmail(props[bridge.PropEmail])
	for _, one := range addresses(props) {
		if !slices.Contains(r.hadEmails[contact], one) {
			r.hadEmails[contact] = append(r.hadEmails[contact], one)
		}
	}
	if was := r.seen[contact]; was.email != e && !was.led {
		delete(r.seen, contact)
	}
	id := bridge.Identity{AccountID: props[bridge.PropAccountID], UserID: props[bridge.PropUserID]}
	if id.Complete() && !slices.Contains(r.hadIDs[contact], id) {
		r.hadIDs[contact] = append(r.hadIDs[contact], id)
	}
}

// addresses are all emails that a contact has, the primary one first.
func addresses(props bridge.Properties) []string {
	var all []string
	for _, one := range append([]string{props[bridge.PropEmail]}, strings.Split(props["hs_additional_emails"], ";")...) {
		if e := bridge.NormalEmail(one); e != "" {
			all = append(all, e)
		}
	}
	return all
}

func (r *reference) addressed(w *world, id bridge.Identity, email string) {
	r.addresses[id] = append(r.addresses[id], bridge.NormalEmail(email))
	if r.maybeIDs[id] { // the erasure may not have been carried out yet
		r.maybe(w, bridge.NormalEmail(email))
	}
}

// release: a participant may be left without a contact from here on.
func (r *reference) release(id bridge.Identity) {
	if !id.Empty() {
		r.released[id] = true
	}
}

// gone: nobody can be mapped any more to a participant.
func (r *reference) gone(id bridge.Identity) {
	delete(r.doomed, id)
	maps.DeleteFunc(r.wanted, func(_ string, want bridge.Identity) bool { return want == id })
}

// isLeft: a merge that nobody undid by hand left the participant without a contact.
func (r *reference) isLeft(id bridge.Identity) bool {
	for _, left := range r.left {
		if slices.Contains(left, id) {
			return !r.released[id]
		}
	}
	return false
}

// merged: the survivor is both of them. mappings is what they were mapped to,
// carried what the survivor has of these.
func (r *reference) merged(primary, other, survivor string, mappings []bridge.Identity, carried bridge.Identity) {
	for _, m := range mappings {
		if !m.Empty() && m != carried {
			r.left[survivor] = append(r.left[survivor], m)
		}
	}
	for _, from := range []string{primary, other} {
		r.left[survivor] = append(r.left[survivor], r.left[from]...)
		r.hadEmails[survivor] = append(r.hadEmails[survivor], r.hadEmails[from]...)
		r.hadIDs[survivor] = append(r.hadIDs[survivor], r.hadIDs[from]...)
		delete(r.wanted, from)
		r.forged[survivor] = r.forged[survivor] || r.forged[from]
		r.ancestors[survivor] = append(r.ancestors[survivor], append(r.ancestors[from], from)...)
	}
}

// told: the product wrote to a participant, and made it, about a contact.
func (r *reference) told(id bridge.Identity, contact string, made bool, tick int) {
	r.toldAt[contact] = tick
	r.hadIDs[contact] = append(r.hadIDs[contact], id)
	if made {
		r.returned[id] = len(r.erased) > 0 && !r.buried
		r.ours[id] = contact
		delete(r.removed, id)
	}
}

// erase notes whom an erasure concerns. m is what the contact was mapped to.
func (r *reference) erase(w *world, contact string, m bridge.Identity) {
	r.erased[contact], r.buried = true, false
	delete(r.wanted, contact)
	for _, who := range append(r.ancestors[contact], contact) {
		if e := r.seen[who].email; e != "" {
			r.erasedEmails[e] = true
		}
	}
	ids := r.hadIDs[contact]
	for _, id := range append(r.left[contact], m) {
		if !id.Empty() {
			r.erasedIDs[id] = true
			r.lastIDs[contact] = append(r.lastIDs[contact], id)
			delete(r.returned, id)
			ids = append(ids, id)
		}
	}
	r.maybeAll(w, contact, ids)
}

// heard: the intake has taken in that a contact was erased, which is true.
func (r *reference) heard(w *world, contact string) {
	email := r.seen[contact].email
	if !r.erased[contact] || email == "" {
		return
	}
	known := w.known(contact)
	if _, before := r.blocked[email]; !before && bytes.Equal(known.EmailHash, w.lab.store.Hasher().Email(email)) {
		r.blocked[email] = w.tick
	}
}

// blocks reports whether an email was that of a person whose erasure was heard
// before an activity began.
func (r *reference) blocks(email string, began int) bool {
	at, blocked := r.blocked[email]
	return blocked && at < began
}

// maybeAll: everything that a contact ever had may belong to somebody erased.
func (r *reference) maybeAll(w *world, contact string, ids []bridge.Identity) {
	for _, e := range r.hadEmails[contact] {
		r.maybe(w, e)
	}
	for _, id := range ids {
		r.maybeIDs[id] = true
		if user, ok := w.tenant.User(id.AccountID, id.UserID); ok {
			r.maybe(w, bridge.NormalEmail(user.Email))
		}
		for _, e := range r.addresses[id] {
			r.maybe(w, e)
		}
	}
}

// doubt: a claimed erasure counts once HubSpot does not show the contact any
// more, or shows it in the recycle bin only.
func (r *reference) doubt(w *world, contact string) {
	if !r.forged[contact] || w.alive(contact) {
		return
	}
	r.maybeContacts[contact] = true
	ids := slices.Concat(r.hadIDs[contact], r.left[contact])
	for _, who := range append(r.ancestors[contact], contact) {
		if m := w.mapping(who); !m.Empty() {
			ids = append(ids, m)
		}
	}
	r.maybeAll(w, contact, ids)
}

// unheard: nobody tells of what happened. Of a contact that was mapped, or whose email
// was known, a reconcile finds out; of another one nobody can know that it was erased.
func (r *reference) unheard(w *world, e hubspottest.Event) {
	contact := fmt.Sprint(e.ObjectID)
	known := w.known(contact)
	if !r.erased[contact] || known.Mapping != nil || known.EmailHash != nil {
		return
	}
	r.untold[contact] = true
	for _, email := range r.hadEmails[contact] {
		delete(r.erasedEmails, email)
	}
}

func (r *reference) maybe(w *world, email string) {
	if email != "" {
		r.maybeEmails[email] = true
		r.maybeIDs[w.stored(bridge.Identity{AccountID: email, UserID: email})] = true
	}
}

// survivor is the contact that lives on for one that was merged away.
func (r *reference) survivor(contact string) string {
	for survivor, merged := range r.ancestors {
		if slices.Contains(merged, contact) && len(r.ancestors[survivor]) > len(r.ancestors[contact]) {
			contact = r.survivor(survivor)
			break
		}
	}
	return contact
}
