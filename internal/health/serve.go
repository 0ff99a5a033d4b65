package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Timeouts of our servers. HubSpot gives a webhook five seconds, so nothing
// honest takes longer to send its request.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 10 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 20 * time.Second
)

// Serve listens on addr and serves handler until ctx ends. It then lets
// requests in flight finish for up to twenty seconds and returns nil; any other
// end of serving, and a shutdown that took longer, is an error.
func Serve(ctx context.Context, addr string, handler http.Handler) error {
	listener, err := Listen(ctx, addr)
	if err != nil {
		return err
	}
	return ServeOn(ctx, listener, handler)
}

// Listen opens a listener for ServeOn.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return listener, nil
}

// ServeOn is Serve on a listener that is open already, which it closes.
func ServeOn(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()

	select {
	case err := <-ended:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	// The parent is done already; requests get time of their own to finish.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return fmt.Errorf("stop serving on %s: %w", listener.Addr(), errors.Join(err, server.Close()))
	}
	return nil
}
