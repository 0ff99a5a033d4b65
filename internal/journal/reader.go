package journal

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sethvargo/go-retry"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

const (
	// lease is for how long a process that dies keeps others from reading, and
	// renewEvery how often one that lives prolongs it.
	lease, renewEvery = 30 * time.Second, 10 * time.Second
	// mostBackoff bounds the pauses between failures, and is how soon an app is tried
	// again that HubSpot refuses.
	mostBackoff = time.Minute
)

// Config is what a Reader is made of. Every field is required, but for HeadStart.
type Config struct {
	HubSpot *hubspot.Journal
	Store   *store.Store

	// Take makes events durable. It may be handed the same events twice, and by
	// several callers at once.
	Take func(ctx context.Context, events []json.RawMessage) error
	// Watches tells what the triggers of a connection watch.
	Watches func(ctx context.Context, connectionID string) ([]trigger.Watch, error)
	// Reconcile starts a reconcile of a connection. It is a conflict while another
	// one is under way, which may have read before the gap ended.
	Reconcile func(ctx context.Context, connectionID string) error

	// Every is how often the journal is asked for news.
	Every time.Duration
	// HeadStart is how long the webhooks have to tell the same before a new file is
	// read. They alone say who made a change: what they have told by then, our own
	// writes among it, costs nothing when the journal tells it again.
	HeadStart time.Duration

	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
}

// Reader follows the journal for the installation. Make it with New; it serves one
// caller at a time.
type Reader struct {
	Config

	name string // of this reader, for the lease
	gaps *prometheus.CounterVec

	subscribed subscribed
	unread     unread
}

// New returns a reader and registers its metrics.
func New(cfg Config) *Reader {
	return &Reader{
		Config: cfg, name: rand.Text(),
		subscribed: subscribed{covered: map[int64]bool{}},
		gaps: promauto.With(cfg.Metrics).NewCounterVec(prometheus.CounterOpts{
			Name: "advocatesync_journal_gaps_total",
			Help: "Times that something may have been missed in HubSpot's journal, by cause; each starts a reconcile of the portals concerned.",
		}, []string{"cause"}),
	}
}

// Run follows the journal until ctx ends. It never gives up: what it meets is kept
// as the journal's state, logged, and tried again.
func (r *Reader) Run(ctx context.Context) {
	defer r.release(ctx)
	backoff := newBackoff()
	for ctx.Err() == nil {
		err := r.Pass(ctx)
		if err == nil {
			backoff = newBackoff()
			pause(ctx, r.Every)
			continue
		}
		delay, _ := backoff.Next()
		if refused, ok := errors.AsType[*bridge.Error](err); ok {
			delay = max(delay, refused.RetryAfter)
		}
		if stateOf(err) == bridge.JournalFailing && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "HubSpot's journal could not be followed", "error", err, "again_in", delay)
		}
		pause(ctx, delay)
	}
}

func newBackoff() retry.Backoff {
	return retry.WithJitterPercent(20, retry.WithCappedDuration(mostBackoff, retry.NewExponential(time.Second)))
}

// pause waits until the time has passed or ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Pass does once what is due: it keeps the subscriptions, reads what was published,
// and starts the reconciles that gaps ask for. While another process is the reader
// it does nothing.
func (r *Reader) Pass(ctx context.Context) error {
	at, err := r.Store.ClaimJournal(ctx, r.name, lease)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	held, end := r.hold(ctx)
	defer end()
	// What was recorded can be read whether or not more will be recorded.
	subscribing := r.keepSubscriptions(held)
	err = cmp.Or(r.follow(held, at), subscribing)
	if held.Err() != nil {
		return context.Cause(held)
	}
	return errors.Join(err, r.note(ctx, at, err), r.closeGaps(held))
}

var errLeaseLost = errors.New("another process reads the journal now")

// hold prolongs the lease until end is called. If that fails, another process may
// have taken over, and ctx ends.
func (r *Reader) hold(ctx context.Context) (held context.Context, end func()) {
	held, cancel := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
			}
			if _, err := r.Store.ClaimJournal(held, r.name, lease); bridge.KindOf(err) == bridge.NotFound {
				cancel(errLeaseLost)
			}
		}
	}()
	return held, func() { cancel(context.Canceled) }
}

// releaseTimeout bounds what is written after the reader was told to stop.
const releaseTimeout = 5 * time.Second

func (r *Reader) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := r.Store.ReleaseJournal(ctx, r.name); err != nil {
		r.Log.WarnContext(ctx, "the journal's lease was not released; it lapses by itself", "error", err)
	}
}

// note keeps how reading went, for operators, and logs it where it is news.
func (r *Reader) note(ctx context.Context, before store.Journal, failure error) error {
	state, reason := bridge.JournalFollowing, ""
	if failure != nil {
		state, reason = stateOf(failure), strings.ReplaceAll(failure.Error(), "\n", "; ")
	}
	if state != before.State {
		r.Log.InfoContext(ctx, "HubSpot's journal", "state", string(state), "reason", reason, "advice", state.Advice())
	}
	return r.Store.NoteJournalState(ctx, r.name, state, reason)
}

func stateOf(failure error) bridge.JournalState {
	switch {
	case hubspot.ScopesMissing(failure):
		return bridge.JournalMissingScopes
	case hubspot.AppRefused(failure):
		return bridge.JournalRefused
	default:
		return bridge.JournalFailing
	}
}

// closeGaps starts the reconciles that gaps ask for, one for each portal however many
// gaps it had.
func (r *Reader) closeGaps(ctx context.Context) error {
	portals, err := r.Store.JournalPortals(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, p := range portals {
		if !p.GapAt.IsZero() {
			failed = errors.Join(failed, r.closeGap(ctx, p))
		}
	}
	return failed
}

func (r *Reader) closeGap(ctx context.Context, p store.JournalPortal) error {
	c, err := r.Store.ConnectionByPortal(ctx, p.PortalID)
	if err == nil {
		err = r.Reconcile(ctx, c.ID)
	}
	switch bridge.KindOf(err) {
	case bridge.Conflict:
		return nil // one that is under way may have read before: the next pass asks again
	case bridge.NotFound: // disconnected
	default:
		if err != nil {
			return err
		}
		r.Log.InfoContext(ctx, "a reconcile makes up for what the journal may have missed", "connection", c.ID, "gap", p.GapAt)
	}
	return r.Store.CloseJournalGap(ctx, p)
}

// gap notes that something may have been missed in all portals that the journal
// records for, and that reading goes on behind an offset.
func (r *Reader) gap(ctx context.Context, cause, offset string, until time.Time) error {
	r.gaps.WithLabelValues(cause).Inc()
	r.Log.WarnContext(ctx, "events of HubSpot's journal may have been missed; a reconcile makes up for them", "cause", cause)
	return r.Store.RestartJournal(ctx, r.name, offset, until)
}
