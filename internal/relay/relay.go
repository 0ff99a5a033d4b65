package relay

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sethvargo/go-retry"
	"golang.org/x/sync/errgroup"

	"advocatesync/internal/store"
)

const (
	// Wake-ups come from this process only; polling finds what another process stored
	// before it died.
	pollEvery = 500 * time.Millisecond

	// Events that arrive during a pass wait for the next one, so a pass is kept small.
	// It ends before another relay may claim its events.
	passEvents  = 100
	pageEvents  = 500                              // if a page of contacts takes one call
	passTimeout = store.RelayLease - 5*time.Second // for all signals of a pass
	parallel    = 10                               // signals in flight; more gains nothing

	maxBackoff = 5 * time.Second // notice soon that an outage has ended
)

const (
	measureEvery = 10 * time.Second
	purgeEvery   = time.Hour
	keepRelayed  = 7 * 24 * time.Hour // HubSpot repeats for a day; the rest of the time is for investigations
)

// Outbox is the part of an inbox that a relay uses. H are the folded hints for one
// workflow.
type Outbox[H any] struct {
	// Relay folds up to limit waiting events per workflow and calls send with the
	// result, which returns an error or nil for each. Failed ones are offered again
	// after a pause.
	Relay relaying[H]
	// Live is Relay for the events that somebody waits for; nil: the inbox does not tell
	// them from others. They have passes of their own, so that they never wait until
	// others are handed over.
	Live relaying[H]
	// Lag is the age of the oldest waiting event, 0 if none waits.
	Lag func(ctx context.Context) (time.Duration, error)
	// Purge deletes events that were relayed before a time.
	Purge func(ctx context.Context, olderThan time.Time) (int64, error)
}

// Config configures a Relay. Every field is required.
type Config[H any] struct {
	Inbox  string // its name in metrics and logs
	Outbox Outbox[H]
	// Send hands each element to its workflow, which is started if it is not running,
	// and returns an error or nil for each.
	Send    func(ctx context.Context, heard []H) []error
	Events  int // claimed by one pass; see passEvents
	Metrics *Metrics
	Log     *slog.Logger
	Now     func() time.Time
}

// Contacts returns the configuration of the relay that hands the store's inbox to
// the contacts' workflows.
func Contacts(s *store.Store, to Signaler, metrics *Metrics, log *slog.Logger) Config[store.ContactHints] {
	return Config[store.ContactHints]{
		Inbox:   "contacts",
		Outbox:  Outbox[store.ContactHints]{Relay: s.RelayHints, Live: s.RelayLive, Lag: s.Metrics().InboxLag, Purge: s.Bulk().PurgeInbox},
		Send:    contactSender{to}.send,
		Events:  pageEvents,
		Metrics: metrics, Log: log, Now: time.Now,
	}
}

// Objects returns the same for the records that triggers watch.
func Objects(s *store.Store, to Signaler, metrics *Metrics, log *slog.Logger) Config[store.ObjectHints] {
	return Config[store.ObjectHints]{
		Inbox:  "objects",
		Outbox: Outbox[store.ObjectHints]{Relay: s.RelayObjects, Lag: s.Metrics().ObjectInboxLag, Purge: s.Bulk().PurgeObjectInbox},
		Send: func(ctx context.Context, heard []store.ObjectHints) []error {
			return each(heard, func(one store.ObjectHints) error { return signalObject(ctx, to, one) })
		},
		Events:  passEvents,
		Metrics: metrics, Log: log, Now: time.Now,
	}
}

// Relay signals the hints in an inbox to their workflows. Any number of relays may
// run over one inbox.
type Relay[H any] struct {
	Config[H]

	woken, wokenLive chan struct{}
	claiming         sync.Mutex // held while events are claimed
}

// New returns a relay.
func New[H any](cfg Config[H]) *Relay[H] {
	cfg.Log = cfg.Log.With("inbox", cfg.Inbox)
	return &Relay[H]{Config: cfg, woken: make(chan struct{}, 1), wokenLive: make(chan struct{}, 1)}
}

// Wake starts a pass soon. It never blocks.
func (r *Relay[H]) Wake() {
	for _, woken := range []chan struct{}{r.woken, r.wokenLive} {
		select {
		case woken <- struct{}{}:
		default: // a pass is already due
		}
	}
}

// Run relays, and purges the inbox, until ctx ends. It never gives up: failures
// are logged and retried, because the events were acknowledged.
func (r *Relay[H]) Run(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { r.maintain(ctx) })
	all.Go(func() { r.relay(ctx, r.Outbox.Relay, r.woken) })
	if r.Outbox.Live != nil {
		all.Go(func() { r.relay(ctx, r.Outbox.Live, r.wokenLive) })
	}
	all.Wait()
}

