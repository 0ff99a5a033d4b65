package advocatetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// subscription is one endpoint that wants webhooks.
type subscription struct {
	EndpointURL  string   `json:"endpointUrl"`
	Name         string   `json:"name"`
	Source       string   `json:"source"`
	WebhookTypes []string `json:"webhookTypes"`
}

func (s *subscription) wants(kind string) bool {
	return kind == "test" || slices.Contains(s.WebhookTypes, "*") || slices.Contains(s.WebhookTypes, kind)
}

// emit sends a webhook to everybody who subscribed. It needs host.mu.
func (t *Tenant) emit(kind string, data any) {
	for _, s := range t.subs {
		if s.wants(kind) {
			t.deliver(s, kind, data)
		}
	}
}

// deliver hands one signed envelope to the courier. The envelope is fixed now;
// the data may change afterwards. It needs host.mu.
func (t *Tenant) deliver(s *subscription, kind string, data any) {
	body, err := json.Marshal(map[string]any{
		"id": fmt.Sprintf("hook%08x", t.nextSerial()), "type": kind, "tenantAlias": t.cfg.Alias,
		"live": !strings.HasPrefix(t.cfg.Alias, "test_"), "created": t.host.millis(), "data": data,
	})
	if err != nil {
		return // only data built here comes here, and all of it is JSON
	}
	t.host.hooks.send(parcel{url: s.EndpointURL, body: body, key: t.cfg.Key})
}

// parcel is one webhook on its way.
type parcel struct {
	url  string
	body []byte
	key  string // for the older signature
}

// Delivery is one attempt to hand over a webhook.
type Delivery struct {
	URL     string `json:"url"`
	Attempt int    `json:"attempt"` // from 1
	Status  int    `json:"status"`  // 0 where there was no answer
}

// courier delivers webhooks in the background, each on its own, so nothing
// keeps them in order. Only HTTP 200 counts as delivered.
type courier struct {
	knobs  func() Knobs
	ctx    context.Context
	stop   context.CancelFunc
	client *http.Client
	keys   signer
	lanes  chan struct{} // limits concurrent deliveries
	wg     sync.WaitGroup

	mu   sync.Mutex
	log  []Delivery
	done bool
}

func newCourier(knobs func() Knobs) *courier {
	ctx, stop := context.WithCancel(context.Background())
	return &courier{
		knobs: knobs, ctx: ctx, stop: stop,
		client: &http.Client{Timeout: 10 * time.Second},
		lanes:  make(chan struct{}, 8),
	}
}

func (c *courier) close() {
	c.mu.Lock()
	c.done = true
	c.mu.Unlock()
	c.stop()
	c.wg.Wait()
	c.client.CloseIdleConnections()
}

// spawn runs f in the background unless the courier was closed.
func (c *courier) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.done {
		c.wg.Go(f)
	}
}

// after calls f once that much real time has passed.
func (c *courier) after(d time.Duration, f func()) {
	c.spawn(func() {
		if c.pause(d) {
			f()
		}
	})
}

func (c *courier) send(p parcel) { c.spawn(func() { c.carry(p) }) }

// carry tries until the endpoint answers 200 or the attempts are used up.
func (c *courier) carry(p parcel) {
	k := c.knobs()
	if jitter := int64(k.WebhookJitter); jitter > 0 && !c.pause(time.Duration(rand.Int64N(jitter))) {
		return
	}
	copies := 1
	if k.WebhookTwice {
		copies = 2
	}
	for range copies {
		for attempt := 1; attempt <= c.knobs().WebhookAttempts; attempt++ {
			if c.attempt(p, attempt) == http.StatusOK {
				break
			}
			if !c.pause(time.Duration(c.knobs().WebhookRetry)) {
				return
			}
		}
	}
}

func (c *courier) attempt(p parcel, number int) (status int) {
	select {
	case c.lanes <- struct{}{}:
		defer func() { <-c.lanes }()
	case <-c.ctx.Done():
		return 0
	}
	defer func() {
		c.mu.Lock()
		c.log = append(c.log, Delivery{URL: p.url, Attempt: number, Status: status})
		c.mu.Unlock()
	}()
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, p.url, bytes.NewReader(p.body))
	if err != nil {
		return 0
	}
	jws, err := c.keys.detached(p.body)
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hook-JWS-RFC-7797", jws)
	req.Header.Set("X-Hook-Signature", keyedDigest(p.key, p.body))
	resp, err := c.client.Do(req)
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so the connection can be used again
	return resp.StatusCode
}

// pause waits in real time; it is false if the courier was closed meanwhile.
func (c *courier) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// Deliveries lists the attempts made so far, in the order they ended.
func (h *Host) Deliveries() []Delivery {
	h.hooks.mu.Lock()
	defer h.hooks.mu.Unlock()
	return slices.Clone(h.hooks.log)
}
