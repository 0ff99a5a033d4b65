package activities

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
	"advocatesync/internal/store"
)

// PagesAtOnce is how many pages of one connection a worker syncs at once: as many as
// keep HubSpot's limit busy, at two calls for a page that takes some two seconds.
const PagesAtOnce = 12

// ContactBatches groups the activities that sync pages of contacts.
type ContactBatches struct {
	contacts *Contacts
	turns    *turns
}

// NewContactBatches returns the activities that sync a page of contacts at a time,
// each contact as contacts does.
func NewContactBatches(contacts *Contacts) *ContactBatches {
	return &ContactBatches{contacts: contacts, turns: newTurns("activities.sync_contacts", PagesAtOnce)}
}

// HeardContact is a contact and what HubSpot told us about it.
type HeardContact struct {
	ContactID string       `json:"contact_id"`
	Hints     bridge.Hints `json:"hints"`
}

// SyncContactsInput names at most a hundred contacts of one connection, each once.
type SyncContactsInput struct {
	ConnectionID string         `json:"connection_id"`
	Contacts     []HeardContact `json:"contacts"`
	GraceElapsed bool           `json:"held,omitempty"` // their deletions were held for the grace period

	// MayHold says that the workflow can hold deletions. One of an earlier release
	// cannot, and its activities may be run by this one.
	MayHold bool `json:"may_hold,omitempty"`
}

// SyncContactsResult counts the outcomes, and names the contacts whose deletion is
// in its grace period.
type SyncContactsResult struct {
	Settled  int `json:"settled"`
	Deferred int `json:"deferred,omitempty"` // left to their own workflows

	// InGrace are the contacts to sync again, with the same hints, after Grace.
	InGrace []string      `json:"held,omitempty"`
	Grace   time.Duration `json:"hold,omitempty"`
}

// SyncContacts does what SyncContact does, concurrently for a page of contacts:
// their calls are made at about the same time, so they share batches. A contact
// that needs time (HubSpot does not show it yet, a vendor fails on it, another workflow
// holds its lease) is left to its own workflow, with its hints; only deletions are
// held by the page, because they come in numbers. The activity fails, to be retried,
// if our own database does, if a vendor fails on most of the page, or if many pages of
// the connection are at work already.
func (a *ContactBatches) SyncContacts(ctx context.Context, in SyncContactsInput) (SyncContactsResult, error) {
	conn, err := a.contacts.connections.Open(ctx, in.ConnectionID)
	switch {
	case errors.Is(err, bridge.ErrSuspended):
		return a.deferred(ctx, in.ConnectionID, SyncContactsResult{Deferred: len(in.Contacts)}, in.Contacts, true)
	case bridge.KindOf(err) == bridge.NotFound: // disconnected: nothing to do
		return SyncContactsResult{}, nil
	case err != nil:
		return SyncContactsResult{}, retryable(err)
	}
	release, err := a.turns.take(ctx, conn.ID)
	if err != nil {
		return SyncContactsResult{}, retryable(err)
	}
	defer release()
	got, err := a.contacts.store.LeaseContacts(ctx, conn.ID, holder(ctx), leaseTime, idsOf(in.Contacts)...)
	if err != nil {
		return SyncContactsResult{}, retryable(err)
	}
	p := page{contacts: a.contacts, records: newPageRecords(a.contacts.store, conn.ID), conn: conn, graceElapsed: in.GraceElapsed, mayHold: in.MayHold}
	err = p.sync(ctx, in.Contacts, got)
	p.records.Close()
	if err := errors.Join(err, a.contacts.store.ReleaseContacts(ctx, conn.ID, holder(ctx), got...)); err != nil {
		return SyncContactsResult{}, retryable(err)
	}
	if outage := p.outage(len(in.Contacts)); outage != nil && a.contacts.now().Sub(scheduledAt(ctx)) < pagePatience {
		return SyncContactsResult{}, retryable(outage)
	}
	p.left = append(p.left, p.failed...)
	result := SyncContactsResult{Settled: len(in.Contacts) - len(p.left) - len(p.inGrace), Deferred: len(p.left)}
	if len(p.inGrace) > 0 {
		slices.Sort(p.inGrace)
		result.InGrace, result.Grace = p.inGrace, a.contacts.hold
	}
	return a.deferred(ctx, conn.ID, result, p.left, false)
}

// pagePatience is how long a page that a vendor fails on stays together. After that its
// contacts go on in their own workflows, which say what is wrong with each.
const pagePatience = 10 * time.Minute

// scheduledAt returns when the workflow asked for an activity; zero for tests that call
// one directly.
func scheduledAt(ctx context.Context) time.Time {
	if !activity.IsActivity(ctx) {
		return time.Time{}
	}
	return activity.GetInfo(ctx).ScheduledTime
}

