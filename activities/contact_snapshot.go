package activities

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// contactSync is one sync of one contact.
type contactSync struct {
	*Contacts
	records  contactRecords
	conn     ConnectionClients
	in       SyncContactInput
	contact  *bridge.Contact // as a batch read shows it, or from the recycle bin
	survivor *bridge.Contact // the contact it was merged into
	known    store.Known

	decision    bridge.ContactDecision
	participant bridge.Participant // that the decision depends on, as Advocate has it
	emailHolder *bridge.Contact    // another live contact that has the participant's email

	admitted bool // the guard has admitted its deletion

	judged  bool                   // the guard was asked about its deletion, together with others
	verdict bridge.DeletionVerdict // its answer
}

// probeAfter is the number of misses after which a contact is traced by single
// reads, even if no deletion of it was heard.
const probeAfter = 3

// snapshot reads the contact first and our own records after it, so that our
// records are never older than the contact they are compared with.
func (c *contactSync) snapshot(ctx context.Context) (bridge.ContactSnapshot, error) {
	if err := c.readAndRecall(ctx); err != nil {
		return bridge.ContactSnapshot{}, err
	}
	s := bridge.ContactSnapshot{
		Contact:      c.contact,
		Hints:        c.in.Hints,
		GraceElapsed: c.in.GraceElapsed,
		ErasureHeld:  c.in.ErasureHeld,
		Grace:        c.hold,
		Seen:         c.known.Seen(),
		Guarded:      c.known.Ledger.State == bridge.StateAwaitingApproval,
		Mapping:      c.known.Mapping,
		Former:       c.former(),
		RemovedAt:    c.removedAt(),
		Rules:        c.conn.Rules,
		AwaitedAsNew: c.known.Ledger.State == bridge.StateAwaitingEmail && c.known.Ledger.AwaitedAsNew,
		DoNotTrack:   c.refusedBefore() && c.sent(),
		Sent:         c.sent(),
		Stale:        c.stale(),
		HalfErased:   c.known.HalfErased(),
	}
	if c.survivor != nil {
		s.MergedInto = c.survivor.ID
	}
	err := c.erased(ctx, &s)
	if err != nil {
		return s, err
	}
	if c.gone() && !s.HalfErased && c.known.Ledger.State != bridge.StateErased {
		if s.HalfErased, err = c.survivorErased(ctx); err != nil {
			return s, err
		}
	}
	if !c.gone() || s.Mapping == nil {
		return s, nil
	}
	if s.Shared, err = c.shared(ctx); err != nil || s.Shared || !s.GraceElapsed {
		return s, err
	}
	s.EmailShared, err = c.emailShared(ctx)
	return s, err
}

// readAndRecall reads the contact, and then our own records of it. Hints that were
// heard earlier and given up count again. If they announce a deletion, or an erasure
// broke off half-way, a contact that HubSpot does not show is traced as well.
func (c *contactSync) readAndRecall(ctx context.Context) (err error) {
	for traced := c.mayHaveEnded(); ; traced = true {
		if err := c.read(ctx, traced); err != nil {
			return err
		}
		if c.known, err = c.records.Known(ctx, c.conn.ID, c.in.ContactID); err != nil {
			return err
		}
		c.in.Hints = c.in.Hints.Merge(c.known.Unfinished)
		if traced || c.contact != nil || !c.mayHaveEnded() && !c.known.HalfErased() {
			return nil
		}
	}
}

// mayHaveEnded reports whether a deletion or merge of the contact was heard, or is
// likely.
func (c *contactSync) mayHaveEnded() bool {
	h := c.in.Hints
	return !h.DeletedAt.IsZero() || !h.MergedAt.IsZero() || !h.ErasedAt.IsZero() || c.in.Misses >= probeAfter
}

// survivorErased reports whether the contact was merged into one that was erased since.
// HubSpot no longer shows that merge, but both contacts are one person.
func (c *contactSync) survivorErased(ctx context.Context) (bool, error) {
	survivors, err := c.store.Survivors(ctx, c.conn.ID, c.in.ContactID)
	if err != nil || len(survivors) == 0 {
		return false, err
	}
	keys := make([][]byte, len(survivors))
	for i, survivor := range survivors {
		keys[i] = c.hash.ContactID(survivor)
	}
	return c.store.Erased(ctx, c.conn.ID, keys...)
}

