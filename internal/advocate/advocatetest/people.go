package advocatetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// User is a participant as the tests and the demo see it.
type User struct {
	ID              string            `json:"id"`
	AccountID       string            `json:"account_id"`
	Email           string            `json:"email"`
	FirstName       string            `json:"first_name"`
	LastName        string            `json:"last_name"`
	ReferralCodes   map[string]string `json:"referral_codes"` // by program
	ShareLinks      map[string]string `json:"share_links"`    // by program; UNKNOWN engagement, DIRECT share
	CustomFields    map[string]any    `json:"custom_fields"`
	ReferredByCodes []string          `json:"referred_by_codes"`
	DateCreated     int64             `json:"date_created"` // ms, server clock
	DateUpdated     int64             `json:"date_updated"` // ms, server clock
	Blocked         bool              `json:"blocked"`
}

func (t *Tenant) describe(u *user) User {
	out := User{
		ID: u.id, AccountID: u.accountID, Email: u.email, FirstName: u.firstName, LastName: u.lastName,
		ReferralCodes: t.referralCodes(u), ShareLinks: map[string]string{}, CustomFields: customMap(u),
		ReferredByCodes: referredBy(u.detail()), DateCreated: u.created, DateUpdated: u.updated, Blocked: u.detail().blocked != 0,
	}
	for i, p := range t.programs {
		if link := t.shareLink(u, i, "UNKNOWN", "DIRECT"); link != "" {
			out.ShareLinks[p.ID] = link
		}
	}
	return out
}

// Join makes a participant as the vendor's widget does when somebody signs up:
// id and account id are the email as typed.
func (t *Tenant) Join(email, firstName, lastName string, referredBy ...string) (User, error) {
	return t.Put(User{ID: email, AccountID: email, Email: email, FirstName: firstName, LastName: lastName, ReferredByCodes: referredBy})
}

// Put creates or updates a participant under the same rules as the API. Empty
// fields are left alone.
func (t *Tenant) Put(u User) (User, error) {
	in := userInput{ID: &u.ID, AccountID: &u.AccountID, ReferredByCodes: u.ReferredByCodes, CustomFields: u.CustomFields, ReferralCodes: u.ReferralCodes}
	for _, f := range []struct {
		dst **string
		src *string
	}{{&in.Email, &u.Email}, {&in.FirstName, &u.FirstName}, {&in.LastName, &u.LastName}} {
		if *f.src != "" {
			*f.dst = f.src
		}
	}
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	stored, refused := t.upsert(in, upsertUser)
	if refused != nil {
		return User{}, refused
	}
	return t.describe(stored), nil
}

// Edit changes a participant behind the API's back, as staff in the portal can:
// any name and email goes. The ids of a participant never change.
func (t *Tenant) Edit(accountID, id string, change func(*User)) (User, error) {
	return t.alter(accountID, id, func(u *user) error {
		d := t.describe(u)
		d.CustomFields = maps.Clone(d.CustomFields)
		change(&d)
		u.email, u.firstName, u.lastName = d.Email, d.FirstName, d.LastName
		t.setFields(u, d.CustomFields)
		return nil
	})
}

// ChangeCode gives a participant a new primary code in a program. The former
// code goes on attributing to them.
func (t *Tenant) ChangeCode(accountID, id, program, code string) (User, error) {
	return t.alter(accountID, id, func(u *user) error {
		if t.programIndex(program) < 0 {
			return fmt.Errorf("advocatetest: no program %s", program)
		}
		if holder, _ := t.owner(code); holder != nil && holder.pos != u.pos {
			return fmt.Errorf("advocatetest: code %s is taken", code)
		}
		u.programs |= 1 << t.programIndex(program)
		u.grow().codes = setText(u.more.codes, program, code)
		t.customCodes[codeKey{program, code}] = u.pos
		return nil
	})
}

// Block stops a participant from referring, or lets them refer again.
func (t *Tenant) Block(accountID, id string, blocked bool) (User, error) {
	return t.alter(accountID, id, func(u *user) error {
		u.grow().blocked = 0
		if blocked {
			u.more.blocked = t.host.millis()
		}
		return nil
	})
}

