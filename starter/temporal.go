package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/config"
	"advocatesync/internal/rollout"
	"advocatesync/internal/startup"
)

// temporalCommand groups what operators do with Temporal itself. These commands need
// no server of ours, because there may be none yet. Those that change something need
// the database, for the audit log.
func (a *app) temporalCommand() *cobra.Command {
	return commandGroup("temporal", "Prepare the Temporal namespace; roll out new versions of the worker",
		a.temporalSetupCommand(), a.temporalVersionsCommand(), a.temporalPromoteCommand())
}

func (a *app) temporalSetupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "setup",
		Short: "Register the search attributes with the namespace; safe to run again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withTemporal(cmd.Context(), func(ctx context.Context, c client.Client) error {
				var namespace string
				err := a.withRecord(ctx, opSetUpTemporal, "", func(ctx context.Context) (err error) {
					namespace, err = startup.SetUpTemporal(ctx, c)
					return err
				})
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
				operation, promote := opPromote, func(ctx context.Context) error { return r.Promote(ctx, args[0]) }
				if ramp {
					operation, promote = opRamp, func(ctx context.Context) error { return r.Ramp(ctx, args[0], percent) }
				}
				if err := a.withRecord(ctx, operation, buildSubject(args[0]), promote); err != nil {
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
	cmd.Flags().Float32Var(&percent, "ramp", 0, "send only this share of the new runs, in percent; 0 undoes it")
	deploymentFlag(cmd, &deployment)
	return cmd
}

// buildID is the shape of what names a build: an image's tag, a commit.
var buildID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$`)

// buildSubject names a version of the worker in the audit log, which holds only ids:
// somebody may have typed anything.
func buildSubject(id string) string {
	if !buildID.MatchString(id) {
		return ""
	}
	return "build:" + id
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

// withTemporal connects to Temporal alone.
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
