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
	"advocatesync/internal/buildinfo"
	"advocatesync/internal/config"
	"advocatesync/internal/health"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/numbers"
	"advocatesync/internal/oauth"
	"advocatesync/internal/startup"
	"advocatesync/internal/store"
	"advocatesync/internal/telemetry"
	"advocatesync/internal/vendors"
	"advocatesync/internal/wiring"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(answer(os.Args[1:], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// answer does what an argument asks for, and returns the exit code: 0, or 2 for
// a command line that is wrong. The worker is configured by its environment, so
// an argument that it does not know is a mistake and not to be passed over.
func answer(args []string, out, log io.Writer) int {
	if len(args) == 1 && args[0] == "--version" {
		fmt.Fprintln(out, buildinfo.Get())
		return 0
	}
	fmt.Fprintf(log, "worker: it takes no arguments but --version, not %q; the environment configures it\n", args)
	return 2
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
		InsecureHosts: cfg.InsecureHosts, MaxExport: cfg.MaxExport(),
	}, s, log)
	connections := wiring.NewConnections(vendor, s, budget, metrics, log)
	defer connections.Close()
	tally := numbers.NewTally(time.Now)
	connections.CountInto(tally)
	observe := telemetry.ContactLag(metrics)
	workers := wiring.NewWorkers(temporal, s, connections, wiring.ActivityOptions{
		Hold: cfg.DeletionHold, ExportPatience: cfg.ExportPatience, Inferred: bridge.InferredErasure(cfg.InferredErasure),
	}, wiring.Deployment{
		Name: cfg.DeploymentName, BuildID: cfg.BuildID,
	}, activities.Lags(time.Now, func(connectionID string, lag time.Duration) {
		observe(connectionID, lag)
		tally.InStep(connectionID, lag)
	}))
	if err := workers.Start(); err != nil {
		return fmt.Errorf("start polling: %w", err)
	}
	mux := http.NewServeMux()
	health.NewProbes(startup.Checks(s, temporal), time.Now).Private(mux, metrics)
	build := buildinfo.Get()
	log.InfoContext(ctx, "worker started", "version", build.Version, "commit", build.Commit, "health", cfg.ListenAddr)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return health.Serve(ctx, cfg.ListenAddr, mux) })
	group.Go(func() error { return appAccepted(ctx, vendor.Tokens) })
	group.Go(func() error { tally.Run(ctx, s.AddMinutes, log); return nil })
	group.Go(func() error {
		<-ctx.Done()
		workers.Stop()
		return nil
	})
	return group.Wait()
}

// appAccepted returns when the context ends, or with an error once HubSpot
// refuses the app that this process runs as: its work is then left to processes
// that run as the right one.
func appAccepted(ctx context.Context, tokens *oauth.Tokens) error {
	select {
	case <-ctx.Done():
		return nil
	case <-tokens.Refused():
		return tokens.Err()
	}
}
