package batching

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"advocatesync/internal/bridge"
)

// recorder is the far end of a batcher: it keeps what was sent and answers each
// record with its own value.
type recorder struct {
	latency time.Duration
	answer  func(batch []Item[string, int]) map[string]Outcome[string] // nil: echo
	plenty  bridge.Grant
	deny    error
	tokenAt time.Duration // how long a token takes

	mu      sync.Mutex
	began   time.Time
	tokens  int
	batches [][]Item[string, int]
	at      []time.Duration
}

func (r *recorder) token(_ context.Context) (bridge.Grant, error) {
	time.Sleep(r.tokenAt) // fake time
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deny != nil {
		return bridge.Grant{}, r.deny
	}
	r.tokens++
	return r.plenty, nil
}

func (r *recorder) send(_ context.Context, _ int, batch []Item[string, int]) map[string]Outcome[string] {
	r.mu.Lock()
	r.batches = append(r.batches, batch)
	r.at = append(r.at, time.Since(r.began))
	r.mu.Unlock()
	time.Sleep(r.latency)
	if r.answer != nil {
		return r.answer(batch)
	}
	return echo(batch)
}

func echo(batch []Item[string, int]) map[string]Outcome[string] {
	out := map[string]Outcome[string]{}
	for _, it := range batch {
		out[it.Key] = Outcome[string]{Value: fmt.Sprintf("%s=%d", it.Key, it.Value)}
	}
	return out
}

// sizes returns how many records each batch carried.
func (r *recorder) sizes() []int {
	var sizes []int
	for _, batch := range r.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

func (r *recorder) batcher(shared bool) *Batcher[string, int, string] {
	r.began = time.Now()
	if r.plenty == (bridge.Grant{}) {
		r.plenty = bridge.Grant{OK: true, Left: 110, Limit: 110}
	}
	return New(Config[string, int, string]{Shared: shared, Gaps: UsualGaps, Token: r.token, Send: r.send})
}

func key(i int) string { return fmt.Sprint("k", i) }

func TestBatcher_firstCallOfAQuietSpellGoesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		g := r.batcher(true)
		for i := range 3 {
			if _, err := g.Do(t.Context(), key(i), i); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		want := []time.Duration{0, time.Second, 2 * time.Second}
		if diff := cmp.Diff(want, r.at); diff != "" {
			t.Errorf("batches left at (-want +got):\n%s", diff)
		}
	})
}

func TestBatcher_laterCallsCollectForTheGap(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		grant bridge.Grant
		want  time.Duration
	}{
		"short while tokens are plenty":   {bridge.Grant{OK: true, Left: 110, Limit: 110}, UsualGaps.Short},
		"long when tokens have run short": {bridge.Grant{OK: true, Left: 0, Limit: 110}, UsualGaps.Long},
		"short when the budget is silent": {bridge.Grant{OK: true}, UsualGaps.Short},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{plenty: tt.grant}
				g := r.batcher(true)
				var callers sync.WaitGroup
				for i := range 21 {
					callers.Go(func() {
						time.Sleep(time.Duration(i) * time.Millisecond)
						if _, err := g.Do(t.Context(), key(i), i); err != nil {
							t.Error(err)
						}
					})
				}
				callers.Wait()
				if diff := cmp.Diff([]int{1, 20}, r.sizes()); diff != "" {
					t.Errorf("batch sizes (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]time.Duration{0, tt.want}, r.at); diff != "" {
					t.Errorf("batches left at (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestBatcher_fullBatchWaitsForNoGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{latency: time.Second}
		g := r.batcher(true)
		var callers sync.WaitGroup
		callers.Go(func() { _, _ = g.Do(t.Context(), "first", 0) })
		synctest.Wait()
		for i := range 350 {
			callers.Go(func() { _, _ = g.Do(t.Context(), key(i), i) })
		}
		callers.Wait()
		if diff := cmp.Diff([]int{1, 100, 100, 100, 50}, r.sizes()); diff != "" {
			t.Errorf("batch sizes (-want +got):\n%s", diff)
		}
		want := []time.Duration{0, 0, 0, 0, UsualGaps.Short}
		if diff := cmp.Diff(want, r.at); diff != "" {
			t.Errorf("batches left at (-want +got):\n%s", diff)
		}
	})
}

func TestBatcher_callersStillJoinWhileTheTokenIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{tokenAt: 2 * time.Second}
		g := r.batcher(true)
		var callers sync.WaitGroup
		for i := range 10 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				_, _ = g.Do(t.Context(), key(i), i)
			})
		}
		callers.Wait()
		if diff := cmp.Diff([]int{10}, r.sizes()); diff != "" {
			t.Errorf("batch sizes (-want +got):\n%s", diff)
		}
	})
}

