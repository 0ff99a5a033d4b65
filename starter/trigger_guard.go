package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
)

func (a *app) triggerApprovalsCommand() *cobra.Command {
	return a.onConnection("approvals", "Show which events of triggers wait for approval: an import made the change, or too many came at once", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			waiting, err := c.TriggerApprovals(ctx, id)
			if err != nil {
				return err
			}
			return a.print(waiting, func() { a.printApprovals(waiting.Approvals) })
		})
}

// guardWords say why events wait.
var guardWords = map[string]string{"import": "an import made the change", "at_once": "too many at once"}

func (a *app) printApprovals(approvals []api.TriggerApproval) {
	if len(approvals) == 0 {
		fmt.Fprintln(a.out, "No event waits for approval.")
		return
	}
	table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TRIGGER\tREASON\tWAITING\tSINCE\tWHY")
	for _, p := range approvals {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", p.TriggerID, p.Reason, p.Waiting, stamp(p.Since), guardWords[p.Reason])
	}
	_ = table.Flush() // as any other word of ours
	fmt.Fprintln(a.out, "\"starter trigger events ID --state awaiting_approval\" lists them. \"starter trigger approve ID\" sends them, \"starter trigger skip ID\" never does.")
}

func (a *app) triggerDecideCommand(use, short, question, done string,
	decide func(c *api.Client, ctx context.Context, connection, trigger string, in api.DecideTriggerEvents) (api.DecidedTriggerEvents, error),
) *cobra.Command {
	var yes bool
	var reason string
	cmd := a.onConnection(use+" ID", short, triggerID, func(ctx context.Context, c *api.Client, id string, args []string) error {
		if !yes {
			waiting, err := c.TriggerApprovals(ctx, id)
			if err != nil {
				return err
			}
			if err := a.confirm(fmt.Sprintf(question, countApprovals(waiting, args[0], reason), args[0])); err != nil {
				return err
			}
		}
		decided, err := decide(c, ctx, id, args[0], api.DecideTriggerEvents{Reason: reason})
		if err != nil {
			return err
		}
		return a.print(decided, func() { fmt.Fprintf(a.out, done+"\n", decided.Decided) })
	})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().StringVar(&reason, "reason", "", "only events that wait for this reason: import or at_once")
	return cmd
}

func countApprovals(waiting api.TriggerApprovals, trigger, reason string) (n int64) {
	for _, p := range waiting.Approvals {
		if p.TriggerID == trigger && (reason == "" || p.Reason == reason) {
			n += p.Waiting
		}
	}
	return n
}
