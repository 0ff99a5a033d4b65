package portal

import (
	"context"
	"sync/atomic"
)

// Tally counts the HubSpot calls that were made for one piece of work, quick
// repeats and the halves of a split included. It is safe for concurrent use.
type Tally struct{ calls atomic.Int64 }

// Calls returns the number of calls so far.
func (t *Tally) Calls() int { return int(t.calls.Load()) }

type tallyKey struct{}

// WithTally has the calls about sets of contacts that are made under the
// context counted. Calls about single contacts are not: they travel in batches
// with those of others.
func WithTally(ctx context.Context, t *Tally) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// Pretend counts calls that a dry run leaves out.
func Pretend(ctx context.Context, calls int) { tally(ctx, calls) }

func tally(ctx context.Context, calls int) {
	if t, counted := ctx.Value(tallyKey{}).(*Tally); counted {
		t.calls.Add(int64(calls))
	}
}
