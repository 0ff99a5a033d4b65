package portal

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"advocatesync/internal/bridge"
)

func TestTally_countsEveryCall(t *testing.T) {
	c := newCRM(ids(250)...)
	refused := true
	c.fail = func(op string, keys []string) error {
		if op == opRead && len(keys) == 50 && refused {
			refused = false
			return &bridge.Error{Kind: bridge.Unavailable, Op: op} // a transient
		}
		return nil
	}
	simulate(t, c, &window{}, func(t *testing.T, p *Portal) {
		var mine, others Tally
		ctx := WithTally(t.Context(), &mine)
		if _, err := p.ReadContacts(ctx, bridge.LaneBulk, ids(250)); err != nil {
			t.Fatal(err)
		}
		writes := writesOf(250)
		for i, id := range ids(250) {
			writes[i].ContactID = id
		}
		if _, err := p.UpdateContacts(ctx, bridge.LaneBulk, writes); err != nil {
			t.Fatal(err)
		}
		if _, err := p.ReadContacts(WithTally(t.Context(), &others), bridge.LaneBulk, ids(1)); err != nil {
			t.Fatal(err)
		}
		if mine.Calls() != 3+3+1 || others.Calls() != 1 {
			t.Errorf("counted %d and %d calls, want 7 with the repeated one, and 1", mine.Calls(), others.Calls())
		}
	})
}

// crowded is a budget that notes how many ask it at once.
type crowded struct {
	window
	asking, most atomic.Int64
}

func (b *crowded) Acquire(ctx context.Context, id int64, lane bridge.Lane) (bridge.Grant, error) {
	b.most.Store(max(b.most.Load(), b.asking.Add(1)))
	defer b.asking.Add(-1)
	time.Sleep(time.Millisecond)
	return b.window.Acquire(ctx, id, lane)
}

func TestBulkCallers_askTheBudgetOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &crowded{window: window{limit: 3}}
		p := New(portalID, newCRM(ids(1)...), b)
		var callers sync.WaitGroup
		for range 12 {
			callers.Go(func() {
				if _, err := p.ReadContacts(t.Context(), bridge.LaneBulk, ids(1)); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if got := b.most.Load(); got != 1 {
			t.Errorf("%d asked at once", got)
		}
	})
}

func TestBulkCaller_leavesTheLineWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &window{limit: 1}
		p := New(portalID, newCRM(ids(1)...), w)
		read := func(ctx context.Context) error {
			_, err := p.ReadContacts(ctx, bridge.LaneBulk, ids(1))
			return err
		}
		if err := read(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- read(t.Context()) }()
		synctest.Wait() // the first waits for the window
		go func() { second <- read(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, context.Canceled) {
			t.Errorf("the second got %v", err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}
