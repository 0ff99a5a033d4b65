package portal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const (
	maxBatch = hubspot.MaxBatch

	// maxFlights is how many batches of one kind may be on their way at once:
	// enough that a slow answer or a split holds nobody else up, few enough
	// that a dead HubSpot is not sent a window's worth of calls.
	maxFlights = 8

	tokenPatience = 20 * time.Second // how long a batch waits for its token
	batchPatience = time.Minute      // how long a batch may take, its splits included
)

// gaps bound the time between two batches of one kind that are not full.
type gaps struct{ short, long time.Duration }

// usualGaps: a contact pays a gap at most twice, for its read and for its
// write-back, so two long ones must fit well into the two seconds that a new
// contact may take.
var usualGaps = gaps{short: 150 * time.Millisecond, long: 500 * time.Millisecond}

// errClosed answers calls that come after Close: another worker takes them.
var errClosed = &bridge.Error{Kind: bridge.Unavailable, Op: "portal.batch", Err: errors.New("shutting down")}

// errNoAnswer is for a record that HubSpot's answer does not mention: nobody
// knows what became of it, so it is to be tried again.
var errNoAnswer = &bridge.Error{Op: "portal.batch", Err: errors.New("no result for this record")}

// batcher turns concurrent calls about single records into batches, each caller
// getting its own answer. It keeps no goroutine while nobody waits.
//
// The first call of a quiet spell goes at once. After that, batches keep a gap
// that grows as the budget runs short; a full batch waits for nothing but its
// token. A batch is sealed only when it has the token, so late callers still
// join while it waits, and a shared read never predates any of its callers.
type batcher[K comparable, V, R any] struct {
	// token waits for the right to make the batch's first HubSpot call.
	token func(context.Context) (bridge.Grant, error)
	// send does the work of a batch whose keys are all different.
	send func(context.Context, []item[K, V]) map[K]outcome[R]
	// shared lets calls with the same key share one answer, as reads may.
	// Otherwise they are done one after the other, in the order they came.
	shared bool
	gaps   gaps

	mu      sync.Mutex
	queue   []*entry[K, V, R]
	open    map[K]*entry[K, V, R] // shared only: entries that another caller may join
	busy    map[K]bool            // not shared: keys that are on their way
	failed  map[K]int             // keys that HubSpot failed on, and how often in a row
	flights int
	running bool
	closed  bool
	nextAt  time.Time // when a batch that is not full may go

	wake chan struct{} // holds one: look at the queue again
	work sync.WaitGroup
}

// item is one record of a batch.
type item[K comparable, V any] struct {
	key   K
	value V
}

// outcome is what became of one record.
type outcome[R any] struct {
	value R
	err   error
}

type entry[K comparable, V, R any] struct {
	item[K, V]
	waiting int // callers that still want the answer
	sealed  bool
	done    chan struct{} // closed once the outcome is set
	outcome outcome[R]
}

// newBatcher makes the batcher of one kind of call; see its fields.
func newBatcher[K comparable, V, R any](shared bool, between gaps,
	token func(context.Context) (bridge.Grant, error),
	send func(context.Context, []item[K, V]) map[K]outcome[R],
) *batcher[K, V, R] {
	return &batcher[K, V, R]{
		token: token, send: send, shared: shared, gaps: between,
		open: map[K]*entry[K, V, R]{},
		busy: map[K]bool{}, failed: map[K]int{},
		wake: make(chan struct{}, 1),
	}
}

// do hands one record in and waits for its answer. A caller whose context ends
// is let go; its record is then still done if it was on its way already.
func (g *batcher[K, V, R]) do(ctx context.Context, key K, value V) (R, error) {
	var none R
	if err := context.Cause(ctx); err != nil {
		return none, err
	}
	e, err := g.join(item[K, V]{key, value})
	if err != nil {
		return none, err
	}
	select {
	case <-e.done:
		return e.outcome.value, e.outcome.err
	case <-ctx.Done():
		g.leave(e)
		return none, context.Cause(ctx)
	}
}

// close refuses new calls, sends what is queued without a gap, and returns
// when everybody has an answer.
func (g *batcher[K, V, R]) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.nudge()
	g.work.Wait()
}

func (g *batcher[K, V, R]) join(it item[K, V]) (*entry[K, V, R], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errClosed
	}
	if e := g.open[it.key]; e != nil {
		e.waiting++
		return e, nil
	}
	e := &entry[K, V, R]{item: it, waiting: 1, done: make(chan struct{})}
	g.queue = append(g.queue, e)
	if g.shared {
		g.open[it.key] = e
	}
	if !g.running {
		g.running = true
		g.work.Go(g.dispatch)
	}
	g.nudge()
	return e, nil
}

