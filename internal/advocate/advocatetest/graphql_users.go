package advocatetest

import (
	"context"
	"errors"

	graphql "github.com/graph-gophers/graphql-go"
)

// userResolver renders one user, as it was when it was looked up.
type userResolver struct {
	t    *Tenant // for codes and links, as a frozen copy
	u    *user
	base string // of message links
}

// resolver needs host.mu.
func (t *Tenant) resolver(u *user) *userResolver {
	return &userResolver{t.frozen(), u, t.host.knobs.PublicURL}
}

func (r *userResolver) ID() string                { return r.u.id }
func (r *userResolver) AccountID() string         { return r.u.accountID }
func (r *userResolver) FirstName() *string        { return optional(r.u.firstName) }
func (r *userResolver) LastName() *string         { return optional(r.u.lastName) }
func (r *userResolver) Email() *string            { return optional(r.u.email) }
func (r *userResolver) ImageURL() *string         { return optional(r.u.detail().imageURL) }
func (r *userResolver) Locale() *word             { return (*word)(optional(r.u.detail().locale)) }
func (r *userResolver) CountryCode() *word        { return (*word)(optional(r.u.detail().country)) }
func (r *userResolver) EmailHash() *string        { return optional(emailHashCell(r.u.email)) }
func (r *userResolver) Segments() []word          { return words(r.u.detail().segments) }
func (r *userResolver) ReferredByCodes() []string { return referredBy(r.u.detail()) }
func (r *userResolver) CustomFields() *node       { return &node{customMap(r.u)} }
func (r *userResolver) ReferralCodes() node       { return node{r.t.referralCodes(r.u)} }
func (r *userResolver) ProgramShareLinks() *node  { return &node{r.t.programShareLinks(r.u)} }

func (r *userResolver) Referable() *bool {
	yes := !r.u.detail().unreferable
	return &yes
}

func (r *userResolver) DateCreated() *long {
	v := long(r.u.created)
	return &v
}

func (r *userResolver) DateBlocked() *long {
	if r.u.detail().blocked == 0 {
		return nil
	}
	v := long(r.u.detail().blocked)
	return &v
}

// ReferralCode reads only: asking for a code does not make one.
func (r *userResolver) ReferralCode(args struct{ ProgramID *graphql.ID }) *string {
	program := r.t.programIndex(idOf(args.ProgramID))
	if program < 0 {
		return nil
	}
	return optional(r.t.code(r.u, program))
}

func (r *userResolver) ShareLink(args struct {
	ProgramID        *graphql.ID
	ShareMedium      string
	EngagementMedium string
	UseCleanLink     bool
}) *string {
	program := r.t.programIndex(idOf(args.ProgramID))
	if program < 0 {
		return nil
	}
	if args.UseCleanLink {
		return optional(r.t.cleanLink(r.u, program))
	}
	return optional(r.t.shareLink(r.u, program, args.EngagementMedium, args.ShareMedium))
}

func (r *userResolver) MessageLink(args struct {
	ProgramID        *graphql.ID
	ShareMedium      string
	EngagementMedium string
}) *string {
	program := r.t.programIndex(idOf(args.ProgramID))
	if program < 0 {
		return nil
	}
	return optional(r.t.messageLink(r.base, r.u, program, args.EngagementMedium, args.ShareMedium))
}

type userList struct {
	data  []*userResolver
	total int
}

func (l *userList) Data() []*userResolver { return l.data }
func (l *userList) Count() int32          { return int32(len(l.data)) }
func (l *userList) TotalCount() long      { return long(l.total) }

// User looks one user up by any form of its ids.
func (r *rootResolver) User(ctx context.Context, args struct{ AccountID, ID string }) *userResolver {
	t := tenantFrom(ctx)
	r.host.mu.RLock()
	defer r.host.mu.RUnlock()
	u := t.people.find(t.canonical(args.AccountID), t.canonical(args.ID))
	if u == nil {
		return nil
	}
	return t.resolver(u)
}

type usersArgs struct {
	Filter *userFilter
	Query  *string
	Limit  int32
	Offset int32
	SortBy *[]struct{ Field, Order string }
}

