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
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
)

// pageApplier does the work of one page: it turns rows into one result for each.
type pageApplier struct {
	conn    ConnectionClients
	run     store.Run
	store   *store.Store
	hash    *seal.Hasher
	resumed bool // an earlier attempt may have written some of it
	rows    map[string]store.StagedRow
	results map[string]store.RowResult
	owners  map[string]bridge.Identity // by contact id
	gone    []string                   // contacts that HubSpot no longer shows
	open    map[string]int             // writes of a row that have no answer yet
	counts  map[string]store.Result    // what a row counts as once HubSpot has its writes
}

func newPageApplier(a *Pages, conn ConnectionClients, run store.Run, rows []store.StagedRow) *pageApplier {
	w := &pageApplier{conn: conn, run: run, store: a.store, hash: a.hash,
		rows: map[string]store.StagedRow{}, results: map[string]store.RowResult{}, owners: map[string]bridge.Identity{}, open: map[string]int{}, counts: map[string]store.Result{}}
	for _, row := range rows {
		w.rows[strconv.FormatInt(row.Ordinal, 10)] = row
		w.resumed = w.resumed || row.Sending
	}
	return w
}

// apply does as much of the work as it can; settled returns the results so far.
func (w *pageApplier) apply(ctx context.Context) error {
	unread := w.refetchOutdated(ctx)
	updates, unmatched := map[string]store.StagedRow{}, map[string]store.StagedRow{}
	for key, row := range w.rows {
		switch {
		case w.results[key].Result != "": // settled already
		case row.Outdated: // not read again
		case row.Plan == bridge.PlanUpdate:
			updates[key] = row
		default:
			unmatched[key] = row
		}
	}
	// Rows to be matched go on even if HubSpot refuses the others.
	return errors.Join(unread, w.updateMapped(ctx, updates), w.matchOrCreate(ctx, unmatched))
}

// settled returns the results of the rows that have one.
func (w *pageApplier) settled() []store.RowResult {
	var results []store.RowResult
	for key, r := range w.results {
		if r.Result != "" && w.open[key] == 0 {
			results = append(results, r)
		}
	}
	return results
}

// refetchOutdated reads those participants again of whom another run has seen newer
// values than in their rows, and uses what they are now. A participant that cannot be
// read waits for the next attempt. After a few attempts it is left to a retry of its
// own, which can tell an outage from a participant that Advocate fails on.
func (w *pageApplier) refetchOutdated(ctx context.Context) error {
	var unread error
	for key, row := range w.rows {
		if !row.Outdated {
			continue
		}
		p, err := w.conn.Advocate.Participant(ctx, row.Participant.AccountID, row.Participant.UserID, w.conn.Sharing.ID)
		switch kind := bridge.KindOf(err); {
		case kind == bridge.NotFound || kind == bridge.DoNotTrack:
			w.settle(key, store.ResultBlocked, "", nil)
			continue
		case refused(err), portal.Fails(err) && portal.MayGiveUp(ctx, true):
			w.park(key, bridge.CauseUnreachable, err)
			w.results[key].Parked.RetrySoon = true
			continue
		case err != nil:
			unread = errors.Join(unread, err)
			continue
		case bridge.NormalEmail(p.Email) == "":
			w.settle(key, store.ResultNoEmail, "", nil)
			continue
		}
		row.Participant, row.SharedHash, row.Outdated = p, w.hash.Properties(bridge.SharedProperties(p, w.conn.Sharing)), false
		w.rows[key] = row
	}
	return unread
}

