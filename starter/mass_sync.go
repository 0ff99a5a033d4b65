package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/workflows"
)

func (a *app) massSyncCommand() *cobra.Command {
	return family("mass-sync", "Bring all participants of the tenant in step with HubSpot",
		a.massSyncStartCommand(), a.massSyncStatusCommand(),
		a.massSyncWishCommand("pause", "Let what was begun finish, then wait", (*operator.Operator).PauseMassSync),
		a.massSyncWishCommand("resume", "Go on with a paused or interrupted mass sync", (*operator.Operator).ResumeMassSync),
		a.massSyncWishCommand("cancel", "Let what was begun finish, then end; what is done stays", (*operator.Operator).CancelMassSync))
}

func (a *app) massSyncStartCommand() *cobra.Command {
	var connection string
	var dryRun, wait bool
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start a mass sync, or a rehearsal that writes nothing",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				id, err := o.StartMassSync(ctx, c, dryRun)
				if err != nil {
					return err
				}
				if wait {
					return a.followMassSync(ctx, o, c.ID, id)
				}
				return a.showMassSync(ctx, o, c.ID, id)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "read only: foretell what would be done, the calls it would take and how long")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the progress and wait for the end; interrupting that leaves the mass sync running")
	return cmd
}

func (a *app) massSyncStatusCommand() *cobra.Command {
	var connection string
	var run int64
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the latest mass sync is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				return a.showMassSync(ctx, o, c.ID, run)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().Int64Var(&run, "run", 0, "the number of an earlier one")
	return cmd
}

// endPatience is how long a command watches a mass sync end that it cancelled.
const endPatience = 15 * time.Second

func (a *app) massSyncWishCommand(use, short string, wish func(*operator.Operator, context.Context, string) (int64, error)) *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				id, err := wish(o, ctx, c.ID)
				if err != nil {
					return err
				}
				watch, stop := context.WithTimeout(ctx, endPatience)
				defer stop()
				status, err := watchMassSync(watch, o, c.ID, id, func(s operator.MassSyncStatus) bool { return s.Ended() || !s.Stopping })
				if err != nil && watch.Err() == nil {
					return err
				}
				if status.ID == 0 {
					return err
				}
				return a.printMassSync(status)
			})
		},
	}
	connectionFlag(cmd, &connection)
	return cmd
}

func (a *app) showMassSync(ctx context.Context, o *operator.Operator, connectionID string, run int64) error {
	status, err := o.MassSyncStatus(ctx, connectionID, run)
	if bridge.KindOf(err) == bridge.NotFound {
		return errors.New("there was no such mass sync")
	}
	if err != nil {
		return err
	}
	return a.printMassSync(status)
}

// followMassSync shows the progress of a mass sync until it ends, and then how
// it ended. The exit code says the same.
func (a *app) followMassSync(ctx context.Context, o *operator.Operator, connectionID string, run int64) error {
	show := a.newProgress()
	status, err := watchMassSync(ctx, o, connectionID, run, func(s operator.MassSyncStatus) bool {
		show.tell(s)
		return s.Ended()
	})
	show.end()
	if ctx.Err() != nil {
		return fmt.Errorf("mass sync %d goes on: see \"starter mass-sync status\"", run)
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

// pollMassSync is how often the progress is looked at.
const pollMassSync = 500 * time.Millisecond

// watchMassSync looks at a mass sync again and again until the caller has seen
// enough. It returns the last status it saw.
func watchMassSync(ctx context.Context, o *operator.Operator, connectionID string, run int64,
	enough func(operator.MassSyncStatus) bool,
) (last operator.MassSyncStatus, err error) {
	tick := time.NewTicker(pollMassSync)
	defer tick.Stop()
	answered := time.Now()
	for {
		status, err := o.MassSyncStatus(ctx, connectionID, run)
		switch {
		case err == nil:
			last, answered = status, time.Now()
			if enough(status) {
				return last, nil
			}
		case bridge.KindOf(err) == bridge.NotFound || ctx.Err() != nil || time.Since(answered) > watchPatience:
			return last, err
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-tick.C:
		}
	}
}
