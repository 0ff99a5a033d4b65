package activities

import (
	"context"
	"maps"
	"slices"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// contactLists is how a reconcile lists the contacts in HubSpot.
type contactLists interface {
	ListContacts(ctx context.Context, archived bool, after string) (portal.ContactPage, error)
	ReadArchivedContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error)
	Survivor(ctx context.Context, lane bridge.Lane, id string) (bridge.Contact, error)
}

// Reconciles groups the activities that read both sides, compare them, and repair
// the differences.
type Reconciles struct {
	connections Connections
	store       *store.Store
	inferred    bridge.InferredErasure
}

// NewReconciles returns the reconcile activities over their dependencies.
// inferred says what to do about contacts that are gone without a trace.
func NewReconciles(connections Connections, s *store.Store, inferred bridge.InferredErasure) *Reconciles {
	return &Reconciles{connections: connections, store: s, inferred: inferred}
}

// BeginReconcileInput names a connection whose reconcile is due.
type BeginReconcileInput struct {
	ConnectionID string `json:"connection_id"`
}

// BeginReconcile begins a reconcile of a connection, or resumes the unfinished one.
func (a *Reconciles) BeginReconcile(ctx context.Context, in BeginReconcileInput) (Run, error) {
	if _, err := a.connections.Open(ctx, in.ConnectionID); err != nil {
		return Run{}, retryable(err)
	}
	run, _, err := a.store.BeginReconcile(ctx, in.ConnectionID, false)
	return Run{ID: run.ID}, retryable(err)
}

// rereadRounds is how often contacts that keep changing are read again. Contacts
// that change even then are left to the live path.
const rereadRounds = 3

// RereadMovedResult says how many contacts were read again.
type RereadMovedResult struct {
	Contacts int64 `json:"contacts"`
}

// RereadMoved reads the contacts again that we have synced since they were listed,
// and those that no list has shown: a hundred per call, live and in the recycle
// bin. The rest is read one by one, because only a single read tells a merged
// contact from one that is gone.
func (a *Reconciles) RereadMoved(ctx context.Context, in Run) (RereadMovedResult, error) {
	ctx = portal.WithTries(ctx, int(activity.GetInfo(ctx).Attempt))
	var result RereadMovedResult
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return result, retryable(err)
	}
	for range rereadRounds {
		n, err := a.rereadRound(ctx, conn, run)
		result.Contacts += n
		if err != nil || n == 0 {
			return result, retryable(err)
		}
	}
	return result, nil
}

func (a *Reconciles) rereadRound(ctx context.Context, conn ConnectionClients, run store.Run) (n int64, err error) {
	const batch = 100 // one call (HubSpot docs: batch endpoints take at most 100 inputs)
	for after := ""; ; {
		at, err := a.store.Listing(ctx, run.ID)
		if err != nil {
			return n, err
		}
		ids, err := a.store.MovedContacts(ctx, run, after, batch)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		var staged []store.ReconcileContact
		err = countCalls(ctx, a.store, run.ID, func(ctx context.Context) error {
			staged, err = a.reread(ctx, conn, ids)
			return err
		})
		if err != nil {
			return n, err
		}
		if err := a.store.Restage(ctx, run.ID, at.Now, staged); err != nil {
			return n, err
		}
		n, after = n+int64(len(ids)), ids[len(ids)-1]
	}
}

// reread finds out where HubSpot shows contacts now.
func (a *Reconciles) reread(ctx context.Context, conn ConnectionClients, ids []string) ([]store.ReconcileContact, error) {
	shown, err := conn.HubSpot.ReadContacts(ctx, bridge.LaneBulk, ids)
	if err != nil {
		return nil, err
	}
	if absent := without(ids, shown); len(absent) > 0 {
		archived, err := conn.HubSpot.ReadArchivedContacts(ctx, bridge.LaneBulk, absent)
		if err != nil {
			return nil, err
		}
		maps.Copy(shown, archived)
	}
	absent, err := a.known(ctx, conn, without(ids, shown), bridge.PresenceMissing)
	if err != nil {
		return nil, err
	}
	var staged []store.ReconcileContact
	for _, gone := range absent {
		const answered = true // HubSpot is up: it has just answered for the others
		survivor, err := conn.HubSpot.Survivor(ctx, bridge.LaneBulk, gone.ID)
		switch {
		case bridge.KindOf(err) == bridge.NotFound:
		case bridge.Unreadable(err), portal.Fails(err) && portal.MayGiveUp(ctx, answered):
			gone.Presence = bridge.PresenceUnreadable
		case err != nil:
			return nil, err
		case survivor.ID != gone.ID:
			gone.Presence = bridge.PresenceMerged
		default: // restored a moment ago, or shown alone only
			shown[gone.ID] = survivor
			continue
		}
		staged = append(staged, gone)
	}
	present, err := a.reduce(ctx, conn, slices.Collect(maps.Values(shown)))
	return append(staged, present...), err
}

// known returns what we know of contacts that HubSpot does not show, or shows
// unreadably.
func (a *Reconciles) known(ctx context.Context, conn ConnectionClients, ids []string, presence bridge.Presence) ([]store.ReconcileContact, error) {
	mapped, err := a.store.MappedTo(ctx, conn.ID, ids)
	if err != nil {
		return nil, err
	}
	contacts := make([]store.ReconcileContact, len(ids))
	for i, id := range ids {
		contacts[i] = store.ReconcileContact{ID: id, Presence: presence}
		if identity, ok := mapped[id]; ok {
			contacts[i].MappedHash = a.store.Hasher().Identity(identity)
		}
	}
	return contacts, nil
}

func without(ids []string, shown map[string]bridge.Contact) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := shown[id]; return ok })
}

// reduce reduces contacts to the hashes that a comparison needs.
func (a *Reconciles) reduce(ctx context.Context, conn ConnectionClients, contacts []bridge.Contact) ([]store.ReconcileContact, error) {
	ids := make([]string, len(contacts))
	for i, c := range contacts {
		ids[i] = c.ID
	}
	mapped, err := a.store.MappedTo(ctx, conn.ID, ids)
	if err != nil {
		return nil, err
	}
	hash := a.store.Hasher()
	reduced := make([]store.ReconcileContact, len(contacts))
	for i, c := range contacts {
		r := store.ReconcileContact{
			ID: c.ID, Presence: bridge.PresenceLive, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
			SharedHash: hash.Properties(c.Shared()), HasInputs: c.HasInputs(),
		}
		if c.Archived {
			r.Presence = bridge.PresenceArchived
		}
		if email := c.Email(); email != "" {
			r.EmailHash = hash.Email(email)
		}
		for _, email := range c.OtherEmails() {
			r.OtherEmails = append(r.OtherEmails, hash.Email(email))
		}
		named := c.Identity()
		r.HalfPair = !named.Empty() && !named.Complete()
		if named.Complete() {
			r.NamedHash = hash.Identity(named)
		}
		if id, ok := mapped[c.ID]; ok {
			r.MappedHash = hash.Identity(id)
			r.InputsHash = hash.Change(bridge.ParticipantUpdate(c, id, conn.SharePIIUpdates))
			r.PlainInputs = hash.Change(bridge.ParticipantUpdate(c, id, false))
		}
		reduced[i] = r
	}
	return reduced, nil
}

func (a *Reconciles) open(ctx context.Context, in Run) (store.Run, ConnectionClients, error) {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return store.Run{}, ConnectionClients{}, err
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	return run, conn, err
}
