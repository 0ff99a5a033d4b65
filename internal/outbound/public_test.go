package outbound_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

func TestPublic_tellsThePublicInternetFromEverythingElse(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"93.184.215.14": true, "1.1.1.1": true, "2606:4700::1111": true, "172.15.255.255": true, "172.32.0.1": true, "100.63.255.255": true, "100.128.0.1": true,
		"::ffff:93.184.215.14": true, "64:ff9b::5db8:d70e": true, "2002:5db8:d70e::1": true, "2400::1": true,

		"127.0.0.1": false, "127.8.9.10": false, "::1": false, "0.0.0.0": false, "::": false, "0.1.2.3": false, // this machine
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, // private
		"fc00::1": false, "fd12:3456::1": false, "fec0::1": false, // private, of IPv6
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "fd00:ec2::254": false, // link-local, and clouds' metadata
		"100.64.0.1": false, "100.100.100.200": false, "100.127.255.255": false, // a carrier's, and a cloud's metadata in it
		"192.0.0.192": false, "192.0.2.1": false, "198.18.0.1": false, "203.0.113.9": false, "2001:db8::1": false, "2001::1": false, // special
		"224.0.0.1": false, "239.255.255.250": false, "ff02::1": false, "240.0.0.1": false, "255.255.255.255": false, // no single machine
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::ffff:10.0.0.1": false, // IPv4 as IPv6
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2002:a00:1::1": false, // translated
		"::127.0.0.1": false, "::10.0.0.1": false,
	} {
		if got := outbound.IsPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %t, want %t", address, got, want)
		}
	}
}

// inside is a server that only this machine reaches.
type inside struct {
	port string
	hits atomic.Int64
}

func newInside(t *testing.T) *inside {
	t.Helper()
	in := &inside{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { in.hits.Add(1) }))
	t.Cleanup(server.Close)
	_, in.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return in
}

// names is a DNS server that says, name by name, one address after the other.
type names struct {
	mu      sync.Mutex
	answers map[string][]string
}

// resolver asks the server, and nobody else.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		query := make([]byte, 512)
		for {
			size, from, err := conn.ReadFrom(query)
			if err != nil {
				return // the test has ended
			}
			if _, err := conn.WriteTo(n.answer(query[:size]), from); err != nil {
				return
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answer makes a reply of a query with one question (RFC 1035).
func (n *names) answer(query []byte) []byte {
	const header = 12
	var name []string
	at := header
	for query[at] != 0 {
		length := int(query[at])
		name = append(name, string(query[at+1:at+1+length]))
		at += 1 + length
	}
	question := query[header : at+5]
	kind := binary.BigEndian.Uint16(query[at+1:])
	reply := append([]byte{}, query[:2]...)
	reply = append(reply, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0) // an answer, without errors
	reply = append(reply, question...)
	data := n.next(strings.ToLower(strings.Join(name, ".")), kind)
	if data == nil {
		return reply
	}
	reply[7] = 1
	reply = append(reply, 0xc0, header) // the name that was asked for
	reply = append(reply, question[len(question)-4:]...)
	reply = append(reply, 0, 0, 0, 0, 0, byte(len(data)))
	return append(reply, data...)
}

// next is the next address of a name, of kind A (1) or AAAA (28). The last one stays.
func (n *names) next(name string, kind uint16) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.answers[name]
	if len(all) == 0 {
		return nil
	}
	ip := netip.MustParseAddr(all[0])
	if ip.Is4() != (kind == 1) || kind != 1 && kind != 28 {
		return nil
	}
	if len(all) > 1 {
		n.answers[name] = all[1:]
	}
	return ip.AsSlice()
}

// get asks for an address, and returns with which code that was refused; "" for an
// answer, and "no answer" for any other failure.
func get(t *testing.T, over http.RoundTripper, address string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Transport: over}).Do(req)
	if err == nil {
		_ = res.Body.Close()
		return ""
	}
	if refused, own := errors.AsType[*bridge.Error](err); own && refused.Kind == bridge.Unavailable {
		return refused.Code
	}
	return "no answer"
}

