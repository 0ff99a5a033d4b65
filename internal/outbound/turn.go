package outbound

import (
	"context"
	"sync/atomic"
)

// places numbers the work that makes calls, in the order in which it came.
var places atomic.Uint64

type placeKey struct{}

// InTurn returns a context all of whose calls keep one place in the queues of
// limiters: the one that they have from now on. Work that makes several calls in a
// row ends, once its first call got through, before work that came later begins.
// With a place for each call, a slow vendor would see the first calls of everybody
// and the last of nobody.
func InTurn(ctx context.Context) context.Context {
	return context.WithValue(ctx, placeKey{}, places.Add(1))
}

type yieldKey struct{}

// Yielding returns a context whose calls go behind those of every other context, because
// nobody waits for them.
func Yielding(ctx context.Context) context.Context {
	return context.WithValue(ctx, yieldKey{}, true)
}

// behindAll is added to the places of calls that yield.
const behindAll = 1 << 63

// placeOf is the place of a call: that of its context, or the last one.
func placeOf(ctx context.Context) uint64 {
	place, kept := ctx.Value(placeKey{}).(uint64)
	if !kept {
		place = places.Add(1)
	}
	if yields, _ := ctx.Value(yieldKey{}).(bool); yields {
		place |= behindAll
	}
	return place
}
