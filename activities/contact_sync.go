package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
)

// liveContacts reads and writes one contact on the live path.
type liveContacts interface {
	Contact(ctx context.Context, id string) (bridge.Contact, error)
	// Trace also finds contacts that were merged away or archived.
	Trace(ctx context.Context, id string) (bridge.Contact, error)
	Archived(ctx context.Context, id string) (bridge.Contact, error)
	UpdateContact(ctx context.Context, id string, props bridge.Properties) error
	Holder(ctx context.Context, email string) (bridge.Contact, error)
}

// participants is the part of the Advocate client that the sync of a contact calls.
type participants interface {
	Find(ctx context.Context, email, programID string) (byID *bridge.Participant, byEmail []bridge.Participant, err error)
	Participant(ctx context.Context, accountID, userID, programID string) (bridge.Participant, error)
	Upsert(ctx context.Context, change bridge.ParticipantChange, programID string) (bridge.Participant, error)
	Delete(ctx context.Context, accountID, userID string, doNotTrack bool) error
	SetContactID(ctx context.Context, id bridge.Identity, contactID string) error
}

// Contacts groups the activities of one contact's workflow.
type Contacts struct {
	connections Connections
	store       *store.Store
	hash        *seal.Hasher
	hold        time.Duration
	now         func() time.Time
}

// NewContacts returns the contact activities over their dependencies. hold is
// how long a deletion waits for a privacy deletion, a merge or a restore that
// may belong to it.
func NewContacts(connections Connections, s *store.Store, hold time.Duration, now func() time.Time) *Contacts {
	return &Contacts{connections: connections, store: s, hash: s.Hasher(), hold: hold, now: now}
}

// SyncContactInput names a contact and what HubSpot told us about it.
type SyncContactInput struct {
	ConnectionID string       `json:"connection_id"`
	ContactID    string       `json:"contact_id"`
	Hints        bridge.Hints `json:"hints"`
	Misses       int          `json:"looks,omitempty"` // earlier syncs that did not find it
	GraceElapsed bool         `json:"held,omitempty"`  // its deletion was held for the grace period
	// ErasureHeld is how long an unconfirmed privacy deletion has been held.
	ErasureHeld time.Duration `json:"erasure_held,omitempty"`
}

// SyncContactResult is the decision and the contact's state after it.
type SyncContactResult struct {
	Action bridge.Action `json:"action"`
	Reason bridge.Reason `json:"reason"`
	State  bridge.State  `json:"state"`

	// Hold is how long to wait before the next sync, with HoldDeletion and HoldErasure.
	Hold time.Duration `json:"hold,omitempty"`
}

// SyncContact reads a contact as it is now, decides, and brings both sides in step:
// the participant first, then the mapping, then the contact. A second run after a
// crash at any point finds what the first one did and continues. It parks work that
// needs a person itself, because a vendor's message must not enter a workflow
// history; an error means "try again". If the connection is suspended, the hints go
// back to the inbox, where they may wait for weeks.
func (a *Contacts) SyncContact(ctx context.Context, in SyncContactInput) (SyncContactResult, error) {
	if !in.Hints.ErasedAt.IsZero() { // before any vendor is called, and even if the connection is suspended
		if err := a.store.BlockErasure(ctx, in.ConnectionID, in.ContactID); err != nil {
			return SyncContactResult{}, retryable(err)
		}
	}
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	switch {
	case errors.Is(err, bridge.ErrSuspended):
		return a.postpone(ctx, in)
	case bridge.KindOf(err) == bridge.NotFound: // disconnected: nothing to do
		return SyncContactResult{Action: bridge.Nothing, Reason: bridge.ReasonDisconnected}, nil
	case err != nil:
		return SyncContactResult{}, retryable(err)
	}
	got, err := a.store.LeaseContacts(ctx, conn.ID, holder(ctx), leaseTime, in.ContactID)
	if err == nil && len(got) == 0 {
		err = leased()
	}
	if err != nil {
		return SyncContactResult{}, retryable(err)
	}
	// A sync makes several calls to Advocate. The calls of one contact go before those
	// of the next one; otherwise a slow vendor would let no contact finish.
	result, err := a.syncWith(outbound.InTurn(ctx), conn, in)
	// A lease that is not released expires, and until then its holder can take it
	// again.
	err = errors.Join(err, a.store.ReleaseContacts(ctx, conn.ID, holder(ctx), in.ContactID))
	if errors.Is(err, bridge.ErrSuspended) { // since the sync began
		return a.postpone(ctx, in)
	}
	return result, retryable(err)
}