// read reads the contact, in a batch with others. A contact that HubSpot does not
// show is traced only if trace is set, because that takes single reads. If HubSpot
// answers with another id, the contact was merged into that one: it becomes the
// survivor.
func (c *contactSync) read(ctx context.Context, trace bool) error {
	contact, err := c.find(ctx, trace)
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
		return nil
	case err != nil:
		return err
	case contact.ID != c.in.ContactID:
		c.survivor = &contact
	default:
		c.contact = &contact
	}
	return nil
}

// find begins with the recycle bin if the guard has admitted the deletion: nearly
// all such contacts are there, and one read is then enough.
func (c *contactSync) find(ctx context.Context, trace bool) (bridge.Contact, error) {
	if c.admitted {
		archived, err := c.conn.HubSpot.Archived(ctx, c.in.ContactID)
		if bridge.KindOf(err) != bridge.NotFound {
			return archived, err
		}
	}
	contact, err := c.conn.HubSpot.Contact(ctx, c.in.ContactID)
	if bridge.KindOf(err) == bridge.NotFound && trace {
		return c.conn.HubSpot.Trace(ctx, c.in.ContactID)
	}
	return contact, err
}

func (c *contactSync) gone() bool {
	return c.survivor == nil && (c.contact == nil || c.contact.Archived)
}

// former returns the mapping to the participant that was deleted with this contact,
// or nil.
func (c *contactSync) former() *bridge.Mapping {
	for _, f := range c.known.Former {
		if f.Ending == bridge.EndedDeleted {
			return &f.Mapping
		}
	}
	return nil
}

// removedAt returns when we learned that Advocate's staff had deleted the contact's
// participant; zero if they have not.
func (c *contactSync) removedAt() time.Time {
	for _, f := range c.known.Former {
		if f.Ending == bridge.EndedRemoved {
			return f.EndedAt
		}
	}
	return time.Time{}
}

// shared reports whether another contact that may be live is mapped to the
// participant. A merged contact counts, because its survivor may not be mapped yet.
// A contact that HubSpot does not show counts, because it may be new: only the
// recycle bin proves a deletion, and if it was erased, that erasure deals with the
// participant.
func (c *contactSync) shared(ctx context.Context) (bool, error) {
	others, err := c.store.SharedWith(ctx, c.conn.ID, c.in.ContactID)
	if err != nil {
		return false, err
	}
	for _, id := range others {
		contact, err := c.conn.HubSpot.Trace(ctx, id)
		if err == nil && !contact.Archived || bridge.KindOf(err) == bridge.NotFound {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// emailShared reports whether another live contact has the participant's email, or an
// email of this contact's that leads to the participant. The participant is then that
// contact's as well.
func (c *contactSync) emailShared(ctx context.Context) (bool, error) {
	m := c.known.Mapping.Identity()
	p, err := c.conn.Advocate.Participant(ctx, m.AccountID, m.UserID, c.conn.Sharing.ID)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	theirs := bridge.NormalEmail(p.Email)
	if shared, err := c.heldByAnother(ctx, theirs); shared || err != nil {
		return shared, err
	}
	if c.contact == nil || c.contact.Email() == theirs {
		return false, nil
	}
	if held, err := c.heldByAnother(ctx, c.contact.Email()); !held || err != nil {
		return false, err
	}
	return c.leadsTo(ctx, c.contact.Email(), m)
}

// heldByAnother looks for a live contact that has an email, which becomes the
// emailHolder. If it is this contact, it was restored since it was read.
func (c *contactSync) heldByAnother(ctx context.Context, email string) (bool, error) {
	if email == "" {
		return false, nil
	}
	holder, err := c.conn.HubSpot.Holder(ctx, email)
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
		return false, nil
	case err != nil:
		return false, err
	case holder.ID == c.in.ContactID:
		return false, errRestored()
	}
	c.emailHolder = &holder
	return true, nil
}

// leadsTo reports whether Advocate finds a participant by an email, as whoever has it
// would be matched.
func (c *contactSync) leadsTo(ctx context.Context, email string, id bridge.Identity) (bool, error) {
	byID, byEmail, err := c.conn.Advocate.Find(ctx, email, c.conn.Sharing.ID)
	if err != nil {
		return false, err
	}
	return byID != nil && byID.Identity() == id ||
		slices.ContainsFunc(byEmail, func(p bridge.Participant) bool { return p.Identity() == id }), nil
}

// errRestored returns the error of a sync that read the contact in the recycle bin, and
// then found it live: it is retried, and reads the contact again.
func errRestored() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "activities.sync_contact", RetryAfter: time.Second,
		Err: errors.New("the contact was restored during its sync")}
}

