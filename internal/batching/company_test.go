package batching

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Members take different times between their steps, much longer than any gap.
func TestCompany_callsOfEachStepShareABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, second := &recorder{}, &recorder{latency: 300 * time.Millisecond}
		reads, writes := first.batcher(true), second.batcher(false)
		const members = 40
		company := NewCompany(members)
		var work sync.WaitGroup
		for i := range members {
			work.Go(func() {
				defer company.Leave()
				ctx := company.With(t.Context())
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				if _, err := reads.Do(ctx, key(i/2), 0); err != nil { // two ask for the same
					t.Error(err)
				}
				if i%4 == 3 {
					return // some need no second step
				}
				time.Sleep(time.Duration(members-i) * 50 * time.Millisecond)
				if got, err := writes.Do(ctx, key(i), i); err != nil || got != fmt.Sprintf("k%d=%d", i, i) {
					t.Errorf("%d: %q, %v", i, got, err)
				}
			})
		}
		work.Wait()
		if diff := cmp.Diff([]int{members / 2}, first.sizes()); diff != "" {
			t.Error("reads", diff)
		}
		if diff := cmp.Diff([]int{members * 3 / 4}, second.sizes()); diff != "" {
			t.Error("writes", diff)
		}
	})
}

// While a batch is answered, those who have their answer make their next calls. On real
// threads: the members that go on must not overtake the answers to the others.
func TestCompany_whoIsAnsweredFirstDoesNotGoAhead(t *testing.T) {
	t.Parallel()
	const members, rounds = 50, 400
	var calls atomic.Int64
	again := func() *Batcher[string, int, string] {
		return New(Config[string, int, string]{
			Send: func(_ context.Context, _ int, items []Item[string, int]) map[string]Outcome[string] {
				calls.Add(1)
				outcomes := make(map[string]Outcome[string], len(items))
				for _, it := range items {
					outcomes[it.Key] = Outcome[string]{}
				}
				return outcomes
			},
		})
	}
	steps := []*Batcher[string, int, string]{again(), again()}
	company := NewCompany(members)
	var work sync.WaitGroup
	for i := range members {
		work.Go(func() {
			defer company.Leave()
			for round := range rounds {
				if _, err := steps[round%2].Do(company.With(t.Context()), key(i), i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	if got := calls.Load(); got != rounds {
		t.Errorf("%d calls for %d steps of one company", got, rounds)
	}
}

// A batch that took some of a company along would put them a step ahead of the others,
// in every step to come.
func TestCompany_companiesThatMeetStayTogether(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ members []int }{
		"larger than a batch together":  {[]int{60, 60, 60}},
		"a full page and a small one":   {[]int{100, 7}},
		"small ones, which share calls": {[]int{20, 30}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const steps = 3
				var calls [steps]*recorder
				var batchers [steps]*Batcher[string, int, string]
				for i := range steps {
					calls[i] = &recorder{latency: 300 * time.Millisecond}
					batchers[i] = calls[i].batcher(false)
				}
				var work sync.WaitGroup
				for c, members := range tt.members {
					company := NewCompany(members)
					for i := range members {
						work.Go(func() {
							defer company.Leave()
							for step, g := range batchers {
								time.Sleep(time.Duration((i*7+c*3+step)%50) * 10 * time.Millisecond) // each at its own pace
								if _, err := g.Do(company.With(t.Context()), key(c*1000+i), i); err != nil {
									t.Error(err)
								}
							}
						})
					}
				}
				work.Wait()
				for step, r := range calls {
					if got := len(r.sizes()); got > len(tt.members) {
						t.Errorf("step %d took %d calls for %d companies: %v", step, got, len(tt.members), r.sizes())
					}
				}
			})
		})
	}
}

// A batcher that finds the whole company waiting may have to wait for its gap, and find
// that others have gone on by then. It looks again once those have ended.
func TestCompany_whoWaitsThroughAGapIsNotForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &recorder{}, &recorder{}
		gapped, other := slow.batcher(false), quick.batcher(false)
		if _, err := gapped.Do(t.Context(), "before", 0); err != nil { // now there is a gap
			t.Fatal(err)
		}
		company := NewCompany(2)
		var work sync.WaitGroup
		began := time.Now()
		work.Go(func() {
			defer company.Leave()
			if _, err := gapped.Do(company.With(t.Context()), "waits", 1); err != nil {
				t.Error(err)
			}
		})
		work.Go(func() {
			defer company.Leave()
			if _, err := other.Do(company.With(t.Context()), "goes on", 2); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * UsualGaps.Long)
		})
		work.Wait()
		if took := time.Since(began); took >= companyPatience {
			t.Errorf("it took %v", took)
		}
	})
}

func TestCompany_whoComesAloneWaitsForNobodyElsesCompany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		g := r.batcher(true)
		company := NewCompany(2)
		var work sync.WaitGroup
		work.Go(func() { // its companion never calls
			defer company.Leave()
			if _, err := g.Do(company.With(t.Context()), "member", 1); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		began := time.Now()
		if _, err := g.Do(t.Context(), "alone", 2); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited > UsualGaps.Long {
			t.Errorf("waited %v", waited)
		}
		work.Wait()
		if diff := cmp.Diff([]int{1, 1}, r.sizes()); diff != "" {
			t.Error("the member was taken along:", diff)
		}
		company.Leave()
	})
}

func TestCompany_aMemberThatIsHeldUpDoesNotHoldTheOthersForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		g := r.batcher(true)
		company := NewCompany(3)
		began := time.Now()
		ctx, cancel := context.WithCancel(company.With(t.Context()))
		var work sync.WaitGroup
		work.Go(func() { // gives up, and goes on without an answer
			_, _ = g.Do(ctx, "gone", 1)
			company.Leave()
		})
		work.Go(func() {
			defer company.Leave()
			if _, err := g.Do(company.With(t.Context()), "stays", 1); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		work.Wait()
		if waited := time.Since(began); waited != companyPatience {
			t.Errorf("waited %v, want %v", waited, companyPatience)
		}
		company.Leave() // the one that was held up
		if company.running != 0 {
			t.Errorf("%d members are still there", company.running)
		}
	})
}
