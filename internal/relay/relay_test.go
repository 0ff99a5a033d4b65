package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/bridge"
	"advocatesync/internal/relay/relaytest"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// memoryOutbox hands contacts out as the store does: what is not marked comes
// again, at once after a failed pass and later after a failed signal.
type memoryOutbox struct {
	mu        sync.Mutex
	waiting   map[string]time.Time // due, by contact
	passes    int
	passErr   error // no pass gets through
	markErrs  int   // so many passes fail after their signals
	purged    []time.Time
	purgeErrs int
}

func newOutbox(contacts ...string) *memoryOutbox {
	o := &memoryOutbox{waiting: map[string]time.Time{}}
	for _, c := range contacts {
		o.add(c)
	}
	return o
}

func (o *memoryOutbox) add(contact string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting[contact] = time.Now()
}

func (o *memoryOutbox) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
}

func hintsOf(contact string) store.ContactHints {
	return store.ContactHints{ConnectionID: "c1", ContactID: contact, Hints: bridge.Hints{CreatedAt: time.UnixMilli(1794999000123)}}
}

func (o *memoryOutbox) RelayHints(ctx context.Context, limit int, send func(context.Context, []store.ContactHints) []error) (int, error) {
	batch, err := o.claim(limit)
	if err != nil || len(batch) == 0 {
		return 0, err
	}
	errs := send(ctx, batch)
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if o.markErrs > 0 {
		o.markErrs--
		return 0, errors.New("connection reset")
	}
	done := 0
	for i, c := range batch {
		if errs[i] != nil {
			o.waiting[c.ContactID] = time.Now().Add(time.Minute)
			continue
		}
		delete(o.waiting, c.ContactID)
		done++
	}
	return done, nil
}

func (o *memoryOutbox) claim(limit int) ([]store.ContactHints, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.passes++
	var batch []store.ContactHints
	for contact, due := range o.waiting {
		if len(batch) < limit && !due.After(time.Now()) {
			batch = append(batch, hintsOf(contact))
		}
	}
	return batch, o.passErr
}

func (o *memoryOutbox) InboxLag(context.Context) (time.Duration, error) { return 90 * time.Second, nil }

func (o *memoryOutbox) PurgeInbox(_ context.Context, olderThan time.Time) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.purged = append(o.purged, olderThan)
	if o.purgeErrs > 0 {
		o.purgeErrs--
		return 0, errors.New("connection reset")
	}
	return 1, nil
}

func numbered(n int) []string {
	var contacts []string
	for i := range n {
		contacts = append(contacts, fmt.Sprint(501+i))
	}
	return contacts
}

// elapse lets the relay act for so long. The tests run in bubbles of virtual
// time, so that it takes none.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func configured(outbox *memoryOutbox, signaler Signaler) Config[store.ContactHints] {
	return Config[store.ContactHints]{
		Inbox:   "contacts",
		Outbox:  Outbox[store.ContactHints]{Relay: outbox.RelayHints, Lag: outbox.InboxLag, Purge: outbox.PurgeInbox},
		Send:    contactSender{signaler}.send,
		Events:  passEvents,
		Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

// running starts a relay over one outbox that ends with the test.
func running(t *testing.T, outbox *memoryOutbox, signaler Signaler) *Relay[store.ContactHints] {
	t.Helper()
	return run(t, configured(outbox, signaler))
}

func run(t *testing.T, cfg Config[store.ContactHints]) *Relay[store.ContactHints] {
	t.Helper()
	r := New(cfg)
	var done sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	done.Go(func() { r.Run(ctx) })
	t.Cleanup(func() {
		stop()
		done.Wait()
	})
	return r
}

func TestRelay_startsAndSignalsEachContact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, signaler := newOutbox("501", "502"), &relaytest.Signaler{}
		running(t, outbox, signaler)
		synctest.Wait()

		if len(signaler.Calls()) != 2 || outbox.left() != 0 {
			t.Fatalf("%d signals, %d contacts left, want 2 and 0", len(signaler.Calls()), outbox.left())
		}
		calls := signaler.Calls()
		slices.SortFunc(calls, func(a, b relaytest.Signal) int { return strings.Compare(a.WorkflowID, b.WorkflowID) })
		got := calls[0]
		if got.WorkflowID != "contact/c1/501" || got.Name != workflows.SignalHints || got.Workflow != workflows.ContactLifecycleName {
			t.Errorf("signal %q to workflow %v with id %q", got.Name, got.Workflow, got.WorkflowID)
		}
		if diff := cmp.Diff(hintsOf("501").Hints, got.Arg); diff != "" {
			t.Errorf("signal (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]any{workflows.ContactLifecycleInput{ConnectionID: "c1", ContactID: "501"}}, got.Args); diff != "" {
			t.Errorf("workflow input (-want +got)\n%s", diff)
		}
		if got.Options.TaskQueue != workflows.TaskQueue || got.Options.Priority.PriorityKey != 1 ||
			got.Options.StaticSummary != "contact 501 of connection c1" {
			t.Errorf("start options %+v", got.Options)
		}
		connection, _ := got.Options.TypedSearchAttributes.GetKeyword(workflows.SearchConnectionID)
		contact, _ := got.Options.TypedSearchAttributes.GetKeyword(workflows.SearchContactID)
		if connection != "c1" || contact != "501" {
			t.Errorf("search attributes %q and %q", connection, contact)
		}
	})
}

