// Package batching turns concurrent calls about single records into batches: a
// caller hands in one record and waits for its own answer, and does not notice
// that the call was shared.
package batching

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"advocatesync/internal/bridge"
)

// Size is how many records a batch carries at most. Both vendors take a hundred
// (HubSpot docs: batch endpoints; SaaSquatch docs: upsertUsers).
const Size = 100

const (
	// maxFlights is how many batches of one kind may be on their way at once:
	// enough that a slow answer or a split holds nobody else up, few enough
	// that a dead vendor is not sent a window's worth of calls.
	maxFlights = 8

	tokenPatience = 20 * time.Second // how long a batch waits for its token, unless configured
	batchPatience = time.Minute      // how long a batch may take, its splits included
)

// Gaps bound the time between two batches of one kind that are not full.
type Gaps struct {
	Short, Long time.Duration
	Shared      time.Duration // after a batch of several records, where that is a sign of many more; 0: as after any other
}

// UsualGaps suit somebody who waits: a contact pays a gap at most twice, for its read and for its
// write-back, so two long ones must fit well into the two seconds that a new
// contact may take.
var UsualGaps = Gaps{Short: 150 * time.Millisecond, Long: 500 * time.Millisecond}

// errClosed answers calls that come after Close: another worker takes them.
var errClosed = &bridge.Error{Kind: bridge.Unavailable, Op: "batching.do", Err: errors.New("shutting down")}

// errNoAnswer is for a record that the vendor's answer does not mention: nobody
// knows what became of it, so it is to be tried again.
var errNoAnswer = &bridge.Error{Op: "batching.do", Err: errors.New("no result for this record")}

// Config is what a Batcher is made of.
type Config[K comparable, V, R any] struct {
	// Token waits for the right to make the batch's first call; nil: there is no
	// budget to share.
	Token func(context.Context) (bridge.Grant, error)
	// Send does the work of a batch whose keys are all different. tries is how
	// often the most tried of its records is tried with this call. A record
	// without an outcome may be tried again.
	Send func(ctx context.Context, tries int, items []Item[K, V]) map[K]Outcome[R]
	// Fault tells errors that one record may cause for a whole batch: they count
	// as a try of the record.
	Fault func(error) bool
	// Shared lets calls with the same key share one answer, as reads may.
	// Otherwise they are done one after the other, in the order they came.
	Shared bool
	Gaps   Gaps
	// Patience is how long a batch waits for its token; 0: 20 seconds.
	Patience time.Duration
}

// Batcher makes batches. It is safe for concurrent use and keeps no goroutine
// while nobody waits.
//
// The first call of a quiet spell goes at once. The calls of a company go together,
// once all of it waits; see Company. After a batch, batches keep a gap that grows as the budget
// runs short; a full batch waits for nothing but its token. A batch is sealed only
// when it has the token, so late callers still join while it waits, and a shared
// read never predates any of its callers.
type Batcher[K comparable, V, R any] struct {
	cfg Config[K, V, R]

	mu      sync.Mutex
	queue   []*entry[K, V, R]
	open    map[K]*entry[K, V, R] // shared only: entries that another caller may join
	busy    map[K]bool            // not shared: keys that are on their way
	failed  map[K]int             // keys that the vendor failed on, and how often in a row
	flights int
	running bool
	closed  bool
	nextAt  time.Time // when a batch that is not full may go

	wake chan struct{} // holds one: look at the queue again
	work sync.WaitGroup
}

// Item is one record of a batch.
type Item[K comparable, V any] struct {
	Key   K
	Value V
}

// Outcome is what became of one record.
type Outcome[R any] struct {
	Value R
	Err   error
}

type entry[K comparable, V, R any] struct {
	Item[K, V]
	waiting   int        // callers that still want the answer
	alone     bool       // a caller has no company
	companies []*Company // of the callers that have some
	notBefore time.Time  // when it stops waiting for their company
	sealed    bool
	done      chan struct{} // closed once the outcome is set
	outcome   Outcome[R]
}

// New returns a Batcher.
func New[K comparable, V, R any](cfg Config[K, V, R]) *Batcher[K, V, R] {
	return &Batcher[K, V, R]{
		cfg:  cfg,
		open: map[K]*entry[K, V, R]{},
		busy: map[K]bool{}, failed: map[K]int{},
		wake: make(chan struct{}, 1),
	}
}

