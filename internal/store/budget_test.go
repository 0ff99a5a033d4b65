package store_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// simulation is one portal's budget under a clock that only moves when a caller
// waits.
type simulation struct {
	opts   store.BudgetOptions
	window store.BudgetWindow
	now    time.Time
	grants []time.Time
}

func simulate(opts store.BudgetOptions) *simulation {
	return &simulation{opts: store.WithDefaults(opts), now: at(0)}
}

func (s *simulation) ask(lane bridge.Lane) bridge.Grant {
	g := store.Decide(s.opts, &s.window, s.now, lane)
	if g.OK {
		s.grants = append(s.grants, s.now)
	}
	return g
}

// take asks until it is granted, coming back late by lag each time.
func (s *simulation) take(lane bridge.Lane, lag time.Duration) {
	for {
		g := s.ask(lane)
		if g.OK {
			return
		}
		s.now = s.now.Add(g.Wait + lag)
	}
}

// fullest returns the most grants in any span of time.
func fullest(grants []time.Time, span time.Duration) int {
	most, first := 0, 0
	for i, at := range grants {
		for at.Sub(grants[first]) > span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func TestBudget_bulkAloneUsesTheWindow(t *testing.T) {
	t.Parallel()
	for name, lag := range map[string]time.Duration{
		"callers on time": 0,
		"callers late":    3 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulate(store.BudgetOptions{})
			const windows = 30
			for s.now.Before(at(0).Add(windows * s.opts.Window)) {
				s.take(bridge.LaneBulk, lag)
			}
			if got, want := len(s.grants), windows*s.opts.Limit*97/100; got < want {
				t.Errorf("%d calls in %d windows, want at least %d", got, windows, want)
			}
			if got := fullest(s.grants, s.opts.Window); got > s.opts.Limit-s.opts.Reserve {
				t.Errorf("%d calls in one window", got)
			}
			for i := range s.grants[1:] {
				if gap := s.grants[i+1].Sub(s.grants[i]); gap > s.opts.Window/50 {
					t.Fatalf("a stall of %v after %d calls", gap, i+1)
				}
			}
		})
	}
}

func TestBudget_bulkMakesUpForAShortStallOnly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stall time.Duration
		lost  int // calls, of those that the stall had room for
	}{
		"short": {400 * time.Millisecond, 0}, // of 4
		"long":  {2 * time.Second, 21},       // of 21
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := func(stall time.Duration) int {
				s := simulate(store.BudgetOptions{})
				for s.now.Before(at(0).Add(5 * s.opts.Window)) {
					s.take(bridge.LaneBulk, 0)
					if len(s.grants) == 220 {
						s.now = s.now.Add(stall)
					}
				}
				if got := fullest(s.grants, s.opts.Window); got > s.opts.Limit {
					t.Errorf("%d calls in one window", got)
				}
				return len(s.grants)
			}
			if lost := calls(0) - calls(tt.stall); lost < tt.lost-2 || lost > tt.lost+2 {
				t.Errorf("a stall of %s cost %d calls, want %d", tt.stall, lost, tt.lost)
			}
		})
	}
}

// HubSpot counts calls when they arrive, not when they were granted.
func TestBudget_callsThatArriveOutOfStepStayWithinTheLimit(t *testing.T) {
	t.Parallel()
	s := simulate(store.BudgetOptions{})
	random := rand.New(rand.NewPCG(1, 2))
	var arrived []time.Time
	for s.now.Before(at(0).Add(100 * s.opts.Window)) {
		lane := bridge.LaneBulk
		if random.IntN(20) == 0 {
			lane = bridge.LaneLive
		}
		s.take(lane, 0)
		arrived = append(arrived, s.now.Add(time.Duration(random.Int64N(int64(s.opts.Margin)))))
	}
	slices.SortFunc(arrived, time.Time.Compare)
	if got := fullest(arrived, s.opts.Window); got > s.opts.Limit {
		t.Errorf("%d calls arrived in one window of %d", got, s.opts.Limit)
	}
}

