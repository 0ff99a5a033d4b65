// Command devserver is the embedded Temporal server under the name and with the
// arguments that docker-compose.yml gives to Temporal's own development server:
//
//	temporal server start-dev --ip 0.0.0.0 --db-filename /data/temporal.db
//
// It stands in for that image where none can be pulled. The embedded server
// listens on the loopback interface only, so that its connections are passed on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"advocatesync/internal/demo/temporalserver"
)

// The ports that the development server answers on.
const frontendPort, uiPort = "7233", "8233"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	if len(args) < 2 || args[0] != "server" || args[1] != "start-dev" {
		return errors.New(`the stand-in knows "server start-dev" alone`)
	}
	flags := flag.NewFlagSet("start-dev", flag.ContinueOnError)
	ip := flags.String("ip", "127.0.0.1", "address to listen on")
	file := flags.String("db-filename", "", "file that keeps the state; empty keeps it in memory")
	if err := flags.Parse(args[2:]); err != nil {
		return err
	}
	server, err := temporalserver.Start(ctx, temporalserver.Options{DBFile: *file, UI: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	for port, to := range map[string]string{frontendPort: server.HostPort(), uiPort: server.UIURL()[len("http://"):]} {
		if err := forward(ctx, net.JoinHostPort(*ip, port), to); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// forward passes connections on until the context ends.
func forward(ctx context.Context, from, to string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", from)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go func() {
		for {
			taken, err := listener.Accept()
			if err != nil {
				return // the context has ended
			}
			go pipe(ctx, taken, to)
		}
	}()
	return nil
}

// pipe ends with whichever side hangs up first.
func pipe(ctx context.Context, taken net.Conn, to string) {
	defer taken.Close() //nolint:errcheck // there is nobody left to tell
	made, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer made.Close() //nolint:errcheck // there is nobody left to tell
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{taken, made}, {made, taken}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // a broken connection is one that has ended
			ended <- struct{}{}
		}()
	}
	<-ended
}
