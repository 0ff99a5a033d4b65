package portal

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

	"advocatesync/internal/bridge"
)

const portalID = 4711

// simulate runs f against a Portal in a bubble with its own clock, and checks
// that every call to HubSpot took exactly one token.
func simulate(t *testing.T, c *crm, w *window, f func(t *testing.T, p *Portal)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(portalID, c, w)
		f(t, p)
		p.Close()
		if w.tokens != len(c.made) {
			t.Errorf("%d tokens for %d calls", w.tokens, len(c.made))
		}
	})
}

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(508000000001 + i)
	}
	return out
}

// together runs f for every id at once.
func together(ids []string, f func(id string)) {
	var callers sync.WaitGroup
	for _, id := range ids {
		callers.Go(func() { f(id) })
	}
	callers.Wait()
}

func TestContact_notShownByHubSpotIsNotFound(t *testing.T) {
	simulate(t, newCRM("1"), &window{}, func(t *testing.T, p *Portal) {
		together([]string{"1", "2"}, func(id string) {
			c, err := p.Contact(t.Context(), id)
			switch {
			case id == "1" && (err != nil || c.ID != "1"):
				t.Errorf("shown contact: %+v, %v", c, err)
			case id == "2" && bridge.KindOf(err) != bridge.NotFound:
				t.Errorf("unknown contact: %v, want not_found", err)
			}
		})
	})
}

func TestContact_callersOfOneContactShareNoMap(t *testing.T) {
	simulate(t, newCRM("1"), &window{}, func(t *testing.T, p *Portal) {
		together(slices.Repeat([]string{"1"}, 10), func(id string) {
			c, err := p.Contact(t.Context(), id)
			if err != nil || c.Email() != "1@example.test" {
				t.Errorf("%+v, %v", c, err)
				return
			}
			c.Properties[bridge.PropEmail] = "changed" // the race detector watches
		})
	})
}

func TestUpdateContact_refusalReachesOnlyTheContactRefused(t *testing.T) {
	all := ids(90)
	bad := all[37]
	whole := func(_ string, keys []string) error {
		if slices.Contains(keys, bad) {
			return &bridge.Error{Kind: bridge.Invalid, Op: opUpdate, Status: 400, Code: "INVALID_EMAIL"}
		}
		return nil
	}
	tests := map[string]func(*crm){
		"refused as a whole batch":         func(c *crm) { c.fail = whole },
		"refused alone in a multi-status":  func(c *crm) { c.badItems[bad] = &bridge.Error{Kind: bridge.Invalid, Op: opUpdate} },
		"gone, said for the batch":         func(c *crm) { c.fail = notFoundWith(bad) },
		"gone, said for the contact alone": func(c *crm) { c.badItems[bad] = &bridge.Error{Kind: bridge.NotFound, Op: opUpdate} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCRM(all...)
			spoil(c)
			simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
				together(all, func(id string) {
					err := p.UpdateContact(t.Context(), id, bridge.Properties{bridge.PropReferralCode: "C" + id})
					if refused := err != nil; refused != (id == bad) {
						t.Errorf("contact %s: %v", id, err)
					}
				})
				for _, id := range all {
					if id != bad && c.contacts[id].Properties[bridge.PropReferralCode] != "C"+id {
						t.Errorf("contact %s was not written", id)
					}
				}
			})
		})
	}
}

func notFoundWith(bad string) func(string, []string) error {
	return func(_ string, keys []string) error {
		if slices.Contains(keys, bad) {
			return &bridge.Error{Kind: bridge.NotFound, Op: opUpdate, Status: 404}
		}
		return nil
	}
}

func TestCall_tooManyRequestsPauseTheWholePortal(t *testing.T) {
	tests := map[string]struct{ said, want time.Duration }{
		"for the time HubSpot asks":         {4 * time.Second, 4 * time.Second},
		"for a window where it names none":  {0, 10 * time.Second},
		"even for hours, at a daily limit":  {9 * time.Hour, 9 * time.Hour},
		"also where that is less than one":  {time.Second, time.Second},
		"and for the 24 h of a data center": {24 * time.Hour, 24 * time.Hour},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, w := newCRM("1", "2"), &window{limit: 110}
			c.fail = func(string, []string) error {
				return &bridge.Error{Kind: bridge.Throttled, Op: opRead, Status: 429, RetryAfter: tt.said}
			}
			simulate(t, c, w, func(t *testing.T, p *Portal) {
				together([]string{"1", "2"}, func(id string) {
					if _, err := p.Contact(t.Context(), id); bridge.KindOf(err) != bridge.Throttled {
						t.Errorf("contact %s: %v, want throttled", id, err)
					}
				})
				if len(w.pauses) == 0 || w.pauses[0] != tt.want {
					t.Errorf("paused for %v, want %v", w.pauses, tt.want)
				}
			})
		})
	}
}