// However an address inside is written or named, nobody is asked there.
func TestPublic_reachesNothingInside(t *testing.T) {
	t.Parallel()
	in := newInside(t)
	dns := &names{answers: map[string][]string{
		"inside.example": {"127.0.0.1"}, "mapped.example": {"::ffff:127.0.0.1"}, "metadata.example": {"169.254.169.254"}, "six.example": {"::1"},
		"0x7f000001": {"127.0.0.1"},
	}}
	over := outbound.PublicBy(&net.Dialer{Resolver: dns.resolver(t)}, nil)
	for name, host := range map[string]string{
		"an address of IPv4": "127.0.0.1", "another one": "127.9.9.9", "one of IPv6": "[::1]", "IPv4 as IPv6": "[::ffff:127.0.0.1]", "the same in hexadecimal": "[::ffff:7f00:1]",
		"translated": "[64:ff9b::7f00:1]", "no address": "0.0.0.0", "no address of IPv6": "[::]", "private": "10.1.2.3", "a cloud's metadata": "169.254.169.254",
		"this machine's name": "localhost", "a name": "inside.example", "a name in capitals": "INSIDE.example", "a name of IPv6": "six.example", "a name that is mapped": "mapped.example",
		"a name of a cloud's metadata": "metadata.example", "a hexadecimal number": "0x7f000001",
		// Go takes these for names that cannot be; the C library, for addresses.
		"a number": "2130706433", "octal": "0177.0.0.1", "a short form": "127.1",
	} {
		noName := strings.Trim(host, "0123456789.") == "" && net.ParseIP(host) == nil
		for _, scheme := range []string{"http", "https"} {
			if got := get(t, over, scheme+"://"+host+":"+in.port+"/f"); got != outbound.CodePrivateAddress && (!noName || got != "no answer") {
				t.Errorf("%s, by %s: %q", name, scheme, got)
			}
		}
	}
	if n := in.hits.Load(); n != 0 {
		t.Errorf("%d requests reached it", n)
	}
}

// A name that was public when it was looked up first may be anything a moment later.
func TestPublic_checksTheAddressThatItDials(t *testing.T) {
	t.Parallel()
	in := newInside(t)
	dns := &names{answers: map[string][]string{"rebound.example": {"93.184.215.14", "127.0.0.1"}}}
	// From this address, the system connects nowhere but to this machine: the test needs
	// no network.
	local := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	over := outbound.PublicBy(&net.Dialer{Resolver: dns.resolver(t), LocalAddr: local}, nil)
	address := "http://rebound.example:" + in.port + "/f"
	if got := get(t, over, address); got != "no answer" {
		t.Errorf("while it is public: %q", got)
	}
	if got := get(t, over, address); got != outbound.CodePrivateAddress {
		t.Errorf("once it is not: %q", got)
	}
	if n := in.hits.Load(); n != 0 {
		t.Errorf("%d requests reached it", n)
	}
}

func TestPublic_reachesHostsThatTheOperatorNames(t *testing.T) {
	t.Parallel()
	in := newInside(t)
	over := outbound.Public(nil, "127.0.0.1", "Standins")
	for host, want := range map[string]string{"127.0.0.1": "", "localhost": outbound.CodePrivateAddress, "[::1]": outbound.CodePrivateAddress} {
		if got := get(t, over, "http://"+host+":"+in.port+"/f"); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	vendor, standIn := &url.URL{Scheme: "https", Host: "127.0.0.1"}, &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	if got := get(t, outbound.Files(vendor), "http://127.0.0.1:"+in.port+"/f"); got != outbound.CodePrivateAddress {
		t.Errorf("a vendor's own address: %q", got)
	}
	if got := get(t, outbound.Files(standIn), "http://127.0.0.1:"+in.port+"/f"); got != "" {
		t.Errorf("a stand-in's own address: %q", got)
	}
}

// Behind a proxy names are the proxy's business; addresses are still ours.
func TestPublic_behindAProxy(t *testing.T) {
	t.Parallel()
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked.Store(r.URL.Host) }))
	t.Cleanup(proxy.Close)
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	over := outbound.Public(&http.Transport{Proxy: http.ProxyURL(at)})
	if got := get(t, over, "http://storage.example/f"); got != "" || asked.Load() != "storage.example" {
		t.Errorf("a name: %q, the proxy was asked for %v", got, asked.Load())
	}
	for _, host := range []string{"169.254.169.254", "[::ffff:10.0.0.1]", "127.0.0.1"} {
		if got := get(t, over, "http://"+host+"/f"); got != outbound.CodePrivateAddress || asked.Load() != "storage.example" {
			t.Errorf("%s: %q, the proxy was asked for %v", host, got, asked.Load())
		}
	}
}
