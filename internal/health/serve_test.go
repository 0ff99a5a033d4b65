package health_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"advocatesync/internal/health"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func open(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func TestServe_letsRequestsInFlightFinish(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	entered, release := make(chan struct{}), make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- health.ServeOn(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-release
			_, _ = io.WriteString(w, "finished")
		}))
	}()

	type answer struct {
		body string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- answer{err: err}
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		answered <- answer{string(body), err}
	}()

	<-entered
	stop()
	// Once the port is closed the shutdown has begun; only then may the
	// request finish.
	for open(listener.Addr().String()) {
	}
	close(release)
	if got := <-answered; got.err != nil || got.body != "finished" {
		t.Errorf("answer %q, %v", got.body, got.err)
	}
	if err := <-served; err != nil {
		t.Errorf("ServeOn: %v", err)
	}
}

func TestServe_reportsAnAddressInUse(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	if err := health.Serve(context.Background(), listener.Addr().String(), http.NotFoundHandler()); err == nil {
		t.Error("no error")
	}
}

func TestServe_reportsAListenerThatBreaks(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := health.ServeOn(context.Background(), listener, http.NotFoundHandler()); err == nil {
		t.Error("no error")
	}
}