// updateMapped writes the shared properties to every mapped contact that, as far as
// we know, has neither these nor newer ones. Several contacts may share a
// participant, so a row can cause several writes.
func (w *pageApplier) updateMapped(ctx context.Context, rows map[string]store.StagedRow) error {
	if err := w.countUpdates(ctx, rows); err != nil {
		return err
	}
	var writes []portal.Write
	of := map[string]string{} // write key → row key
	for rowKey, row := range rows {
		w.settleUnwritten(rowKey)
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
	return w.write(ctx, writes, of)
}

// countUpdates decides what the rows of mapped participants count as. An earlier
// attempt may have created or matched the contact and died before it recorded that,
// and the contact's own workflow may have mapped it since.
func (w *pageApplier) countUpdates(ctx context.Context, rows map[string]store.StagedRow) error {
	var ids []string
	for key, row := range rows {
		w.counts[key] = store.ResultUpdated
		if row.Sending && row.Planned == bridge.PlanMatchOrCreate {
			w.counts[key] = store.ResultMatched
			for _, contact := range row.Contacts {
				ids = append(ids, contact.ContactID)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	contacts, err := w.conn.HubSpot.ReadContacts(ctx, bridge.LaneBulk, ids)
	if err != nil {
		return err
	}
	for key, row := range rows {
		if w.counts[key] == store.ResultMatched && slices.ContainsFunc(row.Contacts, func(c store.MappedContact) bool {
			return contacts[c.ContactID].CreatedAt.After(w.run.CreatedAt)
		}) {
			w.counts[key] = store.ResultCreated
		}
	}
	return nil
}

// settleUnwritten records what a mapped row counts as if none of its contacts has
// to be written; a write replaces that result. If an earlier attempt was sending
// its values, HubSpot has them from that attempt.
func (w *pageApplier) settleUnwritten(key string) {
	if w.rows[key].Sending {
		w.settle(key, w.counts[key], "", nil)
		return
	}
	w.settle(key, store.ResultUnchanged, "", nil)
}

// valuesFor returns the properties to write to a mapped contact. It leaves out the
// ids, which the contact has had since the first write: other ids are those of a
// person who re-maps it, and the contact's own workflow handles that.
func (w *pageApplier) valuesFor(contact store.MappedContact, p bridge.Participant) bridge.Properties {
	props := bridge.SharedProperties(p, w.conn.Sharing)
	if contact.WrittenHash != nil {
		delete(props, bridge.PropUserID)
		delete(props, bridge.PropAccountID)
	}
	return props
}

// skipNewer skips a contact that has newer values than the row. If an earlier
// attempt was about to write, nobody knows which of the two writes came last.
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
		of[key], w.counts[key] = key, store.ResultMatched
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
	return errors.Join(err, w.write(ctx, append(matches, refound...), of))
}

// find reads the contacts that have the rows' emails, and the participants that
// they are mapped to.
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

// learnOwners reads the participants that contacts are mapped to.
func (w *pageApplier) learnOwners(ctx context.Context, contacts map[string]bridge.Contact) error {
	ids := make([]string, 0, len(contacts))
	for _, contact := range contacts {
		ids = append(ids, contact.ID)
	}
	owners, err := w.store.MappedTo(ctx, w.conn.ID, ids)
	maps.Copy(w.owners, owners)
	return err
}

// match prepares the write that maps an existing contact, or parks the row if the
// contact names another participant: a person may have written those ids.
func (w *pageApplier) match(key string, row store.StagedRow, contact bridge.Contact) (portal.Write, bool) {
	id := row.Participant.Identity()
	if bridge.MatchContact(id, &contact, w.owners[contact.ID]) == bridge.MatchTaken {
		w.park(key, bridge.CauseTakenContact, nil)
		item := w.results[key].Parked
		item.Holder, item.HolderSeenAt = contact.ID, row.ReadAt // once the contact is free, the row is retried
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

// settleEqual records a contact that already has the right values. If it was
// created since the run began, a call of ours created it and the answer was lost,
// in this attempt or an earlier one: the row counts as created.
func (w *pageApplier) settleEqual(key string, contact bridge.Contact) {
	if contact.CreatedAt.After(w.run.CreatedAt) {
		w.settle(key, store.ResultCreated, contact.ID, &contact)
		return
	}
	w.settle(key, store.ResultMatched, contact.ID, nil)
}

// create creates the missing contacts. A contact that exists after all, because
// somebody was faster or an earlier attempt got through, is read and returned as a
// write to an existing contact.
func (w *pageApplier) create(ctx context.Context, creates []portal.Write) ([]portal.Write, error) {
	if len(creates) == 0 {
		return nil, nil
	}
	results, failed := w.conn.HubSpot.CreateContacts(ctx, bridge.LaneBulk, creates)
	refusals := map[string]portal.Result{}
	for _, c := range creates {
		result, known := results[c.Key]
		if !known {
			continue // failed says why
		}
		switch bridge.KindOf(result.Err) {
		case bridge.Conflict:
			refusals[c.Key] = result
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
	writes, err := w.rematch(ctx, refusals)
	return writes, errors.Join(failed, err)
}

// rematch finds the contacts of rows whose creation HubSpot refused because another
// contact has the email. The refusals, by row key, name that contact: the answer to a
// read need not say by which email HubSpot found a contact.
func (w *pageApplier) rematch(ctx context.Context, refusals map[string]portal.Result) ([]portal.Write, error) {
	late, ids := map[string]store.StagedRow{}, []string{}
	for key, refusal := range refusals {
		late[key] = w.rows[key]
		if refusal.ContactID != "" {
			ids = append(ids, refusal.ContactID)
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
			contact, exists = named[refusals[key].ContactID]
		}
		if !exists {
			// HubSpot says that the email is taken, but shows no contact with it.
			w.park(key, bridge.CauseRefusedByHubSpot, refusals[key].Err)
			continue
		}
		if write, free := w.match(key, row, contact); free {
			writes = append(writes, write)
		}
	}
	return writes, nil
}

// write updates existing contacts and records each row's result. of maps each write
// to its row.
func (w *pageApplier) write(ctx context.Context, writes []portal.Write, of map[string]string) error {
	if w.resumed || w.run.Verify {
		var err error
		if writes, err = w.differing(ctx, writes, of); err != nil {
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
			if w.rows[of[write.Key]].Plan == bridge.PlanMatchOrCreate {
				failed = errors.Join(failed, errMatchGone)
				continue
			}
			// Deleted or merged away since: its own workflow finds out which.
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
			w.settle(of[write.Key], w.counts[of[write.Key]], write.ContactID, nil)
		}
	}
	return failed
}

// answered records that one write of a row has its answer.
func (w *pageApplier) answered(rowKey string) {
	if w.open[rowKey] > 0 {
		w.open[rowKey]--
	}
}

// errMatchGone: the contact that was matched by email was gone before it could be
// written to. The next attempt searches for the email again.
var errMatchGone = &bridge.Error{Kind: bridge.Unavailable, Op: "activities.apply_page", Err: errors.New("a contact went that had been found by its email")}

// missingProperty returns the error that ends a mass sync in a portal that lacks
// one of our properties. HubSpot would refuse every contact, so one reason is
// better than a million parked items.
func (w *pageApplier) missingProperty(refusal error) error {
	if w.run.Kind != store.RunMass || !portal.NoSuchProperty(refusal) {
		return nil
	}
	return &bridge.Error{Kind: bridge.Invalid, Op: "activities.apply_pages", Err: errMissingProperty}
}

// errMissingProperty ends a page: HubSpot refuses every write while the property is
// missing.
var errMissingProperty = errors.New("HubSpot lacks one of our properties; \"starter connect\" makes it again")

// differing drops the writes that would change nothing: a page whose first attempt
// got through writes nothing twice, and a run that verifies writes only what
// somebody has overwritten.
func (w *pageApplier) differing(ctx context.Context, writes []portal.Write, of map[string]string) ([]portal.Write, error) {
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
			result := w.counts[of[write.Key]]
			if !w.resumed && result == store.ResultUpdated {
				result = store.ResultUnchanged
			}
			w.answered(of[write.Key])
			w.settle(of[write.Key], result, write.ContactID, nil)
		}
		return done
	}), nil
}

// settle records the result of a row and the contact that it now belongs to. A
// parked row stays parked, whatever the results for its other contacts.
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
			// All its values came from the participant, so it has nothing to send.
			contact.SentHash = w.hash.Change(bridge.ParticipantUpdate(*created, row.Participant.Identity(), w.conn.SharePIIUpdates))
		}
		r.Contacts = append(r.Contacts, contact)
	}
	w.results[key] = r
}

// known returns what the ledger said of a contact before the write.
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
