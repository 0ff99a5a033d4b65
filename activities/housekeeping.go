package activities

import (
	"context"
	"time"
)

const (
	// formerKept is how long the participant of a contact that is gone is
	// remembered: for as long as HubSpot can restore the contact (HubSpot docs:
	// records can be restored for 90 days).
	formerKept = 90 * 24 * time.Hour
	// runsKept is how long the counts of a finished run can be looked at.
	runsKept = 7 * 24 * time.Hour
	// parkedKept is how long a parked item can be looked at after it has ended;
	// it may hold participant ids and a vendor's words.
	parkedKept = 30 * 24 * time.Hour
	// skippedKept is how long an event can be looked at of which nothing was sent.
	skippedKept = 90 * 24 * time.Hour
	// tokensKept is how long a token of the admin API can be looked at after it has
	// ended: as long as the audit log names it.
	tokensKept = 400 * 24 * time.Hour
	// deletionsKept is longer than a deletion counts, and than one is held.
	deletionsKept = 24 * time.Hour
)

// purger deletes what is older than a time.
type purger interface {
	PurgeFormer(ctx context.Context, olderThan time.Time) (int64, error)
	PurgeRuns(ctx context.Context, olderThan time.Time) (int64, error)
	PurgeParked(ctx context.Context, olderThan time.Time) (int64, error)
	PurgeTracked(ctx context.Context, olderThan time.Time) (int64, error)
	PurgeAPITokens(ctx context.Context, olderThan time.Time) (int64, error)
	PurgeAudit(ctx context.Context) (int64, error)
	PurgeDeletions(ctx context.Context, olderThan time.Time) (int64, error)
	PurgeIntents(ctx context.Context) (int64, error)
	ForgetDisconnected(ctx context.Context) error
}

// Housekeeping groups the activities that keep the database small, and free of
// what nobody needs any more.
type Housekeeping struct {
	store purger
	now   func() time.Time
}

// NewHousekeeping returns the housekeeping activities over their dependencies.
func NewHousekeeping(s purger, now func() time.Time) *Housekeeping {
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
}

// Purge deletes the former mappings of contacts that HubSpot cannot restore any
// more, the runs that ended more than a week ago, the parked items that ended
// more than a month ago, the events of triggers that were skipped long ago, what is
// left of disconnected connections, of tokens and consents that have ended, and
// audit entries whose time is over.
func (a *Housekeeping) Purge(ctx context.Context) (Purged, error) {
	if err := a.store.ForgetDisconnected(ctx); err != nil {
		return Purged{}, retryable(err)
	}
	before := func(purge func(context.Context, time.Time) (int64, error), kept time.Duration) func(context.Context) (int64, error) {
		return func(ctx context.Context) (int64, error) { return purge(ctx, a.now().Add(-kept)) }
	}
	var p Purged
	var deletions int64 // of the guard's records, which nobody counts
	for _, step := range []struct {
		count *int64
		purge func(context.Context) (int64, error)
	}{
		{&p.FormerMappings, before(a.store.PurgeFormer, formerKept)},
		{&p.Runs, before(a.store.PurgeRuns, runsKept)},
		{&deletions, before(a.store.PurgeDeletions, deletionsKept)},
		{&p.ParkedItems, before(a.store.PurgeParked, parkedKept)},
		{&p.SkippedEvents, before(a.store.PurgeTracked, skippedKept)},
		{&p.APITokens, before(a.store.PurgeAPITokens, tokensKept)},
		{&p.AuditEntries, a.store.PurgeAudit},
		{&p.Consents, a.store.PurgeIntents},
	} {
		n, err := step.purge(ctx)
		if err != nil {
			return Purged{}, retryable(err)
		}
		*step.count = n
	}
	return p, nil
}
