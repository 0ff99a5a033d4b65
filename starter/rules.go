package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
)

func (a *app) rulesCommand() *cobra.Command {
	return commandGroup("rules", "Show or change the sharing rules", a.rulesGetCommand(), a.rulesEffectsCommand(), a.rulesSetCommand())
}

func (a *app) rulesGetCommand() *cobra.Command {
	return a.onConnection("get", "Show the sharing rules", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			rules, err := c.Rules(ctx, id)
			if err != nil {
				return err
			}
			return a.printRules(id, rules)
		})
}

func (a *app) rulesEffectsCommand() *cobra.Command {
	return a.onConnection("effects", "Count the contacts and participants that the sharing rules concern", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			e, err := c.RuleEffects(ctx, id)
			if err != nil {
				return err
			}
			return a.print(e, func() {
				fmt.Fprintf(a.out, "%d contacts are mapped; %d have no participant because a rule was off%s.\n", e.MappedContacts, e.ContactsKeptOut, sampledAt(e.CountsAge))
				if e.CountedAt.IsZero() {
					fmt.Fprintln(a.out, "No mass sync or dry run has counted yet which participants are kept out.")
					return
				}
				fmt.Fprintf(a.out, "%d participants were kept out when a mass sync or dry run last counted, at %s.\n", e.ParticipantsKeptOut, stamp(e.CountedAt))
			})
		})
}

func (a *app) rulesSetCommand() *cobra.Command {
	var id string
	var changes api.RuleChanges
	switches := []struct {
		name, usage string
		change      **bool
	}{
		{"participant-created", "a new participant creates a contact", &changes.ParticipantCreated},
		{"participant-updated", "an updated, unmapped participant creates a contact", &changes.ParticipantUpdated},
		{"contact-created", "a new contact creates a participant", &changes.ContactCreated},
		{"contact-updated", "an updated, unmapped contact creates a participant", &changes.ContactUpdated},
		{"share-pii-updates", "send name and email of mapped contacts to Advocate", &changes.SharePIIUpdates},
	}
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change sharing rules; rules not named keep their setting",
		Args:  cobra.NoArgs,
	}
	connectionFlag(cmd, &id)
	for _, s := range switches {
		cmd.Flags().Bool(s.name, false, s.usage)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, s := range switches {
			if !cmd.Flags().Changed(s.name) {
				continue
			}
			on, err := cmd.Flags().GetBool(s.name)
			if err != nil {
				return err
			}
			*s.change = &on
		}
		return a.withConnection(cmd.Context(), id, func(ctx context.Context, c *api.Client, id string) error {
			rules, err := c.ChangeRules(ctx, id, changes)
			if err != nil {
				return err
			}
			return a.printRules(id, rules)
		})
	}
	return cmd
}

func (a *app) printRules(connection string, r api.Rules) error {
	return a.print(r, func() {
		onOff := map[bool]string{true: "on", false: "off"}
		fmt.Fprintf(a.out, "Connection %s\n", connection)
		fmt.Fprintf(a.out, "  participant created -> create contact              %s\n", onOff[r.ParticipantCreated])
		fmt.Fprintf(a.out, "  unmapped participant updated -> create contact     %s\n", onOff[r.ParticipantUpdated])
		fmt.Fprintf(a.out, "  contact created -> create participant              %s\n", onOff[r.ContactCreated])
		fmt.Fprintf(a.out, "  unmapped contact updated -> create participant     %s\n", onOff[r.ContactUpdated])
		fmt.Fprintf(a.out, "  mapped contact updated -> send name and email too  %s\n", onOff[r.SharePIIUpdates])
	})
}
