// Command standin serves the stand-ins for HubSpot (port 9090) and Advocate
// (port 9091), for docker compose and for benchmarks: both, or the one that its
// argument names. HUBSPOT_LISTEN_ADDR and ADVOCATE_LISTEN_ADDR change where.
// HubSpot's webhooks go to WEBHOOK_TARGET; ADVOCATE_PUBLIC_URL is the address
// under which others reach Advocate.
package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/hubspot/hubspottest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string) error {
	vendors := map[string]func(context.Context, func(string) string) error{"hubspot": serveHubSpot, "advocate": serveAdvocate}
	if len(args) == 0 {
		args = []string{"hubspot", "advocate"}
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range args {
		serve, known := vendors[name]
		if !known {
			return fmt.Errorf("there is no stand-in for %q: say hubspot, advocate, or nothing for both", name)
		}
		group.Go(func() error { return serve(ctx, getenv) })
	}
	return group.Wait()
}

func serveHubSpot(ctx context.Context, getenv func(string) string) error {
	app := hubspottest.App{ID: hubspottest.DefaultAppID, ClientID: hubspottest.DefaultClientID, ClientSecret: hubspottest.DefaultClientSecret}
	crm := hubspottest.NewHost(hubspottest.WithApp(app), hubspottest.WithWebhooks(getenv("WEBHOOK_TARGET")))
	defer crm.Close()
	return serve(ctx, cmp.Or(getenv("HUBSPOT_LISTEN_ADDR"), ":9090"), crm)
}

func serveAdvocate(ctx context.Context, getenv func(string) string) error {
	referrals, err := advocatetest.NewHost(advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.PublicURL = getenv("ADVOCATE_PUBLIC_URL")
	}))
	if err != nil {
		return err
	}
	defer referrals.Close()
	return serve(ctx, cmp.Or(getenv("ADVOCATE_LISTEN_ADDR"), ":9091"), referrals)
}

// serve ends with the context. Answers may take as long as they like: the export
// of a large tenant is a download of minutes.
func serve(ctx context.Context, addr string, vendor http.Handler) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: vendor, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serve on %s: %w", addr, err)
	}
	return nil
}
