package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/workflows"
)

func (a *app) massSyncCommand() *cobra.Command {
	return commandGroup("mass-sync", "Bring all participants of the tenant in step with HubSpot",
		a.massSyncStartCommand(), a.massSyncListCommand(), a.massSyncStatusCommand(),
		a.massSyncWishCommand("pause", "Pause once the calls in flight have ended", (*api.Client).PauseMassSync),
		a.massSyncWishCommand("resume", "Resume a paused or interrupted mass sync", (*api.Client).ResumeMassSync),
		a.massSyncWishCommand("cancel", "Cancel once the calls in flight have ended; what is done stays", (*api.Client).CancelMassSync))
}

func (a *app) massSyncStartCommand() *cobra.Command {
	var dryRun, verify, wait bool
	cmd := a.onConnection("start", "Start a mass sync, or a dry run, which writes nothing", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			started, err := c.StartMassSync(ctx, connection, api.StartMassSync{DryRun: dryRun, Verify: verify})
			switch {
			case err != nil:
				return err
			case wait:
				return a.followMassSync(ctx, c, started)
			}
			return a.printMassSync(started)
		})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "read only: predict what would be done, the calls it would take and how long")
	cmd.Flags().BoolVar(&verify, "verify", false, "read every mapped contact and repair what others have overwritten")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the progress and wait for the end; interrupting that leaves the mass sync running")
	return cmd
}

func (a *app) massSyncListCommand() *cobra.Command {
	return a.onConnection("list", "List the latest mass syncs and their dry runs", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			all, err := c.MassSyncs(ctx, connection)
			if err != nil {
				return err
			}
			return a.print(all, func() {
				for _, s := range all {
					fmt.Fprintf(a.out, "%d  %s  %s\n", s.Run, stamp(s.CreatedAt), massSyncLine(s))
				}
			})
		})
}

func (a *app) massSyncStatusCommand() *cobra.Command {
	var run int64
	cmd := a.onConnection("status", "Show the progress of the latest mass sync", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			status, err := c.MassSync(ctx, connection, run)
			if err != nil {
				return err
			}
			return a.printMassSync(status)
		})
	cmd.Flags().Int64Var(&run, "run", 0, "the number of an earlier one")
	return cmd
}

// endPatience is how long a command watches a mass sync end that it cancelled.
const endPatience = 15 * time.Second

func (a *app) massSyncWishCommand(use, short string,
	ask func(c *api.Client, ctx context.Context, connection string, run int64) (api.MassSync, error),
) *cobra.Command {
	return a.onConnection(use, short, cobra.NoArgs, func(ctx context.Context, c *api.Client, connection string, _ []string) error {
		told, err := ask(c, ctx, connection, 0)
		if err != nil {
			return err
		}
		patient, stop := context.WithTimeout(ctx, endPatience)
		defer stop()
		status, err := watchMassSync(patient, c, told, func(s api.MassSync) bool { return s.Ended() || !s.Stopping })
		if err != nil && patient.Err() == nil {
			return err
		}
		return a.printMassSync(status)
	})
}

// followMassSync shows the progress of a mass sync until it ends, and then the
// outcome, which the exit code repeats.
func (a *app) followMassSync(ctx context.Context, c *api.Client, started api.MassSync) error {
	view := a.newProgress()
	status, err := watchMassSync(ctx, c, started, func(s api.MassSync) bool {
		view.show(s)
		return s.Ended()
	})
	view.end()
	if ctx.Err() != nil {
		return fmt.Errorf("mass sync %d continues: see \"starter mass-sync status\"", started.Run)
	}
	if err != nil {
		return err
	}
	if err := a.printMassSync(status); err != nil {
		return err
	}
	switch status.State {
	case workflows.MassSyncCancelled:
		return endError{errors.New("the mass sync was cancelled"), exitCancelled}
	case workflows.MassSyncFailed:
		return fmt.Errorf("the mass sync failed: %s", status.Reason)
	default:
		return nil
	}
}

// pollMassSync is how often the progress is polled.
const pollMassSync = 500 * time.Millisecond

// watchMassSync polls a mass sync until the caller has seen enough. It returns
// the last status it saw, also with an error.
func watchMassSync(ctx context.Context, c *api.Client, seen api.MassSync, enough func(api.MassSync) bool) (api.MassSync, error) {
	_, err := watch(ctx, pollMassSync,
		func(ctx context.Context) (api.MassSync, error) { return c.MassSync(ctx, seen.ConnectionID, seen.Run) },
		func(now api.MassSync) bool { seen = now; return enough(now) })
	return seen, err
}