// Handing an import over takes as long as Temporal takes to start its pages.
func TestRelay_whatSomebodyWaitsForNeverWaitsUntilAnImportIsHandedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		imported, byForm, signaler := newOutbox("501"), newOutbox(), &relaytest.Signaler{}
		handedOver := make(chan struct{})
		signaler.FailWith(func(id string) error {
			if id == "contact/c1/501" {
				<-handedOver
			}
			return nil
		})
		cfg := configured(imported, signaler)
		cfg.Outbox.Live = byForm.RelayHints
		relay := run(t, cfg)
		synctest.Wait()

		for _, contact := range []string{"901", "902"} {
			byForm.add(contact)
			relay.Wake()
			synctest.Wait()
			if signaler.To(contact) != 1 || imported.left() != 1 {
				t.Errorf("%d signals to contact %s, %d of the import left, want 1 and 1", signaler.To(contact), contact, imported.left())
			}
		}

		close(handedOver)
		synctest.Wait()
		if imported.left() != 0 || byForm.left() != 0 {
			t.Errorf("%d of the import and %d by form are left", imported.left(), byForm.left())
		}
	})
}

func TestRelay_oneContactsFailureHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, signaler := newOutbox(numbered(30)...), &relaytest.Signaler{}
		signaler.FailWith(func(id string) error {
			if id == "contact/c1/507" {
				return serviceerror.NewInvalidArgument("too many signals")
			}
			return nil
		})
		relay := running(t, outbox, signaler)
		synctest.Wait()
		if outbox.left() != 1 || signaler.To("507") != 1 {
			t.Fatalf("%d contacts left after %d tries, want 1 after 1", outbox.left(), signaler.To("507"))
		}

		outbox.add("999")
		relay.Wake()
		synctest.Wait()
		if signaler.To("999") != 1 {
			t.Error("another contact had to wait")
		}

		elapse(10 * time.Minute)
		if tries := signaler.To("507"); tries < 8 || tries > 12 {
			t.Errorf("%d tries in ten minutes at one a minute", tries)
		}
		signaler.FailWith(nil)
		elapse(2 * time.Minute)
		if outbox.left() != 0 {
			t.Error("the contact was given up")
		}
		if got := testutil.ToFloat64(relay.Metrics.signals.WithLabelValues("contacts", "sent")); got != 31 {
			t.Errorf("%v signals counted as sent, want 31", got)
		}
	})
}

func TestRelay_aCrashBeforeTheMarkMeansASecondSignal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, signaler := newOutbox("501"), &relaytest.Signaler{}
		outbox.markErrs = 1
		running(t, outbox, signaler)
		elapse(2 * time.Second)
		if outbox.left() != 0 || len(signaler.Calls()) != 2 {
			t.Fatalf("%d signals, %d contacts left, want 2 and 0", len(signaler.Calls()), outbox.left())
		}
		if diff := cmp.Diff(signaler.Calls()[0].Arg, signaler.Calls()[1].Arg); diff != "" {
			t.Errorf("the second signal says something else (-first +second)\n%s", diff)
		}
	})
}

