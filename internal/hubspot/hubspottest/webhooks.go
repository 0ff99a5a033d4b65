package hubspottest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Delivery rules of HubSpot (docs: webhooks): at most 100 events per request,
// 10 requests in flight per portal, 5 s to answer, up to 10 retries.
const (
	maxEvents   = 100
	maxInFlight = 10
	answerIn    = 5 * time.Second
	maxRetries  = 10
)

// WebhookKnobs choose how badly webhooks behave. All are allowed to HubSpot.
// Rates are between 0 and 1. Waiting happens in real time.
type WebhookKnobs struct {
	Duplicate float64 `json:"duplicate"` // of events, sent twice
	Drop      float64 `json:"drop"`      // of events, never sent
	BadSign   float64 `json:"bad_sign"`  // of requests, signed with a wrong secret
	Reorder   bool    `json:"reorder"`   // send waiting events in any order
	// Delay holds each event back for a random time up to this.
	Delay Duration `json:"delay"`
	// RetryWithin is the time over which the ten retries of a request are
	// spread at random; HubSpot's is 24 hours.
	RetryWithin Duration `json:"retry_within"`
}

// WebhookStats count events, but for Requests.
type WebhookStats struct {
	Raised     int `json:"raised"`     // by changes in the portals, subscribed to
	Duplicated int `json:"duplicated"` // sent once more
	Dropped    int `json:"dropped"`
	Delivered  int `json:"delivered"` // answered with 2xx
	Lost       int `json:"lost"`      // given up after the last retry
	Waiting    int `json:"waiting"`   // queued, held, delayed, in flight or to be retried
	Requests   int `json:"requests"`  // posts made, retries included
	Failed     int `json:"failed"`    // posts not answered with 2xx in time
}

// Webhooks sends the events of all portals to the app's one target URL.
type Webhooks struct {
	app    App
	now    func() time.Time
	client *http.Client

	mu      sync.Mutex
	rng     *rand.Rand
	target  string
	subs    []subscribed
	ids     map[Subscription]int64 // active ones
	knobs   WebhookKnobs
	queues  map[int64]*queue
	stats   WebhookStats
	held    bool
	closed  bool
	eventID int64
	subID   int64
	timers  map[*time.Timer]struct{}
	idle    []chan struct{} // closed when nothing waits
	running sync.WaitGroup
}

// queue is what waits for one portal.
type queue struct {
	ready    []Event
	retries  []batch
	inFlight int
}

type batch struct {
	events  []Event
	attempt int
}

func newWebhooks(app App, now func() time.Time, rng *rand.Rand, target string) *Webhooks {
	w := &Webhooks{
		app: app, now: now, rng: rng, target: target,
		client: &http.Client{
			Timeout: answerIn,
			// A redirect is no success, and HubSpot does not say that it follows any.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{MaxIdleConnsPerHost: maxInFlight, IdleConnTimeout: time.Minute},
		},
		ids:     make(map[Subscription]int64),
		knobs:   WebhookKnobs{RetryWithin: Duration(24 * time.Hour)},
		queues:  make(map[int64]*queue),
		eventID: 100,
		subID:   500,
		timers:  make(map[*time.Timer]struct{}),
	}
	for _, s := range DefaultSubscriptions() {
		w.subscribe(s, true)
	}
	return w
}

// SetTarget sends webhooks to a URL from now on. Without a target no events are kept.
func (w *Webhooks) SetTarget(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = url
	w.pumpAll()
}

// Subscribe replaces all subscriptions, or none if one of them is impossible.
func (w *Webhooks) Subscribe(all ...Subscription) error {
	for _, s := range all {
		if f := s.check(); f != nil {
			return f
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs = nil
	w.index()
	for _, s := range all {
		w.subscribe(s, true)
	}
	return nil
}

// Tune changes the knobs; it takes effect with the next event or request.
func (w *Webhooks) Tune(change func(*WebhookKnobs)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.knobs)
}

// Stats returns the counts since the start.
func (w *Webhooks) Stats() WebhookStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// Hold keeps events back until Release, so that a test decides about delivery.
// Events are then kept even without a target.
func (w *Webhooks) Hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = true
}

// Release sends what Hold kept and everything that comes after.
func (w *Webhooks) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = false
	w.pumpAll()
}

// Take removes and returns the events that wait, oldest first. With Hold and
// Send, a test delivers what it wants, in the order it wants.
func (w *Webhooks) Take() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Event
	for _, q := range w.queues {
		out = append(out, q.ready...)
		q.ready = nil
	}
	w.settle(len(out))
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Compare(a.EventID, b.EventID) })
	return out
}

// Send posts events in one signed request, whatever is held, and returns the
// status of the answer. It does not retry.
func (w *Webhooks) Send(ctx context.Context, events ...Event) (int, error) {
	w.mu.Lock()
	target := w.target
	w.mu.Unlock()
	if target == "" {
		return 0, fmt.Errorf("no webhook target is set")
	}
	return w.post(ctx, target, batch{events: events}, w.app.ClientSecret)
}

// Drained waits until no event waits, is in flight or is to be retried.
func (w *Webhooks) Drained(ctx context.Context) error {
	w.mu.Lock()
	if w.stats.Waiting == 0 {
		w.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	w.idle = append(w.idle, done)
	w.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Webhooks) listening() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.closed && (w.held || w.target != "") && len(w.ids) > 0
}

// wanted returns the id of an active subscription, or 0.
func (w *Webhooks) wanted(s Subscription) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ids[s]
}

// enqueue takes an event on its way, or loses, doubles or delays it.
func (w *Webhooks) enqueue(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || (!w.held && w.target == "") {
		return
	}
	w.stats.Raised++
	w.eventID++
	e.EventID = w.eventID
	if w.rng.Float64() < w.knobs.Drop {
		w.stats.Dropped++
		return
	}
	w.ready(e)
	if w.rng.Float64() < w.knobs.Duplicate {
		w.stats.Duplicated++
		w.ready(e)
	}
}

func (w *Webhooks) ready(e Event) {
	w.stats.Waiting++
	q := w.queue(e.PortalID)
	if w.knobs.Delay <= 0 {
		q.ready = append(q.ready, e)
		w.pumpSoon(e.PortalID)
		return
	}
	w.after(time.Duration(w.rng.Int64N(int64(w.knobs.Delay)+1)), func() {
		q.ready = append(q.ready, e)
		w.pump(e.PortalID)
	})
}

func (w *Webhooks) queue(portal int64) *queue {
	q := w.queues[portal]
	if q == nil {
		q = &queue{}
		w.queues[portal] = q
	}
	return q
}

// after runs f under the lock, in d, unless the sender is closed by then.
func (w *Webhooks) after(d time.Duration, f func()) {
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, mine := w.timers[timer]; mine {
			delete(w.timers, timer)
			f()
		}
	})
	w.timers[timer] = struct{}{}
}

// settle counts n events as no longer waiting.
func (w *Webhooks) settle(n int) {
	w.stats.Waiting -= n
	if w.stats.Waiting > 0 {
		return
	}
	for _, done := range w.idle {
		close(done)
	}
	w.idle = nil
}

func (w *Webhooks) close() {
	w.mu.Lock()
	w.closed = true
	for timer := range w.timers {
		timer.Stop()
	}
	clear(w.timers)
	w.mu.Unlock()
	w.running.Wait()
	w.mu.Lock()
	w.settle(w.stats.Waiting)
	w.mu.Unlock()
	w.client.CloseIdleConnections()
}
