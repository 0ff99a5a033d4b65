package model

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// judgeNewContact is asked before the product makes a contact, in an activity
// that began at a tick.
func (w *world) judgeNewContact(props bridge.Properties, began int) {
	e := bridge.NormalEmail(props[bridge.PropEmail])
	id := bridge.Identity{AccountID: props[bridge.PropAccountID], UserID: props[bridge.PropUserID]}
	if w.ref.blocks(e, began) {
		w.breaks("a contact is made for a person whose erasure was heard", e)
	}
	if w.ref.buried && (w.ref.erasedEmails[e] || w.ref.erasedIDs[id]) {
		w.breaks("a contact is made for an erased person", e)
	}
}

// judgeNewParticipant is asked when the product has made a participant. mapped is
// what the contact was mapped to when the activity began: what a report does
// beside it comes too late, as does an erasure that is heard after it began.
func (w *world) judgeNewParticipant(id bridge.Identity, contact string, mapped bridge.Identity, began int) {
	if w.ref.blocks(bridge.NormalEmail(w.properties(contact)[bridge.PropEmail]), began) {
		w.breaks("a participant is made for a person whose erasure was heard", contact)
	}
	// By its ids an erased person is recognised only once Advocate has told under
	// which it keeps the participant; that one is taken back at once.
	if w.ref.buried && w.ref.erasedEmails[bridge.NormalEmail(w.properties(contact)[bridge.PropEmail])] {
		w.breaks("a participant is made for an erased person", contact)
	}
	if _, exists := w.tenant.User(mapped.AccountID, mapped.UserID); exists && mapped != id {
		w.breaks("a second participant is made for a mapped contact", contact)
	}
	for other, of := range w.ref.ours {
		if _, exists := w.tenant.User(other.AccountID, other.UserID); exists && other != id && of == contact && !w.ref.released[other] {
			w.breaks("a second participant is made for one contact", contact)
		}
	}
}

// judgeDeletion is asked before the product deletes a participant that exists.
// What a person did since the activity began to look is not held against it:
// the vendors offer no condition on a deletion.
func (w *world) judgeDeletion(id bridge.Identity, doNotTrack bool, began int) {
	id = w.stored(id)
	if doNotTrack {
		if !w.ref.maybeIDs[id] && !slices.ContainsFunc(w.ref.addresses[id], func(e string) bool { return w.ref.maybeEmails[e] }) {
			w.breaks("a participant of somebody who was not erased is deleted with do-not-track", id)
		}
		return
	}
	gone := false
	for _, contact := range w.contacts {
		if w.mapping(contact) != id {
			continue
		}
		alive := w.alive(contact)
		gone = gone || !alive || w.ref.restored[contact] >= began
		switch {
		case !alive:
		case max(w.ref.changed[contact], w.ref.toldAt[contact]) < began:
			w.breaks("the participant of a live contact is deleted", contact)
		default:
			w.ref.removed[id] = true // under the hands of somebody who was just being mapped to it
		}
	}
	if !gone {
		w.breaks("a participant is deleted although no contact of it is gone")
	}
}

// checkQuiet holds both sides against the reference, in a quiet moment.
func (w *world) checkQuiet() {
	if w.broken != "" {
		return
	}
	w.ref.buried = true
	mapped := map[bridge.Identity]bool{}
	for _, contact := range w.contacts {
		known := w.known(contact)
		if known.Mapping != nil {
			mapped[known.Mapping.Identity()] = true
		}
		switch {
		case w.ref.erased[contact]:
			w.checkErased(contact, known)
		case w.alive(contact):
			w.checkLive(contact, known)
			w.ref.note(contact, w.properties(contact))
			if known.Ledger.State != bridge.StateErased { // of whom nothing is kept
				w.ref.seen[contact] = w.sighting(contact, known)
			}
		default:
			w.checkGone(contact, known)
		}
	}
	w.checkParticipants(mapped)
	w.checkErasures()
	w.checkDeals()
}

func (w *world) sighting(contact string, known store.Known) sighting {
	seen := sighting{email: bridge.NormalEmail(w.properties(contact)[bridge.PropEmail])}
	if m := known.Mapping; m != nil {
		user, exists := w.tenant.User(m.AccountID, m.UserID)
		seen.led = exists && seen.email != "" && bridge.NormalEmail(user.Email) == seen.email
	}
	return seen
}

