package wiring

import (
	"time"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// ActivityOptions are what activities need to be told.
type ActivityOptions struct {
	Hold           time.Duration // of deletions
	ExportPatience time.Duration // with an export, before another one is asked for
	Inferred       bridge.InferredErasure
	VerdictAfter   time.Duration    // when a verdict is first asked for
	ExportNow      func() time.Time // tells how old an export is; nil: the wall clock
}

// Activities are all that workers do, by the queue that carries it: structs whose
// exported methods are activities. Those of triggers are on every queue.
type Activities struct {
	Live, Bulk, Calls []any
}

// NewActivities returns the one list of activities, for workers and for tests.
func NewActivities(connections *Connections, s *store.Store, opts ActivityOptions) Activities {
	if opts.ExportNow == nil {
		opts.ExportNow = time.Now
	}
	tracking := activities.NewTracking(connections, NewTriggers(s, connections.log), s, s.Hasher(), connections.vendors.ImpactConcurrency, opts.VerdictAfter, time.Now)
	return Activities{
		Live: []any{
			activities.NewContacts(connections, s, s.Hasher(), opts.Hold, time.Now),
			tracking,
		},
		Bulk: []any{
			activities.NewExports(connections, s, s.Hasher(), opts.ExportPatience, opts.ExportNow),
			activities.NewPages(connections, s, s.Hasher()),
			activities.NewRetries(connections, s),
			activities.NewHousekeeping(s, time.Now),
			activities.NewPrograms(connections, s),
			activities.NewReconciles(connections, s, opts.Inferred),
			tracking,
		},
		Calls: []any{tracking},
	}
}

// All returns each activity once.
func (a Activities) All() []any {
	var all []any
	seen := map[any]bool{}
	for _, queue := range [][]any{a.Live, a.Bulk, a.Calls} {
		for _, s := range queue {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}