// relaying is one way to relay an inbox's events; see Outbox.Relay.
type relaying[H any] func(ctx context.Context, limit int, send func(context.Context, []H) []error) (int, error)

func (r *Relay[H]) relay(ctx context.Context, events relaying[H], woken <-chan struct{}) {
	backoff := newBackoff()
	for ctx.Err() == nil {
		sent, err := r.pass(ctx, events)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			delay, _ := backoff.Next()
			r.Log.ErrorContext(ctx, "relay of webhook events failed", "error", err, "again_in", delay)
			pause(ctx, delay, nil)
			continue
		case sent == 0:
			pause(ctx, pollEvery, woken)
		}
		backoff = newBackoff()
	}
}

// newBackoff starts at the usual pace. The jitter keeps relays that lost the same
// server from returning all at once.
func newBackoff() retry.Backoff {
	return retry.WithJitterPercent(50, retry.WithCappedDuration(maxBackoff, retry.NewExponential(pollEvery)))
}

// pause waits until the time has passed, wake is sent to, or ctx ends.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// pass relays the due events and returns how many workflows were signalled. Single
// failures are logged, and their events are retried by the outbox. If Temporal
// could not be reached at all, no event is to blame: the pass is undone, so that no
// event has to pause, and fails.
func (r *Relay[H]) pass(ctx context.Context, events relaying[H]) (sent int, err error) {
	ctx, undo := context.WithCancel(ctx)
	defer undo()
	// One loop claims at a time: two would part the events of a contact.
	r.claiming.Lock()
	claimed := sync.OnceFunc(r.claiming.Unlock)
	defer claimed()
	var outage error
	_, err = events(ctx, r.Events, func(ctx context.Context, batch []H) []error {
		claimed()
		errs := r.send(ctx, batch)
		sent, outage = r.judge(ctx, errs)
		if outage != nil {
			undo()
		}
		return errs
	})
	if outage != nil {
		return 0, outage
	}
	return sent, err
}

func (r *Relay[H]) send(ctx context.Context, batch []H) []error {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	return r.Send(ctx, batch)
}

// each calls do for every element, a few at a time, and returns an error or nil for
// each.
func each[T any](some []T, do func(T) error) []error {
	errs := make([]error, len(some))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, one := range some {
		group.Go(func() error {
			errs[i] = do(one)
			return nil // one's failure must not stop the others
		})
	}
	// Failures are in errs.
	_ = group.Wait()
	return errs
}

// judge counts the outcomes of the signals and logs the failures in one line.
// It returns an error if every signal failed to reach Temporal.
func (r *Relay[H]) judge(ctx context.Context, errs []error) (sent int, outage error) {
	var first error
	failed, unreached := 0, 0
	for _, err := range errs {
		if err == nil {
			sent++
			continue
		}
		failed++
		if unreachable(err) {
			unreached++
		}
		if first == nil {
			first = err
		}
	}
	r.Metrics.signals.WithLabelValues(r.Inbox, "sent").Add(float64(sent))
	r.Metrics.signals.WithLabelValues(r.Inbox, "failed").Add(float64(failed))
	if failed > 0 && unreached == len(errs) {
		return 0, first
	}
	if failed > 0 {
		r.Log.WarnContext(ctx, "some workflows could not be signalled and come again later",
			"failed", failed, "sent", sent, "first_error", first)
	}
	return sent, nil
}

// maintain measures the relay's lag and purges old events.
func (r *Relay[H]) maintain(ctx context.Context) {
	measure, purge := time.NewTicker(measureEvery), time.NewTicker(purgeEvery)
	defer measure.Stop()
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-measure.C:
			r.measure(ctx)
		case <-purge.C:
			r.purge(ctx)
		}
	}
}

func (r *Relay[H]) measure(ctx context.Context) {
	lag, err := r.Outbox.Lag(ctx)
	if err != nil {
		r.Log.WarnContext(ctx, "inbox lag is unknown", "error", err)
		return
	}
	r.Metrics.lag.WithLabelValues(r.Inbox).Set(lag.Seconds())
}

func (r *Relay[H]) purge(ctx context.Context) {
	n, err := r.Outbox.Purge(ctx, r.Now().Add(-keepRelayed))
	if err != nil {
		r.Log.WarnContext(ctx, "inbox was not purged", "error", err)
		return
	}
	r.Log.InfoContext(ctx, "inbox purged", "events", n)
}
