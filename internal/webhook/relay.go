package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sethvargo/go-retry"
	"golang.org/x/sync/errgroup"

	"advocatesync/internal/store"
)

const (
	// Pokes come from this process only; what another one took in before it
	// died is found by looking.
	lookEvery = 500 * time.Millisecond

	// Events of one pass, all in one transaction of the outbox. What comes in
	// meanwhile waits for the next pass, so it takes less than a second or two.
	passEvents  = 100
	passTimeout = 10 * time.Second // for all signals of a pass
	parallel    = 10               // signals in flight; more brings the server nothing

	maxBackoff = 5 * time.Second // an outage that ends should not be noticed much later
)

const (
	measureEvery = 10 * time.Second
	purgeEvery   = time.Hour
	keepRelayed  = 7 * 24 * time.Hour // HubSpot repeats for a day; the rest is for people who look
)

// Outbox is the part of the inbox that the relay reads.
type Outbox interface {
	// RelayHints folds up to limit waiting events per contact and hands them
	// to send, which returns an error or nil for each contact. A contact with
	// an error comes again later, after a pause of its own.
	RelayHints(ctx context.Context, limit int, send func(context.Context, []store.ContactHints) []error) (int, error)
	// InboxLag is the age of the oldest waiting event, 0 if none waits.
	InboxLag(ctx context.Context) (time.Duration, error)
	// PurgeInbox deletes events that were relayed before a time.
	PurgeInbox(ctx context.Context, olderThan time.Time) (int64, error)
}

// RelayConfig is what a Relay is made of. Every field is required.
type RelayConfig struct {
	Outbox   Outbox
	Signaler Signaler
	Metrics  prometheus.Registerer
	Log      *slog.Logger
	Now      func() time.Time
}

// Relay signals to each contact's workflow what the inbox holds for it. Any
// number of relays may run over one inbox.
type Relay struct {
	outbox   Outbox
	signaler Signaler
	metrics  *relayMetrics
	log      *slog.Logger
	now      func() time.Time
	poked    chan struct{}
}

// NewRelay returns a relay and registers its metrics.
func NewRelay(cfg RelayConfig) *Relay {
	return &Relay{
		outbox:   cfg.Outbox,
		signaler: cfg.Signaler,
		metrics:  newRelayMetrics(cfg.Metrics),
		log:      cfg.Log,
		now:      cfg.Now,
		poked:    make(chan struct{}, 1),
	}
}

// Poke says that the inbox has something new. It never blocks.
func (r *Relay) Poke() {
	select {
	case r.poked <- struct{}{}:
	default: // a look is due already
	}
}

// Run relays, and keeps the inbox tidy, until ctx ends. It never gives up:
// failures are logged and tried again, because the events are promised.
func (r *Relay) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() { r.keepHouse(ctx) })
	both.Go(func() { r.relay(ctx) })
	both.Wait()
}

func (r *Relay) relay(ctx context.Context) {
	backoff := newBackoff()
	for ctx.Err() == nil {
		sent, err := r.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			delay, _ := backoff.Next()
			r.log.ErrorContext(ctx, "relay of webhook events failed", "error", err, "again_in", delay)
			pause(ctx, delay, nil)
			continue
		case sent == 0:
			pause(ctx, lookEvery, r.poked)
		}
		backoff = newBackoff()
	}
}

// newBackoff starts at the usual pace. Relays that lost the same server should
// not all come back at the same moment, hence the jitter.
func newBackoff() retry.Backoff {
	return retry.WithJitterPercent(50, retry.WithCappedDuration(maxBackoff, retry.NewExponential(lookEvery)))
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

// pass relays what is due and returns how many contacts were signalled. Single
// contacts that fail are logged and left to the outbox; if Temporal could not
// be reached for any, that is nobody's own fault: the pass is undone, so that
// none has to pause, and fails.
func (r *Relay) pass(ctx context.Context) (sent int, err error) {
	ctx, undo := context.WithCancel(ctx)
	defer undo()
	var outage error
	_, err = r.outbox.RelayHints(ctx, passEvents, func(ctx context.Context, contacts []store.ContactHints) []error {
		errs := r.send(ctx, contacts)
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

func (r *Relay) send(ctx context.Context, contacts []store.ContactHints) []error {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	errs := make([]error, len(contacts))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, contact := range contacts {
		group.Go(func() error {
			errs[i] = signal(ctx, r.signaler, contact)
			return nil // one contact's failure must not stop the others
		})
	}
	// Failures are in errs.
	_ = group.Wait()
	return errs
}

// judge counts what came of the signals and logs the failures in one line. It
// returns an error if there was nothing but failures to reach Temporal.
func (r *Relay) judge(ctx context.Context, errs []error) (sent int, outage error) {
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
	r.metrics.signals.WithLabelValues("sent").Add(float64(sent))
	r.metrics.signals.WithLabelValues("failed").Add(float64(failed))
	if failed > 0 && unreached == len(errs) {
		return 0, first
	}
	if failed > 0 {
		r.log.WarnContext(ctx, "some contacts could not be signalled and come again later",
			"failed", failed, "sent", sent, "first_error", first)
	}
	return sent, nil
}

// keepHouse measures how far the relay lags and deletes what nobody needs.
func (r *Relay) keepHouse(ctx context.Context) {
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

func (r *Relay) measure(ctx context.Context) {
	lag, err := r.outbox.InboxLag(ctx)
	if err != nil {
		r.log.WarnContext(ctx, "inbox lag is unknown", "error", err)
		return
	}
	r.metrics.lag.Set(lag.Seconds())
}

func (r *Relay) purge(ctx context.Context) {
	n, err := r.outbox.PurgeInbox(ctx, r.now().Add(-keepRelayed))
	if err != nil {
		r.log.WarnContext(ctx, "inbox was not purged", "error", err)
		return
	}
	r.log.InfoContext(ctx, "inbox purged", "events", n)
}
