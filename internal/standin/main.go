// Command standin serves the stand-ins for HubSpot (port 9090) and Advocate
// (port 9091), for docker compose. HubSpot's webhooks go to WEBHOOK_TARGET;
// ADVOCATE_PUBLIC_URL is the address under which others reach Advocate.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/health"
	"advocatesync/internal/hubspot/hubspottest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	app := hubspottest.App{ID: hubspottest.DefaultAppID, ClientID: hubspottest.DefaultClientID, ClientSecret: hubspottest.DefaultClientSecret}
	crm := hubspottest.NewHost(hubspottest.WithApp(app), hubspottest.WithWebhooks(getenv("WEBHOOK_TARGET")))
	defer crm.Close()
	referrals, err := advocatetest.NewHost(advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.PublicURL = getenv("ADVOCATE_PUBLIC_URL")
	}))
	if err != nil {
		return err
	}
	defer referrals.Close()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return health.Serve(ctx, ":9090", crm) })
	group.Go(func() error { return health.Serve(ctx, ":9091", referrals) })
	return group.Wait()
}
