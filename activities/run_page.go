package activities

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// pageApplier is the work of one page: rows in, one result for each out.
type pageApplier struct {
	conn    ConnectionClients
	run     store.Run
	pages   pages
	hash    hasher
	resumed bool // an earlier attempt may have written some of it
	rows    map[string]store.StagedRow
	results map[string]store.RowResult
	owners  map[string]bridge.Identity // by contact id
	gone    []string                   // contacts that HubSpot does not show any more
	open    map[string]int             // writes of a row that have no answer yet
}

func newPageApplier(a *Pages, conn ConnectionClients, run store.Run, rows []store.StagedRow) *pageApplier {
	w := &pageApplier{conn: conn, run: run, pages: a.pages, hash: a.hash,
		rows: map[string]store.StagedRow{}, results: map[string]store.RowResult{}, owners: map[string]bridge.Identity{}, open: map[string]int{}}
	for _, row := range rows {
		w.rows[strconv.FormatInt(row.Ordinal, 10)] = row
		w.resumed = w.resumed || row.Sending
	}
	return w
}

// apply does the work as far as it gets; settled tells how far that is.
func (w *pageApplier) apply(ctx context.Context) error {
	if err := w.refetchOutdated(ctx); err != nil {
		return err
	}
	updates, unmatched := map[string]store.StagedRow{}, map[string]store.StagedRow{}
	for key, row := range w.rows {
		switch {
		case w.results[key].Result != "": // settled already
		case row.Plan == bridge.PlanUpdate:
			updates[key] = row
		default:
			unmatched[key] = row
		}
	}
	// Rows that are to be matched do not wait until HubSpot takes the others.
	return errors.Join(w.updateMapped(ctx, updates), w.matchOrCreate(ctx, unmatched))
}

// settled returns the results of the rows of which it is known what became.
func (w *pageApplier) settled() []store.RowResult {
	var results []store.RowResult
	for key, r := range w.results {
		if r.Result != "" && w.open[key] == 0 {
			results = append(results, r)
		}
	}
	return results
}

// refetchOutdated reads the participants again that another run has seen newer than their
// rows: what it left undone for them is done with what they are now.
func (w *pageApplier) refetchOutdated(ctx context.Context) error {
	for key, row := range w.rows {
		if !row.Outdated {
			continue
		}
		p, err := w.conn.Advocate.Participant(ctx, row.Participant.AccountID, row.Participant.UserID, w.conn.Sharing.ID)
		switch kind := bridge.KindOf(err); {
		case kind == bridge.NotFound || kind == bridge.DoNotTrack:
			w.settle(key, store.ResultBlocked, "", nil)
			continue
		case err != nil:
			return err
		case bridge.NormalEmail(p.Email) == "":
			w.settle(key, store.ResultNoEmail, "", nil)
			continue
		}
		row.Participant, row.SharedHash = p, w.hash.Properties(bridge.SharedProperties(p, w.conn.Sharing))
		w.rows[key] = row
	}
	return nil
}

// updateMapped writes the shared properties to every mapped contact that does
// not have them yet, as far as we know, nor something newer. Several contacts
// may share a participant, so a row can make several writes.
func (w *pageApplier) updateMapped(ctx context.Context, rows map[string]store.StagedRow) error {
	var writes []portal.Write
	of := map[string]string{} // write key → row key
	for rowKey, row := range rows {
		w.settle(rowKey, store.ResultUnchanged, "", nil)
		for _, contact := range row.Contacts {
			if bytes.Equal(contact.WrittenHash, row.SharedHash) && !w.run.Verify {
				continue
			}
			if contact.Newer {
				w.skipNewer(rowKey, contact)
				continue
			}
			key := rowKey + "." + contact.ContactID
			of[key] = rowKey
			w.open[rowKey]++
			writes = append(writes, portal.Write{
				Key: key, ContactID: contact.ContactID,
				Properties: w.valuesFor(contact, row.Participant),
			})
		}
	}
	return w.write(ctx, writes, of, store.ResultUpdated)
}

// valuesFor is what a mapped contact is to carry of its participant. It has the
// ids since the first write: other ones are a person's, who maps it to another
// participant, and the contact's own life is about to hear of it.
func (w *pageApplier) valuesFor(contact store.MappedContact, p bridge.Participant) bridge.Properties {
	props := bridge.SharedProperties(p, w.conn.Sharing)
	if contact.WrittenHash != nil {
		delete(props, bridge.PropUserID)
		delete(props, bridge.PropAccountID)
	}
	return props
}

// skipNewer keeps off a contact that has something newer than the row. If an
// earlier attempt was about to write, nobody knows which of the two came last.
func (w *pageApplier) skipNewer(rowKey string, contact store.MappedContact) {
	if w.rows[rowKey].Sending {
		r := w.results[rowKey]
		r.Contacts = append(r.Contacts, store.RowContact{ContactID: contact.ContactID, Unsure: true})
		w.results[rowKey] = r
	}
}