func TestRelay_outlastsAnOutageOfTemporal(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{
		"unavailable":       serviceerror.NewUnavailable("connection refused"),
		"deadline exceeded": serviceerror.NewDeadlineExceeded("late"),
		"overloaded":        &serviceerror.ResourceExhausted{Message: "rate limit"},
		"our own deadline":  fmt.Errorf("call: %w", context.DeadlineExceeded),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				outbox, signaler := newOutbox(numbered(3)...), &relaytest.Signaler{}
				signaler.FailWith(func(string) error { return fault })
				relay := running(t, outbox, signaler)
				for range 600 {
					relay.Wake() // HubSpot goes on meanwhile
					elapse(time.Second)
				}
				if outbox.left() != 3 {
					t.Fatalf("%d contacts left, want 3", outbox.left())
				}
				// About one try in five seconds; pokes must not make it more.
				if tries := signaler.To("501"); tries < 60 || tries > 240 {
					t.Errorf("%d tries in ten minutes", tries)
				}
				signaler.FailWith(nil)
				elapse(maxBackoff * 3 / 2)
				if outbox.left() != 0 {
					t.Errorf("%d contacts left after the outage: they were put off one by one", outbox.left())
				}
			})
		})
	}
}

func TestRelay_outlastsAnOutageOfTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, signaler := newOutbox("501"), &relaytest.Signaler{}
		outbox.passErr = errors.New("connection refused")
		running(t, outbox, signaler)
		elapse(10 * time.Minute)
		outbox.mu.Lock()
		if outbox.passes < 60 || outbox.passes > 240 {
			t.Errorf("%d tries in ten minutes", outbox.passes)
		}
		outbox.passErr = nil
		outbox.mu.Unlock()
		elapse(maxBackoff * 3 / 2)
		if outbox.left() != 0 {
			t.Error("the contact was given up")
		}
	})
}

func TestRelay_actsAtOnceOnAPokeAndSoonWithout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, signaler := newOutbox(), &relaytest.Signaler{}
		relay := running(t, outbox, signaler)
		synctest.Wait()

		outbox.add("501")
		relay.Wake()
		relay.Wake() // one look serves both
		synctest.Wait()
		if signaler.To("501") != 1 {
			t.Error("a wake-up was not heard at once")
		}

		outbox.add("502")
		synctest.Wait()
		if signaler.To("502") != 0 {
			t.Error("looked without a reason")
		}
		elapse(pollEvery)
		if signaler.To("502") != 1 {
			t.Error("an event of another process was not found")
		}
	})
}

func TestRelay_emptiesAFullInboxWithoutAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, signaler := newOutbox(numbered(3*passEvents+1)...), &relaytest.Signaler{}
		running(t, outbox, signaler)
		synctest.Wait()
		if outbox.left() != 0 {
			t.Errorf("%d contacts left", outbox.left())
		}
	})
}

// slowSignaler holds every signal for a second.
type slowSignaler struct {
	relaytest.Signaler

	mu            sync.Mutex
	flying, limit int
}

func (s *slowSignaler) SignalWithStartWorkflow(context.Context, string, string, any, client.StartWorkflowOptions, any, ...any) (client.WorkflowRun, error) {
	s.mu.Lock()
	s.flying++
	s.limit = max(s.limit, s.flying)
	s.mu.Unlock()
	<-time.After(time.Second)
	s.mu.Lock()
	s.flying--
	s.mu.Unlock()
	return nil, nil //nolint:nilnil // nobody reads the run
}

func TestRelay_keepsTenSignalsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, signaler := newOutbox(numbered(35)...), &slowSignaler{}
		running(t, outbox, signaler)
		elapse(5 * time.Second)
		if signaler.limit != parallel || outbox.left() != 0 {
			t.Errorf("%d in flight, %d contacts left, want %d and 0", signaler.limit, outbox.left(), parallel)
		}
	})
}