func TestBatcher_readsOfOneKeyShareOneAnswerUnlessItIsOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{tokenAt: 10 * time.Millisecond, latency: time.Second}
		g := r.batcher(true)
		var callers sync.WaitGroup
		for i := range 3 {
			callers.Go(func() { _, _ = g.Do(t.Context(), "same", i) })
		}
		callers.Go(func() { // what was read before it asked must not answer it
			time.Sleep(500 * time.Millisecond)
			_, _ = g.Do(t.Context(), "same", 7)
		})
		callers.Wait()
		if diff := cmp.Diff([]int{1, 1}, r.sizes()); diff != "" {
			t.Errorf("batch sizes (-want +got):\n%s", diff)
		}
	})
}

func TestBatcher_writesOfOneKeyGoOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{latency: 3 * time.Second}
		g := r.batcher(false)
		var callers sync.WaitGroup
		for i := range 4 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				if got, err := g.Do(t.Context(), "same", i); err != nil || got != fmt.Sprint("same=", i) {
					t.Errorf("write %d answered %q, %v", i, got, err)
				}
			})
		}
		callers.Go(func() { _, _ = g.Do(t.Context(), "other", 9) })
		callers.Wait()
		var order []int
		for _, batch := range r.batches {
			for _, it := range batch {
				if it.Key == "same" {
					order = append(order, it.Value)
				}
			}
		}
		if diff := cmp.Diff([]int{0, 1, 2, 3}, order); diff != "" {
			t.Errorf("order of writes (-want +got):\n%s", diff)
		}
		if want := 3 * 3 * time.Second; r.at[len(r.at)-1] < want {
			t.Errorf("last write left after %v, before the ones it follows had landed", r.at[len(r.at)-1])
		}
	})
}

func TestBatcher_callerWhoseContextEndsIsLetGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{tokenAt: 10 * time.Second}
		g := r.batcher(false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := g.Do(ctx, "gone", 1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the context's own error", err)
			}
			if waited := time.Since(r.began); waited != time.Second {
				t.Errorf("let go after %v, want 1s", waited)
			}
		})
		callers.Go(func() {
			if _, err := g.Do(t.Context(), "stays", 2); err != nil {
				t.Error(err)
			}
		})
		callers.Wait()
		want := [][]Item[string, int]{{{Key: "stays", Value: 2}}}
		if diff := cmp.Diff(want, r.batches, cmp.AllowUnexported(Item[string, int]{})); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
	})
}

func TestBatcher_endedContextNeverJoins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		g := r.batcher(true)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Do(ctx, "k", 1); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		synctest.Wait()
		if r.tokens != 0 {
			t.Errorf("%d tokens taken for nobody", r.tokens)
		}
	})
}

func TestBatcher_everybodyLearnsThatThereIsNoToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		denied := &bridge.Error{Kind: bridge.Throttled, Op: "test", RetryAfter: time.Hour}
		r := &recorder{tokenAt: time.Second, deny: denied}
		g := r.batcher(true)
		var callers sync.WaitGroup
		for i := range 250 {
			callers.Go(func() {
				if _, err := g.Do(t.Context(), key(i), i); !errors.Is(err, denied) {
					t.Errorf("caller %d got %v", i, err)
				}
			})
		}
		callers.Wait()
		if len(r.batches) != 0 {
			t.Errorf("%d batches sent without a token", len(r.batches))
		}
		r.deny = nil
		if _, err := g.Do(t.Context(), "later", 1); err != nil {
			t.Errorf("after the refusal: %v", err)
		}
	})
}

func TestBatcher_recordWithoutAnAnswerFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{tokenAt: time.Second, answer: func(batch []Item[string, int]) map[string]Outcome[string] {
			out := echo(batch)
			delete(out, "lost")
			return out
		}}
		g := r.batcher(true)
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := g.Do(t.Context(), "lost", 1); !errors.Is(err, errNoAnswer) {
				t.Errorf("lost record: %v", err)
			}
		})
		callers.Go(func() {
			if _, err := g.Do(t.Context(), "kept", 1); err != nil {
				t.Errorf("kept record: %v", err)
			}
		})
		callers.Wait()
	})
}

