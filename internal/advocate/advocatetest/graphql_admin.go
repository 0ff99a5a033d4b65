package advocatetest

import (
	"context"
	"net/http"
	"slices"
	"strings"

	graphql "github.com/graph-gophers/graphql-go"
)

type programResolver struct {
	p       Program
	created int64
}

func (r *programResolver) ID() graphql.ID           { return graphql.ID(r.p.ID) }
func (r *programResolver) Name() string             { return r.p.Name }
func (r *programResolver) Status() string           { return r.p.Status }
func (r *programResolver) DateCreated() long        { return long(r.created) }
func (r *programResolver) LastActivatedDate() *long { v := long(r.created); return &v }

type programList struct {
	data  []*programResolver
	total int
}

func (l *programList) Data() *[]*programResolver { return &l.data }
func (l *programList) Count() int32              { return int32(len(l.data)) }
func (l *programList) TotalCount() long          { return long(l.total) }

type programFilter struct {
	IDEq             *graphql.ID   `graphql:"id_eq"`
	IDIn             *[]graphql.ID `graphql:"id_in"`
	NameEq           *string       `graphql:"name_eq"`
	StatusEq         *string       `graphql:"status_eq"`
	StatusNe         *string       `graphql:"status_ne"`
	StatusIn         *[]string     `graphql:"status_in"`
	ReferralsEnabled *bool
}

func (f *programFilter) matches(p Program) bool {
	if f == nil {
		return true
	}
	return (f.IDEq == nil || string(*f.IDEq) == p.ID) &&
		(f.IDIn == nil || slices.Contains(*f.IDIn, graphql.ID(p.ID))) &&
		(f.NameEq == nil || *f.NameEq == p.Name) &&
		(f.StatusEq == nil || *f.StatusEq == p.Status) &&
		(f.StatusNe == nil || *f.StatusNe != p.Status) &&
		(f.StatusIn == nil || slices.Contains(*f.StatusIn, p.Status)) &&
		(f.ReferralsEnabled == nil || *f.ReferralsEnabled != p.NoReferrals)
}

// Programs lists the tenant's programs in the order they were set up.
func (r *rootResolver) Programs(ctx context.Context, args struct {
	Filter *programFilter
	Limit  int32
	Offset int32
}) (*programList, error) {
	if err := r.host.page(args.Limit, args.Offset, r.host.Knobs().MaxPage); err != nil {
		return nil, err
	}
	t := tenantFrom(ctx)
	r.host.mu.RLock()
	defer r.host.mu.RUnlock()
	all := []*programResolver{}
	for _, p := range t.programs {
		if args.Filter.matches(p) {
			all = append(all, &programResolver{p, t.started})
		}
	}
	return &programList{data: window(all, args.Limit, args.Offset), total: len(all)}, nil
}

// Program looks one program up.
func (r *rootResolver) Program(ctx context.Context, args struct{ ID graphql.ID }) *programResolver {
	t := tenantFrom(ctx)
	r.host.mu.RLock()
	defer r.host.mu.RUnlock()
	i := t.programIndex(string(args.ID))
	if i < 0 {
		return nil
	}
	return &programResolver{t.programs[i], t.started}
}

// DeleteUser answers an absent user with the vendor's not-found code.
func (r *rootResolver) DeleteUser(ctx context.Context, args struct {
	AccountID, ID                    string
	DoNotTrack, PreserveEmptyAccount bool
}) (bool, error) {
	t := tenantFrom(ctx)
	r.host.mu.Lock()
	found := t.remove(args.AccountID, args.ID, args.DoNotTrack, args.PreserveEmptyAccount)
	r.host.mu.Unlock()
	if !found {
		return false, r.host.noUser(t, args.AccountID, args.ID)
	}
	return true, nil
}

// DeleteAccount deletes an account and everybody on it.
func (r *rootResolver) DeleteAccount(ctx context.Context, args struct {
	AccountID  string
	DoNotTrack bool
}) (bool, error) {
	t := tenantFrom(ctx)
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	if !t.removeAccount(args.AccountID, args.DoNotTrack) {
		return false, refuse(r.host.knobs, "RS041", "Account %s not found", args.AccountID)
	}
	return true, nil
}

type identifier struct {
	hash    string
	created int64
}

func (i *identifier) Hash() string      { return i.hash }
func (i *identifier) DateCreated() long { return long(i.created) }

type identifierList struct {
	data  []*identifier
	total int
}

func (l *identifierList) Data() []*identifier { return l.data }
func (l *identifierList) Count() int32        { return int32(len(l.data)) }
func (l *identifierList) TotalCount() long    { return long(l.total) }

// CalculateUserDoNotTrackIdentifierHash is the one-way mark of a pair of ids.
func (r *rootResolver) CalculateUserDoNotTrackIdentifierHash(ctx context.Context, args struct{ ID, AccountID string }) string {
	return tenantFrom(ctx).erasureHash(args.AccountID, args.ID)
}

// UserDoNotTrackIdentifiers lists the marks, oldest first.
func (r *rootResolver) UserDoNotTrackIdentifiers(ctx context.Context, args struct{ Limit, Offset int32 }) (*identifierList, error) {
	if err := r.host.page(args.Limit, args.Offset, r.host.Knobs().MaxPage); err != nil {
		return nil, err
	}
	t := tenantFrom(ctx)
	r.host.mu.RLock()
	defer r.host.mu.RUnlock()
	out := &identifierList{data: []*identifier{}, total: len(t.erasedOrder)}
	for _, hash := range window(t.erasedOrder, args.Limit, args.Offset) {
		out.data = append(out.data, &identifier{hash, t.erased[hash]})
	}
	return out, nil
}