// Users lists in the order of creation. The vendor publishes no sortable field,
// so sorting is refused; so is the deprecated free-text query.
func (r *rootResolver) Users(ctx context.Context, args usersArgs) (*userList, error) {
	k := r.host.Knobs()
	if err := r.host.page(args.Limit, args.Offset, k.MaxPage); err != nil {
		return nil, err
	}
	if args.SortBy != nil || args.Query != nil {
		return nil, invalid("sortBy and query are not served here")
	}
	t := tenantFrom(ctx)
	r.host.mu.RLock()
	defer r.host.mu.RUnlock()
	out := &userList{data: []*userResolver{}}
	for u := range t.candidates(args.Filter) {
		if !args.Filter.matches(t, u, k) {
			continue
		}
		if out.total >= int(args.Offset) && len(out.data) < int(args.Limit) {
			out.data = append(out.data, t.resolver(u))
		}
		out.total++
	}
	return out, nil
}

type graphUserInput struct {
	ID, AccountID, FirstName, LastName, Email *string
	ImageURL, Cookies                         *string
	Locale, CountryCode                       *word
	Referable                                 *bool
	ReferredByCodes                           *[]string
	Segments                                  *[]word
	ReferralCodes, ShareLinks, CustomFields   *node
	DateUsTaxFormSubmitted                    *long
}

func (in graphUserInput) plain() (userInput, error) {
	out := userInput{
		ID: in.ID, AccountID: in.AccountID, FirstName: in.FirstName, LastName: in.LastName, Email: in.Email,
		ImageURL: in.ImageURL, Locale: (*string)(in.Locale), CountryCode: (*string)(in.CountryCode), Cookies: in.Cookies, Referable: in.Referable,
	}
	if in.ReferredByCodes != nil {
		out.ReferredByCodes = *in.ReferredByCodes
	}
	if in.Segments != nil {
		for _, op := range *in.Segments {
			out.Segments = append(out.Segments, string(op))
		}
	}
	if in.DateUsTaxFormSubmitted != nil {
		ms := int64(*in.DateUsTaxFormSubmitted)
		out.DateUsTaxFormSubmitted = &ms
	}
	for _, m := range []struct {
		src *node
		dst any
	}{{in.ReferralCodes, &out.ReferralCodes}, {in.ShareLinks, &out.ShareLinks}, {in.CustomFields, &out.CustomFields}} {
		if err := m.src.into(m.dst); err != nil {
			return out, invalid("userInput: " + err.Error())
		}
	}
	return out, nil
}

func (r *rootResolver) write(ctx context.Context, in graphUserInput, mode upsertMode) (*userResolver, error) {
	plain, err := in.plain()
	if err != nil {
		return nil, err
	}
	t := tenantFrom(ctx)
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	u, refused := t.upsert(plain, mode)
	if refused != nil {
		return nil, refused
	}
	return t.resolver(u), nil
}

// CreateUser refuses a user that exists.
func (r *rootResolver) CreateUser(ctx context.Context, args struct{ UserInput graphUserInput }) (*userResolver, error) {
	return r.write(ctx, args.UserInput, createOnly)
}

// UpsertUser creates or updates.
func (r *rootResolver) UpsertUser(ctx context.Context, args struct{ UserInput graphUserInput }) (*userResolver, error) {
	return r.write(ctx, args.UserInput, upsertUser)
}

// upsertResult is a user or what was wrong with it.
type upsertResult struct {
	user *userResolver
	err  *apiError
}

func (r *upsertResult) ToUser() (*userResolver, bool) { return r.user, r.user != nil }
func (r *upsertResult) ToAPIError() (*errorResolver, bool) {
	return &errorResolver{r.err}, r.err != nil
}

type errorResolver struct{ e *apiError }

func (r *errorResolver) Message() string   { return r.e.Message }
func (r *errorResolver) StatusCode() int32 { return int32(r.e.StatusCode) }
func (r *errorResolver) RSCode() *string   { return r.e.RSCode }

// UpsertUsers answers item by item; one refusal does not touch the others.
func (r *rootResolver) UpsertUsers(ctx context.Context, args struct{ UserInputs []graphUserInput }) ([]*upsertResult, error) {
	if len(args.UserInputs) > 100 {
		return nil, invalid("at most 100 inputs")
	}
	out := []*upsertResult{}
	for _, in := range args.UserInputs {
		u, err := r.write(ctx, in, upsertUser)
		var refused *apiError
		if errors.As(err, &refused) {
			out = append(out, &upsertResult{err: refused})
			continue
		}
		out = append(out, &upsertResult{user: u})
	}
	return out, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