func TestBudget_liveFillsTheWindowAndNoMore(t *testing.T) {
	t.Parallel()
	s := simulate(store.BudgetOptions{})
	for left := 109; left >= 0; left-- {
		if g := s.ask(bridge.LaneLive); !g.OK || g.Left != left || g.Limit != 110 {
			t.Fatalf("grant %+v, want one with %d left", g, left)
		}
		s.now = s.now.Add(time.Millisecond)
	}
	g := s.ask(bridge.LaneLive)
	if want := 10200*time.Millisecond - 110*time.Millisecond; g.OK || g.Wait != want {
		t.Fatalf("answer %+v to the 111th call, want a wait of %v", g, want)
	}
	s.now = s.now.Add(g.Wait)
	if g = s.ask(bridge.LaneLive); !g.OK {
		t.Errorf("refused after the wait: %+v", g)
	}
}

func TestBudget_bulkLeavesAReserve(t *testing.T) {
	t.Parallel()
	s := simulate(store.BudgetOptions{Limit: 10, Reserve: 2})
	for range 8 {
		s.take(bridge.LaneBulk, 0)
	}
	if s.ask(bridge.LaneBulk).OK {
		t.Error("bulk took of the reserve")
	}
	for range 2 {
		if !s.ask(bridge.LaneLive).OK {
			t.Error("the reserve is not there for live work")
		}
	}
	if s.ask(bridge.LaneLive).OK {
		t.Error("more calls than the window takes")
	}
}

func TestBudget_nextTokenGoesToLive(t *testing.T) {
	t.Parallel()
	s := simulate(store.BudgetOptions{Limit: 10})
	for range 10 {
		s.take(bridge.LaneLive, 0)
	}
	refused := s.ask(bridge.LaneLive)
	s.now = s.now.Add(refused.Wait)
	bulk := s.ask(bridge.LaneBulk) // bulk is there first
	if bulk.OK {
		t.Fatal("bulk took the token that live waits for")
	}
	if !s.ask(bridge.LaneLive).OK {
		t.Error("live does not get its token")
	}
	s.now = s.now.Add(bulk.Wait)
	if !s.ask(bridge.LaneBulk).OK {
		t.Error("bulk is held after live was served")
	}
}

// Bulk asks whenever it may and is always there first; live asks now and then.
// From the moment that live is refused, the next call is live's, and comes soon:
// the two together leave no gap in the window.
func TestBudget_liveWaitsForNoBulkCall(t *testing.T) {
	t.Parallel()
	s := simulate(store.BudgetOptions{})
	random := rand.New(rand.NewPCG(3, 4))
	var (
		bulkAt, liveAt       time.Time // when each asks next
		waits                bool      // live was refused
		since                time.Time // then
		longest              time.Duration
		refusals, live, bulk int
	)
	for ; s.now.Before(at(0).Add(30 * s.opts.Window)); s.now = s.now.Add(time.Millisecond) {
		if !s.now.Before(bulkAt) {
			g := s.ask(bridge.LaneBulk)
			bulkAt = s.now.Add(g.Wait)
			if g.OK {
				bulk++
			}
			if g.OK && waits {
				t.Fatalf("bulk got a call at %s while live waits", s.now.Sub(at(0)))
			}
		}
		if !s.now.Before(liveAt) {
			g := s.ask(bridge.LaneLive)
			if !g.OK && !waits {
				since = s.now
			}
			if g.OK && waits {
				longest = max(longest, s.now.Sub(since))
			}
			waits = !g.OK
			liveAt = s.now.Add(g.Wait)
			if g.OK {
				live++
				liveAt = s.now.Add(time.Duration(random.IntN(400)) * time.Millisecond)
			} else {
				refusals++
			}
		}
	}
	if longest > 300*time.Millisecond {
		t.Errorf("live waited %s for a call, want a few paces at most", longest)
	}
	if refusals == 0 || live < 1000 || bulk < 1000 {
		t.Errorf("live was refused %d times, and got %d calls, bulk %d: the window was never short", refusals, live, bulk)
	}
}