// matchOrCreate finds the contacts of unmapped participants by email in one
// read, creates the missing ones and updates the others.
func (w *pageApplier) matchOrCreate(ctx context.Context, rows map[string]store.StagedRow) error {
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
			creates = append(creates, portal.Write{Key: key, Properties: bridge.NewContact(row.Participant, w.conn.Sharing)})
			continue
		}
		if write, free := w.match(key, row, contact); free {
			matches = append(matches, write)
		}
	}
	refound, err := w.create(ctx, creates)
	return errors.Join(err, w.write(ctx, append(matches, refound...), of, store.ResultMatched))
}

// find reads the contacts that have the rows' emails, and whom we know them to
// belong to.
func (w *pageApplier) find(ctx context.Context, rows map[string]store.StagedRow) (map[string]bridge.Contact, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	emails := make([]string, 0, len(rows))
	for _, row := range rows {
		emails = append(emails, row.Participant.Email)
	}
	slices.Sort(emails)
	found, err := w.conn.HubSpot.FindContacts(ctx, bridge.LaneBulk, slices.Compact(emails))
	if err != nil {
		return nil, err
	}
	return found, w.learnOwners(ctx, found)
}

// learnOwners asks whom we know contacts to belong to.
func (w *pageApplier) learnOwners(ctx context.Context, contacts map[string]bridge.Contact) error {
	ids := make([]string, 0, len(contacts))
	for _, contact := range contacts {
		ids = append(ids, contact.ID)
	}
	owners, err := w.pages.MappedTo(ctx, w.conn.ID, ids)
	maps.Copy(w.owners, owners)
	return err
}

// match prepares the write that maps an existing contact, or parks the row if
// the contact names another participant: ids on a contact are a person's word.
func (w *pageApplier) match(key string, row store.StagedRow, contact bridge.Contact) (portal.Write, bool) {
	id := row.Participant.Identity()
	if bridge.MatchContact(id, &contact, w.owners[contact.ID]) == bridge.MatchTaken {
		w.park(key, bridge.CauseTakenContact, nil)
		return portal.Write{}, false
	}
	w.owners[contact.ID] = id // participants may share an email: the first one has it
	want := bridge.SharedProperties(row.Participant, w.conn.Sharing)
	write := portal.Write{Key: key, ContactID: contact.ID, Properties: contact.Properties.Changes(want)}
	if len(write.Properties) == 0 {
		w.settleEqual(key, contact)
		return portal.Write{}, false
	}
	return write, true
}

// settleEqual records a contact that already is as it should be. One that was
// made since the run began, and carries all of the participant's values, was made
// by a call of ours whose answer was lost: in an earlier attempt, or in this one.
func (w *pageApplier) settleEqual(key string, contact bridge.Contact) {
	if contact.CreatedAt.After(w.run.CreatedAt) {
		w.settle(key, store.ResultCreated, contact.ID, &contact)
		return
	}
	w.settle(key, store.ResultMatched, contact.ID, nil)
}

// create makes the missing contacts. One that exists after all, because
// somebody was faster or an earlier attempt got through, is read and comes
// back as a write to an existing contact.
func (w *pageApplier) create(ctx context.Context, creates []portal.Write) ([]portal.Write, error) {
	if len(creates) == 0 {
		return nil, nil
	}
	results, failed := w.conn.HubSpot.CreateContacts(ctx, bridge.LaneBulk, creates)
	holders := map[string]string{}
	for _, c := range creates {
		result, known := results[c.Key]
		if !known {
			continue // failed says why
		}
		switch bridge.KindOf(result.Err) {
		case bridge.Conflict:
			holders[c.Key] = result.ContactID
		case bridge.Invalid:
			if err := w.missingProperty(result.Err); err != nil {
				return nil, err
			}
			w.park(c.Key, bridge.CauseRefusedByHubSpot, result.Err)
		default:
			if result.Err != nil {
				failed = errors.Join(failed, result.Err)
				continue
			}
			w.settle(c.Key, store.ResultCreated, result.ContactID, &bridge.Contact{ID: result.ContactID, Properties: c.Properties})
		}
	}
	writes, err := w.rematch(ctx, holders)
	return writes, errors.Join(failed, err)
}

