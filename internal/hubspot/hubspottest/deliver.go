package hubspottest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// gather is how long events of one change have to get into the same request.
const gather = 2 * time.Millisecond

// pumpSoon starts requests in a moment, so that events raised together travel together.
func (w *Webhooks) pumpSoon(portal int64) {
	q := w.queue(portal)
	if len(q.ready) == 1 || len(q.ready)%maxEvents == 0 {
		w.after(gather, func() { w.pump(portal) })
	}
}

func (w *Webhooks) pumpAll() {
	for portal := range w.queues {
		w.pump(portal)
	}
}

// pump starts requests while the portal may have more in flight.
func (w *Webhooks) pump(portal int64) {
	q := w.queue(portal)
	for !w.closed && !w.held && w.target != "" && q.inFlight < maxInFlight {
		b, some := w.cut(q)
		if !some {
			return
		}
		q.inFlight++
		w.running.Add(1)
		go w.deliver(portal, q, b)
	}
}

// cut takes the next request's events off the queue.
func (w *Webhooks) cut(q *queue) (batch, bool) {
	if len(q.retries) > 0 {
		b := q.retries[0]
		q.retries = q.retries[1:]
		return b, true
	}
	if len(q.ready) == 0 {
		return batch{}, false
	}
	if w.knobs.Reorder {
		w.rng.Shuffle(len(q.ready), func(i, j int) { q.ready[i], q.ready[j] = q.ready[j], q.ready[i] })
	}
	n := min(len(q.ready), maxEvents)
	b := batch{events: append([]Event(nil), q.ready[:n]...)}
	q.ready = q.ready[n:]
	if len(q.ready) == 0 {
		q.ready = nil
	}
	return b, true
}

func (w *Webhooks) deliver(portal int64, q *queue, b batch) {
	defer w.running.Done()
	w.mu.Lock()
	target, secret := w.target, w.app.ClientSecret
	if w.rng.Float64() < w.knobs.BadSign {
		secret += "-wrong"
	}
	w.mu.Unlock()

	status, err := w.post(context.Background(), target, b, secret)

	w.mu.Lock()
	defer w.mu.Unlock()
	q.inFlight--
	switch {
	case err == nil && status/100 == 2:
		w.stats.Delivered += len(b.events)
		w.settle(len(b.events))
	case b.attempt >= maxRetries:
		w.stats.Failed++
		w.stats.Lost += len(b.events)
		w.settle(len(b.events))
	default:
		w.stats.Failed++
		w.retry(portal, q, b)
	}
	w.pump(portal)
}

// retry comes after a random part of its share of the whole retry time.
func (w *Webhooks) retry(portal int64, q *queue, b batch) {
	if w.closed {
		return
	}
	b.attempt++
	share := max(int64(w.knobs.RetryWithin)/maxRetries, 1)
	w.after(time.Duration(w.rng.Int64N(share)+1), func() {
		q.retries = append(q.retries, b)
		w.pump(portal)
	})
}

// post makes one request. Each attempt is signed anew, with its own time.
func (w *Webhooks) post(ctx context.Context, target string, b batch, secret string) (int, error) {
	events := make([]Event, len(b.events))
	for i, e := range b.events {
		e.AttemptNumber = b.attempt
		events[i] = e
	}
	body, err := json.Marshal(events)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "HubSpot Connect 2.0 (https://dev.hubspot.com/) (namespace: webhooks-nio-http-client) - WebhooksExecutorDaemon")
	Sign(req, secret, body, w.now())
	w.mu.Lock()
	w.stats.Requests++
	w.mu.Unlock()
	res, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // what was read stands, whatever closing says
	// The answer's body means nothing; reading it lets the connection be used again.
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)); err != nil {
		return 0, err
	}
	return res.StatusCode, nil
}
