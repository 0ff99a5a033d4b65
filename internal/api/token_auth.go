package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// An address may show a wrong token so often at once, and then so often in the
// long run. Beyond that nobody looks at its tokens, right or wrong, so that
// guessing gets nowhere.
const (
	wrongAtOnce = 10
	wrongEvery  = 6 * time.Second
)

// manyAddresses bounds the memory that wrong tokens can take: of at most twice
// as many addresses it is known how often they were wrong.
const manyAddresses = 4096

// tokenAuth lets in whoever shows the token.
type tokenAuth struct {
	token [sha256.Size]byte // hashed: of equal length, and compared in constant time
	now   func() time.Time

	mu sync.Mutex
	// Addresses that were wrong, by generation: once the young are too many, the
	// old are forgotten and the young grow old.
	young, old map[netip.Addr]*rate.Limiter
}

func newDoor(token string, now func() time.Time) *tokenAuth {
	return &tokenAuth{token: sha256.Sum256([]byte(token)), now: now, young: map[netip.Addr]*rate.Limiter{}}
}

// refuses says why a request may not come in, or nil.
func (d *tokenAuth) refuses(r *http.Request) *Problem {
	address := remote(r)
	if wait := d.wait(address); wait > 0 {
		p := newProblem(http.StatusTooManyRequests, codeThrottled,
			fmt.Sprintf("too many wrong tokens came from this address: wait %s", wait.Round(time.Second)))
		p.retryAfter = wait
		return p
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	given := sha256.Sum256([]byte(token))
	if ok && subtle.ConstantTimeCompare(given[:], d.token[:]) == 1 {
		return nil
	}
	d.wrong(address)
	return newProblem(http.StatusUnauthorized, codeUnauthorized,
		"show the server's ADMIN_TOKEN in the header \"Authorization: Bearer ...\"")
}

// wait returns for how long an address is not listened to.
func (d *tokenAuth) wait(address netip.Addr) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	limiter := d.find(address)
	if limiter == nil {
		return 0
	}
	lacking := 1 - limiter.TokensAt(d.now())
	return time.Duration(max(lacking, 0) * float64(wrongEvery))
}

// wrong counts a wrong token.
func (d *tokenAuth) wrong(address netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	limiter := d.find(address)
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Every(wrongEvery), wrongAtOnce)
	}
	limiter.AllowN(d.now(), 1)
	if len(d.young) >= manyAddresses {
		d.young, d.old = map[netip.Addr]*rate.Limiter{}, d.young
	}
	d.young[address] = limiter
}

func (d *tokenAuth) find(address netip.Addr) *rate.Limiter {
	if limiter := d.young[address]; limiter != nil {
		return limiter
	}
	return d.old[address]
}

// remote is where a request comes from: an IPv4 address, or the /64 network that
// one customer of IPv6 has.
func remote(r *http.Request) netip.Addr {
	const customer = 64
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // within the process
	}
	address := from.Addr().Unmap()
	if network, err := address.Prefix(customer); err == nil && address.Is6() {
		return network.Addr()
	}
	return address
}