type deletedCount struct{ n int }

func (d deletedCount) DeletedCount() long { return long(d.n) }

// DeleteUserDoNotTrackIdentifier lets an identity register again.
func (r *rootResolver) DeleteUserDoNotTrackIdentifier(ctx context.Context, args struct{ ID, AccountID string }) deletedCount {
	t := tenantFrom(ctx)
	hash := t.erasureHash(args.AccountID, args.ID)
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	if !t.liftDoNotTrack(hash) {
		return deletedCount{}
	}
	return deletedCount{1}
}

type jobResolver struct {
	e    *export
	now  int64
	link string // empty until there is a file
}

func (r *jobResolver) ID() graphql.ID                                { return graphql.ID(r.e.id) }
func (r *jobResolver) Type() word                                    { return word("QUERY/" + r.e.kind) }
func (r *jobResolver) Name() *string                                 { return optional(r.e.name) }
func (r *jobResolver) Requester() *string                            { return optional(r.e.requester) }
func (r *jobResolver) DateCreated() *long                            { v := long(r.e.created); return &v }
func (r *jobResolver) OutputFormat() *string                         { return optional("CSV") }
func (r *jobResolver) Params() *node                                 { return &node{r.e.paramsOrEmpty()} }
func (r *jobResolver) DownloadURL(struct{ PublicLink bool }) *string { return optional(r.link) }

func (r *jobResolver) DateCompleted() *long { return r.ended(0) }
func (r *jobResolver) DateExpires() *long   { return r.ended(exportRetention.Milliseconds()) }

func (r *jobResolver) ended(plus int64) *long {
	if r.now < r.e.due {
		return nil
	}
	v := long(r.e.due + plus)
	return &v
}

// Status has no word for expired: such a job stays completed, without a link.
func (r *jobResolver) Status() string {
	if s := r.e.status(r.now); s != Expired {
		return s
	}
	return Completed
}

func (r *jobResolver) Stats() *jobStats {
	if r.now < r.e.due {
		return nil
	}
	return &jobStats{len(r.e.rows)}
}

type jobStats struct{ n int }

func (s *jobStats) RecordsProcessed() long { return long(s.n) }
func (s *jobStats) Errors() long           { return 0 }

// job needs host.mu.
func (r *rootResolver) job(t *Tenant, e *export) *jobResolver {
	out := &jobResolver{e: e, now: r.host.millis()}
	if e.status(out.now) == Completed {
		out.link = r.host.linkFor(r.host.knobs.PublicURL, t, e.id)
	}
	return out
}

// Job looks an export up.
func (r *rootResolver) Job(ctx context.Context, args struct{ ID graphql.ID }) *jobResolver {
	t := tenantFrom(ctx)
	r.host.mu.RLock()
	defer r.host.mu.RUnlock()
	e := t.export(string(args.ID))
	if e == nil {
		return nil
	}
	return r.job(t, e)
}

type jobInput struct {
	Type         word
	Name         *string
	Requester    *string
	OutputFormat *string
	MailtoEmail  *string
	Params       *node
}

// CreateJob starts an export, like POST /export.
func (r *rootResolver) CreateJob(ctx context.Context, args struct{ JobInput jobInput }) (*jobResolver, error) {
	kind, isQuery := strings.CutPrefix(string(args.JobInput.Type), "QUERY/")
	if !isQuery {
		return nil, &apiError{Message: "The stand-in runs QUERY jobs only", StatusCode: http.StatusNotImplemented}
	}
	params, err := args.JobInput.Params.bytes()
	if err != nil {
		return nil, invalid("params: " + err.Error())
	}
	t := tenantFrom(ctx)
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	e, refused := t.startExport(exportRequest{
		Type: kind, Format: deref(args.JobInput.OutputFormat), Name: deref(args.JobInput.Name),
		Requester: deref(args.JobInput.Requester), MailtoMail: deref(args.JobInput.MailtoEmail), Params: params,
	})
	if refused != nil {
		return nil, refused
	}
	return r.job(t, e), nil
}

type subscriptionResolver struct{ s subscription }

func (r subscriptionResolver) EndpointURL() string  { return r.s.EndpointURL }
func (r subscriptionResolver) Name() *string        { return optional(r.s.Name) }
func (r subscriptionResolver) WebhookTypes() []word { return words(r.s.WebhookTypes) }

// UpsertWebhookSubscription chooses what an endpoint hears about.
func (r *rootResolver) UpsertWebhookSubscription(ctx context.Context, args struct {
	WebhookSubscriptionInput struct {
		EndpointURL  string
		Name         *string
		WebhookTypes *[]word
	}
}) (subscriptionResolver, error) {
	in := args.WebhookSubscriptionInput
	var types []string
	if in.WebhookTypes != nil {
		types = []string{}
		for _, op := range *in.WebhookTypes {
			types = append(types, string(op))
		}
	}
	t := tenantFrom(ctx)
	r.host.mu.Lock()
	defer r.host.mu.Unlock()
	s, refused := t.subscribe(in.EndpointURL, deref(in.Name), types)
	if refused != nil {
		return subscriptionResolver{}, refused
	}
	return subscriptionResolver{*s}, nil
}
