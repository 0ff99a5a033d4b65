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
	// Wake-ups come from this process only; what another one took in before it
	// died is found by looking.
	pollEvery = 500 * time.Millisecond

	// What comes in during a pass waits for the next one, so a pass is small. It
	// ends before the outbox gives its events to another relay.
	passEvents  = 100
	passTimeout = store.RelayLease - 5*time.Second // for all signals of a pass
	parallel    = 10                               // signals in flight; more brings the server nothing

	maxBackoff = 5 * time.Second // an outage that ends should not be noticed much later
)

const (
	measureEvery = 10 * time.Second
	purgeEvery   = time.Hour
	keepRelayed  = 7 * 24 * time.Hour // HubSpot repeats for a day; the rest is for people who look
)

// Outbox is the part of an inbox that a relay reads. H is what it holds for
// one workflow.
type Outbox[H any] struct {
	// Relay folds up to limit waiting events per workflow and hands them to
	// send, which returns an error or nil for each. One with an error comes
	// again later, after a pause of its own.
	Relay func(ctx context.Context, limit int, send func(context.Context, []H) []error) (int, error)
	// Lag is the age of the oldest waiting event, 0 if none waits.
	Lag func(ctx context.Context) (time.Duration, error)
	// Purge deletes events that were relayed before a time.
	Purge func(ctx context.Context, olderThan time.Time) (int64, error)
}

// Config is what a Relay is made of. Every field is required.
type Config[H any] struct {
	Inbox   string // its name in metrics and logs
	Outbox  Outbox[H]
	Signal  func(ctx context.Context, heard H) error // starts the workflow if it is not running
	Metrics *Metrics
	Log     *slog.Logger
	Now     func() time.Time
}

// Contacts is the configuration of the relay that tells contacts' lives
// what the store's inbox holds for them.
func Contacts(s *store.Store, to Signaler, metrics *Metrics, log *slog.Logger) Config[store.ContactHints] {
	return Config[store.ContactHints]{
		Inbox:   "contacts",
		Outbox:  Outbox[store.ContactHints]{Relay: s.RelayHints, Lag: s.InboxLag, Purge: s.PurgeInbox},
		Signal:  func(ctx context.Context, heard store.ContactHints) error { return signalContact(ctx, to, heard) },
		Metrics: metrics, Log: log, Now: time.Now,
	}
}

// Objects is the same for the records that triggers watch.
func Objects(s *store.Store, to Signaler, metrics *Metrics, log *slog.Logger) Config[store.ObjectHints] {
	return Config[store.ObjectHints]{
		Inbox:   "objects",
		Outbox:  Outbox[store.ObjectHints]{Relay: s.RelayObjects, Lag: s.ObjectInboxLag, Purge: s.PurgeObjectInbox},
		Signal:  func(ctx context.Context, heard store.ObjectHints) error { return signalObject(ctx, to, heard) },
		Metrics: metrics, Log: log, Now: time.Now,
	}
}

// Relay signals to each workflow what an inbox holds for it. Any number of
// relays may run over one inbox.
type Relay[H any] struct {
	Config[H]

	woken chan struct{}
}

// New returns a relay.
func New[H any](cfg Config[H]) *Relay[H] {
	cfg.Log = cfg.Log.With("inbox", cfg.Inbox)
	return &Relay[H]{Config: cfg, woken: make(chan struct{}, 1)}
}

// Wake says that the inbox has something new. It never blocks.
func (r *Relay[H]) Wake() {
	select {
	case r.woken <- struct{}{}:
	default: // a look is due already
	}
}

// Run relays, and keeps the inbox tidy, until ctx ends. It never gives up:
// failures are logged and tried again, because the events are promised.
func (r *Relay[H]) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { r.maintain(ctx) })
	both.Go(func() { r.relay(ctx) })
	both.Wait()
}

func (r *Relay[H]) relay(ctx context.Context) {
	backoff := newBackoff()
	for ctx.Err() == nil {
		sent, err := r.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			delay, _ := backoff.Next()
			r.Log.ErrorContext(ctx, "relay of webhook events failed", "error", err, "again_in", delay)
			pause(ctx, delay, nil)
			continue
		case sent == 0:
			pause(ctx, pollEvery, r.woken)
		}
		backoff = newBackoff()
	}
}

// newBackoff starts at the usual pace. Relays that lost the same server should
// not all come back at the same moment, hence the jitter.
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

// pass relays what is due and returns how many workflows were signalled. Single
// ones that fail are logged and left to the outbox; if Temporal could not
// be reached for any, that is nobody's own fault: the pass is undone, so that
// none has to pause, and fails.
func (r *Relay[H]) pass(ctx context.Context) (sent int, err error) {
	ctx, undo := context.WithCancel(ctx)
	defer undo()
	var outage error
	_, err = r.Outbox.Relay(ctx, passEvents, func(ctx context.Context, batch []H) []error {
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
	errs := make([]error, len(batch))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, heard := range batch {
		group.Go(func() error {
			errs[i] = r.Signal(ctx, heard)
			return nil // one's failure must not stop the others
		})
	}
	// Failures are in errs.
	_ = group.Wait()
	return errs
}

// judge counts what came of the signals and logs the failures in one line. It
// returns an error if there was nothing but failures to reach Temporal.
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

// maintain measures how far the relay lags and deletes what nobody needs.
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
