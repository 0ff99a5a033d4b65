package batching

import (
	"context"
	"sync"
	"time"
)

// companyPatience is how long a call waits for the rest of its company, one of which
// may be held up elsewhere: longer than a busy machine or a slow vendor needs for a
// hundred steps, so that the number of calls does not depend on either.
const companyPatience = time.Minute

// Company is a number of callers who work side by side through the same steps. A
// call of one of them waits until each other has made its next call as well, or has
// ended: whatever the machine's pace, the company's calls share their batches. A caller
// without company takes nobody of it along.
type Company struct {
	mu      sync.Mutex
	running int            // members who are not waiting for a batch
	waitIn  map[nudger]int // members who are, by the batcher
}

// nudger is a batcher in which members wait.
type nudger interface{ nudge() }

// NewCompany returns a company of n members. Each must call Leave when it ends.
func NewCompany(n int) *Company {
	return &Company{running: n, waitIn: map[nudger]int{}}
}

type companyKey struct{}

// With returns a context whose calls are one member's.
func (c *Company) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, companyKey{}, c)
}

// Accompanied reports whether the caller belongs to a company.
func Accompanied(ctx context.Context) bool { return companyOf(ctx) != nil }

func companyOf(ctx context.Context) *Company {
	c, _ := ctx.Value(companyKey{}).(*Company)
	return c
}

// Leave says that a member makes no more calls.
func (c *Company) Leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	c.nudgeIfAllWait()
}

// wait notes that a member waits in a batcher.
func (c *Company) wait(in nudger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waitIn[in]++
	c.running--
	c.nudgeIfAllWait()
}

// resume notes that a member who waited in a batcher goes on, before it does.
func (c *Company) resume(in nudger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waitIn[in]--; c.waitIn[in] == 0 {
		delete(c.waitIn, in)
	}
	c.running++
}

// allWait reports whether nobody else can join the batches that members wait for.
func (c *Company) allWait() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running <= 0
}

// nudgeIfAllWait has every batcher in which members wait look again. One that has to
// wait for its gap or its token may then find that others have gone on meanwhile, so
// it is nudged again the next time.
func (c *Company) nudgeIfAllWait() {
	if c.running > 0 {
		return
	}
	for b := range c.waitIn {
		b.nudge()
	}
}