// Do hands one record in and waits for its answer. A caller whose context ends
// is let go; its record is then still done if it was on its way already.
func (g *Batcher[K, V, R]) Do(ctx context.Context, key K, value V) (R, error) {
	var none R
	if err := context.Cause(ctx); err != nil {
		return none, err
	}
	e, err := g.join(Item[K, V]{key, value}, companyOf(ctx))
	if err != nil {
		return none, err
	}
	select {
	case <-e.done:
		return e.outcome.Value, e.outcome.Err
	case <-ctx.Done():
		g.leave(e, companyOf(ctx))
		return none, context.Cause(ctx)
	}
}

// Close refuses new calls, sends what is queued without a gap, and returns
// when everybody has an answer.
func (g *Batcher[K, V, R]) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.nudge()
	g.work.Wait()
}

func (g *Batcher[K, V, R]) join(it Item[K, V], c *Company) (*entry[K, V, R], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, errClosed
	}
	if e := g.open[it.Key]; e != nil {
		e.waiting++
		g.accompany(e, c)
		return e, nil
	}
	e := &entry[K, V, R]{Item: it, waiting: 1, done: make(chan struct{})}
	g.queue = append(g.queue, e)
	if g.cfg.Shared {
		g.open[it.Key] = e
	}
	g.accompany(e, c)
	if !g.running {
		g.running = true
		g.work.Go(g.dispatch)
	}
	g.nudge()
	return e, nil
}

// accompany notes whose company a caller of an entry is of; nil: it has none, and
// the entry waits for nobody.
func (g *Batcher[K, V, R]) accompany(e *entry[K, V, R], c *Company) {
	if c == nil {
		e.alone = true
		return
	}
	e.companies = append(e.companies, c)
	if e.notBefore.IsZero() {
		e.notBefore = time.Now().Add(companyPatience)
	}
	c.wait(g)
}

func (g *Batcher[K, V, R]) leave(e *entry[K, V, R], c *Company) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := slices.Index(e.companies, c); c != nil && at >= 0 {
		e.companies = slices.Delete(e.companies, at, at+1)
		c.resume(g)
	}
	e.waiting--
	if e.waiting == 0 && g.open[e.Key] == e {
		delete(g.open, e.Key)
	}
}

// nudge has the dispatcher read the queue again.
func (g *Batcher[K, V, R]) nudge() {
	select {
	case g.wake <- struct{}{}:
	default: // it will read it anyway
	}
}

// token waits for the right to make a call.
func (g *Batcher[K, V, R]) token(ctx context.Context) (bridge.Grant, error) {
	if g.cfg.Token == nil {
		return bridge.Grant{OK: true}, nil
	}
	return g.cfg.Token(ctx)
}

