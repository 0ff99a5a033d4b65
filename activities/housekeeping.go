package activities

import (
	"context"
	"time"

	"advocatesync/internal/store"
)

const (
	// formerKept is how long a former mapping is kept: as long as HubSpot can restore
	// the contact (HubSpot docs: records can be restored for 90 days).
	formerKept = 90 * 24 * time.Hour
	// decisionsKept is how long decisions are kept: as long as events in the inbox.
	decisionsKept = 7 * 24 * time.Hour
	// runsKept is how long the counts of a finished run are kept.
	runsKept = 7 * 24 * time.Hour
	// stagedKept is how long a run may go on that keeps people's data: a paused one is
	// cancelled then, and ended a day later whatever becomes of that.
	stagedKept = 14 * 24 * time.Hour
	stagedLast = stagedKept + 24*time.Hour
	// parkedKept is how long a parked item is kept after it has ended;
	// it may hold participant ids and a vendor's words.
	parkedKept = 30 * 24 * time.Hour
	// skippedKept is how long an event is kept for which nothing was sent.
	skippedKept = 90 * 24 * time.Hour
	// tokensKept is how long a token of the admin API is kept after it has ended: as
	// long as the audit log may name it.
	tokensKept = 400 * 24 * time.Hour
	// deletionsKept is longer than the guard counts a deletion, and than a deletion is
	// held.
	deletionsKept = 24 * time.Hour
)

// Housekeeping groups the activities that keep the database small, and free of
// what is no longer needed.
type Housekeeping struct {
	store *store.Store
	now   func() time.Time
}

// NewHousekeeping returns the housekeeping activities over their dependencies.
func NewHousekeeping(s *store.Store, now func() time.Time) *Housekeeping {
	return &Housekeeping{store: s, now: now}
}

// Purged counts what was deleted.
type Purged struct {
	FormerMappings int64 `json:"former_mappings"`
	Runs           int64 `json:"runs"`
	ParkedItems    int64 `json:"parked_items"`
	SkippedEvents  int64 `json:"skipped_events,omitempty"`
	APITokens      int64 `json:"api_tokens,omitempty"`
	AuditEntries   int64 `json:"audit_entries,omitempty"`
	Consents       int64 `json:"consents,omitempty"`

	// Expired are runs that kept people's data for too long, and whose workflows have
	// to be told that they are cancelled.
	Expired []ExpiredRun `json:"expired,omitempty"`
}

// ExpiredRun is a mass sync, or a reconcile, that has kept people's data for too long.
type ExpiredRun struct {
	ConnectionID string `json:"connection_id"`
	RunID        int64  `json:"run_id"`
	Reconcile    bool   `json:"reconcile,omitempty"`
}

// Purge deletes records whose retention time has passed: former mappings of
// contacts that HubSpot can no longer restore, ended runs, closed parked items,
// skipped events of triggers, leftovers of disconnected connections, ended tokens,
// consents and console sessions, and old audit entries.
func (a *Housekeeping) Purge(ctx context.Context) (Purged, error) {
	if err := a.store.ForgetDisconnected(ctx); err != nil {
		return Purged{}, retryable(err)
	}
	before := func(purge func(context.Context, time.Time) (int64, error), kept time.Duration) func(context.Context) (int64, error) {
		return func(ctx context.Context) (int64, error) { return purge(ctx, a.now().Add(-kept)) }
	}
	var p Purged
	now := a.now()
	steered, err := a.store.ExpireRuns(ctx, now.Add(-stagedKept), now.Add(-stagedLast))
	if err != nil {
		return Purged{}, retryable(err)
	}
	for _, run := range steered {
		p.Expired = append(p.Expired, ExpiredRun{ConnectionID: run.ConnectionID, RunID: run.ID, Reconcile: run.Kind == store.RunReconcile})
	}
	var deletions, sessions, leases, listed, decisions int64 // not reported
	for _, step := range []struct {
		count *int64
		purge func(context.Context) (int64, error)
	}{
		{&p.FormerMappings, before(a.store.PurgeFormer, formerKept)},
		{&p.Runs, before(a.store.PurgeRuns, runsKept)},
		{&deletions, before(a.store.PurgeDeletions, deletionsKept)},
		{&leases, before(a.store.PurgeLeases, 0)},
		{&listed, a.store.PurgeListed},
		{&p.ParkedItems, before(a.store.PurgeParked, parkedKept)},
		{&p.SkippedEvents, before(a.store.PurgeTracked, skippedKept)},
		{&p.APITokens, before(a.store.PurgeAPITokens, tokensKept)},
		{&p.AuditEntries, a.store.PurgeAudit},
		{&p.Consents, a.store.PurgeIntents},
		{&sessions, a.store.PurgeConsoleSessions},
		{&decisions, before(a.store.PurgeDecisions, decisionsKept)},
	} {
		n, err := step.purge(ctx)
		if err != nil {
			return Purged{}, retryable(err)
		}
		*step.count = n
	}
	return p, nil
}
