package portal

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
)

// laned is a budget that spreads the bulk lane's calls over the window, as the real one
// does, and notes in which lane each call was made.
type laned struct {
	window

	bulkNextAt time.Time
	lanes      map[bridge.Lane]int
}

func (l *laned) Acquire(ctx context.Context, portalID int64, lane bridge.Lane) (bridge.Grant, error) {
	l.mu.Lock()
	now := time.Now()
	if lane == bridge.LaneBulk && now.Before(l.bulkNextAt) {
		l.mu.Unlock()
		return bridge.Grant{Wait: l.bulkNextAt.Sub(now), Limit: l.limit}, nil
	}
	l.bulkNextAt = now.Add(100 * time.Millisecond)
	l.lanes[lane]++
	l.mu.Unlock()
	return l.window.Acquire(ctx, portalID, lane)
}

// pages has pages of contacts read and written, each as a company, all at once.
func pages(t *testing.T, p *Portal, n, size int) {
	t.Helper()
	all := ids(n * size)
	var work sync.WaitGroup
	for i := range n {
		company := batching.NewCompany(size)
		for _, id := range all[i*size : (i+1)*size] {
			work.Go(func() {
				defer company.Leave()
				ctx := company.With(t.Context())
				if _, err := p.Contact(ctx, id); err != nil {
					t.Error(err)
				}
				if err := p.UpdateContact(ctx, id, bridge.Properties{bridge.PropReferralCode: "C" + id}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	work.Wait()
}

// An import of ten thousand uses up the window for as long as it lasts.
func TestSingles_aContactThatSomebodyWaitsForWaitsForNoPage(t *testing.T) {
	t.Parallel()
	const many, size = 100, 51 // two do not fit into one call
	c := newCRM(append(ids(many*size), "1")...)
	c.latency = 50 * time.Millisecond
	budget := &laned{window: window{limit: 110}, lanes: map[bridge.Lane]int{}}
	synctest.Test(t, func(t *testing.T) {
		p := New(portalID, c, budget)
		var work sync.WaitGroup
		work.Go(func() { pages(t, p, many, size) })
		time.Sleep(5 * time.Second) // in the middle of it
		began := time.Now()
		if _, err := p.Contact(t.Context(), "1"); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the contact was read after %s", waited)
		}
		work.Wait()
		p.Close()
	})
	if got := budget.lanes; got[bridge.LaneLive] != 1 || got[bridge.LaneBulk] != 2*many {
		t.Errorf("calls by lane: %v; want 1 live, and two for each of %d pages", got, many)
	}
}
