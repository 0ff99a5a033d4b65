package activities

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// contactSets is how the set path reads and writes contacts, in batches.
type contactSets interface {
	ReadContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error)
	FindContacts(ctx context.Context, lane bridge.Lane, emails []string) (map[string]bridge.Contact, error)
	CreateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error)
	UpdateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error)
}

// pages is the store's side of applying a plan.
type pages interface {
	Run(ctx context.Context, runID int64) (store.Run, error)
	Page(ctx context.Context, runID int64, page int) ([]store.StagedRow, error)
	MarkSending(ctx context.Context, runID int64, page int) error
	FinishPage(ctx context.Context, runID int64, page int, results []store.RowResult) error
	AppendEvents(ctx context.Context, events []store.Event) (int, error)
	MappedTo(ctx context.Context, connectionID string, contactIDs []string) (map[string]bridge.Identity, error)
}

// Pages groups the activities that apply a plan to HubSpot.
type Pages struct {
	links Links
	pages pages
	hash  hasher
}

// NewPages returns the page activities over their dependencies.
func NewPages(links Links, pages pages, hash hasher) *Pages {
	return &Pages{links: links, pages: pages, hash: hash}
}

// ApplyPageInput names one page of a planned run. Pages count from 1.
type ApplyPageInput struct {
	Run
	Page int `json:"page"`
}

// ApplyPageResult counts what became of the page's rows, by result.
type ApplyPageResult struct {
	Results map[store.Result]int `json:"results,omitempty"`
}

// ApplyPage brings up to 100 contacts in step with their participants. The
// page is marked before the first write; a second run that finds the mark
// cannot know what arrived, so it reads before it writes and repeats nothing.
func (a *Pages) ApplyPage(ctx context.Context, in ApplyPageInput) (ApplyPageResult, error) {
	rows, err := a.pages.Page(ctx, in.ID, in.Page)
	if err != nil || len(rows) == 0 {
		return ApplyPageResult{}, retryable(err)
	}
	run, err := a.pages.Run(ctx, in.ID)
	if err != nil {
		return ApplyPageResult{}, retryable(err)
	}
	link, err := a.links.Open(ctx, run.ConnectionID)
	if err != nil {
		return ApplyPageResult{}, retryable(err)
	}
	link.Sharing.ID = run.ProgramID
	if err := a.pages.MarkSending(ctx, in.ID, in.Page); err != nil {
		return ApplyPageResult{}, retryable(err)
	}
	work := newPageWork(a, link, rows)
	results, err := work.apply(ctx)
	a.links.Observe(ctx, link.Connection, err, VendorHubSpot)
	if err != nil {
		return ApplyPageResult{}, retryable(err)
	}
	if err := a.lookAt(ctx, run, work.gone); err != nil {
		return ApplyPageResult{}, retryable(err)
	}
	if err := a.pages.FinishPage(ctx, in.ID, in.Page, results); err != nil {
		return ApplyPageResult{}, retryable(err)
	}
	counts := map[store.Result]int{}
	for _, r := range results {
		counts[r.Result]++
	}
	return ApplyPageResult{Results: counts}, nil
}

// lookAt has contacts looked at by their own lives, once for each run.
func (a *Pages) lookAt(ctx context.Context, run store.Run, contactIDs []string) error {
	if len(contactIDs) == 0 {
		return nil
	}
	events := make([]store.Event, 0, len(contactIDs))
	for _, id := range contactIDs {
		events = append(events, store.Event{
			ConnectionID: run.ConnectionID, ContactID: id, Kind: store.EventResync, OccurredAt: run.ExportedAt,
			DedupeKey: fmt.Sprintf("run %d/%s", run.ID, id),
		})
	}
	_, err := a.pages.AppendEvents(ctx, events)
	return err
}

// pageWork is the work of one page: rows in, one result for each out.
type pageWork struct {
	link    Link
	pages   pages
	hash    hasher
	resumed bool // an earlier attempt may have written some of it
	rows    map[string]store.StagedRow
	results map[string]store.RowResult
	owners  map[string]bridge.Identity // by contact id
	gone    []string                   // contacts that HubSpot does not show any more
}

func newPageWork(a *Pages, link Link, rows []store.StagedRow) *pageWork {
	w := &pageWork{link: link, pages: a.pages, hash: a.hash, rows: map[string]store.StagedRow{}, results: map[string]store.RowResult{}, owners: map[string]bridge.Identity{}}
	for _, row := range rows {
		w.rows[strconv.FormatInt(row.Ordinal, 10)] = row
		w.resumed = w.resumed || row.Sending
	}
	return w
}