// givenUp: work on a contact was given up, or that on its participant, because a vendor
// failed for a day or refused the record. An operator has it tried again.
func (w *world) givenUp(contact string) bool {
	m := w.mapping(contact)
	return !m.Empty() && w.waits(m) || slices.ContainsFunc(w.parked(contact), func(item bridge.ParkedItem) bool {
		return item.Cause == bridge.CauseUnreachable || item.Cause == bridge.CauseRefusedByHubSpot
	})
}

// checkGone: archived, or merged away. What is kept of it goes in time only if the
// product knows that it is gone.
func (w *world) checkGone(contact string, known store.Known) {
	if !w.retried && w.givenUp(contact) {
		return
	}
	if known.Mapping != nil {
		w.breaks("a contact that is gone is still mapped", contact, known.Ledger.State)
	}
	ended := []bridge.State{bridge.StateDeleted, bridge.StateMergedAway, bridge.StateErased}
	// A resync of one that HubSpot does not show asks a person whether it exists.
	asks := slices.ContainsFunc(w.parked(contact), func(item bridge.ParkedItem) bool { return item.Cause == bridge.CauseNotReadable })
	if known.EmailHash != nil && !slices.Contains(ended, known.Ledger.State) && !asks {
		w.breaks("a contact that is gone counts as live", contact, known.Ledger.State)
	}
}

func (w *world) checkLive(contact string, known store.Known) {
	if known.Mapping == nil {
		w.checkUnmapped(contact, known)
		return
	}
	m := known.Mapping.Identity()
	if w.ref.erasedIDs[m] {
		w.breaks("a live contact is mapped to an erased participant", contact)
	}
	want, wanted := w.ref.wanted[contact]
	if _, exists := w.tenant.User(want.AccountID, want.UserID); wanted && exists && want != m && !w.maybeErased(contact, want) {
		w.breaks("a contact does not follow the ids that a person gave it", contact, known.Ledger.State)
	}
	user, exists := w.tenant.User(m.AccountID, m.UserID)
	switch {
	case !exists && !w.ref.removed[m]:
		w.breaks("a live contact is mapped to a participant that the product deleted", contact)
	case exists && (known.Ledger.State == bridge.StateMapped && !w.givenUp(contact) || w.pairEdited(contact)) && !w.maybeErased(contact, m) && !w.ref.maybeEmails[bridge.NormalEmail(user.Email)]:
		differing := w.differing(contact, user)
		if w.pairEdited(contact) { // the person is told; everything else flows
			differing = slices.DeleteFunc(differing, func(name string) bool { return name == bridge.PropUserID || name == bridge.PropAccountID })
		}
		if len(differing) > 0 {
			w.breaks("a mapped contact is not in step", contact, differing)
		}
	}
	switch known.Ledger.State {
	case bridge.StateMapped, bridge.StateParked:
	case bridge.StateErased:
		w.checkMaybeErased(contact)
	case bridge.StateDoNotTrack:
		if !w.tenant.Erased(m.AccountID, m.UserID) {
			w.breaks("a mapped contact is not tracked although Advocate tracks it", contact)
		}
	default:
		w.breaks("a mapped contact is in another state", contact, known.Ledger.State)
	}
}

// pairEdited: a person has changed the ids on the contact by half, or to nobody's.
func (w *world) pairEdited(contact string) bool {
	items := w.parked(contact)
	return len(items) > 0 && !slices.ContainsFunc(items, func(item bridge.ParkedItem) bool {
		return item.Cause != bridge.CauseHalfPair && item.Cause != bridge.CauseUnknownPair
	})
}

// differing names what a contact does not have as its participant shares it.
func (w *world) differing(contact string, user advocatetest.User) []string {
	want := bridge.SharedProperties(bridge.Participant{
		AccountID: user.AccountID, UserID: user.ID,
		ReferralCode: user.ReferralCodes[w.program], ShareLink: user.ShareLinks[w.program],
	}, sharing(w.program))
	return slices.Sorted(maps.Keys(w.properties(contact).Changes(want)))
}

