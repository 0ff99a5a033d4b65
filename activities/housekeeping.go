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
)

// purger deletes what is older than a time.
type purger interface {
	PurgeFormer(ctx context.Context, olderThan time.Time) (int64, error)
	PurgeRuns(ctx context.Context, olderThan time.Time) (int64, error)
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
}

// Purge deletes the former mappings of contacts that HubSpot cannot restore any
// more, and the runs that ended more than a week ago.
func (a *Housekeeping) Purge(ctx context.Context) (Purged, error) {
	former, err := a.store.PurgeFormer(ctx, a.now().Add(-formerKept))
	if err != nil {
		return Purged{}, retryable(err)
	}
	runs, err := a.store.PurgeRuns(ctx, a.now().Add(-runsKept))
	return Purged{FormerMappings: former, Runs: runs}, retryable(err)
}
