package api

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many wrong tokens are allowed at once, and how often in the long run.
const (
	wrongAtOnce = 10
	wrongEvery  = 6 * time.Second
)

// manyAttempts bounds the memory for wrong tokens: at most twice as many attempts
// are remembered.
const manyAttempts = 4096

// attempt is the key by which wrong tokens are counted: their address, and the
// token that they try. A valid token is never counted, so it is accepted whatever
// others behind the same address do.
type attempt struct {
	from    netip.Addr
	tokenID string // empty: it does not look like a token
}

// anyToken is the token of attempts that are counted by address alone.
const anyToken = "*"

// throttle counts wrong tokens. It is safe for concurrent use.
type throttle struct {
	now func() time.Time

	mu sync.Mutex
	// Two generations: once the young one is full, the old one is dropped and the
	// young one takes its place.
	young, old map[attempt]*rate.Limiter
}

func newThrottle(now func() time.Time) *throttle {
	return &throttle{now: now, young: map[attempt]*rate.Limiter{}}
}

// wrong counts a wrong token, and returns how long to wait before the next one; 0:
// no time.
func (t *throttle) wrong(a attempt) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	limiter := t.find(a)
	if limiter.AllowN(t.now(), 1) {
		return 0
	}
	lacking := 1 - limiter.TokensAt(t.now())
	return time.Duration(lacking * float64(wrongEvery))
}

func (t *throttle) find(a attempt) *rate.Limiter {
	limiter, known := t.young[a]
	if known {
		return limiter
	}
	if limiter, known = t.old[a]; !known {
		limiter = rate.NewLimiter(rate.Every(wrongEvery), wrongAtOnce)
	}
	if len(t.young) >= manyAttempts {
		t.young, t.old = map[attempt]*rate.Limiter{}, t.young
	}
	t.young[a] = limiter
	return limiter
}
