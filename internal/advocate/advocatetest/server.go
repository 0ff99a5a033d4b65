package advocatetest

import (
	"net/http/httptest"
	"testing"
)

// Server is a Host listening on a loopback port for the length of one test.
type Server struct {
	*Host
	URL string // base address, without a trailing slash
}

// New starts a host that stops when the test ends.
func New(t testing.TB, opts ...Option) *Server {
	t.Helper()
	h, err := NewHost(opts...)
	if err != nil {
		t.Fatalf("advocatetest: %v", err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		srv.Close()
	})
	h.Tune(func(k *Knobs) {
		if k.PublicURL == "" {
			k.PublicURL = srv.URL
		}
	})
	return &Server{Host: h, URL: srv.URL}
}
