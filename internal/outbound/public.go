package outbound

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"advocatesync/internal/bridge"
)

// CodePrivateAddress marks a call that was not made because it would have reached a
// network that is nobody else's business.
const CodePrivateAddress = "PRIVATE_ADDRESS"

func errPrivate() error {
	return &bridge.Error{Kind: bridge.Unavailable, Code: CodePrivateAddress,
		Err: errors.New("the file is said to lie at a private address, which is not fetched; name its host in INSECURE_HOSTS if it is a stand-in of yours")}
}

// Public returns a transport for files at addresses that a vendor names, over t; nil
// means the default one. Whoever can change what the vendor answers could otherwise
// have us read what only we reach: a cloud's metadata, a database's port, the admin
// API. So it connects to public addresses alone, whatever the name says and whichever
// way an address is written: what counts is the address that is about to be dialled.
//
// Hosts that the operator has named are reached wherever they are. A proxy of the
// environment (HTTPS_PROXY) resolves names itself, and has to keep private ones to
// itself.
func Public(t *http.Transport, named ...string) http.RoundTripper {
	return publicBy(&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}, t, named...)
}

func publicBy(dialer *net.Dialer, t *http.Transport, named ...string) http.RoundTripper {
	if t == nil {
		t = defaultTransport()
	}
	p := public{named: t.Clone(), guarded: t.Clone()}
	dialer.Control = refusePrivate
	p.guarded.DialContext, p.guarded.Proxy = dialer.DialContext, nil
	for _, host := range named {
		p.hosts = append(p.hosts, strings.ToLower(host))
	}
	return p
}

// Files is Public for the files of a vendor at base. A stand-in, which is called
// without TLS, may have them where it is itself, and so may hosts that the operator has
// named.
func Files(base *url.URL, named ...string) http.RoundTripper {
	if base.Scheme == "http" {
		named = append([]string{base.Hostname()}, named...)
	}
	return Public(nil, named...)
}

// As of http.DefaultTransport.
const (
	dialTimeout = 30 * time.Second
	keepAlive   = 30 * time.Second
)

func defaultTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}

type public struct {
	hosts   []string
	named   *http.Transport // for those, and for what goes by a proxy
	guarded *http.Transport
}

// RoundTrip makes a call, or refuses it with the code CodePrivateAddress.
func (p public) RoundTrip(req *http.Request) (*http.Response, error) {
	if slices.Contains(p.hosts, strings.ToLower(req.URL.Hostname())) {
		return p.named.RoundTrip(req)
	}
	if !p.byProxy(req) {
		return p.guarded.RoundTrip(req)
	}
	if ip, err := netip.ParseAddr(req.URL.Hostname()); err == nil && !isPublic(ip) {
		closeBody(req)
		return nil, errPrivate()
	}
	return p.named.RoundTrip(req)
}

// byProxy reports whether the environment has a request go by a proxy. Where it cannot
// be read, the request does not.
func (p public) byProxy(req *http.Request) bool {
	if p.named.Proxy == nil {
		return false
	}
	proxy, err := p.named.Proxy(req)
	return err == nil && proxy != nil
}

// refusePrivate is asked with the address that a connection is about to be made to. A
// second look-up of the name cannot change it any more.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) {
		return errPrivate()
	}
	return nil
}

// isPublic tells whether an address belongs to the public internet. One that carries
// an IPv4 address, to be translated on the way, is where that one is.
func isPublic(ip netip.Addr) bool {
	ip = ip.WithZone("").Unmap()
	if carried, ok := carriedIPv4(ip); ok {
		ip = carried
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// The IPv6 prefixes that carry an IPv4 address, and where in them it begins (RFC 6052,
// RFC 3056, RFC 4291).
var carriers = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12,
	netip.MustParsePrefix("2002::/16"):    2,
	netip.MustParsePrefix("::/96"):        12,
}

func carriedIPv4(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() || ip.IsUnspecified() || ip == netip.IPv6Loopback() {
		return ip, false
	}
	for prefix, at := range carriers {
		if prefix.Contains(ip) {
			bytes := ip.As16()
			return netip.AddrFrom4([4]byte(bytes[at : at+4])), true
		}
	}
	return ip, false
}

// special are the blocks that are not of the public internet: IANA's registries of
// special-purpose IPv4 and IPv6 addresses, and multicast.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(all ...string) (parsed []netip.Prefix) {
	for _, one := range all {
		parsed = append(parsed, netip.MustParsePrefix(one))
	}
	return parsed
}