// dispatch sends batches until nobody is waiting.
func (g *Batcher[K, V, R]) dispatch() {
	for g.awaitDue() {
		// No caller's context: the batch belongs to all of them.
		ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(g.cfg.Patience, tokenPatience))
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
func (g *Batcher[K, V, R]) awaitDue() bool {
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

func (g *Batcher[K, V, R]) due() (wait time.Duration, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queue = slices.DeleteFunc(g.queue, func(e *entry[K, V, R]) bool { return e.waiting == 0 })
	if len(g.queue) == 0 {
		g.running = false
		return 0, false
	}
	ready, next := g.ready()
	switch n := len(ready); {
	case g.flights == maxFlights:
		return untilWoken, true
	case n == 0:
		return next, true
	case n == Size || g.closed:
		return 0, true
	default:
		return max(0, time.Until(g.nextAt)), true
	}
}

// answer gives the callers of entries their outcomes. Their companies know that all of
// them go on before the first one does: it would find nobody else on the way, and go
// ahead alone.
func (g *Batcher[K, V, R]) answer(entries []*entry[K, V, R], outcome func(*entry[K, V, R]) Outcome[R]) {
	for _, e := range entries {
		for _, c := range e.companies {
			c.resume(g)
		}
		e.companies = nil
	}
	for _, e := range entries {
		e.outcome = outcome(e)
		close(e.done)
	}
}

// ready returns what the next batch would carry: the oldest entries that somebody
// waits for, one per key, no key that is on its way. A company's entries go together
// or not at all: whoever went ahead would be ahead in every later step, and each step
// would take a batch more. If the batch is empty, next is when to look again.
func (g *Batcher[K, V, R]) ready() (batch []*entry[K, V, R], next time.Duration) {
	next = untilWoken
	taken := make(map[K]bool, Size)
	for _, party := range g.parties() {
		if wait := party[0].companyTime(); wait > 0 && !g.closed {
			if next == untilWoken || wait < next {
				next = wait
			}
			continue
		}
		if len(batch) > 0 && len(batch)+len(party) > Size {
			break
		}
		for _, e := range party {
			if len(batch) == Size || e.waiting == 0 || taken[e.Key] || g.busy[e.Key] {
				continue
			}
			taken[e.Key] = true
			batch = append(batch, e)
		}
	}
	return batch, next
}

// parties divides the queue, the oldest first, into those who go together: a company,
// or one entry alone.
func (g *Batcher[K, V, R]) parties() [][]*entry[K, V, R] {
	var parties [][]*entry[K, V, R]
	of := map[*Company]int{}
	for _, e := range g.queue {
		if e.alone || len(e.companies) == 0 {
			parties = append(parties, []*entry[K, V, R]{e})
			continue
		}
		at, seen := of[e.companies[0]]
		if !seen {
			at = len(parties)
			of[e.companies[0]] = at
			parties = append(parties, nil)
		}
		parties[at] = append(parties[at], e)
	}
	return parties
}

// companyTime returns how long an entry still waits for its callers' company; 0 or
// less: no longer.
func (e *entry[K, V, R]) companyTime() time.Duration {
	if e.alone || !slices.ContainsFunc(e.companies, func(c *Company) bool { return !c.allWait() }) {
		return 0
	}
	return time.Until(e.notBefore)
}

// seal takes the next batch out of the queue and sets the time of the one
// after it by what the budget has left.
func (g *Batcher[K, V, R]) seal(grant bridge.Grant) []*entry[K, V, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch, _ := g.ready()
	for _, e := range batch {
		e.sealed = true
		delete(g.open, e.Key)
		if !g.cfg.Shared {
			g.busy[e.Key] = true
		}
	}
	g.queue = slices.DeleteFunc(g.queue, func(e *entry[K, V, R]) bool { return e.sealed })
	if len(batch) > 0 {
		g.flights++
		g.nextAt = time.Now().Add(g.cfg.Gaps.after(grant, len(batch)))
	}
	return batch
}

// after is the time to the next batch: short while the budget's window is free,
// long when it is used up.
func (g Gaps) after(grant bridge.Grant, records int) time.Duration {
	if records > 1 && g.Shared > 0 {
		return g.Shared
	}
	if grant.Limit <= 0 {
		return g.Short
	}
	used := 1 - float64(grant.Left)/float64(grant.Limit)
	return g.Short + time.Duration(min(max(used, 0), 1)*float64(g.Long-g.Short))
}

// fly does the work of a sealed batch and answers its callers.
func (g *Batcher[K, V, R]) fly(batch []*entry[K, V, R]) {
	ctx, cancel := context.WithTimeout(context.Background(), batchPatience)
	defer cancel()
	items := make([]Item[K, V], len(batch))
	for i, e := range batch {
		items[i] = e.Item
	}
	outcomes := g.cfg.Send(ctx, g.tries(batch), items)

	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer(batch, func(e *entry[K, V, R]) Outcome[R] {
		result, known := outcomes[e.Key]
		if !known {
			result.Err = errNoAnswer
		}
		g.count(e.Key, result.Err)
		delete(g.busy, e.Key)
		return result
	})
	g.flights--
	g.nudge()
}

// maxFailed bounds how many failing keys are remembered. More fail only while
// the vendor is down, when no single one is to blame.
const maxFailed = 10_000

// tries returns how often the most tried of the keys is tried with this batch.
func (g *Batcher[K, V, R]) tries(batch []*entry[K, V, R]) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	most := 0
	for _, e := range batch {
		most = max(most, g.failed[e.Key])
	}
	return most + 1
}

// count notes whether the vendor failed on a key.
func (g *Batcher[K, V, R]) count(key K, err error) {
	if g.cfg.Fault == nil || !g.cfg.Fault(err) {
		delete(g.failed, key)
		return
	}
	if len(g.failed) >= maxFailed {
		clear(g.failed)
	}
	g.failed[key]++
}

// refuse answers everybody who waits with the reason why no call may be made.
func (g *Batcher[K, V, R]) refuse(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer(g.queue, func(*entry[K, V, R]) Outcome[R] { return Outcome[R]{Err: err} })
	g.queue = nil
	clear(g.open)
}
