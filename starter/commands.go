package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/operator"
	"advocatesync/internal/startup"
	"advocatesync/internal/store"
)

// withOperator opens what a one-off command needs, and closes it again.
func (a *app) withOperator(ctx context.Context, do func(context.Context, *operator.Operator) error) error {
	cfg, err := config.LoadCommand(a.getenv)
	if err != nil {
		return err
	}
	log := cfg.Log.Logger(a.log)
	s, err := startup.Store(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.Close()
	temporal, err := startup.Temporal(ctx, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	return do(ctx, newOperator(s, temporal, cfg))
}

func newOperator(s *store.Store, temporal client.Client, cfg config.Common) *operator.Operator {
	return operator.New(s, temporal, operator.Vendors{
		HubSpot: cfg.HubSpot.BaseURL, Advocate: cfg.AdvocateBaseURL, RatePer10s: cfg.HubSpot.RatePer10s, PublicURL: cfg.PublicURL,
		App: hubspot.App{
			ClientID: cfg.HubSpot.ClientID, ClientSecret: string(cfg.HubSpot.ClientSecret), Authorize: cfg.HubSpot.AuthorizeURL,
		},
	}, cfg.ReportSyncInterval, time.Now)
}

// withOperatorOf is withOperator for what is asked of one connection, until the
// API can do it.
func (a *app) withOperatorOf(ctx context.Context, id string,
	do func(context.Context, *operator.Operator, bridge.Connection) error,
) error {
	return a.withOperator(ctx, func(ctx context.Context, o *operator.Operator) error {
		if id == "" {
			var err error
			if id, err = onlyConnection(ctx, inProcess(o)); err != nil {
				return err
			}
		}
		c, err := o.Connection(ctx, id)
		if err != nil {
			return err
		}
		return do(ctx, o, c)
	})
}

// family is a command that only has others below it. Without one of them, or
// with a word that is none, it is a usage error: a script must notice.
func family(use, short string, members ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs, // names the unknown command
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmd.Help(); err != nil {
				return err
			}
			return usageError{errors.New("say what to do with: " + use)}
		},
	}
	cmd.AddCommand(members...)
	return cmd
}

// print shows a result: as JSON for scripts, else as the command words it.
func (a *app) print(view any, words func()) error {
	if !a.json {
		words()
		return nil
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false) // links are to be read
	encoder.SetIndent("", "  ")
	return encoder.Encode(view)
}

// confirm asks a person whether to go on. Without one at the terminal it is a
// usage error: scripts say --yes.
func (a *app) confirm(question string) error {
	if !a.interactive {
		return usageError{errors.New("there is nobody to ask: say --yes to go on without asking")}
	}
	fmt.Fprintf(a.log, "%s [y/N] ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	if answer == "y" || answer == "yes" {
		return nil
	}
	if err != nil {
		fmt.Fprintln(a.log) // the question's line has no end yet
	}
	return errors.New("nothing was changed")
}

// stamp is how a time is shown; empty stands for never.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
