package model

import (
	"context"
	"errors"
	"sync"

	"go.temporal.io/sdk/interceptor"
)

// death is when a worker dies: at a call to a vendor.
type death int

const (
	alive      death = iota
	beforeCall       // the vendor never sees it
	afterCall        // nobody sees the answer
)

var errDied = errors.New("the worker died")

// lifelines end with the worker. They are those of the activities under way.
type lifelines struct {
	mu   sync.Mutex
	next int
	cut  map[int]context.CancelFunc
}

func (l *lifelines) add(cut context.CancelFunc) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut == nil {
		l.cut = map[int]context.CancelFunc{}
	}
	l.next++
	at := l.next
	l.cut[at] = cut
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.cut, at)
	}
}

// end has the worker die: none of its activities reaches the database any more, and
// nobody hears what came of them.
func (l *lifelines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cut := range l.cut {
		cut()
	}
}

// mortal lets activities die with their worker. Temporal notices, and runs them again.
type mortal struct {
	interceptor.WorkerInterceptorBase

	wire *wire
}

// InterceptActivity is interceptor.WorkerInterceptor's.
func (m *mortal) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &mortalActivity{wire: m.wire}
	i.Next = next
	return i
}

type mortalActivity struct {
	interceptor.ActivityInboundInterceptorBase

	wire *wire
}

// ExecuteActivity is interceptor.ActivityInboundInterceptor's.
func (a *mortalActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	life, cut := context.WithCancel(ctx)
	defer cut()
	defer a.wire.underWay.add(cut)()
	result, err := a.Next.ExecuteActivity(life, in)
	if life.Err() != nil && ctx.Err() == nil {
		a.wire.w.lab.seen.deaths.Add(1)
		return nil, errDied
	}
	return result, err
}
