package outbound

import (
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
)

// userAgent names us to vendors and to the gateways in front of them, some of
// which refuse programs that do not say who they are.
var userAgent = "advocatesync/" + version()

// version is the build's module version or revision, "devel" where it has none.
func version() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return "devel"
	}
	if v := strings.TrimPrefix(info.Main.Version, "v"); v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "devel"
}

// HTTP returns a client of a vendor's API over h. Every call carries our
// User-Agent, none is made to an ambiguous address (see CodeUnsafeID), and no
// redirect takes a call, its credentials or its body to another origin. h itself
// stays as it is.
func HTTP(h *http.Client) *http.Client {
	own := *h
	next := h.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	own.Transport = transport{next}
	own.CheckRedirect = sameOrigin
	return &own
}

type transport struct{ next http.RoundTripper }

// RoundTrip sends a copy of the request: a transport may not change its own.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkPath(req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	named := req.Clone(req.Context())
	named.Header.Set("User-Agent", userAgent)
	return t.next.RoundTrip(named)
}

// mostRedirects bounds a chain of them.
const mostRedirects = 3

// sameOrigin follows a redirect within the origin that keeps the method; any other
// is returned as the answer. One that turns a POST into a GET, as 301 to 303 do,
// would make a lost write look done.
func sameOrigin(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > mostRedirects || req.Method != first.Method || origin(req.URL) != origin(first.URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

// origin is scheme, host and port, however they are spelled.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
