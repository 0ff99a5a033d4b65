package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"

	"advocatesync/internal/bridge"
)

// Unreachable is a call without an answer, or without a whole one. A call that was
// refused on this side keeps its kind.
func Unreachable(op string, err error) *bridge.Error {
	if own, ok := errors.AsType[*bridge.Error](err); ok {
		refused := *own
		refused.Op = op
		return &refused
	}
	return &bridge.Error{Kind: bridge.Unavailable, Op: op, Err: cause(err)}
}

// Unreadable is a success whose body is not what the vendor documents.
func Unreadable(op string, status int) *bridge.Error {
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
	case errors.Is(err, errTooLong):
		return errTooLong
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
