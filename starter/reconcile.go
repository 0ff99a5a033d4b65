package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/workflows"
)

func (a *app) reconcileCommand() *cobra.Command {
	return commandGroup("reconcile", "Compare both sides as they are, and repair what differs",
		a.reconcileStartCommand(), a.reconcileListCommand(), a.reconcileStatusCommand(),
		a.reconcileSteerCommand("pause", "Pause once the calls in flight have ended", (*api.Client).PauseReconcile),
		a.reconcileSteerCommand("resume", "Resume a paused or interrupted reconcile", (*api.Client).ResumeReconcile),
		a.reconcileSteerCommand("cancel", "Cancel once the calls in flight have ended; what is repaired stays", (*api.Client).CancelReconcile))
}

func (a *app) reconcileStartCommand() *cobra.Command {
	var dryRun, wait bool
	cmd := a.onConnection("start", "Start a reconcile, or only find what differs", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			started, err := c.StartReconcile(ctx, id, api.StartReconcile{DryRun: dryRun})
			switch {
			case err != nil:
				return err
			case wait:
				return a.followReconcile(ctx, c, started)
			}
			return a.printReconcile(started)
		})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "read only: find what differs, and repair nothing")
	cmd.Flags().BoolVar(&wait, "wait", false, "show the progress and wait for the end; interrupting that leaves the reconcile running")
	return cmd
}

func (a *app) reconcileListCommand() *cobra.Command {
	return a.onConnection("list", "List the latest reconciles and their dry runs", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			all, err := c.Reconciles(ctx, id)
			if err != nil {
				return err
			}
			return a.print(all, func() {
				for _, r := range all {
					fmt.Fprintf(a.out, "%d  %s  %s\n", r.Run, stamp(r.CreatedAt), reconcileLine(r))
				}
			})
		})
}

func (a *app) reconcileStatusCommand() *cobra.Command {
	var run int64
	cmd := a.onConnection("status", "Show what the latest reconcile has found and repaired", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			status, err := c.Reconcile(ctx, id, run)
			if err != nil {
				return err
			}
			return a.printReconcile(status)
		})
	cmd.Flags().Int64Var(&run, "run", 0, "the number of an earlier one")
	return cmd
}

func (a *app) reconcileSteerCommand(use, short string,
	steer func(c *api.Client, ctx context.Context, connection string, run int64) (api.Reconcile, error),
) *cobra.Command {
	return a.onConnection(use, short, cobra.NoArgs, func(ctx context.Context, c *api.Client, id string, _ []string) error {
		status, err := steer(c, ctx, id, 0)
		if err != nil {
			return err
		}
		return a.printReconcile(status)
	})
}

// pollReconcile is how often the progress is asked for.
const pollReconcile = time.Second

// followReconcile shows the progress of a reconcile until it ends, and then the
// outcome, which the exit code repeats.
func (a *app) followReconcile(ctx context.Context, c *api.Client, started api.Reconcile) error {
	seen, told := started, ""
	_, err := watch(ctx, pollReconcile,
		func(ctx context.Context) (api.Reconcile, error) {
			return c.Reconcile(ctx, started.ConnectionID, started.Run)
		},
		func(now api.Reconcile) bool {
			if line := reconcileLine(now); line != told {
				fmt.Fprintln(a.log, line)
				told = line
			}
			seen = now
			return now.Ended()
		})
	if ctx.Err() != nil {
		return fmt.Errorf("reconcile %d continues: see \"starter reconcile status\"", started.Run)
	}
	if err != nil {
		return err
	}
	if err := a.printReconcile(seen); err != nil {
		return err
	}
	switch seen.State {
	case workflows.MassSyncCancelled:
		return endError{errors.New("the reconcile was cancelled"), exitCancelled}
	case workflows.MassSyncFailed:
		return fmt.Errorf("the reconcile failed: %s", seen.Reason)
	default:
		return nil
	}
}

func (a *app) printReconcile(r api.Reconcile) error {
	return a.print(r, func() {
		name := fmt.Sprintf("Reconcile %d", r.Run)
		if r.DryRun {
			name = fmt.Sprintf("Dry run %d", r.Run)
		}
		fmt.Fprintf(a.out, "%s: %s\n", name, reconcileLine(r))
		if len(r.Unlisted) > 0 {
			fmt.Fprintln(a.out, "\nIncomplete: HubSpot fails to show some contacts. Mapped contacts among them were read one by one; nothing is known of the others.")
			for _, part := range r.Unlisted {
				fmt.Fprintf(a.out, "  %s\n", part.Sentence())
			}
			fmt.Fprintln(a.out, "Open such a contact in HubSpot, or ask HubSpot's support; then run \"starter reconcile start\".")
		}
		if len(r.Drift) == 0 {
			return
		}
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nDIFFERENCE\tOUTCOME\tCOUNT")
		for _, d := range r.Drift {
			fmt.Fprintf(w, "%s\t%s\t%d\n", d.Class, d.Outcome, d.Count)
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
		if r.Left > 0 && r.Ended() && !r.DryRun {
			fmt.Fprintln(a.out, "\n\"starter parked list\" says what waits for a person, and why.")
		}
	})
}

// reconcileLine describes the progress of a reconcile in one line.
func reconcileLine(r api.Reconcile) string {
	line := string(r.State)
	switch {
	case r.Stopping:
		line += ", being cancelled"
	case r.Reason != "":
		line += " (" + r.Reason + ")"
	}
	line += fmt.Sprintf(", %d contacts listed", r.Contacts)
	if len(r.Unlisted) > 0 {
		line += ", incomplete"
	}
	if r.Pairs > 0 || r.Ended() {
		line += fmt.Sprintf(", %d pairs compared, %d differences found, %d repaired, %d left", r.Pairs, r.Found, r.Repaired, r.Left)
	}
	switch {
	case r.ETASeconds != nil:
		line += fmt.Sprintf(", about %s left to read", time.Duration(*r.ETASeconds)*time.Second)
	case r.Ended():
		line += fmt.Sprintf(", took %s", r.FinishedAt.Sub(r.CreatedAt).Round(time.Second))
	}
	return line
}
