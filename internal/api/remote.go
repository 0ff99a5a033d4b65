package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks whose X-Forwarded-For is believed.
type proxies []netip.Prefix

// remote returns where a request comes from: its peer or, behind trusted proxies,
// the last address in the header that is not one of theirs. It ignores the header
// of anybody else. Within the process it returns the zero address.
func (p proxies) remote(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		before, ok := parseHop(hop)
		if !ok || !p.trust(from) {
			break
		}
		from = before
	}
	return from
}

func (p proxies) trust(address netip.Addr) bool {
	return slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(address) })
}

// parseHop reads an address of X-Forwarded-For, to which some proxies add the
// port.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}

// customer is an IPv4 address, or the /64 network that one customer of IPv6 has.
func customer(address netip.Addr) netip.Addr {
	const network = 64
	if prefix, err := address.Prefix(network); err == nil && address.Is6() {
		return prefix.Addr()
	}
	return address
}
