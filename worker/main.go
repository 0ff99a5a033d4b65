// Command worker runs the sync's workflows and activities on Temporal. Any
// number of workers may run; they share one budget per HubSpot portal.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/health"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/oauth"
	"advocatesync/internal/startup"
	"advocatesync/internal/store"
	"advocatesync/internal/telemetry"
	"advocatesync/internal/vendors"
	"advocatesync/internal/wiring"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// run serves until the context ends, then lets running work finish.
func run(ctx context.Context, getenv func(string) string, out io.Writer) error {
	cfg, err := config.LoadWorker(getenv)
	if err != nil {
		return err
	}
	log := cfg.Log.Logger(out)
	startup.WarnMisspelt(ctx, log)
	s, err := startup.Store(ctx, cfg.Common, log)
	if err != nil {
		return err
	}
	defer s.Close()
	tell, err := telemetry.Start(ctx, "advocatesync-worker", getenv, log)
	if err != nil {
		return err
	}
	defer tell.Close()
	temporal, err := startup.Temporal(ctx, log, tell.Apply)
	if err != nil {
		return err
	}
	defer temporal.Close()

	metrics := tell.Registry
	budget := store.NewBudget(s, store.BudgetOptions{Limit: cfg.HubSpot.RatePer10s})
	vendor := vendors.New(vendors.Config{
		HubSpot: cfg.HubSpot.BaseURL, Advocate: cfg.AdvocateBaseURL,
		App:    hubspot.App{ClientID: cfg.HubSpot.ClientID, ClientSecret: string(cfg.HubSpot.ClientSecret)},
		Impact: cfg.ImpactBaseURL, ImpactConcurrency: cfg.ImpactConcurrency,
	}, s, log)
	connections := wiring.NewConnections(vendor, s, budget, metrics, log)
	defer connections.Close()
	workers := wiring.NewWorkers(temporal, s, connections, wiring.ActivityOptions{
		Hold: cfg.DeletionHold, ExportPatience: cfg.ExportPatience, Inferred: bridge.InferredErasure(cfg.InferredErasure),
	}, wiring.Deployment{
		Name: cfg.DeploymentName, BuildID: cfg.BuildID,
	}, activities.Lags(time.Now, telemetry.ContactLag(metrics)))
	if err := workers.Start(); err != nil {
		return fmt.Errorf("start polling: %w", err)
	}
	mux := http.NewServeMux()
	health.NewProbes(startup.Checks(s, temporal), time.Now).Private(mux, metrics)
	log.InfoContext(ctx, "worker started", "health", cfg.ListenAddr)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return health.Serve(ctx, cfg.ListenAddr, mux) })
	group.Go(func() error { return appAccepted(ctx, vendor.Tokens) })
	group.Go(func() error {
		<-ctx.Done()
		workers.Stop()
		return nil
	})
	return group.Wait()
}

// appAccepted ends with the context, or with an error once HubSpot refuses the app
// that this process runs as: its work is then for processes that run as the right one.
func appAccepted(ctx context.Context, tokens *oauth.Tokens) error {
	select {
	case <-ctx.Done():
		return nil
	case <-tokens.Refused():
		return tokens.Err()
	}
}
