package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/config"
	"advocatesync/internal/rollout"
	"advocatesync/internal/startup"
)

// temporalCommand is what operators do with Temporal itself. These commands
// speak to no server of ours, because there may be none yet.
func (a *app) temporalCommand() *cobra.Command {
	return commandGroup("temporal", "Prepare the Temporal namespace; bring new versions of the worker into work",
		a.temporalSetupCommand(), a.temporalVersionsCommand(), a.temporalPromoteCommand())
}

func (a *app) temporalSetupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "setup",
		Short: "Register the search attributes with the namespace; safe to run again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withTemporal(cmd.Context(), func(ctx context.Context, c client.Client) error {
				namespace, err := startup.SetUpTemporal(ctx, c)
				if err != nil {
					return err
				}
				view := map[string]any{"namespace": namespace, "search_attributes": startup.SearchAttributes()}
				return a.print(view, func() { fmt.Fprintf(a.out, "The namespace %s has our search attributes.\n", namespace) })
			})
		},
	}
}

func (a *app) temporalVersionsCommand() *cobra.Command {
	var deployment string
	cmd := &cobra.Command{
		Use:   "versions",
		Short: "List the versions of the worker and their state in Temporal",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRollout(cmd.Context(), deployment, func(ctx context.Context, r rollout.Rollout) error {
				versions, err := r.Versions(ctx)
				if err != nil {
					return err
				}
				return a.showVersions(versions)
			})
		},
	}
	deploymentFlag(cmd, &deployment)
	return cmd
}

func (a *app) showVersions(versions []rollout.Version) error {
	return a.print(versions, func() {
		table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "BUILD\tROLE\tSINCE")
		for _, v := range versions {
			role := string(v.Role)
			if v.Role == rollout.Ramping {
				role = fmt.Sprintf("%s %.0f %%", role, v.Percent)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", v.BuildID, role, v.CreatedAt.UTC().Format(time.DateTime))
		}
		_ = table.Flush() // a person reads it
	})
}

func (a *app) temporalPromoteCommand() *cobra.Command {
	var deployment string
	var percent float32
	cmd := &cobra.Command{
		Use:   "promote BUILD_ID",
		Short: "Route new runs to a version of the worker; current runs stay on theirs",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ramp := cmd.Flags().Changed("ramp")
			if ramp && (percent < 0 || percent > 100) {
				return usageError{errors.New("--ramp must be a percentage from 0 to 100")}
			}
			return a.withRollout(cmd.Context(), deployment, func(ctx context.Context, r rollout.Rollout) error {
				promote := func() error { return r.Promote(ctx, args[0]) }
				if ramp {
					promote = func() error { return r.Ramp(ctx, args[0], percent) }
				}
				if err := promote(); err != nil {
					return err
				}
				versions, err := r.Versions(ctx)
				if err != nil {
					return err
				}
				return a.showVersions(versions)
			})
		},
	}
	cmd.Flags().Float32Var(&percent, "ramp", 0, "send only this share of the new runs, in percent; 0 takes it back")
	deploymentFlag(cmd, &deployment)
	return cmd
}

func deploymentFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "deployment", "", "name of the worker deployment (or WORKER_DEPLOYMENT_NAME)")
}

func (a *app) withRollout(ctx context.Context, deployment string, do func(context.Context, rollout.Rollout) error) error {
	if deployment == "" {
		deployment = a.getenv("WORKER_DEPLOYMENT_NAME")
	}
	if deployment == "" {
		return usageError{errors.New("no worker deployment is named: pass --deployment NAME, or set WORKER_DEPLOYMENT_NAME as for the worker")}
	}
	return a.withTemporal(ctx, func(ctx context.Context, c client.Client) error {
		namespace, err := startup.Namespace()
		if err != nil {
			return err
		}
		return do(ctx, rollout.New(c, namespace, deployment))
	})
}

// withTemporal connects to Temporal alone: neither the database nor the keys
// are needed.
func (a *app) withTemporal(ctx context.Context, do func(context.Context, client.Client) error) error {
	logging, err := config.LoadLog(a.getenv)
	if err != nil {
		return err
	}
	c, err := startup.Dial(ctx, logging.Logger(a.log))
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}