func idsOf(contacts []HeardContact) []string {
	ids := make([]string, len(contacts))
	for i, heard := range contacts {
		ids[i] = heard.ContactID
	}
	return ids
}

// deferred puts contacts back into the inbox: for their own workflows or, in bulk, for
// another page.
func (a *ContactBatches) deferred(ctx context.Context, connectionID string, result SyncContactsResult, left []HeardContact, bulk bool) (SyncContactsResult, error) {
	requests := make([]store.SyncRequest, len(left))
	for i, heard := range left {
		requests[i] = store.SyncRequest{ContactID: heard.ContactID, Hints: heard.Hints, Bulk: bulk}
	}
	if err := a.contacts.store.RequestSync(ctx, connectionID, requests...); err != nil {
		return SyncContactsResult{}, retryable(err)
	}
	return result, nil
}

// page is one sync of a page of contacts.
type page struct {
	contacts     *Contacts
	records      *pageRecords
	conn         ConnectionClients
	graceElapsed bool
	mayHold      bool
	verdicts     map[string]bridge.DeletionVerdict // on the deletions of the page's contacts

	mu      sync.Mutex
	left    []HeardContact // to their own workflows
	inGrace []string       // contacts whose deletion is held
	failed  []HeardContact // with err, or errors like it
	err     error
}

// sync syncs the contacts whose ids are in mayWork, and leaves the others.
func (p *page) sync(ctx context.Context, contacts []HeardContact, mayWork []string) (err error) {
	free := make(map[string]bool, len(mayWork))
	for _, id := range mayWork {
		free[id] = true
	}
	if p.verdicts, err = p.judge(ctx, contacts, free); err != nil {
		return err
	}
	p.conn.Advocate = p.conn.Batched
	company := batching.NewCompany(len(mayWork))
	// At Advocate, a page ends before the calls of the next one begin.
	ctx = outbound.InTurn(outbound.Yielding(company.With(ctx)))
	var work sync.WaitGroup
	for _, heard := range contacts {
		if !free[heard.ContactID] {
			p.note(heard, left)
			continue
		}
		work.Go(func() {
			defer company.Leave()
			p.note(heard, p.syncOne(ctx, heard))
		})
	}
	work.Wait()
	return nil
}

// judge asks the guard about all deletions of the page at once.
func (p *page) judge(ctx context.Context, contacts []HeardContact, free map[string]bool) (map[string]bridge.DeletionVerdict, error) {
	var deleted []string
	for _, heard := range contacts {
		if free[heard.ContactID] && heard.Hints.DeletionAlone() {
			deleted = append(deleted, heard.ContactID)
		}
	}
	if len(deleted) == 0 {
		return nil, nil
	}
	return p.contacts.store.DueDeletions(ctx, p.conn.ID, p.graceElapsed, deleted...)
}

// outcome is what becomes of one contact of a page.
type outcome int

const (
	settled outcome = iota // nothing is left to do
	inGrace                // its deletion is held
	left                   // its own workflow goes on with it
	failed                 // a vendor, or our database, failed
)

// fails keeps one of the errors that contacts met, if possible one that may pass.
func (p *page) fails(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil || retried(err) {
		p.err = err
	}
}

func (p *page) note(heard HeardContact, o outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch o {
	case inGrace:
		p.inGrace = append(p.inGrace, heard.ContactID)
	case left:
		p.left = append(p.left, heard)
	case failed:
		p.failed = append(p.failed, heard)
	case settled:
	}
}

// outage returns the error that most of the page's contacts met, if any. It says more of
// the vendor than of the contacts: in their own workflows, thousands of them would stand
// before whatever comes next.
func (p *page) outage(contacts int) error {
	if len(p.failed) <= contacts/2 || !retried(p.err) {
		return nil
	}
	return p.err
}

func (p *page) syncOne(ctx context.Context, heard HeardContact) outcome {
	if !heard.Hints.ErasedAt.IsZero() {
		return left // the contact's own workflow blocks the person before it calls any vendor
	}
	c := contactSync{Contacts: p.contacts, records: p.records, conn: p.conn, in: SyncContactInput{
		ConnectionID: p.conn.ID, ContactID: heard.ContactID, Hints: heard.Hints, GraceElapsed: p.graceElapsed,
	}}
	if heard.Hints.DeletionAlone() {
		c.judged, c.verdict = true, p.verdicts[heard.ContactID]
	}
	result, err := c.run(ctx)
	switch err = c.recordFailure(ctx, err); {
	case err != nil:
		p.fails(err)
		return failed
	case result.Action == bridge.HoldDeletion && p.mayHold:
		return inGrace
	case result.State == bridge.StateMissing, result.Hold != 0, result.Action == bridge.DoubtErasure:
		return left
	default:
		return settled
	}
}
