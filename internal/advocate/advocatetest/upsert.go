package advocatetest

import (
	"slices"
	"strings"
	"time"
)

// userInput is what callers may say about a user. A nil field was not sent.
type userInput struct {
	ID                     *string           `json:"id"`
	AccountID              *string           `json:"accountId"`
	Email                  *string           `json:"email"`
	FirstName              *string           `json:"firstName"`
	LastName               *string           `json:"lastName"`
	Locale                 *string           `json:"locale"`
	CountryCode            *string           `json:"countryCode"`
	ImageURL               *string           `json:"imageUrl"`
	Referable              *bool             `json:"referable"`
	Cookies                *string           `json:"cookies"`
	ReferredByCodes        []string          `json:"referredByCodes"`
	ReferralCodes          map[string]string `json:"referralCodes"`
	ShareLinks             map[string]string `json:"shareLinks"`
	CustomFields           map[string]any    `json:"customFields"`
	Segments               []string          `json:"segments"`
	DateUsTaxFormSubmitted *int64            `json:"dateUsTaxFormSubmitted"`
}

type upsertMode int

const (
	upsertUser upsertMode = iota
	createOnly            // an existing user is RS048
)

// upsert creates or updates a user. Nothing is applied if anything is refused.
// It needs host.mu.
func (t *Tenant) upsert(in userInput, mode upsertMode) (*user, *apiError) {
	k := t.host.knobs
	accountID, id, refused := t.identify(in, k)
	if refused != nil {
		return nil, refused
	}
	if _, erased := t.erased[t.erasureHash(accountID, id)]; erased {
		return nil, refuse(k, "RS050", "User %s is marked do not track", deref(in.ID))
	}
	if refused := in.validate(k); refused != nil {
		return nil, refused
	}
	old := t.people.find(accountID, id)
	if old != nil && mode == createOnly {
		return nil, refuse(k, "RS048", "User %s already exists", deref(in.ID))
	}
	if old == nil && t.accountFull(accountID) {
		return nil, refuse(k, "RS013", "Account %s has too many users", deref(in.AccountID))
	}
	referrers, refused := t.referrers(in, k)
	if refused != nil {
		return nil, refused
	}
	if refused := t.checkCodes(in, old, k); refused != nil {
		return nil, refused
	}

	u := &user{id: id, accountID: accountID, created: t.host.millis()}
	if id == accountID {
		u.id = u.accountID // one string in memory instead of two
	}
	if old != nil {
		u = old.edit()
	}
	if old != nil && k.ReplaceOnPut {
		u.email, u.firstName, u.lastName, u.fields = "", "", "", nil
		u.more = &details{codes: u.detail().codes, vanity: u.detail().vanity, referredBy: u.detail().referredBy, blocked: u.detail().blocked}
	}
	in.merge(u)
	for key := range in.CustomFields {
		t.customKeys[key] = struct{}{}
	}
	if old == nil {
		u.stem = stem(u.firstName, u.lastName)
	}
	t.publish(old, u)
	t.setCodes(in, old == nil, u, k)
	t.attribute(u, referrers)
	if old == nil {
		t.emit("user.created", t.webhookUser(u))
	}
	return u, nil
}

// publish stores a new version, touches it (so that it has a code in every live
// program) and stamps it with the server's clock.
func (t *Tenant) publish(old, u *user) {
	u.updated = t.host.millis()
	fresh := t.liveMask() &^ u.programs
	u.programs |= fresh
	if old == nil {
		t.people.add(u)
		return
	}
	if lag := t.host.knobs.VisibilityLag; lag > 0 {
		u.prev = old
		trimHistory(u, u.updated-time.Duration(lag).Milliseconds())
	}
	t.people.swap(old, u)
	for i := range t.programs {
		if fresh&(1<<i) != 0 {
			t.emit("coupon.created", map[string]any{
				"code": t.code(u, i), "dateCreated": u.updated, "programId": t.programs[i].ID,
			})
		}
	}
}

// trimHistory drops the versions that no lagging export can show any more.
func trimHistory(u *user, before int64) {
	for v := u; v != nil; v = v.prev {
		if v.updated <= before {
			v.prev = nil
		}
	}
}

