package activities

import (
	"context"
	"errors"
	"maps"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// contactLists is how a reconcile reads everybody in HubSpot.
type contactLists interface {
	ListContacts(ctx context.Context, archived bool, after string) (portal.ContactPage, error)
	ReadArchivedContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error)
	Survivor(ctx context.Context, lane bridge.Lane, id string) (bridge.Contact, error)
}

// Reconciles groups the activities that read both sides as they are, compare
// them, and have repaired what differs.
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

// BeginReconcile begins a reconcile of a connection, or takes up the unfinished
// one.
func (a *Reconciles) BeginReconcile(ctx context.Context, in BeginReconcileInput) (Run, error) {
	if _, err := a.connections.Open(ctx, in.ConnectionID); err != nil {
		return Run{}, retryable(err)
	}
	run, _, err := a.store.BeginReconcile(ctx, in.ConnectionID, false)
	return Run{ID: run.ID}, retryable(err)
}

// listPages is how many pages of the list one activity reads: many, so that the
// history of a million contacts stays short; not so many that they take longer
// than a minute.
const listPages = 400

// ListContactsResult says how far the list was read.
type ListContactsResult struct {
	Listed    bool  `json:"listed,omitempty"`    // to its end, the recycle bin included
	Suspended bool  `json:"suspended,omitempty"` // the operator wants the run to stop
	Contacts  int64 `json:"contacts"`            // by this call
}

// ListContacts reads HubSpot's contacts, live ones first and the recycle bin
// after them, and stages keyed hashes of each. Every page is kept together with
// the cursor that leads on, so a second attempt goes on where the first one
// stopped.
func (a *Reconciles) ListContacts(ctx context.Context, in Run) (ListContactsResult, error) {
	var result ListContactsResult
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return result, retryable(err)
	}
	for range listPages {
		if stopping(ctx) {
			return result, retryable(&bridge.Error{Kind: bridge.Pending, Op: "activities.list_contacts", RetryAfter: handOver, Err: errStopping})
		}
		desired, err := a.store.Desired(ctx, run.ID)
		if err != nil || desired != store.DesiredRunning {
			result.Suspended = err == nil
			return result, retryable(err)
		}
		n, listed, err := a.listPage(ctx, conn, run)
		result.Contacts += int64(n)
		if err != nil || listed {
			result.Listed = listed
			return result, retryable(err)
		}
	}
	return result, nil
}

// listPage reads and stages the next page; listed is true where there is none.
func (a *Reconciles) listPage(ctx context.Context, conn ConnectionClients, run store.Run) (n int, listed bool, err error) {
	at, err := a.store.Listing(ctx, run.ID)
	if err != nil {
		return 0, false, err
	}
	if at.Step != store.ReconcileLive && at.Step != store.ReconcileArchived {
		return 0, true, nil
	}
	var page portal.ContactPage
	err = a.counted(ctx, run, func(ctx context.Context) error {
		page, err = conn.HubSpot.ListContacts(ctx, at.Step == store.ReconcileArchived, at.After)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	staged, err := a.reduce(ctx, conn, page.Contacts)
	if err != nil {
		return 0, false, err
	}
	return len(staged), false, a.store.StageListed(ctx, run.ID, at, staged, page.After)
}

// rereadRounds is how often contacts that keep changing are read again. What
// still changes then is left to the work that changes it.
const rereadRounds = 3

// RereadMovedResult says how many contacts were read again.
type RereadMovedResult struct {
	Contacts int64 `json:"contacts"`
}

// RereadMoved reads the contacts again that we have worked on since they were
// listed, and looks for those that no list has shown: a hundred a call, live
// and in the recycle bin. Only what is left then is read one by one, because
// only such a read tells a merge from a contact that is gone.
func (a *Reconciles) RereadMoved(ctx context.Context, in Run) (RereadMovedResult, error) {
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
		err = a.counted(ctx, run, func(ctx context.Context) error {
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

// reread tells where HubSpot shows contacts now.
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
	staged, err := a.reduce(ctx, conn, slices.Collect(maps.Values(shown)))
	if err != nil {
		return nil, err
	}
	absent := without(ids, shown)
	mapped, err := a.store.MappedTo(ctx, conn.ID, absent)
	if err != nil {
		return nil, err
	}
	for _, id := range absent {
		gone := store.ReconcileContact{ID: id, Presence: bridge.PresenceMissing}
		if identity, ok := mapped[id]; ok {
			gone.MappedHash = a.store.Hasher().Identity(identity)
		}
		switch survivor, err := conn.HubSpot.Survivor(ctx, bridge.LaneBulk, id); {
		case bridge.KindOf(err) == bridge.NotFound:
		case err != nil:
			return nil, err
		case survivor.ID != id:
			gone.Presence = bridge.PresenceMerged
		default:
			continue // it came back this moment: the next round reads it
		}
		staged = append(staged, gone)
	}
	return staged, nil
}

func without(ids []string, shown map[string]bridge.Contact) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := shown[id]; return ok })
}

// reduce turns contacts into the hashes that a comparison needs.
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

// counted does work and adds its HubSpot calls to the run's, whether it succeeds
// or not.
func (a *Reconciles) counted(ctx context.Context, run store.Run, work func(context.Context) error) error {
	var calls portal.Tally
	err := work(portal.WithTally(ctx, &calls))
	counting, cancel := context.WithTimeout(context.WithoutCancel(ctx), countingTime)
	defer cancel()
	return errors.Join(err, a.store.CountCalls(counting, run.ID, calls.Calls(), 0))
}

func (a *Reconciles) open(ctx context.Context, in Run) (store.Run, ConnectionClients, error) {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil {
		return store.Run{}, ConnectionClients{}, err
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	return run, conn, err
}