// syncWith syncs a contact through the connection's clients.
func (a *Contacts) syncWith(ctx context.Context, conn ConnectionClients, in SyncContactInput) (SyncContactResult, error) {
	sync := contactSync{Contacts: a, records: a.store, conn: conn, in: in}
	result, err := sync.run(ctx)
	return result, sync.recordFailure(ctx, err)
}

// postpone puts the hints about a contact back into the inbox. The relay takes them
// from there once the connection is no longer suspended.
func (a *Contacts) postpone(ctx context.Context, in SyncContactInput) (SyncContactResult, error) {
	err := a.store.RequestSync(ctx, in.ConnectionID, store.SyncRequest{ContactID: in.ContactID, Hints: in.Hints})
	return SyncContactResult{Action: bridge.Nothing, Reason: bridge.ReasonSuspended}, retryable(err)
}

// ParkContactInput names a contact whose work failed for good.
type ParkContactInput struct {
	ConnectionID string       `json:"connection_id"`
	ContactID    string       `json:"contact_id"`
	Cause        bridge.Cause `json:"cause"`
	Hints        bridge.Hints `json:"hints"` // heard and not acted on
}

// ParkContact parks a contact's work until a person retries it, and keeps the
// hints. An erasure is never given up: its next attempt is scheduled instead.
func (a *Contacts) ParkContact(ctx context.Context, in ParkContactInput) error {
	known, err := a.store.Known(ctx, in.ConnectionID, in.ContactID)
	if err != nil {
		return retryable(err)
	}
	hints := in.Hints.Merge(known.Unfinished)
	if erasing := !hints.ErasedAt.IsZero() || known.HalfErased(); erasing {
		if err := a.restErasure(ctx, in, hints); err != nil {
			return retryable(err)
		}
	}
	return retryable(a.store.Settle(ctx, in.ConnectionID, in.ContactID, store.Settlement{
		State:  bridge.StateParked,
		Reason: bridge.Reason(in.Cause),
		Parked: []bridge.ParkedItem{{Cause: in.Cause, Advice: in.Cause.Advice(), Hints: hints}},
	}))
}

func (c *contactSync) run(ctx context.Context) (SyncContactResult, error) {
	if result, answered, err := c.guardDeletion(ctx); answered || err != nil {
		return result, err
	}
	snapshot, err := c.snapshot(ctx)
	if err != nil {
		return SyncContactResult{}, err
	}
	if err := c.decide(ctx, &snapshot); err != nil {
		return SyncContactResult{}, err
	}
	if c.conn.Switching && writesContact(c.decision.Action) {
		return SyncContactResult{}, errSwitching()
	}
	state, err := c.act(ctx, snapshot)
	if err == nil {
		err = c.settleDeletion(ctx, c.decision.Action, state)
	}
	if err != nil {
		return SyncContactResult{}, err
	}
	return SyncContactResult{
		Action: c.decision.Action, Reason: c.decision.Reason, State: state, Hold: snapshot.Hold(c.decision),
	}, nil
}

// decide makes the decision. If it depends on a participant, it asks Advocate for
// that one, and decides again if there is none.
func (c *contactSync) decide(ctx context.Context, s *bridge.ContactSnapshot) error {
	for {
		c.decision = bridge.DecideContact(*s)
		id, ask := s.Asks(c.decision)
		if !ask {
			return nil
		}
		p, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
		switch {
		case err == nil:
			c.participant = p
			return nil
		case !missing(err):
			return err
		case c.decision.Action == bridge.MapByIDs:
			s.NamedUnknown = true
		default:
			s.ParticipantGone = true
		}
	}
}

// missing reports whether err means that Advocate has no such participant, or
// refuses to have it.
func missing(err error) bool {
	kind := bridge.KindOf(err)
	return kind == bridge.NotFound || kind == bridge.DoNotTrack
}

