package portal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sethvargo/go-retry"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

const (
	// minWait keeps a budget that says "now" and "no" at once from being asked
	// without a pause.
	minWait = 5 * time.Millisecond
	// maxWait is the longest wait for a token that is sat out here. Longer ones
	// are handed to Temporal, which needs no worker slot to wait.
	maxWait = 30 * time.Second

	// defaultPause is the portal's pause after a 429 that names no delay: a
	// whole window (HubSpot docs: limits are counted over 10 seconds).
	defaultPause = 10 * time.Second
	// pausePatience bounds the write of a pause, which happens even if the
	// caller has given up: everybody else has to learn of it.
	pausePatience = 5 * time.Second

	// Quick repeats of a call, about 100 and 200 ms apart. Anything that lasts
	// longer than that is Temporal's.
	repeats    = 2
	repeatBase = 100 * time.Millisecond
	jitter     = 50 // percent, so that batches do not repeat in step
)

// turn is one caller's place at the budget. HubSpot calls made under it come
// one after the other, each for a token of its own.
type turn struct {
	lane   bridge.Lane
	held   bool // a token is in hand already
	single bool // its callers each wait for one record
}

// call makes one HubSpot call under the portal's budget. This is the one place
// where calls are repeated: with repeatable set, a transient is tried again twice.
// A call that creates something is never repeatable: without an answer nobody
// knows whether it happened, and the caller has to look first.
func call[R any](ctx context.Context, p *Portal, t *turn, op string, repeatable bool, do func(context.Context) (R, error)) (R, error) {
	backoff := retry.WithMaxRetries(repeats, retry.WithJitterPercent(jitter, retry.NewExponential(repeatBase)))
	return retry.DoValue(ctx, backoff, func(ctx context.Context) (R, error) {
		var none R
		m := meter{portal: p, turn: t}
		if err := m.pay(ctx); err != nil {
			return none, err
		}
		result, err := do(outbound.WithLeave(ctx, m.leave))
		p.metrics.called(t.lane, op, err)
		switch {
		case err == nil:
			return result, nil
		case m.refused != nil: // nobody knows what the failure means
			return none, m.refused
		case bridge.KindOf(err) == bridge.Throttled:
			return none, p.pause(ctx, err)
		case repeatable && transient(err):
			return none, retry.RetryableError(err)
		default:
			return none, err
		}
	})
}

// meter has every request of one call paid for: the first beforehand, because a caller
// who gets no token makes no call at all, and those that follow from it, one by one.
type meter struct {
	portal  *Portal
	turn    *turn
	begun   bool
	refused error // why a further request was not made
}

// pay takes a token for one request.
func (m *meter) pay(ctx context.Context) error {
	if err := m.portal.take(ctx, m.turn); err != nil {
		return err
	}
	tally(ctx, 1)
	return nil
}

// leave is an outbound.Leave.
func (m *meter) leave(ctx context.Context) error {
	if !m.begun {
		m.begun = true
		return nil
	}
	m.refused = m.pay(ctx)
	return m.refused
}

// transient tells a fault that is likely gone a moment later: a connection that
// broke, or one bad gateway. A call that ran into its timeout is none: it has
// cost its caller long enough.
func transient(err error) bool {
	var failure *bridge.Error
	if !errors.As(err, &failure) || failure.Kind != bridge.Unavailable {
		return false
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return false
	}
	return failure.Status == 0 || failure.Status == http.StatusBadGateway
}

// take uses the token in hand, or waits for one.
func (p *Portal) take(ctx context.Context, t *turn) error {
	if t.held {
		t.held = false
		return nil
	}
	_, err := p.acquire(ctx, t.lane)
	return err
}

type haltKey struct{}

// WithHalt has work under ctx give up once halt is closed: it does not wait for a
// token any more, and gets ErrHalted instead. Calls under way are finished.
func WithHalt(ctx context.Context, halt <-chan struct{}) context.Context {
	return context.WithValue(ctx, haltKey{}, halt)
}

// halted returns the channel of WithHalt, or nil, on which nothing ever happens.
func halted(ctx context.Context) <-chan struct{} {
	halt, _ := ctx.Value(haltKey{}).(<-chan struct{})
	return halt
}

// ErrHalted answers work that was to stop before it had its token. No call was
// made for it.
var ErrHalted error = &bridge.Error{Kind: bridge.Pending, Op: "portal.acquire", Err: errors.New("the work was halted")}

type fenceKey struct{}

// WithFence has work under ctx ask, whenever it has waited for a token, whether it may
// still make the call: somebody else may have taken the work over meanwhile. An error
// is the call's, which is not made.
func WithFence(ctx context.Context, fence func(context.Context) error) context.Context {
	return context.WithValue(ctx, fenceKey{}, fence)
}

func fenced(ctx context.Context) error {
	if fence, set := ctx.Value(fenceKey{}).(func(context.Context) error); set {
		return fence(ctx)
	}
	return nil
}

// acquire waits for the right to make one call. It returns a throttled error
// with the delay to keep where waiting here would be too long or in vain.
func (p *Portal) acquire(ctx context.Context, lane bridge.Lane) (bridge.Grant, error) {
	began := time.Now()
	if lane == bridge.LaneBulk {
		// One at a time: the others would ask, and be refused, for nothing.
		select {
		case p.bulkTurn <- struct{}{}:
			defer func() { <-p.bulkTurn }()
		case <-halted(ctx):
			return bridge.Grant{}, ErrHalted
		case <-ctx.Done():
			return bridge.Grant{}, context.Cause(ctx)
		}
	}
	for {
		select {
		case <-halted(ctx):
			return bridge.Grant{}, ErrHalted
		default:
		}
		grant, err := p.budget.Acquire(ctx, p.id, lane)
		if err != nil {
			return bridge.Grant{}, fmt.Errorf("portal %d: take a call from the budget: %w", p.id, err)
		}
		if grant.OK {
			p.metrics.waited(lane, time.Since(began))
			return grant, fenced(ctx)
		}
		wait := max(grant.Wait, minWait)
		deadline, bounded := ctx.Deadline()
		if wait > maxWait || bounded && time.Until(deadline) < wait {
			return bridge.Grant{}, &bridge.Error{Kind: bridge.Throttled, Op: "portal.acquire", RetryAfter: wait}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-halted(ctx):
			timer.Stop()
			return bridge.Grant{}, ErrHalted
		case <-ctx.Done():
			timer.Stop()
			return bridge.Grant{}, context.Cause(ctx)
		}
	}
}

// pause stops the whole portal for as long as HubSpot asked and returns what
// the caller gets.
func (p *Portal) pause(ctx context.Context, throttled error) error {
	delay := defaultPause
	var failure *bridge.Error
	if errors.As(throttled, &failure) && failure.RetryAfter > 0 {
		delay = failure.RetryAfter
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pausePatience)
	defer cancel()
	if err := p.budget.Pause(ctx, p.id, delay); err != nil {
		return errors.Join(throttled, fmt.Errorf("portal %d: pause: %w", p.id, err))
	}
	return throttled
}
