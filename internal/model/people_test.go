package model

import (
	"fmt"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// The few emails that everybody in a world has; the last choice is none.
var emails = []string{"ann@shop.example", "ben@shop.example", "Cay@Shop.example", "dan@shop.example"}

func email(n int) string {
	if n %= len(emails) + 1; n < len(emails) {
		return emails[n]
	}
	return ""
}

var names = []string{"Ann", "Ben", "Cay"}

// person does what somebody does in HubSpot or in Advocate. What the vendor
// refuses, such as an email that is taken, does not happen.
func (w *world) person(s step, nested bool) {
	switch s.do {
	case join, rename, readdress, newCode, removeByStaff:
		w.inAdvocate(s)
		return
	case create:
		w.createContact(s)
		return
	case form:
		w.fillInForm(s)
		return
	case importContacts:
		w.importContacts(s)
		return
	case winDeal:
		w.winDeal(s)
		return
	case moveDeal:
		w.moveDeal(s)
		return
	case ninetyDays:
		if !nested { // nothing takes that long to arrive, and every day has its reconcile
			w.resume()
			w.drain()
			if w.deaf {
				w.reconcile(nil)
				w.drain()
			}
			w.purge()
		}
		return
	}
	id := w.ref.survivor(w.contact(s.a)) // HubSpot follows merges
	if id == "" {
		return
	}
	user := w.portal.Person(1)
	switch s.do {
	case setEmail:
		w.edit(id, map[string]string{bridge.PropEmail: email(s.b)})
	case addEmail:
		if w.properties(id)[bridge.PropEmail] != "" { // HubSpot makes the first one the primary
			w.did(id, user.AddEmail(id, email(s.b)))
		}
	case setCode:
		w.edit(id, map[string]string{bridge.PropReferredByCode: w.code(s.b)})
	case setCookie:
		w.edit(id, map[string]string{bridge.PropReferralCookie: w.cookie(s.b)})
	case setName:
		w.edit(id, map[string]string{bridge.PropFirstName: names[s.b%len(names)]})
	case wipeIDs:
		w.release(id)
		delete(w.ref.wanted, id)
		w.edit(id, map[string]string{bridge.PropUserID: "", bridge.PropAccountID: ""})
		w.repeatable++ // they are put back with an exchange
	case remap:
		w.remap(id, s, nested)
	case archive:
		w.release(id)
		if m := w.mapping(id); w.did(id, user.Archive("contacts", id)) && !m.Empty() {
			w.ref.doomed[m] = id
		}
	case restore:
		if w.did(id, user.Restore("contacts", id)) {
			w.ref.restored[id] = w.tick
		}
	case erase:
		w.eraseContact(id)
	case forgeErasure:
		if w.lag > 0 {
			// The stand-in hides a contact from so many reads, however much time
			// passes between them: that cannot be told from one that is gone.
			return
		}
		if err := w.portal.Forge("contacts", id, "privacyDeletion"); err != nil {
			w.t.Fatalf("forge: %v", err)
		}
		w.ref.forged[id] = true
		w.ref.doubt(w, id)
	case mergeContacts:
		w.merge(id, w.contact(s.b))
	}
}

// did notes that a person changed a contact, unless HubSpot refused.
func (w *world) did(id string, refusal error) bool {
	if refusal != nil {
		return false
	}
	w.tick++
	w.ref.changed[id] = w.tick
	w.ref.note(id, w.properties(id))
	w.ref.doubt(w, id)
	return true
}

// contact chooses among the contacts there ever were, archived and merged-away
// ones too.
func (w *world) contact(n int) string {
	w.listen()
	if len(w.contacts) == 0 {
		return ""
	}
	return w.contacts[n%len(w.contacts)]
}

func (w *world) properties(id string) bridge.Properties {
	record, _ := w.portal.Record("contacts", id)
	return record.Properties
}

// alive reports whether HubSpot shows a contact under this id.
func (w *world) alive(id string) bool {
	record, shown := w.portal.Record("contacts", id)
	return shown && !record.Archived
}

func (w *world) createContact(s step) {
	props := map[string]string{}
	if e := email(s.a); e != "" {
		props[bridge.PropEmail] = e
	}
	if s.b%2 == 1 {
		props[bridge.PropFirstName] = names[s.b%len(names)]
	}
	if s.c == 6 {
		props[bridge.PropReferredByCode] = w.code(s.b)
	}
	if s.c == 7 {
		props[bridge.PropReferralCookie] = w.cookie(s.b)
	}
	if id, err := w.portal.Person(1).Create("contacts", props); err == nil {
		w.did(id, nil)
	}
	w.listen()
}

// importContacts makes up to five contacts, none of them with an email that is taken.
func (w *world) importContacts(s step) {
	importing := w.portal.Person(1).Importing()
	for i := range 2 + s.b%4 {
		props := map[string]string{bridge.PropFirstName: names[s.c%len(names)]}
		if e := email(s.a + i); e != "" {
			props[bridge.PropEmail] = e
		}
		if id, err := importing.Create("contacts", props); err == nil {
			w.did(id, nil)
		}
	}
	w.listen()
}

func (w *world) fillInForm(s step) {
	values := map[string]string{bridge.PropEmail: email(s.a % len(emails)), bridge.PropFirstName: names[s.b%len(names)]}
	if s.c%2 == 1 {
		values[bridge.PropReferredByCode] = w.code(s.b)
	}
	if w.portal.SubmitForm(w.form, values, "https://shop.example/refer") != nil {
		return
	}
	if record, ok := w.portal.ContactByEmail(values[bridge.PropEmail]); ok {
		w.did(record.ID, nil)
	}
	w.listen()
}

func (w *world) edit(id string, props map[string]string) bool {
	return w.did(id, w.portal.Person(1).Edit("contacts", id, props))
}

// remap writes other ids onto a contact: those of a participant as Advocate
// returned them, as a person would type them, or of nobody; both at once, one
// after the other, or only one of them.
func (w *world) remap(id string, s step, nested bool) {
	if !w.alive(id) {
		return
	}
	account, user := "nobody@shop.example", "nobody@shop.example"
	target, exists := w.participant(s.b)
	if exists = exists && s.c != 7; exists {
		account, user = target.AccountID, target.ID
	}
	w.release(id)
	delete(w.ref.wanted, id)
	switch s.c {
	case 0:
		w.edit(id, map[string]string{bridge.PropUserID: user})
		return
	case 1:
		w.edit(id, map[string]string{bridge.PropAccountID: account})
		return
	case 2, 3:
		w.edit(id, map[string]string{bridge.PropUserID: user})
		w.edit(id, map[string]string{bridge.PropAccountID: account})
	default:
		w.edit(id, map[string]string{bridge.PropUserID: user, bridge.PropAccountID: account})
	}
	// HubSpot has no conditional write: what a person writes between our read
	// and our own write may be overwritten, so nothing is promised then.
	if exists && !nested {
		w.ref.wanted[id] = bridge.Identity{AccountID: account, UserID: user}
	}
}

// release notes that a person may leave the participant of a contact without
// one; of a merge that was not followed yet, those of all who were merged.
func (w *world) release(id string) {
	for _, who := range append(w.ref.ancestors[id], id) {
		if m := w.mapping(who); !m.Empty() {
			w.ref.release(m)
			w.ref.hadIDs[who] = append(w.ref.hadIDs[who], m)
		}
	}
}

func (w *world) eraseContact(id string) {
	m, emails := w.mapping(id), w.properties(id)
	if w.portal.Person(1).Erase(id) != nil {
		return
	}
	w.tick++
	w.ref.changed[id] = w.tick
	w.ref.note(id, emails)
	w.ref.erase(w, id, m)
}

// purge is what the product forgets when ninety days have passed.
func (w *world) purge() {
	if _, err := w.lab.store.PurgeFormer(w.ctx, time.Now().Add(time.Hour)); err != nil {
		w.t.Fatalf("purge: %v", err)
	}
	for _, contact := range w.contacts {
		if !w.alive(w.ref.survivor(contact)) {
			delete(w.ref.seen, contact)
			for _, id := range w.ref.left[contact] {
				w.ref.release(id) // reported, and nobody's any more
			}
			delete(w.ref.left, contact)
		}
	}
}

func (w *world) merge(primary, other string) {
	if !w.alive(primary) || !w.alive(other) {
		return
	}
	mappings := []bridge.Identity{w.mapping(primary), w.mapping(other)}
	survivor, err := w.portal.Person(1).Merge("contacts", primary, other)
	if err != nil {
		return
	}
	props := w.properties(survivor)
	w.ref.merged(primary, other, survivor, mappings,
		bridge.Identity{AccountID: props[bridge.PropAccountID], UserID: props[bridge.PropUserID]})
	w.repeatable++ // nothing is known of what the survivor carries
	w.did(survivor, nil)
	w.listen()
}

// mapping is what the product believes a contact to be mapped to; zero: nothing.
func (w *world) mapping(id string) bridge.Identity {
	known := w.known(id)
	if known.Mapping == nil {
		return bridge.Identity{}
	}
	return known.Mapping.Identity()
}

func (w *world) known(contact string) store.Known {
	known, err := w.lab.store.Known(w.ctx, w.connection.ID, contact)
	if err != nil {
		w.t.Fatalf("known: %v", err)
	}
	return known
}

func (w *world) participant(n int) (advocatetest.User, bool) {
	users := w.tenant.Users(0, 0)
	if len(users) == 0 {
		return advocatetest.User{}, false
	}
	return users[n%len(users)], true
}

// code is a participant's referral code, one that nobody has, or none.
func (w *world) code(n int) string {
	user, ok := w.participant(n)
	switch {
	case n%4 == 0:
		return ""
	case n%4 == 1 || !ok:
		return "NOSUCHCODE"
	default:
		return user.ReferralCodes[w.program]
	}
}

func (w *world) cookie(n int) string {
	user, ok := w.participant(n)
	switch {
	case n%4 == 0:
		return ""
	case n%4 == 1 || !ok:
		return "not a cookie!"
	default:
		return w.tenant.Cookie(w.program, user.ReferralCodes[w.program])
	}
}

func (w *world) inAdvocate(s step) {
	w.unreported = true
	if s.do == join {
		w.joinProgram(s)
		return
	}
	user, ok := w.participant(s.a)
	if !ok {
		return
	}
	id := bridge.Identity{AccountID: user.AccountID, UserID: user.ID}
	switch s.do {
	case rename:
		_, _ = w.tenant.Edit(user.AccountID, user.ID, func(u *advocatetest.User) { u.FirstName = names[s.b%len(names)] })
	case readdress:
		_, _ = w.tenant.Edit(user.AccountID, user.ID, func(u *advocatetest.User) { u.Email = email(s.b) })
		w.ref.addressed(w, id, email(s.b))
	case newCode:
		_, _ = w.tenant.ChangeCode(user.AccountID, user.ID, w.program, fmt.Sprintf("CODE%d", w.tick))
	case removeByStaff:
		w.tenant.Delete(user.AccountID, user.ID, s.b == 7)
		w.ref.removed[id] = true
		w.ref.gone(id)
	}
}

// joinProgram signs somebody up under their email, or, some of them, under
// another id.
func (w *world) joinProgram(s step) {
	e := email(s.a % len(emails))
	id := e
	if s.b >= 6 {
		id = fmt.Sprintf("member-%d", s.a)
	}
	user, err := w.tenant.Put(advocatetest.User{ID: id, AccountID: id, Email: e, FirstName: names[s.c%len(names)]})
	if err != nil {
		return
	}
	who := bridge.Identity{AccountID: user.AccountID, UserID: user.ID}
	delete(w.ref.removed, who)
	delete(w.ref.doomed, who)
	delete(w.ref.ours, who)
	w.ref.returned[who] = len(w.ref.erased) > 0
	w.ref.addressed(w, who, e)
}

// stored is the form in which Advocate keeps a participant's ids.
func (w *world) stored(id bridge.Identity) bridge.Identity {
	return bridge.Identity{AccountID: w.tenant.StoredID(id.AccountID), UserID: w.tenant.StoredID(id.UserID)}
}