func TestBatcher_deadHubSpotIsSentFewBatchesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{latency: time.Hour}
		g := r.batcher(true)
		var callers sync.WaitGroup
		for i := range 1500 {
			callers.Go(func() { _, _ = g.Do(t.Context(), key(i), i) })
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		r.mu.Lock()
		onTheirWay := len(r.batches)
		r.mu.Unlock()
		if onTheirWay != maxFlights {
			t.Errorf("%d batches on their way, want %d", onTheirWay, maxFlights)
		}
		callers.Wait()
	})
}

func TestBatcher_closeAnswersEverybodyWithoutGapsAndRefusesNewcomers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{latency: time.Second}
		g := r.batcher(false)
		var callers sync.WaitGroup
		for i := range 30 {
			callers.Go(func() {
				if _, err := g.Do(t.Context(), key(i%20), i); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		synctest.Wait()
		g.Close()
		callers.Wait()
		if took := time.Since(r.began); took > 2*time.Second {
			t.Errorf("closing took %v, longer than the two writes that depend on each other", took)
		}
		if _, err := g.Do(t.Context(), "late", 1); bridge.KindOf(err) != bridge.Unavailable {
			t.Errorf("call after close: %v, want unavailable", err)
		}
	})
}

// arrival is one random caller.
type arrival struct {
	after    time.Duration
	key      string
	patience time.Duration // 0: waits for ever
}

func TestBatcher_everyCallerGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		shared := rapid.Bool().Draw(rt, "shared")
		r := &recorder{
			latency: time.Duration(rapid.IntRange(0, 900).Draw(rt, "latency")) * time.Millisecond,
			tokenAt: time.Duration(rapid.IntRange(0, 400).Draw(rt, "token")) * time.Millisecond,
			plenty:  bridge.Grant{OK: true, Left: rapid.IntRange(0, 110).Draw(rt, "left"), Limit: 110},
		}
		keys := rapid.IntRange(1, 300).Draw(rt, "keys")
		patient := rapid.Bool().Draw(rt, "patient")
		callers := rapid.IntRange(1, 400).Draw(rt, "callers")
		arrivals := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) arrival {
			a := arrival{
				after: time.Duration(rapid.IntRange(0, 1500).Draw(rt, "after")) * time.Millisecond,
				key:   key(rapid.IntRange(1, keys).Draw(rt, "key")),
			}
			if !patient {
				a.patience = time.Duration(rapid.IntRange(0, 2000).Draw(rt, "patience")) * time.Millisecond
			}
			return a
		}), callers, callers).Draw(rt, "arrivals")

		var wrong []string
		synctest.Test(t, func(t *testing.T) { wrong = play(t.Context(), r, shared, arrivals) })
		wrong = append(wrong, r.broken()...)
		if patient && r.tokens != len(r.batches) {
			wrong = append(wrong, fmt.Sprintf("%d tokens for %d calls", r.tokens, len(r.batches)))
		}
		if len(wrong) > 0 {
			rt.Fatal(wrong)
		}
	})
}

// play lets the callers arrive and returns what went wrong for them. It ends
// only when all goroutines have, or synctest reports a deadlock.
func play(ctx context.Context, r *recorder, shared bool, arrivals []arrival) []string {
	g := r.batcher(shared)
	var (
		mu      sync.Mutex
		wrong   []string
		callers sync.WaitGroup
	)
	for i, a := range arrivals {
		callers.Go(func() {
			time.Sleep(a.after)
			ctx := ctx
			if a.patience > 0 {
				bounded, cancel := context.WithTimeout(ctx, a.patience)
				defer cancel()
				ctx = bounded
			}
			value := i
			if shared {
				value = 0 // a shared answer belongs to the key
			}
			got, err := g.Do(ctx, a.key, value)
			released := a.patience > 0 && errors.Is(err, context.DeadlineExceeded)
			if want := fmt.Sprintf("%s=%d", a.key, value); !released && (err != nil || got != want) {
				mu.Lock()
				wrong = append(wrong, fmt.Sprintf("caller %d got %q, %v, want %q", i, got, err, want))
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	g.Close()
	return wrong
}

// broken checks what must hold of every batch.
func (r *recorder) broken() []string {
	var wrong []string
	if r.tokens < len(r.batches) {
		wrong = append(wrong, fmt.Sprintf("%d calls for %d tokens", len(r.batches), r.tokens))
	}
	for _, batch := range r.batches {
		if len(batch) == 0 || len(batch) > Size {
			wrong = append(wrong, fmt.Sprintf("batch of %d", len(batch)))
		}
		var keys []string
		for _, it := range batch {
			keys = append(keys, it.Key)
		}
		slices.Sort(keys)
		if len(slices.Compact(keys)) != len(batch) {
			wrong = append(wrong, "a key twice in one batch")
		}
	}
	return wrong
}
