package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
)

func (a *app) deletionsCommand() *cobra.Command {
	return commandGroup("deletions", "Approve or reject deletions that the guard holds back",
		a.deletionsShowCommand(),
		a.deletionsDecideCommand("approve", "Delete the participants of contacts that are still gone; asks first", "Delete the participants of %s?", (*api.Client).ApproveDeletions, (*api.Client).ApproveErasures),
		a.deletionsDecideCommand("reject", "Keep the participants; their contacts are unmapped; asks first", "Keep the participants of %s, and unmap them?", (*api.Client).RejectDeletions, (*api.Client).RejectErasures),
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
	decide, erasures func(c *api.Client, ctx context.Context, connection string, in api.DecideDeletions) (api.DecidedDeletions, error),
) *cobra.Command {
	var yes, privacy bool
	var contacts []string
	cmd := a.onConnection(use, short, cobra.NoArgs, func(ctx context.Context, c *api.Client, id string, _ []string) error {
		if !yes {
			deletions, err := c.Deletions(ctx, id)
			if err != nil {
				return err
			}
			waiting := deletions.Waiting
			if privacy {
				waiting = deletions.ErasuresWaiting
			}
			whose := fmt.Sprintf("%d contacts", waiting)
			if len(contacts) > 0 {
				whose = fmt.Sprintf("%d of %d contacts", len(contacts), waiting)
			}
			if err := a.confirm(fmt.Sprintf(question, whose)); err != nil {
				return err
			}
		}
		if privacy {
			decide = erasures
		}
		decided, err := decide(c, ctx, id, api.DecideDeletions{ContactIDs: contacts})
		if err != nil {
			return err
		}
		return a.print(decided, func() { fmt.Fprintf(a.out, "%d deletions were decided.\n", decided.Decided) })
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&privacy, "erasures", false, "decide about the waiting privacy deletions only")
	cmd.Flags().StringSliceVar(&contacts, "contact", nil, "only this contact; may be given several times")
	return cmd
}

func (a *app) deletionsGuardCommand() *cobra.Command {
	var guard, erasures int
	var byDefault bool
	cmd := a.onConnection("guard", "Set how many deletions an hour go through without approval", cobra.NoArgs, func(ctx context.Context, c *api.Client, id string, _ []string) error {
		in := api.DeletionGuard{Guard: &guard}
		if byDefault {
			in.Guard = nil
		}
		set := (*api.Client).SetDeletionGuard
		if erasures >= 0 {
			set, in.Guard = (*api.Client).SetErasureGuard, &erasures
		}
		deletions, err := set(c, ctx, id, in)
		if err != nil {
			return err
		}
		return a.printDeletions(deletions)
	})
	cmd.Flags().IntVar(&guard, "deletion-guard", 0, "the number; 0 lets any number pass")
	cmd.Flags().IntVar(&erasures, "erasure-guard", -1, "how many unconfirmed privacy deletions an hour need no approval, 20 by default; 0 for any number")
	cmd.Flags().BoolVar(&byDefault, "default", false, "2 % of the mapped contacts, at least 10 and at most 500")
	cmd.MarkFlagsOneRequired("deletion-guard", "erasure-guard", "default")
	cmd.MarkFlagsMutuallyExclusive("deletion-guard", "erasure-guard", "default")
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
		a.printErasures(d)
		if d.Waiting == 0 {
			fmt.Fprintln(a.out, "No deletion waits.")
			return
		}
		fmt.Fprintf(a.out, "%d contacts were deleted in HubSpot; their participants have waited for approval since %s.\n", d.Waiting, stamp(d.Since))
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

func (a *app) printErasures(d api.Deletions) {
	if d.ErasuresWaiting == 0 {
		return
	}
	fmt.Fprintf(a.out, "%d unconfirmed privacy deletions have waited for approval since %s.\n", d.ErasuresWaiting, stamp(d.ErasuresSince))
	for i, id := range d.ErasureContactIDs {
		if i == 20 {
			fmt.Fprintf(a.out, "  and %d more\n", d.ErasuresWaiting-20)
			break
		}
		fmt.Fprintf(a.out, "  %s\n", id)
	}
	fmt.Fprintln(a.out, "\"starter deletions approve --erasures\" erases those that are gone, \"starter deletions reject --erasures\" erases nobody.")
}