func (t *Tenant) identify(in userInput, k Knobs) (accountID, id string, refused *apiError) {
	if deref(in.AccountID) == "" {
		return "", "", refuse(k, "RS003", "Account id is required")
	}
	if deref(in.ID) == "" {
		return "", "", refuse(k, "RS043", "User id is required")
	}
	accountID, id = t.canonical(*in.AccountID), t.canonical(*in.ID)
	if !t.cfg.VerbatimIDs && accountID != id {
		// The impact.com era of the API wants the two equal.
		return "", "", invalid("accountId must equal id")
	}
	return accountID, id, nil
}

// accountFull applies the vendor's limit of 1000 users an account.
func (t *Tenant) accountFull(accountID string) bool {
	n := 0
	for range t.people.inAccount(accountID) {
		n++
	}
	return n >= 1000
}

// checkCodes refuses wanted codes and vanity links that cannot be given.
func (t *Tenant) checkCodes(in userInput, old *user, k Knobs) *apiError {
	for program, code := range in.ReferralCodes {
		if t.programIndex(program) < 0 {
			return invalid("Unknown program " + program)
		}
		if code == "" {
			return refuse(k, "RS034", "Referral code is empty")
		}
		if holder, _ := t.owner(code); holder != nil && holder != old {
			return refuse(k, "RS034", "Referral code %s is taken", code)
		}
	}
	for program, link := range in.ShareLinks {
		if t.programIndex(program) < 0 || !strings.HasPrefix(link, "https://"+t.cfg.ShareDomain+"/") {
			return refuse(k, "RS053", "Vanity share link %s is invalid", link)
		}
	}
	return nil
}

// setCodes needs codes that checkCodes let pass, and a version not yet seen by
// others: it runs under the same lock as publish.
func (t *Tenant) setCodes(in userInput, created bool, u *user, k Knobs) {
	if !created && k.KeepCodesOnUpsert {
		return
	}
	for program, code := range in.ReferralCodes {
		u.programs |= 1 << t.programIndex(program)
		d := u.grow()
		d.codes = setText(d.codes, program, code)
		t.customCodes[codeKey{program, code}] = u.pos
	}
	for program, link := range in.ShareLinks {
		d := u.grow()
		d.vanity = setText(d.vanity, program, link)
	}
}

func setText(list []programText, program, text string) []programText {
	for i := range list {
		if list[i].program == program {
			list[i].text = text
			return list
		}
	}
	return append(list, programText{program, text})
}

// merge applies the fields that were sent. Custom fields merge key by key; null
// removes a key.
func (in userInput) merge(u *user) {
	set(&u.email, in.Email)
	set(&u.firstName, in.FirstName)
	set(&u.lastName, in.LastName)
	if in.Locale != nil {
		u.grow().locale = *in.Locale
	}
	if in.CountryCode != nil {
		u.grow().country = *in.CountryCode
	}
	if in.ImageURL != nil {
		u.grow().imageURL = *in.ImageURL
	}
	if in.Referable != nil && (!*in.Referable || u.more != nil) {
		u.grow().unreferable = !*in.Referable
	}
	if in.DateUsTaxFormSubmitted != nil {
		u.grow().taxForm = *in.DateUsTaxFormSubmitted
	}
	for key, value := range in.CustomFields {
		i, found := slices.BinarySearchFunc(u.fields, key, func(f customField, key string) int {
			return strings.Compare(f.key, key)
		})
		switch {
		case value == nil && found:
			u.fields = slices.Delete(u.fields, i, i+1)
		case value == nil:
		case found:
			u.fields[i].value = value
		default:
			u.fields = slices.Insert(u.fields, i, customField{key, value})
		}
	}
	for _, op := range in.Segments {
		d := u.grow()
		switch {
		case op == "~*":
			d.segments = nil
		case strings.HasPrefix(op, "~"):
			d.segments = slices.DeleteFunc(d.segments, func(s string) bool { return s == op[1:] })
		case !slices.Contains(d.segments, op):
			d.segments = append(d.segments, op)
		}
	}
}

func set(dst, src *string) {
	if src != nil {
		*dst = *src
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
