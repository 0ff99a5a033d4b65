package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/api"
	"advocatesync/internal/config"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/operator"
	"advocatesync/internal/startup"
	"advocatesync/internal/store"
	"advocatesync/internal/vendors"
)

// withClient runs a command against the admin API: a server's if one is named,
// or else the same handler in this process.
func (a *app) withClient(ctx context.Context, do func(context.Context, *api.Client) error) error {
	if a.serverName(config.Server) == "" {
		return a.withOperator(ctx, func(ctx context.Context, o *operator.Operator, s *store.Store) error {
			return do(ctx, inProcess(o, s))
		})
	}
	cfg, err := config.LoadRemote(a.serverName)
	if err != nil {
		return err
	}
	return do(ctx, api.NewClient(cfg.Server, string(cfg.Token), http.DefaultTransport))
}

// serverName reads the environment, where the flag --server takes precedence.
func (a *app) serverName(name string) string {
	if name == config.Server && a.server != "" {
		return a.server
	}
	return a.getenv(name)
}

// inProcess returns a client of an API that nobody else can reach. Whoever can
// run the command holds the database's credentials and may do everything.
func inProcess(o *operator.Operator, s *store.Store) *api.Client {
	handler := api.NewHandler(api.Config{
		Operator: o, Access: operator.NewAccess(s, "", time.Now), Callers: api.Local(localCaller()),
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	return api.NewClient(&url.URL{Scheme: "http", Host: "in-process"}, "", api.InProcess(handler))
}

// localUser is the operating system's user that runs the command, by name if
// the system knows it.
func localUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + strconv.Itoa(os.Getuid())
}

// withConnection is withClient for one connection. An empty id means the only
// one there is.
func (a *app) withConnection(ctx context.Context, id string, do func(ctx context.Context, c *api.Client, connection string) error) error {
	return a.withClient(ctx, func(ctx context.Context, c *api.Client) error {
		if id == "" {
			var err error
			if id, err = onlyConnection(ctx, c); err != nil {
				return err
			}
		}
		return do(ctx, c, id)
	})
}

// onConnection is a command about the connection that --connection names.
func (a *app) onConnection(use, short string, args cobra.PositionalArgs,
	do func(ctx context.Context, c *api.Client, connection string, args []string) error,
) *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  args,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withConnection(cmd.Context(), id, func(ctx context.Context, c *api.Client, connection string) error {
				return do(ctx, c, connection, args)
			})
		},
	}
	connectionFlag(cmd, &id)
	return cmd
}

func onlyConnection(ctx context.Context, c *api.Client) (string, error) {
	all, err := c.Connections(ctx)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", errors.New("there is no connection yet: create one with \"starter connect\"")
	case len(all) > 1:
		return "", errors.New("there are several connections: choose one with --connection ID (see \"starter connection list\")")
	}
	return all[0].ConnectionID, nil
}

func connectionFlag(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "connection", "", "the connection's id; may be left out while there is only one")
}

// withOperator opens what an Operator needs in this process, and closes it
// afterwards.
func (a *app) withOperator(ctx context.Context, do func(context.Context, *operator.Operator, *store.Store) error) error {
	cfg, err := config.LoadCommand(a.getenv)
	if err != nil {
		return err
	}
	log := cfg.Log.Logger(a.log)
	s, err := a.openStore(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.Close()
	temporal, err := startup.Temporal(ctx, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	return do(ctx, newOperator(s, temporal, cfg), s)
}

func newOperator(s *store.Store, temporal client.Client, cfg config.Common, options ...operator.Option) *operator.Operator {
	return operator.New(s, temporal, operator.Vendors{
		Config: vendors.Config{
			HubSpot: cfg.HubSpot.BaseURL, Advocate: cfg.AdvocateBaseURL, Impact: cfg.ImpactBaseURL, InsecureHosts: cfg.InsecureHosts,
			App: hubspot.App{
				ClientID: cfg.HubSpot.ClientID, ClientSecret: string(cfg.HubSpot.ClientSecret), Authorize: cfg.HubSpot.AuthorizeURL,
			},
		},
		RatePer10s: cfg.HubSpot.RatePer10s, PublicURL: cfg.PublicURL,
	}, cfg.ReportSyncInterval, time.Now, append(options, operator.ReconcileEvery(cfg.ReconcileInterval))...)
}