func (t *Tenant) alter(accountID, id string, change func(*user) error) (User, error) {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	old := t.people.find(t.canonical(accountID), t.canonical(id))
	if old == nil {
		return User{}, refuse(t.host.knobs, "RS042", "User %s not found", id)
	}
	u := old.edit()
	if err := change(u); err != nil {
		return User{}, err
	}
	t.publish(old, u)
	return t.describe(u), nil
}

// Delete removes a participant; it is false if there was none. doNotTrack keeps
// the identity from ever coming back.
func (t *Tenant) Delete(accountID, id string, doNotTrack bool) bool {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	return t.remove(accountID, id, doNotTrack, true)
}

// LiftDoNotTrack lets an erased identity come back, as staff can; it is false if
// the identity was not marked.
func (t *Tenant) LiftDoNotTrack(accountID, id string) bool {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	return t.liftDoNotTrack(t.erasureHash(accountID, id))
}

// liftDoNotTrack needs host.mu.
func (t *Tenant) liftDoNotTrack(hash string) bool {
	_, marked := t.erased[hash]
	delete(t.erased, hash)
	t.erasedOrder = slices.DeleteFunc(t.erasedOrder, func(x string) bool { return x == hash })
	return marked
}

// User looks a participant up by any form of their ids.
func (t *Tenant) User(accountID, id string) (User, bool) {
	t.host.mu.RLock()
	defer t.host.mu.RUnlock()
	u := t.people.find(t.canonical(accountID), t.canonical(id))
	if u == nil {
		return User{}, false
	}
	return t.describe(u), true
}

// Users lists up to limit participants from offset on, oldest first; a limit of
// 0 means all.
func (t *Tenant) Users(limit, offset int) []User {
	t.host.mu.RLock()
	defer t.host.mu.RUnlock()
	out := []User{}
	skipped := 0
	for u := range t.people.all() {
		if skipped < offset {
			skipped++
			continue
		}
		if limit > 0 && len(out) == limit {
			break
		}
		out = append(out, t.describe(u))
	}
	return out
}

// Count is the number of participants.
func (t *Tenant) Count() int {
	t.host.mu.RLock()
	defer t.host.mu.RUnlock()
	return t.people.live
}

// Erased reports whether that identity, in any form, is marked do-not-track.
func (t *Tenant) Erased(accountID, id string) bool {
	t.host.mu.RLock()
	defer t.host.mu.RUnlock()
	_, erased := t.erased[t.erasureHash(accountID, id)]
	return erased
}

// StoredID is the form in which the tenant stores and returns an id.
func (t *Tenant) StoredID(id string) string { return t.canonical(id) }

// Seed adds n participants at once: no webhooks, no validation, no check for
// ids that exist already. fill makes the i-th; empty ids become the email,
// DateCreated and DateUpdated (ms) default to now. Codes are always generated.
func (t *Tenant) Seed(n int, fill func(i int) User) {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	now, mask := t.host.millis(), t.liveMask()
	t.people.users = slices.Grow(t.people.users, n)
	for i := range n {
		in := fill(i)
		u := &user{
			email: in.Email, firstName: in.FirstName, lastName: in.LastName, stem: stem(in.FirstName, in.LastName),
			id: t.canonical(cmp.Or(in.ID, in.Email)), created: cmp.Or(in.DateCreated, now), programs: mask,
		}
		u.updated = cmp.Or(in.DateUpdated, u.created)
		u.accountID = u.id
		if in.AccountID != "" && in.AccountID != in.ID {
			u.accountID = t.canonical(in.AccountID)
		}
		t.setFields(u, in.CustomFields)
		t.people.add(u)
	}
}

// setFields replaces all custom fields.
func (t *Tenant) setFields(u *user, fields map[string]any) {
	u.fields = nil
	if len(fields) > 0 {
		u.fields = make([]customField, 0, len(fields))
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		u.fields = append(u.fields, customField{key, fields[key]})
		t.customKeys[key] = struct{}{}
	}
}
