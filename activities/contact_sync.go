package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
	"advocatesync/internal/store"
)

// liveContacts is how one contact is read and written while somebody waits.
type liveContacts interface {
	Contact(ctx context.Context, id string) (bridge.Contact, error)
	// Trace also finds contacts that were merged away or archived.
	Trace(ctx context.Context, id string) (bridge.Contact, error)
	UpdateContact(ctx context.Context, id string, props bridge.Properties) error
	FindContacts(ctx context.Context, lane bridge.Lane, emails []string) (map[string]bridge.Contact, error)
}

// participants is the part of the Advocate client that a contact's life calls.
type participants interface {
	Find(ctx context.Context, email, programID string) (byID *bridge.Participant, byEmail []bridge.Participant, err error)
	Participant(ctx context.Context, accountID, userID, programID string) (bridge.Participant, error)
	Upsert(ctx context.Context, change bridge.ParticipantChange, programID string) (bridge.Participant, error)
	Delete(ctx context.Context, accountID, userID string, doNotTrack bool) error
	SetContactID(ctx context.Context, id bridge.Identity, contactID string) error
}

// contactLedger is what the store remembers of one contact.
type contactLedger interface {
	Known(ctx context.Context, connectionID, contactID string) (store.Known, error)
	ContactsOf(ctx context.Context, connectionID string, id bridge.Identity) ([]string, error)
	SharedWith(ctx context.Context, connectionID, contactID string) ([]string, error)
	Link(ctx context.Context, l store.Linking) error
	MoveMapping(ctx context.Context, connectionID, from, to string) (bool, error)
	OpenParked(ctx context.Context, connectionID, contactID string) ([]bridge.ParkedItem, error)
	Park(ctx context.Context, item bridge.ParkedItem) (int64, error)
	AddMerge(ctx context.Context, connectionID, contactID, survivorID string) error
	Survivors(ctx context.Context, connectionID, contactID string) ([]string, error)
	MergedInto(ctx context.Context, connectionID, contactID string) ([]string, error)
	EndMapping(ctx context.Context, connectionID, contactID string, ending bridge.Ending, s store.Settlement) error
	Settle(ctx context.Context, connectionID, contactID string, s store.Settlement) error
	RequestResync(ctx context.Context, connectionID string, contactIDs ...string) error
	RequestSync(ctx context.Context, connectionID string, requests ...store.SyncRequest) error
	deletions
	erasures
}

// deletions is the guard of deletions in numbers.
type deletions interface {
	DueDeletion(ctx context.Context, connectionID, contactID string, graceElapsed bool) (bridge.DeletionVerdict, error)
	SettleDeletion(ctx context.Context, connectionID, contactID string, deleted bool) error
}

// erasures is the store's side of privacy.
type erasures interface {
	Erased(ctx context.Context, connectionID string, hashes ...[]byte) (bool, error)
	AddTombstone(ctx context.Context, connectionID string, hashes ...[]byte) error
	LiftTombstone(ctx context.Context, connectionID, contactID string) error
	StepErasure(ctx context.Context, connectionID, contactID string, step store.ErasureStep) error
	FailErasure(ctx context.Context, connectionID, contactID string, failure error) error
	Erase(ctx context.Context, e store.Erasure) (orphaned []string, err error)
}

// Contacts groups the activities of one contact's life.
type Contacts struct {
	connections Connections
	ledger      contactLedger
	hash        hasher
	hold        time.Duration
	now         func() time.Time
}

// NewContacts returns the contact activities over their dependencies. hold is
// how long a deletion waits for a privacy deletion, a merge or a restore that
// may belong to it.
func NewContacts(connections Connections, ledger contactLedger, hash hasher, hold time.Duration, now func() time.Time) *Contacts {
	return &Contacts{connections: connections, ledger: ledger, hash: hash, hold: hold, now: now}
}

// SyncContactInput names a contact and what HubSpot told us about it.
type SyncContactInput struct {
	ConnectionID string       `json:"connection_id"`
	ContactID    string       `json:"contact_id"`
	Hints        bridge.Hints `json:"hints"`
	Misses       int          `json:"looks,omitempty"` // earlier syncs that did not find it
	GraceElapsed bool         `json:"held,omitempty"`  // its deletion was held
	// ErasureHeld is how long a privacy deletion was held that HubSpot does not bear out.
	ErasureHeld time.Duration `json:"erasure_held,omitempty"`
}

// SyncContactResult is what was decided and where the contact stands now.
type SyncContactResult struct {
	Action bridge.Action `json:"action"`
	Reason bridge.Reason `json:"reason"`
	State  bridge.State  `json:"state"`

	// Hold is how long to wait before the next sync, with HoldDeletion and HoldErasure.
	Hold time.Duration `json:"hold,omitempty"`
}