// checkUnmapped: a live contact has a participant, or there is a reason why not.
func (w *world) checkUnmapped(contact string, known store.Known) {
	e := bridge.NormalEmail(w.properties(contact)[bridge.PropEmail])
	excused := false
	switch known.Ledger.State {
	case bridge.StateAwaitingEmail:
		excused = e == ""
	case bridge.StateErased:
		w.checkMaybeErased(contact)
		excused = true
	case bridge.StateDoNotTrack:
		excused = w.tenant.Erased(e, e)
	case bridge.StateParked:
		excused = len(w.parked(contact)) > 0
	case bridge.StateNew: // we made it, unheard, and do not see it; or nobody told, and there is no email yet, a rule is off, or a reconcile reported it
		excused = w.narrow || w.waits(w.named(contact)) || e == "" || w.maybeErased(contact, bridge.Identity{}) || len(w.parked(contact)) > 0
	case bridge.StateNotShared:
		excused = w.narrow
	}
	if !excused {
		w.breaks("a live contact has no participant, for no good reason", contact, known.Ledger.State, known.Ledger.Reason)
	}
}

// checkMaybeErased: who is left alone as erased has an email or ids of somebody
// who was.
func (w *world) checkMaybeErased(contact string) {
	if !w.maybeErased(contact, bridge.Identity{}) {
		w.breaks("a contact is taken for an erased one", contact)
	}
}

// named are the ids that a contact carries.
func (w *world) named(contact string) bridge.Identity {
	props := w.properties(contact)
	return bridge.Identity{AccountID: props[bridge.PropAccountID], UserID: props[bridge.PropUserID]}
}

// waits: an item is parked about a participant that has no contact.
func (w *world) waits(id bridge.Identity) bool {
	return slices.ContainsFunc(w.parked(""), func(item bridge.ParkedItem) bool {
		return item.AccountID == id.AccountID && item.UserID == id.UserID
	})
}

// maybeErased: a contact has an email or ids that somebody had who was erased.
func (w *world) maybeErased(contact string, mapped bridge.Identity) bool {
	erased := func(email string) bool { return w.ref.maybeEmails[email] }
	return w.ref.maybeContacts[contact] || slices.ContainsFunc(addresses(w.properties(contact)), erased) || w.ref.maybeIDs[w.stored(w.named(contact))] || w.ref.maybeIDs[mapped]
}

func (w *world) allParked() []bridge.ParkedItem {
	items, err := w.lab.store.ParkedItems(w.ctx, w.connection.ID)
	if err != nil {
		w.t.Fatalf("parked items: %v", err)
	}
	return items
}

func (w *world) parked(contact string) []bridge.ParkedItem {
	return slices.DeleteFunc(w.allParked(), func(i bridge.ParkedItem) bool { return i.ContactID != contact })
}

func (w *world) checkParticipants(mapped map[bridge.Identity]bool) {
	reported := slices.ContainsFunc(w.allParked(), func(item bridge.ParkedItem) bool { return item.Cause == bridge.CauseParticipantLeft })
	for _, user := range w.tenant.Users(0, 0) {
		id := bridge.Identity{AccountID: user.AccountID, UserID: user.ID}
		e := bridge.NormalEmail(user.Email)
		if w.ref.erasedIDs[id] && !w.ref.returned[id] {
			w.breaks("a participant is left of an erased person")
		}
		if mapped[id] {
			delete(w.ref.doomed, id) // another contact has it
		}
		if w.emailLives(e) { // whoever has the email may take it over, or has another one
			delete(w.ref.doomed, id)
			w.ref.release(id)
		}
		if contact := w.ref.doomed[id]; contact != "" && !w.alive(contact) {
			w.breaks("the participant of a deleted contact is left", contact)
		}
		maybe := w.ref.maybeIDs[id] || w.ref.maybeEmails[e]
		if w.narrow || e == "" || mapped[id] || maybe || w.waits(id) {
			continue
		}
		switch {
		case w.ref.isLeft(id) && !reported:
			w.breaks("a merge leaves a participant without a contact, and nobody is told", id.UserID, e)
		case !w.ref.isLeft(id) && !w.ref.released[id]:
			w.breaks("a participant has no contact, for no good reason", id.UserID, e)
		}
	}
}

// emailLives: a live contact has the email, as its primary one or another.
func (w *world) emailLives(email string) bool {
	return email != "" && slices.ContainsFunc(w.contacts, func(contact string) bool {
		return w.alive(contact) && slices.Contains(addresses(w.properties(contact)), email)
	})
}