// erased looks for tombstones of the person, and of the participant that the
// contact's ids name, which may be somebody else.
func (c *contactSync) erased(ctx context.Context, s *bridge.ContactSnapshot) error {
	if s.Tombstone = c.known.Erased; s.Tombstone || c.contact == nil {
		return nil
	}
	if emails := c.emailHashes(); len(emails) > 0 {
		block, err := c.records.Blocked(ctx, c.conn.ID, emails...)
		if s.Tombstone = block == store.Lasting; err != nil || s.Tombstone {
			return err
		}
		s.Blocked = block == store.Provisional
	}
	if id := c.contact.Identity(); id.Complete() {
		block, err := c.records.Blocked(ctx, c.conn.ID, c.hash.Identity(id))
		s.ErasedIDs, s.Blocked = block == store.Lasting, s.Blocked || block == store.Provisional
		return err
	}
	return nil
}

// sent reports whether Advocate has answered the inputs that this contact has now.
func (c *contactSync) sent() bool {
	if c.contact == nil || c.known.Ledger.SentHash == nil {
		return false
	}
	return bytes.Equal(c.inputsHash(c.counterpart()), c.known.Ledger.SentHash)
}

// counterpart returns the participant that the contact is mapped to, or else the
// ids of the one it would get.
func (c *contactSync) counterpart() bridge.Identity {
	if c.known.Mapping != nil {
		return c.known.Mapping.Identity()
	}
	return bridge.Identity{AccountID: c.contact.Email(), UserID: c.contact.Email()}
}

// refusedBefore reports whether the last upsert was refused for good, or was undone
// because the person had been erased.
func (c *contactSync) refusedBefore() bool {
	state := c.known.Ledger.State
	return state == bridge.StateDoNotTrack || state == bridge.StateErased && c.known.Mapping == nil
}

// stale reports whether the contact's values differ from those that HubSpot last
// accepted from us. The ids do not count; they are decided about separately.
func (c *contactSync) stale() bool {
	if c.contact == nil || c.known.Mapping == nil {
		return false
	}
	carried, m := c.contact.Shared(), c.known.Mapping
	carried[bridge.PropUserID], carried[bridge.PropAccountID] = m.UserID, m.AccountID
	return !bytes.Equal(c.hash.Properties(carried), c.known.Ledger.WrittenHash)
}

// inputsHash returns the hash of everything that the contact would send to the
// participant now.
func (c *contactSync) inputsHash(id bridge.Identity) []byte {
	return c.hash.Change(bridge.ParticipantUpdate(*c.contact, id, c.conn.SharePIIUpdates))
}

// emailHash returns the hash of the contact's email, by which the person is
// recognised after everything else is gone; nil without an email.
func (c *contactSync) emailHash() []byte {
	if c.contact == nil || c.contact.Email() == "" {
		return nil
	}
	return c.hash.Email(c.contact.Email())
}

// emailHashes returns the hashes of all emails of the contact. Each of them
// identifies the person.
func (c *contactSync) emailHashes() [][]byte {
	var hashes [][]byte
	if primary := c.emailHash(); primary != nil {
		hashes = append(hashes, primary)
	}
	for _, email := range c.contact.OtherEmails() {
		hashes = append(hashes, c.hash.Email(email))
	}
	return hashes
}

// newOtherEmails returns the hashes of the emails besides the primary one,
// ascending, or nil if they are those that we know.
func (c *contactSync) newOtherEmails() [][]byte {
	if c.contact == nil {
		return nil
	}
	others := [][]byte{}
	for _, email := range c.contact.OtherEmails() {
		others = append(others, c.hash.Email(email))
	}
	slices.SortFunc(others, bytes.Compare)
	if slices.EqualFunc(others, c.known.OtherEmails, bytes.Equal) {
		return nil
	}
	return others
}