func (c *contactSync) act(ctx context.Context, s bridge.ContactSnapshot) (bridge.State, error) {
	switch d := c.decision; d.Action {
	case bridge.Nothing:
		return c.settle(ctx, store.Settlement{
			State: c.restingState(s), Reason: d.Reason,
			// A second hint must not close the warnings of the first.
			KeepWarnings: d.Reason == bridge.ReasonInStep || d.Reason == bridge.ReasonNothingHeard,
		})
	case bridge.AwaitContact, bridge.HoldDeletion:
		return bridge.StateMissing, nil // the workflow syncs again; nothing to remember yet
	case bridge.AwaitApproval:
		return c.awaitApproval(ctx)
	case bridge.HoldErasure:
		return c.known.Ledger.State, nil
	case bridge.DoubtErasure:
		return c.doubtErasure(ctx)
	case bridge.AwaitEmail:
		return c.settle(ctx, store.Settlement{
			State: bridge.StateAwaitingEmail, Reason: d.Reason,
			AwaitedAsNew: s.AwaitedAsNew || !s.Hints.CreatedAt.IsZero(),
		})
	case bridge.ParkHalfPair, bridge.ParkUnknownPair, bridge.ParkErasedIDs, bridge.ParkPending:
		return c.park(ctx, d.Reason, d.Park, nil)
	case bridge.CreateParticipant:
		return c.createOrMatch(ctx, d.Reason)
	case bridge.MapByIDs:
		return c.mapByIDs(ctx, d.Reason)
	case bridge.DeleteParticipant:
		return c.deleteParticipant(ctx)
	case bridge.Unmap:
		return c.unmap(ctx)
	case bridge.UnmapRemoved:
		return c.unmapRemoved(ctx)
	case bridge.FollowMerge:
		return c.followMerge(ctx)
	case bridge.EraseParticipant:
		return c.erase(ctx)
	case bridge.WriteBack:
		// Nothing about the contact is new, so nothing is sent to Advocate.
		return c.writeBack(ctx, d.Reason, c.participant, nil)
	case bridge.UpdateParticipant:
		return c.upsertAndWriteBack(ctx, d.Reason, bridge.ParticipantUpdate(*c.contact, s.Mapping.Identity(), c.conn.SharePIIUpdates))
	default:
		return "", fmt.Errorf("activities: no such action: %s", d.Action)
	}
}

// writesContact reports whether an action writes values of the connected program.
func writesContact(a bridge.Action) bool {
	switch a {
	case bridge.CreateParticipant, bridge.UpdateParticipant, bridge.MapByIDs, bridge.WriteBack, bridge.UnmapRemoved:
		return true
	default:
		return false
	}
}

// errSwitching returns the error that delays such an action during a program
// switch, which takes seconds.
func errSwitching() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "activities.sync_contact", RetryAfter: 2 * time.Second,
		Err: errors.New("the program is being changed")}
}

// restingState returns the state of a contact about which there is nothing to do.
func (c *contactSync) restingState(s bridge.ContactSnapshot) bridge.State {
	switch d, was := c.decision, c.known.Ledger.State; {
	case d.Reason == bridge.ReasonNothingHeard && was != bridge.StateNew:
		return was
	case d.Reason == bridge.ReasonErased:
		return bridge.StateErased
	case d.Reason == bridge.ReasonDeleted:
		return bridge.StateDeleted
	case d.Reason == bridge.ReasonDoNotTrack:
		return bridge.StateDoNotTrack
	case s.Mapping != nil:
		return bridge.StateMapped
	default:
		return bridge.StateNotShared
	}
}

func (c *contactSync) settle(ctx context.Context, s store.Settlement) (bridge.State, error) {
	s.KnownSeq = &c.known.WriteSeq
	if s.State != bridge.StateErased {
		s.EmailHash, s.OtherEmails = c.emailHash(), c.newOtherEmails()
		s = c.parkBeside(s)
	}
	if err := c.records.Settle(ctx, c.conn.ID, c.in.ContactID, s); err != nil {
		return "", err
	}
	return s.State, nil
}

// parkBeside adds the item that the decision parks beside its action.
func (c *contactSync) parkBeside(s store.Settlement) store.Settlement {
	cause := c.decision.Park
	if cause == "" || slices.ContainsFunc(s.Parked, func(item bridge.ParkedItem) bool { return item.Cause == cause }) {
		return s
	}
	s.Parked = append(s.Parked, c.item(cause, nil))
	if s.State == bridge.StateMapped {
		s.State = bridge.StateParked
	}
	return s
}
