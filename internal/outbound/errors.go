package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"advocatesync/internal/bridge"
)

// RetryAfter reads how long impact.com asks us to stay away: Retry-After in
// seconds or as a date, else X-RateLimit-Reset once nothing remains. The latter
// is documented as seconds but exemplified by an epoch, so both are understood.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	if text := h.Get("Retry-After"); text != "" {
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			return positive(time.Duration(seconds * float64(time.Second)))
		}
		if at, err := http.ParseTime(text); err == nil {
			return positive(at.Sub(now))
		}
	}
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || h.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	const epoch = 100_000_000 // larger values are moments, smaller ones spans
	if reset > epoch {
		return positive(time.Unix(reset, 0).Sub(now))
	}
	return positive(time.Duration(reset) * time.Second)
}

func positive(d time.Duration) time.Duration { return max(d, 0) }

// Unreachable is a call without an answer, or without a whole one.
func Unreachable(op string, err error) error {
	return &bridge.Error{Kind: bridge.Unavailable, Op: op, Err: cause(err)}
}

// Unreadable is a success whose body is not what the vendor documents.
func Unreadable(op string, status int) error {
	return &bridge.Error{Kind: bridge.Unavailable, Op: op, Status: status, Err: errors.New("the answer is not the expected JSON")}
}

// cause keeps what is safe to log of a transport error: the address of a call
// holds emails and signed links, and some messages quote what the server sent.
func cause(err error) error {
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return context.DeadlineExceeded
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &dial):
		return dial
	case errors.As(err, &certificate):
		return errors.New("the server's certificate is not trusted")
	}
	return fmt.Errorf("transport failed (%T)", err)
}