func TestBudget_clockSetBackDoesNotStall(t *testing.T) {
	t.Parallel()
	s := simulate(store.BudgetOptions{Limit: 10})
	for range 5 {
		s.take(bridge.LaneBulk, 0)
	}
	s.now = s.now.Add(-time.Hour)
	if g := s.ask(bridge.LaneBulk); g.Wait > 2*time.Second {
		t.Errorf("bulk waits %v", g.Wait)
	}
	s.now = s.now.Add(s.opts.Window + s.opts.Margin)
	if g := s.ask(bridge.LaneLive); g.Left != 9 {
		t.Errorf("grants from the future still count: %+v", g)
	}
}

// The rules above, on the real row and clock with many callers at once.
func TestBudget_holdsAmongConcurrentCallers(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const portal = 7
	opts := store.BudgetOptions{Limit: 20, Window: 400 * time.Millisecond, Margin: 20 * time.Millisecond}
	budget := store.NewBudget(d.Store, opts)
	// The trigger keeps every grant time, also those the budget has forgotten.
	d.exec(t, "CREATE TABLE granted_ever (granted_at timestamptz NOT NULL)")
	d.exec(t, `CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO granted_ever SELECT g FROM unnest(new.granted) g WHERE NOT g = ANY (old.granted); RETURN new; END $$`)
	d.exec(t, "CREATE TRIGGER keep BEFORE UPDATE ON budget FOR EACH ROW EXECUTE FUNCTION keep()")

	var (
		callers sync.WaitGroup
		granted atomic.Int64
	)
	for i := range 6 {
		lane := []bridge.Lane{bridge.LaneLive, bridge.LaneBulk}[i%2]
		callers.Go(func() {
			for granted.Load() < 3*int64(opts.Limit) {
				g, err := budget.Acquire(t.Context(), portal, lane)
				if err != nil {
					t.Error(err)
					return
				}
				if g.OK {
					granted.Add(1)
					continue
				}
				<-time.After(g.Wait) // what a caller is asked to do
			}
		})
	}
	callers.Wait()

	var times []time.Time
	must(t, d.side.QueryRow(t.Context(), "SELECT array_agg(granted_at ORDER BY granted_at) FROM granted_ever").Scan(&times))
	if got := granted.Load(); got != int64(len(times)) {
		t.Errorf("%d grants given, %d recorded", got, len(times))
	}
	if got := fullest(times, opts.Window); got > opts.Limit {
		t.Errorf("%d calls in one window of %d", got, opts.Limit)
	}
}

func TestBudget_pauseHoldsEveryone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	budget := store.NewBudget(d.Store, store.BudgetOptions{})
	must(t, budget.Pause(t.Context(), 7, time.Hour))
	must(t, budget.Pause(t.Context(), 7, time.Minute)) // the longer one stays
	for _, lane := range []bridge.Lane{bridge.LaneLive, bridge.LaneBulk} {
		g, err := budget.Acquire(t.Context(), 7, lane)
		must(t, err)
		if g.OK || g.Wait < 59*time.Minute {
			t.Errorf("%s: %+v during a pause of an hour", lane, g)
		}
	}
	if g, err := budget.Acquire(t.Context(), 8, bridge.LaneLive); err != nil || !g.OK {
		t.Errorf("another portal is held as well: %+v, %v", g, err)
	}
	d.exec(t, "UPDATE budget SET paused_until = now(), live_waiting_until = now() WHERE portal_id = 7")
	if g, err := budget.Acquire(t.Context(), 7, bridge.LaneBulk); err != nil || !g.OK {
		t.Errorf("held after the pause: %+v, %v", g, err)
	}
}