// rematch finds the contacts of rows whose creation HubSpot refused because
// somebody has their email. holders are the ids that HubSpot named, by row key: its
// answer to a read need not tell by which email it found a contact.
func (w *pageApplier) rematch(ctx context.Context, holders map[string]string) ([]portal.Write, error) {
	late, ids := map[string]store.StagedRow{}, []string{}
	for key, id := range holders {
		late[key] = w.rows[key]
		if id != "" {
			ids = append(ids, id)
		}
	}
	found, err := w.find(ctx, late)
	if err != nil {
		return nil, err
	}
	named, err := w.conn.HubSpot.ReadContacts(ctx, bridge.LaneBulk, ids)
	if err == nil {
		err = w.learnOwners(ctx, named)
	}
	if err != nil {
		return nil, err
	}
	var writes []portal.Write
	for key, row := range late {
		contact, exists := found[bridge.NormalEmail(row.Participant.Email)]
		if !exists {
			contact, exists = named[holders[key]]
		}
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
func (w *pageApplier) write(ctx context.Context, writes []portal.Write, of map[string]string, result store.Result) error {
	if w.resumed || w.run.Verify {
		var err error
		if writes, err = w.differing(ctx, writes, of, result); err != nil {
			return err
		}
	}
	if len(writes) == 0 {
		return nil
	}
	answers, failed := w.conn.HubSpot.UpdateContacts(ctx, bridge.LaneBulk, writes)
	for _, write := range writes {
		answer, known := answers[write.Key]
		if !known {
			continue // failed says why
		}
		switch bridge.KindOf(answer.Err) {
		case bridge.NotFound:
			if result == store.ResultMatched {
				failed = errors.Join(failed, errMatchGone)
				continue
			}
			// Deleted or merged away since: its own life will find out which.
			w.gone = append(w.gone, write.ContactID)
			w.answered(of[write.Key])
		case bridge.Invalid, bridge.Conflict:
			if err := w.missingProperty(answer.Err); err != nil {
				return err
			}
			w.answered(of[write.Key])
			w.park(of[write.Key], bridge.CauseRefusedByHubSpot, answer.Err)
		default:
			if answer.Err != nil {
				failed = errors.Join(failed, answer.Err)
				continue
			}
			w.answered(of[write.Key])
			w.settle(of[write.Key], result, write.ContactID, nil)
		}
	}
	return failed
}

// answered notes that one write of a row has its answer.
func (w *pageApplier) answered(rowKey string) {
	if w.open[rowKey] > 0 {
		w.open[rowKey]--
	}
}

// errMatchGone: the contact that an email led to went before it could be
// written to. The next attempt looks for the email again.
var errMatchGone = &bridge.Error{Kind: bridge.Unavailable, Op: "activities.apply_page", Err: errors.New("a contact went that had been found by its email")}

// missingProperty is the error of a mass sync that meets a portal without one of
// our properties. HubSpot would refuse everybody, and nobody wants a million
// items parked for one reason: the run ends, and tells it.
func (w *pageApplier) missingProperty(refusal error) error {
	if w.run.Kind != store.RunMass || !portal.NoSuchProperty(refusal) {
		return nil
	}
	return &bridge.Error{Kind: bridge.Invalid, Op: "activities.apply_pages",
		Err: errors.New("HubSpot lacks one of our properties; \"starter connect\" makes it again")}
}

// differing drops what already is as it should be: a page whose first attempt got
// through unheard writes nothing twice, and a run that verifies writes only what
// somebody has overwritten.
func (w *pageApplier) differing(ctx context.Context, writes []portal.Write, of map[string]string, result store.Result) ([]portal.Write, error) {
	ids := make([]string, 0, len(writes))
	for _, write := range writes {
		ids = append(ids, write.ContactID)
	}
	now, err := w.conn.HubSpot.ReadContacts(ctx, bridge.LaneBulk, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(writes, func(write portal.Write) bool {
		contact, shown := now[write.ContactID]
		done := shown && len(contact.Properties.Changes(write.Properties)) == 0
		if done {
			w.answered(of[write.Key])
			if !w.resumed && result == store.ResultUpdated {
				w.settle(of[write.Key], store.ResultUnchanged, write.ContactID, nil)
			} else {
				w.settle(of[write.Key], result, write.ContactID, nil)
			}
		}
		return done
	}), nil
}

// settle records what became of a row and which contact it now belongs to. A
// parked row stays parked, whatever became of its other contacts.
func (w *pageApplier) settle(key string, result store.Result, contactID string, created *bridge.Contact) {
	r, row := w.results[key], w.rows[key]
	if r.Result == store.ResultParked {
		return
	}
	r.Ordinal, r.Result = row.Ordinal, result
	if contactID != "" {
		contact := store.RowContact{ContactID: contactID, WrittenHash: row.SharedHash}
		contact.KnownHash, contact.KnownSeq = known(row, contactID)
		if created != nil {
			// All it has came from the participant, so it has nothing to tell it.
			contact.SentHash = w.hash.Change(bridge.ParticipantUpdate(*created, row.Participant.Identity(), w.conn.SharePIIUpdates))
		}
		r.Contacts = append(r.Contacts, contact)
	}
	w.results[key] = r
}

// known is what the ledger said of a contact before it was written to.
func known(row store.StagedRow, contactID string) (hash []byte, seq *int64) {
	for _, contact := range row.Contacts {
		if contact.ContactID == contactID {
			return contact.WrittenHash, &contact.WriteSeq
		}
	}
	return nil, nil
}

func (w *pageApplier) park(key string, cause bridge.Cause, refusal error) {
	p := w.rows[key].Participant
	r := w.results[key]
	r.Ordinal, r.Result = w.rows[key].Ordinal, store.ResultParked
	r.Parked = parkedItem(cause, refusal, p.Email, p.FirstName, p.LastName, p.UserID, p.AccountID, p.ReferralCode, p.ShareLink)
	w.results[key] = r
}