func TestRelay_keepsTheInboxTidy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox := newOutbox()
		outbox.purgeErrs = 1
		relay := running(t, outbox, &relaytest.Signaler{})
		began := time.Now()
		elapse(2*purgeEvery + time.Minute)
		want := []time.Time{began.Add(purgeEvery - keepRelayed), began.Add(2*purgeEvery - keepRelayed)}
		if diff := cmp.Diff(want, outbox.purged); diff != "" {
			t.Errorf("purged before (-want +got)\n%s", diff)
		}
		if got := testutil.ToFloat64(relay.Metrics.lag.WithLabelValues("contacts")); got != 90 {
			t.Errorf("lag %v seconds, want 90", got)
		}
	})
}

func TestRelay_handsManyThatNobodyWaitsForOverByThePage(t *testing.T) {
	t.Parallel()
	bulk := func(connection string, n int) []store.ContactHints {
		var heard []store.ContactHints
		for i := range n {
			heard = append(heard, store.ContactHints{ConnectionID: connection, ContactID: strconv.Itoa(i), Bulk: true, Hints: bridge.Hints{CreatedAt: time.Unix(1, 0)}})
		}
		return heard
	}
	deleted := bulk("c1", 130)
	for i := range deleted {
		deleted[i].Hints = bridge.Hints{DeletedAt: time.Unix(1, 0)}
	}
	alone := store.ContactHints{ConnectionID: "c1", ContactID: "form"}
	for name, tt := range map[string]struct {
		heard []store.ContactHints
		pages []int // contacts of each page, the largest first
		alone int   // signals
	}{
		"an import goes by pages of a hundred":                   {bulk("c1", 230), []int{100, 100, 30}, 0},
		"deletions go by the page, too":                          {deleted, []int{100, 30}, 0},
		"a few go alone, which is sooner":                        {bulk("c1", pageFrom-1), nil, pageFrom - 1},
		"whoever somebody waits for goes alone beside an import": {append(bulk("c1", 50), alone), []int{50}, 1},
		"a page is of one connection":                            {append(bulk("c1", 20), bulk("c2", 30)...), []int{30, 20}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signaler := &relaytest.Signaler{}
			for i, err := range (contactSender{signaler}).send(t.Context(), tt.heard) {
				if err != nil {
					t.Errorf("contact %d: %v", i, err)
				}
			}
			var pages []int
			signals, told := 0, map[string]int{}
			for _, call := range signaler.Calls() {
				if call.Name != "" {
					if first := call.WorkflowID == workflows.ContactLifecycleID("c1", "form"); first != (call.Options.Priority.PriorityKey == 1) {
						t.Errorf("%s has the priority %d", call.WorkflowID, call.Options.Priority.PriorityKey)
					}
					signals++
					told[call.WorkflowID]++
					continue
				}
				in, _ := call.Args[0].(workflows.ContactBatchInput)
				pages = append(pages, len(in.Contacts))
				for _, c := range in.Contacts {
					told[workflows.ContactLifecycleID(in.ConnectionID, c.ContactID)]++
				}
			}
			slices.SortFunc(pages, func(a, b int) int { return b - a })
			if diff := cmp.Diff(tt.pages, pages); diff != "" {
				t.Error(diff)
			}
			if signals != tt.alone || len(told) != len(tt.heard) {
				t.Errorf("%d signals, want %d; %d contacts told of, want %d", signals, tt.alone, len(told), len(tt.heard))
			}
			for contact, times := range told {
				if times != 1 {
					t.Errorf("%s was told of %d times", contact, times)
				}
			}
		})
	}
}

func TestRelay_aPageThatCannotBeStartedComesBackWhole(t *testing.T) {
	t.Parallel()
	refused := errors.New("no such workflow")
	signaler := &relaytest.Signaler{Fail: func(id string) error {
		if strings.HasPrefix(id, "contact-batch/") {
			return refused
		}
		return nil
	}}
	heard := []store.ContactHints{{ConnectionID: "c1", ContactID: "form"}}
	for i := range pageFrom {
		heard = append(heard, store.ContactHints{ConnectionID: "c1", ContactID: strconv.Itoa(i), Bulk: true})
	}
	for i, err := range (contactSender{signaler}).send(t.Context(), heard) {
		if want := i > 0; errors.Is(err, refused) != want {
			t.Errorf("%s: %v", heard[i].ContactID, err)
		}
	}
}