func TestCall_onlyBlipsOfRepeatableCallsAreRepeated(t *testing.T) {
	transient := &bridge.Error{Kind: bridge.Unavailable, Op: "test", Err: errors.New("connection reset")}
	gateway := &bridge.Error{Kind: bridge.Unavailable, Op: "test", Status: 502}
	tests := map[string]struct {
		failures []error
		call     string
		calls    int
		ok       bool
	}{
		"a broken connection is tried again":         {[]error{transient}, "live update", 2, true},
		"one bad gateway, then a broken connection":  {[]error{gateway, transient}, "live update", 3, true},
		"three blips are more than a transient":      {[]error{transient, transient, transient, transient}, "live update", 3, false},
		"an overloaded HubSpot is left to Temporal":  {[]error{&bridge.Error{Kind: bridge.Unavailable, Op: "test", Status: 503}}, "live update", 1, false},
		"a timeout has cost enough":                  {[]error{&bridge.Error{Kind: bridge.Unavailable, Op: "test", Err: context.DeadlineExceeded}}, "live update", 1, false},
		"what nobody classified is left to Temporal": {[]error{errors.New("odd")}, "live update", 1, false},
		"a create is never repeated blindly":         {[]error{transient}, "create", 1, false},
		"a bulk write has time to look first":        {[]error{transient}, "bulk update", 1, false},
		"a bulk read is tried again":                 {[]error{transient}, "bulk read", 2, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCRM("1")
			failures := tt.failures
			c.fail = func(string, []string) error {
				if len(failures) == 0 {
					return nil
				}
				err := failures[0]
				failures = failures[1:]
				return err
			}
			simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
				began := time.Now()
				var err error
				switch writes := []Write{{Key: "k", ContactID: "1"}}; tt.call {
				case "live update":
					err = p.UpdateContact(t.Context(), "1", nil)
				case "bulk update":
					_, err = p.UpdateContacts(t.Context(), bridge.LaneBulk, writes)
				case "create":
					_, err = p.CreateContacts(t.Context(), bridge.LaneLive, writes)
				case "bulk read":
					_, err = p.ReadContacts(t.Context(), bridge.LaneBulk, []string{"1"})
				}
				if (err == nil) != tt.ok || len(c.made) != tt.calls {
					t.Errorf("%v after %d calls; want success %v after %d", err, len(c.made), tt.ok, tt.calls)
				}
				if took := time.Since(began); took >= time.Second {
					t.Errorf("repeats took %v, longer than a transient", took)
				}
			})
		})
	}
}

func TestAcquire_longWaitsAreHandedBack(t *testing.T) {
	tests := map[string]struct {
		paused  time.Duration
		timeout time.Duration
		served  bool
	}{
		"a short pause is sat out":                    {5 * time.Second, time.Minute, true},
		"hours are Temporal's to wait":                {time.Hour, 24 * time.Hour, false},
		"a wait beyond the caller's deadline is vain": {10 * time.Second, 5 * time.Second, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := &window{limit: 110}
			simulate(t, newCRM("1"), w, func(t *testing.T, p *Portal) {
				w.pausedUntil = time.Now().Add(tt.paused)
				ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
				defer cancel()
				began := time.Now()
				_, err := p.ReadContacts(ctx, bridge.LaneBulk, []string{"1"})
				if tt.served {
					if err != nil || time.Since(began) != tt.paused {
						t.Errorf("%v after %v, want success after the pause", err, time.Since(began))
					}
					return
				}
				var e *bridge.Error
				if !errors.As(err, &e) || e.Kind != bridge.Throttled || e.RetryAfter != tt.paused {
					t.Errorf("%v, want throttled with the pause as delay", err)
				}
				if waited := time.Since(began); waited != 0 {
					t.Errorf("waited %v in vain", waited)
				}
			})
		})
	}
}

func TestAcquire_brokenBudgetReachesTheCaller(t *testing.T) {
	broken := errors.New("no database")
	w := &window{err: broken}
	simulate(t, newCRM("1"), w, func(t *testing.T, p *Portal) {
		if _, err := p.Contact(t.Context(), "1"); !errors.Is(err, broken) {
			t.Errorf("live: %v", err)
		}
		if _, err := p.ReadContacts(t.Context(), bridge.LaneBulk, []string{"1"}); !errors.Is(err, broken) {
			t.Errorf("bulk: %v", err)
		}
	})
}