func (w *pageWork) apply(ctx context.Context) ([]store.RowResult, error) {
	updates, unmatched := map[string]store.StagedRow{}, map[string]store.StagedRow{}
	for key, row := range w.rows {
		if row.Plan == bridge.PlanUpdate {
			updates[key] = row
		} else {
			unmatched[key] = row
		}
	}
	if err := w.updateMapped(ctx, updates); err != nil {
		return nil, err
	}
	if err := w.matchOrCreate(ctx, unmatched); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Values(w.results)), nil
}

// updateMapped writes the shared properties to every mapped contact that does
// not have them yet, as far as we know. Several contacts may share a
// participant, so a row can make several writes.
func (w *pageWork) updateMapped(ctx context.Context, rows map[string]store.StagedRow) error {
	var writes []portal.Write
	of := map[string]string{} // write key → row key
	for rowKey, row := range rows {
		w.settle(rowKey, store.ResultUnchanged, "", nil)
		for _, contact := range row.Contacts {
			if bytes.Equal(contact.WrittenHash, row.SharedHash) {
				continue
			}
			key := rowKey + "." + contact.ContactID
			of[key] = rowKey
			writes = append(writes, portal.Write{
				Key: key, ContactID: contact.ContactID,
				Properties: bridge.SharedProperties(row.Participant, w.link.Sharing),
			})
		}
	}
	return w.write(ctx, writes, of, store.ResultUpdated)
}

// matchOrCreate finds the contacts of unmapped participants by email in one
// read, creates the missing ones and updates the others.
func (w *pageWork) matchOrCreate(ctx context.Context, rows map[string]store.StagedRow) error {
	found, err := w.find(ctx, rows)
	if err != nil {
		return err
	}
	var creates, matches []portal.Write
	of := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		row := rows[key]
		of[key] = key
		contact, exists := found[bridge.NormalEmail(row.Participant.Email)]
		if !exists {
			creates = append(creates, portal.Write{Key: key, Properties: bridge.NewContact(row.Participant, w.link.Sharing)})
			continue
		}
		if write, free := w.match(key, row, contact); free {
			matches = append(matches, write)
		}
	}
	refound, err := w.create(ctx, creates)
	if err != nil {
		return err
	}
	return w.write(ctx, append(matches, refound...), of, store.ResultMatched)
}

// find reads the contacts that have the rows' emails, and whom we know them to
// belong to.
func (w *pageWork) find(ctx context.Context, rows map[string]store.StagedRow) (map[string]bridge.Contact, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	emails := make([]string, 0, len(rows))
	for _, row := range rows {
		emails = append(emails, bridge.NormalEmail(row.Participant.Email))
	}
	slices.Sort(emails)
	found, err := w.link.HubSpot.FindContacts(ctx, bridge.LaneBulk, slices.Compact(emails))
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(found))
	for _, contact := range found {
		ids = append(ids, contact.ID)
	}
	owners, err := w.pages.MappedTo(ctx, w.link.ID, ids)
	maps.Copy(w.owners, owners)
	return found, err
}

// match prepares the write that maps an existing contact, or parks the row if
// the contact names another participant: ids on a contact are a person's word.
func (w *pageWork) match(key string, row store.StagedRow, contact bridge.Contact) (portal.Write, bool) {
	id, named := row.Participant.Identity(), contact.Identity()
	owner, owned := w.owners[contact.ID]
	if owned && owner != id || !named.Empty() && named != id {
		w.park(key, bridge.CauseTakenContact, nil)
		return portal.Write{}, false
	}
	w.owners[contact.ID] = id // participants may share an email: the first one has it
	want := bridge.SharedProperties(row.Participant, w.link.Sharing)
	write := portal.Write{Key: key, ContactID: contact.ID, Properties: contact.Properties.Changes(want)}
	if len(write.Properties) == 0 {
		w.settle(key, store.ResultMatched, contact.ID, nil)
		return portal.Write{}, false
	}
	return write, true
}

