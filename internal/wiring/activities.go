package wiring

import (
	"time"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// ActivityOptions configure the activities.
type ActivityOptions struct {
	Hold           time.Duration // of deletions
	ExportPatience time.Duration // with an export, before another one is requested
	ExportWait     time.Duration // for an export, by the activity that requests it
	Inferred       bridge.InferredErasure
	VerdictAfter   time.Duration    // when a verdict is first asked for
	ExportNow      func() time.Time // the time by which an export's age is measured; nil: the wall clock
}

// Activities are all activities by task queue: structs whose exported methods are
// activities. Those of triggers are on every queue.
type Activities struct {
	Live, Bulk, Pages, Calls []any
}

// NewActivities returns the one list of activities, for workers and for tests.
func NewActivities(connections *Connections, s *store.Store, opts ActivityOptions) Activities {
	if opts.ExportNow == nil {
		opts.ExportNow = time.Now
	}
	tracking := activities.NewTracking(connections, NewTriggers(s, connections.log), s, connections.vendors.ImpactConcurrency, opts.VerdictAfter, time.Now)
	bulk := s.Bulk()
	batches := activities.NewContactBatches(activities.NewContacts(connections, bulk, opts.Hold, time.Now))
	return Activities{
		Live: []any{
			activities.NewContacts(connections, s, opts.Hold, time.Now),
			tracking,
		},
		Bulk: []any{
			batches, // for workflows of releases that had no queue for pages
			activities.NewExports(connections, bulk, opts.ExportPatience, opts.ExportWait, opts.ExportNow),
			activities.NewPages(connections, bulk),
			activities.NewRetries(connections, bulk),
			activities.NewHousekeeping(bulk, time.Now),
			activities.NewPrograms(connections, bulk),
			activities.NewReconciles(connections, bulk, opts.Inferred),
			tracking,
		},
		Pages: []any{batches},
		Calls: []any{tracking},
	}
}

// All returns each activity once.
func (a Activities) All() []any {
	var all []any
	seen := map[any]bool{}
	for _, queue := range [][]any{a.Live, a.Bulk, a.Pages, a.Calls} {
		for _, s := range queue {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}