// end brings the world to rest, has all that is parked tried again, and then
// tells the product everything once more: nothing may come of it.
func (w *world) end() {
	w.settle()
	w.checkQuiet()
	w.checkWrites()
	if w.narrow && w.broken == "" {
		w.widen()
	}
	w.retried = true
	for range 2 { // what one contact waited for may have come only with another
		w.retry()
		w.settle()
	}
	w.checkQuiet()
	w.checkParked()
	w.checkReceipts()
	w.lab.seen.conversions.Add(int64(len(w.tenant.Conversions())))
	if w.broken != "" {
		return
	}
	w.agree()
	if w.broken != "" {
		return
	}
	before := w.writes()
	w.repeat()
	w.unreported = true // or so it seems
	w.settle()
	if got := w.writes(); got != before {
		w.breaks("old news makes the product write", got, before)
	}
	w.checkQuiet()
}

// widen is the operator who turns on all rules in the end, and has everybody
// looked at on both sides: then everybody has a counterpart.
func (w *world) widen() {
	w.setRules(bridge.DefaultRules)
	w.retry()
	w.settle()
	w.massSync(nil, false)
	w.settle()
	w.narrow = false
	w.checkQuiet()
}

// checkWrites: every write changed something, but for those where an answer was
// lost, two at once had the same to write, or nobody could know.
func (w *world) checkWrites() {
	if repeats := w.portal.Writes().Repeats; repeats > w.repeatable {
		w.breaks("HubSpot is written to although nothing changes", repeats)
	}
	if w.repeats > w.repeatable {
		w.breaks("Advocate is told the same again", w.repeats)
	}
}

func (w *world) writes() [3]int {
	return [3]int{w.portal.Writes().Writes, w.advocateWrites, len(w.tenant.Conversions())}
}

// retry is the operator who has every contact and every participant with a parked item
// looked at, and the other contacts too where a rule is off, or where names travel,
// whose change nobody tells.
func (w *world) retry() {
	var events []store.Event
	for _, contact := range w.contacts {
		if w.narrow || w.pii || len(w.parked(contact)) > 0 {
			events = append(events, store.Event{
				ConnectionID: w.connection.ID, ContactID: contact, Kind: store.EventResync,
				OccurredAt: time.Now(), DedupeKey: fmt.Sprint("retry/", w.tick, "/", contact),
			})
		}
	}
	if _, err := w.lab.store.AppendEvents(w.ctx, events); err != nil {
		w.t.Fatalf("append events: %v", err)
	}
	w.retryParticipants()
	w.retryDeals()
}

// checkParked: what is still parked after a retry is parked for a true reason.
func (w *world) checkParked() {
	for _, item := range w.allParked() {
		if item.ContactID != "" && w.alive(item.ContactID) && !w.trueCause(item) {
			w.breaks("a contact stays parked for no good reason", item.ContactID, item.Cause)
		}
	}
}

func (w *world) trueCause(item bridge.ParkedItem) bool {
	props, m := w.properties(item.ContactID), w.mapping(item.ContactID)
	named := bridge.Identity{AccountID: props[bridge.PropAccountID], UserID: props[bridge.PropUserID]}
	e := bridge.NormalEmail(props[bridge.PropEmail])
	switch item.Cause {
	case bridge.CauseHalfPair:
		return !named.Empty() && (!named.Complete() || (named.AccountID == m.AccountID) != (named.UserID == m.UserID))
	case bridge.CauseUnknownPair:
		_, exists := w.tenant.User(named.AccountID, named.UserID)
		return named.Complete() && !exists
	case bridge.CauseTakenParticipant: // by another contact, to this moment
		return slices.ContainsFunc(w.contacts, func(contact string) bool {
			return contact != item.ContactID && w.mapping(contact) == bridge.Identity{AccountID: item.AccountID, UserID: item.UserID}
		})
	case bridge.CauseAmbiguousEmail:
		return slices.ContainsFunc(w.tenant.Users(0, 0), func(u advocatetest.User) bool {
			return bridge.NormalEmail(u.Email) == e || u.ID == w.tenant.StoredID(e)
		})
	case bridge.CauseErasurePending:
		return false // all that was heard has been verified by now
	case bridge.CauseCodeDropped:
		return props[bridge.PropReferredByCode] != ""
	case bridge.CauseCookieDropped:
		return props[bridge.PropReferralCookie] != ""
	default:
		return true
	}
}

// repeat tells the product everything that HubSpot ever told, once the inbox has
// forgotten it.
func (w *world) repeat() {
	w.forget()
	w.undelivered = append(w.undelivered, w.raised...)
}