// create makes the missing contacts. One that exists after all, because
// somebody was faster or an earlier attempt got through, is read and comes
// back as a write to an existing contact.
func (w *pageWork) create(ctx context.Context, creates []portal.Write) ([]portal.Write, error) {
	if len(creates) == 0 {
		return nil, nil
	}
	results, err := w.link.HubSpot.CreateContacts(ctx, bridge.LaneBulk, creates)
	if err != nil {
		return nil, err
	}
	late := map[string]store.StagedRow{}
	for _, c := range creates {
		result := results[c.Key]
		switch bridge.KindOf(result.Err) {
		case bridge.Conflict:
			late[c.Key] = w.rows[c.Key]
		case bridge.Invalid:
			w.park(c.Key, bridge.CauseRefusedByHubSpot, result.Err)
		default:
			if result.Err != nil {
				return nil, result.Err
			}
			w.settle(c.Key, store.ResultCreated, result.ContactID, &bridge.Contact{ID: result.ContactID, Properties: c.Properties})
		}
	}
	return w.rematch(ctx, late)
}

func (w *pageWork) rematch(ctx context.Context, late map[string]store.StagedRow) ([]portal.Write, error) {
	found, err := w.find(ctx, late)
	if err != nil {
		return nil, err
	}
	var writes []portal.Write
	for key, row := range late {
		contact, exists := found[bridge.NormalEmail(row.Participant.Email)]
		if !exists {
			// HubSpot says the email is taken but shows nobody who has it.
			w.park(key, bridge.CauseRefusedByHubSpot, nil)
			continue
		}
		if write, free := w.match(key, row, contact); free {
			writes = append(writes, write)
		}
	}
	return writes, nil
}

// write updates existing contacts and records each row's result. of names the
// row of each write.
func (w *pageWork) write(ctx context.Context, writes []portal.Write, of map[string]string, result store.Result) error {
	if w.resumed {
		var err error
		if writes, err = w.differing(ctx, writes, of, result); err != nil {
			return err
		}
	}
	if len(writes) == 0 {
		return nil
	}
	answers, err := w.link.HubSpot.UpdateContacts(ctx, bridge.LaneBulk, writes)
	if err != nil {
		return err
	}
	for _, write := range writes {
		refusal := answers[write.Key].Err
		switch bridge.KindOf(refusal) {
		case bridge.NotFound:
			// Deleted or merged away since: its own life will find out which.
			w.gone = append(w.gone, write.ContactID)
			w.settle(of[write.Key], store.ResultUnchanged, "", nil)
		case bridge.Invalid, bridge.Conflict:
			w.park(of[write.Key], bridge.CauseRefusedByHubSpot, refusal)
		default:
			if refusal != nil {
				return refusal
			}
			w.settle(of[write.Key], result, write.ContactID, nil)
		}
	}
	return nil
}

// differing drops what already is as it should be, so that a page whose first
// attempt got through unheard writes nothing twice.
func (w *pageWork) differing(ctx context.Context, writes []portal.Write, of map[string]string, result store.Result) ([]portal.Write, error) {
	ids := make([]string, 0, len(writes))
	for _, write := range writes {
		ids = append(ids, write.ContactID)
	}
	now, err := w.link.HubSpot.ReadContacts(ctx, bridge.LaneBulk, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(writes, func(write portal.Write) bool {
		contact, shown := now[write.ContactID]
		done := shown && len(contact.Properties.Changes(write.Properties)) == 0
		if done {
			w.settle(of[write.Key], result, write.ContactID, nil)
		}
		return done
	}), nil
}

// settle records what became of a row and which contact it now belongs to. A
// parked row stays parked, whatever became of its other contacts.
func (w *pageWork) settle(key string, result store.Result, contactID string, created *bridge.Contact) {
	r, row := w.results[key], w.rows[key]
	if r.Result == store.ResultParked {
		return
	}
	r.Ordinal, r.Result = row.Ordinal, result
	if contactID != "" {
		contact := store.RowContact{ContactID: contactID, WrittenHash: row.SharedHash}
		if created != nil {
			// All it has came from the participant, so it has nothing to tell it.
			contact.SentHash = w.hash.Change(bridge.ParticipantUpdate(*created, row.Participant.Identity(), w.link.SharePIIUpdates))
		}
		r.Contacts = append(r.Contacts, contact)
	}
	w.results[key] = r
}

func (w *pageWork) park(key string, cause bridge.Cause, refusal error) {
	p := w.rows[key].Participant
	r := w.results[key]
	r.Ordinal, r.Result = w.rows[key].Ordinal, store.ResultParked
	r.Parked = parkedItem(cause, refusal, p.Email, p.FirstName, p.LastName, p.UserID, p.AccountID, p.ReferralCode, p.ShareLink)
	w.results[key] = r
}
