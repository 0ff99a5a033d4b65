package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/console"
	"advocatesync/internal/health"
	"advocatesync/internal/intake"
	"advocatesync/internal/numbers"
	"advocatesync/internal/oauth"
	"advocatesync/internal/operator"
	"advocatesync/internal/receipt"
	"advocatesync/internal/relay"
	"advocatesync/internal/startup"
	"advocatesync/internal/telemetry"
	"advocatesync/internal/wiring"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Receive webhooks, signal the workflows and keep the schedules",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.serve(cmd.Context())
		},
	}
}

// serve runs until the context ends, then lets requests in flight finish.
// Several may run side by side.
func (a *app) serve(ctx context.Context) error {
	cfg, err := config.LoadStarter(a.getenv)
	if err != nil {
		return err
	}
	log := cfg.Log.Logger(a.log)
	startup.WarnMisspelt(ctx, log)
	s, err := a.openStore(ctx, cfg.Common, log)
	if err != nil {
		return err
	}
	defer s.Close()
	if has, err := s.HasRecoveryKey(ctx); err != nil {
		return err
	} else if !has {
		log.WarnContext(ctx, "there is no recovery key: if ENCRYPTION_KEY is lost, nobody knows any more who was erased; run \"starter keys recovery\" once")
	}
	tell, err := telemetry.Start(ctx, "advocatesync-starter", a.getenv, log)
	if err != nil {
		return err
	}
	defer tell.Close()
	temporal, err := startup.Temporal(ctx, log, tell.Apply)
	if err != nil {
		return err
	}
	defer temporal.Close()
	schedules := operator.NewSchedules(temporal.ScheduleClient(), s, cfg.ReportSyncInterval, cfg.ReconcileInterval)
	if err := startup.Await(ctx, log, schedules.EnsureAll); err != nil {
		return err
	}

	metrics := tell.Registry
	relays := relay.NewMetrics(metrics)
	contacts := relay.New(relay.Contacts(s, temporal, relays, log))
	objects := relay.New(relay.Objects(s, temporal, relays, log))
	polling := operator.NewTriggerPolling(s, schedules, cfg.TrackInterval, log)
	triggers := wiring.NewTriggers(s, log)
	mux := http.NewServeMux()
	mux.Handle(intake.Path, intake.NewHandler(intake.HandlerConfig{
		ClientSecret: string(cfg.HubSpot.ClientSecret), FormerSecret: string(cfg.HubSpot.FormerSecret), AppID: cfg.HubSpot.AppID, PublicURL: cfg.PublicURL,
		Inbox: s, Triggers: triggers, Wake: contacts.Wake, WakeObjects: objects.Wake, Metrics: metrics, Log: log, Now: time.Now,
	}))
	operators := newOperator(s, temporal, cfg.Common, operator.Log(log))
	telemetry.ConnectionMetrics(metrics, telemetry.ConnectionSource{Metrics: s.Metrics().ConnectionMetrics, Stuck: operators.StuckWork}, cfg.HubSpot.RatePer10s, log)
	oauth.NewConsent(cfg.PublicURL, s, operators.OAuth(), operators, log).Register(mux)
	access := operator.NewAccess(s, string(cfg.AdminToken), time.Now)
	admin := api.NewHandler(api.Config{
		Operator: operators, Access: access, Callers: access, TrustedProxies: cfg.TrustedProxies, Metrics: metrics, Log: log, Now: time.Now,
	})
	mux.Handle(api.Prefix+"/", admin)
	pages, err := console.New(console.Config{
		API: admin, Access: access, Sessions: s.ConsoleSessions(), OIDC: identityProvider(cfg.OIDC), PublicURL: cfg.PublicURL,
		HubSpot: cfg.HubSpot.AuthorizeURL.Scheme + "://" + cfg.HubSpot.AuthorizeURL.Host, Stopping: ctx.Done(), Log: log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	mux.Handle("/", pages)
	early := relay.NewAdvocate(relay.AdvocateConfig{
		Outbox: s, Reports: relay.NewReports(temporal), Metrics: metrics, Log: log, Now: time.Now,
	})
	mux.Handle(intake.AdvocatePath, intake.NewAdvocateHandler(intake.AdvocateConfig{
		AdvocateURL: cfg.AdvocateBaseURL.String(), HTTP: &http.Client{Timeout: keysTimeout},
		Inbox: s, Wake: early.Wake, Metrics: metrics, Log: log, Now: time.Now,
	}))
	subscriber, err := newSubscriber(operators, cfg.PublicURL, log)
	if err != nil {
		return err
	}
	mux.Handle(receipt.KeysPath, receipt.NewKeysHandler(operators.ReceiptKeys, log, time.Now))
	checks := startup.Checks(s, temporal)
	checks["hubspot_app"] = operators.AppAccepted // webhooks are signed with the app's secret, too
	probes := health.NewProbes(checks, time.Now)
	probes.Public(mux)

	group, ctx := errgroup.WithContext(ctx)
	watch := func(ctx context.Context) { operators.Watch(ctx, log) }
	sample := func(ctx context.Context) { numbers.Sample(ctx, s.SampleMinutes, log) }
	runs := []func(context.Context){contacts.Run, objects.Run, early.Run, subscriber.run, watch, sample, polling.Run}
	if cfg.HubSpot.ClientID != "" { // without it the app cannot be asked for a token of its own
		runs = append(runs, newJournalReader(cfg, s, operators, triggers, contacts.Wake, objects.Wake, metrics, log).Run)
	}
	for _, run := range runs {
		group.Go(func() error { run(ctx); return nil })
	}
	group.Go(func() error { return health.Serve(ctx, cfg.ListenAddr, mux) })
	group.Go(func() error { return serveMetrics(ctx, cfg, probes, metrics, log) })
	log.InfoContext(ctx, "serving", "address", cfg.ListenAddr, "public_url", cfg.PublicURL)
	return group.Wait()
}

// serveMetrics serves metrics on a listener of their own. If the default address is
// in use, for example by another starter on the machine, it serves none, because
// webhooks matter more.
func serveMetrics(ctx context.Context, cfg config.Starter, probes *health.Probes, metrics prometheus.Gatherer, log *slog.Logger) error {
	listener, err := health.Listen(ctx, cfg.MetricsAddr)
	if err != nil && !cfg.MetricsNeeded {
		log.WarnContext(ctx, "no metrics are served; choose another address with METRICS_LISTEN_ADDR", "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	probes.Private(mux, metrics)
	log.InfoContext(ctx, "serving metrics", "address", listener.Addr().String())
	return health.ServeOn(ctx, listener, mux)
}

// identityProvider is who lets people sign in to the console.
func identityProvider(cfg config.OIDC) console.OIDC {
	provider := console.OIDC{Issuer: cfg.Issuer, ClientID: cfg.ClientID, ClientSecret: string(cfg.ClientSecret), RoleClaim: cfg.RoleClaim}
	for _, rule := range cfg.Roles {
		provider.Roles = append(provider.Roles, console.RoleRule{Value: rule.Value, Role: bridge.Role(rule.Role)})
	}
	return provider
}