// SyncContact looks at a contact as it is now, decides, and brings both sides
// in step: participant first, then the mapping, then the contact. A second run
// after a crash at any point finds what the first one did and goes on from
// there. Work that needs a person is parked here, because the vendor's words
// may not travel; an error means "try again". What may not be done now because
// the connection's work waits goes back to the inbox, where it may wait for
// weeks.
func (a *Contacts) SyncContact(ctx context.Context, in SyncContactInput) (SyncContactResult, error) {
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	switch {
	case errors.Is(err, bridge.ErrSuspended):
		return a.postpone(ctx, in)
	case bridge.KindOf(err) == bridge.NotFound: // disconnected: nobody wants this any more
		return SyncContactResult{Action: bridge.Nothing, Reason: bridge.ReasonDisconnected}, nil
	case err != nil:
		return SyncContactResult{}, retryable(err)
	}
	sync := contactSync{Contacts: a, conn: conn, in: in}
	// It makes several calls to Advocate. Those of one contact end before the next
	// contact's begin, or a slow vendor would let nobody through.
	result, err := sync.run(outbound.InTurn(ctx))
	err = sync.recordFailure(ctx, err)
	if errors.Is(err, bridge.ErrSuspended) { // since the look began
		return a.postpone(ctx, in)
	}
	return result, retryable(err)
}

// postpone gives what was heard of a contact back to the inbox. The relay takes
// it from there once the connection's work goes on.
func (a *Contacts) postpone(ctx context.Context, in SyncContactInput) (SyncContactResult, error) {
	err := a.ledger.RequestSync(ctx, in.ConnectionID, store.SyncRequest{ContactID: in.ContactID, Hints: in.Hints})
	return SyncContactResult{Action: bridge.Nothing, Reason: bridge.ReasonSuspended}, retryable(err)
}

// ParkContactInput names a contact whose work failed for good.
type ParkContactInput struct {
	ConnectionID string       `json:"connection_id"`
	ContactID    string       `json:"contact_id"`
	Cause        bridge.Cause `json:"cause"`
	Hints        bridge.Hints `json:"hints"` // what was heard and not acted on
}

// ParkContact records that a contact's work was given up until a person asks for
// it again, and keeps what was heard. An erasure is not given up: it rests.
func (a *Contacts) ParkContact(ctx context.Context, in ParkContactInput) error {
	known, err := a.ledger.Known(ctx, in.ConnectionID, in.ContactID)
	if err != nil {
		return retryable(err)
	}
	hints := in.Hints.Merge(known.Unfinished)
	if erasing := !hints.ErasedAt.IsZero() || known.HalfErased(); erasing {
		if err := a.restErasure(ctx, in, hints); err != nil {
			return retryable(err)
		}
	}
	return retryable(a.ledger.Settle(ctx, in.ConnectionID, in.ContactID, store.Settlement{
		State:  bridge.StateParked,
		Reason: bridge.Reason(in.Cause),
		Parked: []bridge.ParkedItem{{Cause: in.Cause, Advice: advice[in.Cause], Hints: hints}},
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

// decide asks Advocate for the participant that a decision rests on, and decides
// anew where there is none.
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

// missing tells that Advocate does not have a participant, or will not.
func missing(err error) bool {
	kind := bridge.KindOf(err)
	return kind == bridge.NotFound || kind == bridge.DoNotTrack
}

func (c *contactSync) act(ctx context.Context, s bridge.ContactSnapshot) (bridge.State, error) {
	switch d := c.decision; d.Action {
	case bridge.Nothing:
		return c.settle(ctx, store.Settlement{
			State: c.restingState(s), Reason: d.Reason,
			// A second hint must not wipe what the first brought up.
			KeepWarnings: d.Reason == bridge.ReasonInStep || d.Reason == bridge.ReasonNothingHeard,
		})
	case bridge.AwaitContact, bridge.HoldDeletion:
		return bridge.StateMissing, nil // the workflow syncs again; nothing to remember yet
	case bridge.HoldErasure:
		return c.known.Ledger.State, nil
	case bridge.DoubtErasure:
		return c.doubtErasure(ctx)
	case bridge.AwaitEmail:
		return c.settle(ctx, store.Settlement{
			State: bridge.StateAwaitingEmail, Reason: d.Reason,
			AwaitedAsNew: s.AwaitedAsNew || !s.Hints.CreatedAt.IsZero(),
		})
	case bridge.ParkHalfPair, bridge.ParkUnknownPair, bridge.ParkErasedIDs:
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
		// Nothing about the contact is new, so Advocate is told nothing.
		return c.writeBack(ctx, d.Reason, c.participant, nil)
	case bridge.UpdateParticipant:
		return c.upsertAndWriteBack(ctx, d.Reason, bridge.ParticipantUpdate(*c.contact, s.Mapping.Identity(), c.conn.SharePIIUpdates))
	default:
		return "", fmt.Errorf("activities: no such action: %s", d.Action)
	}
}

// writesContact tells the actions that write values of the connected program.
func writesContact(a bridge.Action) bool {
	switch a {
	case bridge.CreateParticipant, bridge.UpdateParticipant, bridge.MapByIDs, bridge.WriteBack, bridge.UnmapRemoved:
		return true
	default:
		return false
	}
}

// errSwitching holds such an action back while the program is being changed,
// which takes seconds.
func errSwitching() error {
	return &bridge.Error{Kind: bridge.Pending, Op: "activities.sync_contact", RetryAfter: 2 * time.Second,
		Err: errors.New("the program is being changed")}
}

// restingState is where a contact stands when nothing has to be done.
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
		s.EmailHash = c.emailHash()
		s = c.parkBeside(s)
	}
	if err := c.ledger.Settle(ctx, c.conn.ID, c.in.ContactID, s); err != nil {
		return "", err
	}
	return s.State, nil
}

// parkBeside adds what the decision puts before a person beside what it has done.
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
