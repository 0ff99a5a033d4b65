package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/config"
	"advocatesync/internal/operator"
)

// withClient lets a command speak to the admin API: to a server's, where one is
// named, or else to the same handler within this process.
func (a *app) withClient(ctx context.Context, do func(context.Context, *api.Client) error) error {
	if a.serverName(config.Server) == "" {
		return a.withOperator(ctx, func(ctx context.Context, o *operator.Operator) error {
			return do(ctx, inProcess(o))
		})
	}
	cfg, err := config.LoadRemote(a.serverName)
	if err != nil {
		return err
	}
	return do(ctx, api.NewClient(cfg.Server, string(cfg.AdminToken), http.DefaultTransport))
}

// serverName is the environment, in which the flag --server goes first.
func (a *app) serverName(name string) string {
	if name == config.Server && a.server != "" {
		return a.server
	}
	return a.getenv(name)
}

// inProcess returns a client of an API that nobody else can reach.
func inProcess(o *operator.Operator) *api.Client {
	token := rand.Text()
	handler := api.NewHandler(api.Config{Operator: o, Token: token, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	return api.NewClient(&url.URL{Scheme: "http", Host: "in-process"}, token, api.InProcess(handler))
}

// withConnection is withClient for what is asked of one connection. An empty id
// means the only one there is.
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

func onlyConnection(ctx context.Context, c *api.Client) (string, error) {
	all, err := c.Connections(ctx)
	switch {
	case err != nil:
		return "", err
	case len(all) == 0:
		return "", errors.New("there is no connection yet: make one with \"starter connect\"")
	case len(all) > 1:
		return "", errors.New("there are several connections: say which with --connection ID (see \"starter connection list\")")
	}
	return all[0].ConnectionID, nil
}

func connectionFlag(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "connection", "", "the connection's id; may be left out while there is only one")
}
