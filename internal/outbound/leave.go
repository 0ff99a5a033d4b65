package outbound

import (
	"context"
	"net/http"
)

// Leave lets one more request be made. It may wait. Its error, a *bridge.Error, is why
// the request is not made.
type Leave func(context.Context) error

type leaveKey struct{}

// WithLeave returns a context under which every request of a metered client needs
// leave. A call may take several requests: one that confirms a refusal, one with a
// renewed token, one for each redirect. A vendor's limit counts them all.
func WithLeave(ctx context.Context, leave Leave) context.Context {
	return context.WithValue(ctx, leaveKey{}, leave)
}

// AskLeave waits for the right to make one request, where the context wants that.
func AskLeave(ctx context.Context) error {
	if leave, metered := ctx.Value(leaveKey{}).(Leave); metered {
		return leave(ctx)
	}
	return nil
}

// Metered returns a transport that asks leave before each request.
func Metered(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return metered{next}
}

type metered struct{ next http.RoundTripper }

func (m metered) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := AskLeave(req.Context()); err != nil {
		closeBody(req)
		return nil, err
	}
	return m.next.RoundTrip(req)
}

// closeBody closes the body of a request that is not sent: a transport closes it
// whatever happens.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