func TestAcquire_endedContextStopsTheWait(t *testing.T) {
	w := &window{limit: 110}
	simulate(t, newCRM("1"), w, func(t *testing.T, p *Portal) {
		w.pausedUntil = time.Now().Add(20 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := p.ReadContacts(ctx, bridge.LaneBulk, []string{"1"}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
	})
}

// arrive lets n contacts arrive evenly over the span; each is read, spends a
// moment at Advocate, and is written back. It returns how long each took.
func arrive(t *testing.T, p *Portal, contacts []string, span time.Duration) []time.Duration {
	t.Helper()
	took := make([]time.Duration, len(contacts))
	var callers sync.WaitGroup
	for i, id := range contacts {
		callers.Go(func() {
			time.Sleep(span * time.Duration(i) / time.Duration(len(contacts)))
			began := time.Now()
			if _, err := p.Contact(t.Context(), id); err != nil {
				t.Error(err)
			}
			time.Sleep(100 * time.Millisecond)
			if err := p.UpdateContact(t.Context(), id, bridge.Properties{bridge.PropReferralCode: "C"}); err != nil {
				t.Error(err)
			}
			took[i] = time.Since(began)
		})
	}
	callers.Wait()
	return took
}

func TestPortal_streamOfContactsCostsFewCallsAndLittleTime(t *testing.T) {
	c := newCRM(ids(200)...)
	c.latency = 150 * time.Millisecond
	simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
		took := arrive(t, p, ids(200), 3500*time.Millisecond)
		if len(c.made) > 60 {
			t.Errorf("%d calls for 200 contacts, want at most 60", len(c.made))
		}
		// 400 ms are HubSpot's and Advocate's own.
		if slowest := slices.Max(took); slowest > 1500*time.Millisecond {
			t.Errorf("slowest contact took %v", slowest)
		}
	})
}

func TestPortal_quietTimesAddNoLatency(t *testing.T) {
	simulate(t, newCRM(ids(20)...), &window{limit: 110}, func(t *testing.T, p *Portal) {
		took := arrive(t, p, ids(20), 40*time.Second)
		want := slices.Repeat([]time.Duration{100 * time.Millisecond}, 20) // Advocate's
		if diff := cmp.Diff(want, took); diff != "" {
			t.Errorf("time per contact (-want +got):\n%s", diff)
		}
	})
}

func TestPortal_burstIsNotBoundByTheBudget(t *testing.T) {
	t.Parallel()
	const burst = 5000
	span := 20 * time.Second // a worker starts 250 contacts a second
	drain := func(limit int) (time.Duration, int) {
		var took time.Duration
		c, w := newCRM(ids(burst)...), &window{limit: limit}
		c.latency = 150 * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			p := New(portalID, c, w)
			began := time.Now()
			arrive(t, p, ids(burst), span)
			took = time.Since(began)
			p.Close()
		})
		return took, w.tokens
	}
	free, _ := drain(0)
	bound, calls := drain(110)
	if float64(free)/float64(bound) < 0.9 {
		t.Errorf("%v under the budget, %v without: less than 0.9 of its speed", bound, free)
	}
	t.Logf("%v under the budget with %d calls, %v without", bound, calls, free)
}

func TestPortal_closedAnswersWhatWaitsAndRefusesTheRest(t *testing.T) {
	c := newCRM(ids(50)...)
	c.latency = time.Second
	simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
		var callers sync.WaitGroup
		for _, id := range ids(50) {
			callers.Go(func() {
				if err := p.UpdateContact(t.Context(), id, bridge.Properties{}); err != nil {
					t.Errorf("caller that came before Close: %v", err)
				}
			})
		}
		synctest.Wait()
		p.Close()
		callers.Wait()
		if _, err := p.Contact(t.Context(), "1"); bridge.KindOf(err) != bridge.Unavailable {
			t.Errorf("call after Close: %v, want unavailable", err)
		}
	})
}

// A caller that waits for a token gives its place up at once when it is to stop.
func TestWithHalt_noCallIsMadeAfterIt(t *testing.T) {
	t.Parallel()
	budget := &window{}
	if err := budget.Pause(t.Context(), 1, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	budget.pauses = nil
	client := &crm{}
	p := New(1, client, budget)
	halt := make(chan struct{})
	done := make(chan error)
	for range 3 {
		go func() {
			_, err := p.UpdateContacts(WithHalt(t.Context(), halt), bridge.LaneBulk, []Write{{Key: "a", ContactID: "1", Properties: bridge.Properties{"x": "y"}}})
			done <- err
		}()
	}
	close(halt)
	for range 3 {
		if err := <-done; !errors.Is(err, ErrHalted) {
			t.Errorf("ended with %v", err)
		}
	}
	if budget.tokens != 0 {
		t.Errorf("%d tokens were taken", budget.tokens)
	}
}
