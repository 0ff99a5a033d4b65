package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
)

func (a *app) deletionsCommand() *cobra.Command {
	return commandGroup("deletions", "Decide about deletions that wait because they are many",
		a.deletionsShowCommand(),
		a.deletionsDecideCommand("approve", "Delete the participants of contacts that are gone still; asks first", "Delete the participants of %s?", (*api.Client).ApproveDeletions),
		a.deletionsDecideCommand("reject", "Keep the participants; their contacts are unmapped; asks first", "Keep the participants of %s, and unmap them?", (*api.Client).RejectDeletions),
		a.deletionsGuardCommand())
}

func (a *app) deletionsShowCommand() *cobra.Command {
	return a.onConnection("show", "Show which deletions wait, and since when", cobra.NoArgs, func(ctx context.Context, c *api.Client, id string, _ []string) error {
		deletions, err := c.Deletions(ctx, id)
		if err != nil {
			return err
		}
		return a.printDeletions(deletions)
	})
}

func (a *app) deletionsDecideCommand(use, short, question string,
	decide func(c *api.Client, ctx context.Context, connection string, in api.DecideDeletions) (api.DecidedDeletions, error),
) *cobra.Command {
	var yes bool
	var contacts []string
	cmd := a.onConnection(use, short, cobra.NoArgs, func(ctx context.Context, c *api.Client, id string, _ []string) error {
		if !yes {
			deletions, err := c.Deletions(ctx, id)
			if err != nil {
				return err
			}
			whose := fmt.Sprintf("%d contacts", deletions.Waiting)
			if len(contacts) > 0 {
				whose = fmt.Sprintf("%d of %d contacts", len(contacts), deletions.Waiting)
			}
			if err := a.confirm(fmt.Sprintf(question, whose)); err != nil {
				return err
			}
		}
		decided, err := decide(c, ctx, id, api.DecideDeletions{ContactIDs: contacts})
		if err != nil {
			return err
		}
		return a.print(decided, func() { fmt.Fprintf(a.out, "%d deletions were decided about.\n", decided.Decided) })
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringSliceVar(&contacts, "contact", nil, "only this contact; may be given several times")
	return cmd
}

func (a *app) deletionsGuardCommand() *cobra.Command {
	var guard int
	var byDefault bool
	cmd := a.onConnection("guard", "Set how many deletions within an hour go through without a question", cobra.NoArgs, func(ctx context.Context, c *api.Client, id string, _ []string) error {
		in := api.DeletionGuard{Guard: &guard}
		if byDefault {
			in.Guard = nil
		}
		deletions, err := c.SetDeletionGuard(ctx, id, in)
		if err != nil {
			return err
		}
		return a.printDeletions(deletions)
	})
	cmd.Flags().IntVar(&guard, "deletion-guard", 0, "the number; 0 lets any number pass")
	cmd.Flags().BoolVar(&byDefault, "default", false, "2 % of the mapped contacts, at least 10 and at most 500")
	cmd.MarkFlagsOneRequired("deletion-guard", "default")
	cmd.MarkFlagsMutuallyExclusive("deletion-guard", "default")
	return cmd
}

func (a *app) printDeletions(d api.Deletions) error {
	return a.print(d, func() {
		switch {
		case d.Guard == 0:
			fmt.Fprintln(a.out, "The guard is off: any number of deletions goes through.")
		default:
			fmt.Fprintf(a.out, "More than %d deletions within an hour wait for a person.\n", d.Guard)
		}
		if d.Waiting == 0 {
			fmt.Fprintln(a.out, "No deletion waits.")
			return
		}
		fmt.Fprintf(a.out, "%d contacts were deleted in HubSpot; their participants wait since %s.\n", d.Waiting, stamp(d.Since))
		for i, id := range d.ContactIDs {
			if i == 20 {
				fmt.Fprintf(a.out, "  and %d more\n", d.Waiting-20)
				break
			}
			fmt.Fprintf(a.out, "  %s\n", id)
		}
		fmt.Fprintln(a.out, "\"starter deletions approve\" deletes their participants, \"starter deletions reject\" keeps them.")
	})
}
