package advocatetest

import (
	"iter"
	"slices"
	"strings"
)

type userFilter struct {
	And               *[]userFilter `graphql:"AND"`
	Or                *[]userFilter `graphql:"OR"`
	IDEq              *string       `graphql:"id_eq"`
	AccountIDEq       *string       `graphql:"accountId_eq"`
	FirstNameEq       *string       `graphql:"firstName_eq"`
	LastNameEq        *string       `graphql:"lastName_eq"`
	EmailEq           *string       `graphql:"email_eq"`
	EmailExists       *bool         `graphql:"email_exists"`
	LocaleEq          *word         `graphql:"locale_eq"`
	DateBlockedExists *bool         `graphql:"dateBlocked_exists"`
	CustomFields      *node         `graphql:"customFields"`
	SegmentsEq        *string       `graphql:"segments_eq"`
}

// candidates narrows a search by email through the index; anything else reads
// everybody. It needs host.mu.
func (t *Tenant) candidates(f *userFilter) iter.Seq[*user] {
	emails, ok := f.emails()
	if !ok {
		return t.people.all()
	}
	var found []*user
	for _, email := range emails {
		for u := range t.people.withEmail(email) {
			if !slices.Contains(found, u) {
				found = append(found, u)
			}
		}
	}
	slices.SortFunc(found, func(a, b *user) int { return int(a.pos) - int(b.pos) })
	return slices.Values(found)
}

// emails lists the emails a match must have one of, if the filter asks so.
func (f *userFilter) emails() ([]string, bool) {
	if f == nil {
		return nil, false
	}
	if f.EmailEq != nil {
		return []string{*f.EmailEq}, true
	}
	if f.Or == nil {
		return nil, false
	}
	var out []string
	for _, branch := range *f.Or {
		emails, ok := branch.emails()
		if !ok {
			return nil, false
		}
		out = append(out, emails...)
	}
	return out, true
}

// matches joins all conditions with AND. Emails compare as they are written,
// unless the knob folds their case.
func (f *userFilter) matches(t *Tenant, u *user, k Knobs) bool {
	if f == nil {
		return true
	}
	d := u.detail()
	email := f.EmailEq == nil || *f.EmailEq == u.email || k.FoldEmail && strings.EqualFold(*f.EmailEq, u.email)
	segment := f.SegmentsEq == nil || slices.Contains(d.segments, *f.SegmentsEq)
	return email && segment &&
		asked(f.FirstNameEq, u.firstName) && asked(f.LastNameEq, u.lastName) && asked(f.LocaleEq, word(d.locale)) &&
		asked(f.EmailExists, u.email != "") && asked(f.DateBlockedExists, d.blocked != 0) &&
		f.matchesIDs(t, u) && f.matchesCustom(u) && f.matchesNested(t, u, k)
}

// asked is true where the condition was not set, or holds.
func asked[T comparable](want *T, have T) bool { return want == nil || *want == have }

func (f *userFilter) matchesIDs(t *Tenant, u *user) bool {
	return (f.IDEq == nil || t.canonical(*f.IDEq) == u.id) &&
		(f.AccountIDEq == nil || t.canonical(*f.AccountIDEq) == u.accountID)
}

func (f *userFilter) matchesCustom(u *user) bool {
	if f.CustomFields == nil {
		return true
	}
	wanted, ok := f.CustomFields.v.(map[string]any)
	if !ok {
		return false
	}
	have := customMap(u)
	for key, value := range wanted {
		if have[key] != value {
			return false
		}
	}
	return true
}

func (f *userFilter) matchesNested(t *Tenant, u *user, k Knobs) bool {
	if f.And != nil {
		for _, branch := range *f.And {
			if !branch.matches(t, u, k) {
				return false
			}
		}
	}
	return f.Or == nil || slices.ContainsFunc(*f.Or, func(branch userFilter) bool { return branch.matches(t, u, k) })
}