func (g *batcher[K, V, R]) leave(e *entry[K, V, R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e.waiting--
	if e.waiting == 0 && g.open[e.key] == e {
		delete(g.open, e.key)
	}
}

// nudge has the dispatcher read the queue again.
func (g *batcher[K, V, R]) nudge() {
	select {
	case g.wake <- struct{}{}:
	default: // it will read it anyway
	}
}

// dispatch sends batches until nobody waits any more.
func (g *batcher[K, V, R]) dispatch() {
	for g.awaitDue() {
		// No caller's context: the batch belongs to all of them.
		ctx, cancel := context.WithTimeout(context.Background(), tokenPatience)
		grant, err := g.token(ctx)
		cancel()
		if err != nil {
			g.refuse(err)
			continue
		}
		// The batch is empty if every caller left while the token was waited
		// for. The token is lost then: it must not be used any later.
		if batch := g.seal(grant); len(batch) > 0 {
			g.work.Go(func() { g.fly(batch) })
		}
	}
}

// awaitDue waits until a batch may go. It reports false, and the dispatcher
// has to end, when nobody waits.
func (g *batcher[K, V, R]) awaitDue() bool {
	for {
		wait, more := g.due()
		if !more {
			return false
		}
		switch {
		case wait == 0:
			return true
		case wait == untilWoken:
			<-g.wake
		default:
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-g.wake:
				timer.Stop()
			}
		}
	}
}

// untilWoken means that only a landing batch or a new call changes anything.
const untilWoken time.Duration = -1

func (g *batcher[K, V, R]) due() (wait time.Duration, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue = slices.DeleteFunc(g.queue, func(e *entry[K, V, R]) bool { return e.waiting == 0 })
	if len(g.queue) == 0 {
		g.running = false
		return 0, false
	}
	switch n := len(g.ready()); {
	case n == 0 || g.flights == maxFlights:
		return untilWoken, true
	case n == maxBatch || g.closed:
		return 0, true
	default:
		return max(0, time.Until(g.nextAt)), true
	}
}

// ready returns what the next batch would carry: the oldest entries that
// somebody waits for, one per key, no key that is on its way.
func (g *batcher[K, V, R]) ready() []*entry[K, V, R] {
	var batch []*entry[K, V, R]
	taken := make(map[K]bool, maxBatch)
	for _, e := range g.queue {
		if e.waiting == 0 || taken[e.key] || g.busy[e.key] {
			continue
		}
		taken[e.key] = true
		if batch = append(batch, e); len(batch) == maxBatch {
			break
		}
	}
	return batch
}

// seal takes the next batch out of the queue and sets the time of the one
// after it by what the budget has left.
func (g *batcher[K, V, R]) seal(grant bridge.Grant) []*entry[K, V, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := g.ready()
	for _, e := range batch {
		e.sealed = true
		delete(g.open, e.key)
		if !g.shared {
			g.busy[e.key] = true
		}
	}
	g.queue = slices.DeleteFunc(g.queue, func(e *entry[K, V, R]) bool { return e.sealed })
	if len(batch) > 0 {
		g.flights++
		g.nextAt = time.Now().Add(g.gaps.after(grant))
	}
	return batch
}

// after is the time to the next batch: short while the budget's window is free,
// long when it is used up.
func (g gaps) after(grant bridge.Grant) time.Duration {
	if grant.Limit <= 0 {
		return g.short
	}
	used := 1 - float64(grant.Left)/float64(grant.Limit)
	return g.short + time.Duration(min(max(used, 0), 1)*float64(g.long-g.short))
}

// fly does the work of a sealed batch and answers its callers.
func (g *batcher[K, V, R]) fly(batch []*entry[K, V, R]) {
	ctx, cancel := context.WithTimeout(context.Background(), batchPatience)
	defer cancel()
	items := make([]item[K, V], len(batch))
	for i, e := range batch {
		items[i] = e.item
	}
	outcomes := g.send(WithTries(ctx, g.tries(batch)), items)

	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range batch {
		result, known := outcomes[e.key]
		if !known {
			result.err = errNoAnswer
		}
		g.count(e.key, result.err)
		e.outcome = result
		close(e.done)
		delete(g.busy, e.key)
	}
	g.flights--
	g.nudge()
}

// maxFailed bounds how many failing keys are remembered. More fail only while
// HubSpot is down, when no single one is to blame.
const maxFailed = 10_000

// tries returns how often the most tried of the keys is tried with this batch. It
// stops short of convictFrom: who waits for a single record gives it up himself.
func (g *batcher[K, V, R]) tries(batch []*entry[K, V, R]) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	most := 0
	for _, e := range batch {
		most = max(most, g.failed[e.key])
	}
	return min(most+1, convictFrom-1)
}

// count notes whether HubSpot failed on a key.
func (g *batcher[K, V, R]) count(key K, err error) {
	if !fault(err) {
		delete(g.failed, key)
		return
	}
	if len(g.failed) >= maxFailed {
		clear(g.failed)
	}
	g.failed[key]++
}

// refuse answers everybody who waits with the reason why no call may be made.
func (g *batcher[K, V, R]) refuse(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.queue {
		e.outcome.err = err
		close(e.done)
	}
	g.queue = nil
	clear(g.open)
}
