package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"

	"advocatesync/internal/bridge"
)

// InProcess is a transport to a handler in this process: a client takes the
// same path as over the network, without the network.
func InProcess(handler http.Handler) http.RoundTripper { return inProcess{handler} }

// ClientFor returns a client that acts for a caller whom the console has signed in,
// from an address, in a request with an id. It shows no token. Otherwise it is
// treated like every other caller: roles, the audit log, timeouts.
func (h *Handler) ClientFor(caller bridge.Caller, from netip.Addr, requestID string) *Client {
	signedIn := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(withCaller(r.Context(), caller, from), answerTimeout)
		defer cancel()
		r.Header.Set(headerRequestID, requestID)
		h.mux.ServeHTTP(w, r.WithContext(ctx))
	})
	return NewClient(&url.URL{Scheme: "http", Host: "in-process"}, "", InProcess(signedIn))
}

// SignIn returns the caller of a token that was shown to the console, or a *Problem
// if the token is not accepted. Wrong tokens are counted together with those of API
// callers.
func (h *Handler) SignIn(r *http.Request, token string) (bridge.Caller, error) {
	shown := r.Clone(r.Context())
	shown.Header.Set("Authorization", "Bearer "+token)
	from := h.Remote(r)
	caller, refused := h.auth.authenticate(shown, from)
	if refused != nil {
		h.turnedAway(shown, from, refused)
		return caller, refused
	}
	return caller, nil
}

// Remote returns the address that a request comes from, as trusted proxies report
// it.
func (h *Handler) Remote(r *http.Request) netip.Addr { return h.proxies.remote(r) }

type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	a := &answer{header: http.Header{}}
	t.handler.ServeHTTP(a, r.Clone(r.Context())) // a transport does not change a request
	if r.Body != nil {
		_ = r.Body.Close() // nothing was opened
	}
	if err := r.Context().Err(); err != nil {
		return nil, err // the caller has gone
	}
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// answer keeps what a handler writes.
type answer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.sent = status, a.header.Clone()
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
