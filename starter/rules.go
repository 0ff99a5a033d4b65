package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

type rulesJSON struct {
	ParticipantCreated bool `json:"participant_created"`
	ParticipantUpdated bool `json:"participant_updated"`
	ContactCreated     bool `json:"contact_created"`
	ContactUpdated     bool `json:"contact_updated"`
	SharePIIUpdates    bool `json:"share_pii_updates"`
}

func (a *app) rulesCommand() *cobra.Command {
	return family("rules", "Look at or change what is shared", a.rulesGetCommand(), a.rulesSetCommand())
}

func (a *app) rulesGetCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Show the sharing rules",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withConnection(cmd.Context(), id, func(_ context.Context, _ *operator.Operator, c bridge.Connection) error {
				return a.printRules(c)
			})
		},
	}
	connectionFlag(cmd, &id)
	return cmd
}

func (a *app) rulesSetCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change sharing rules; what is not named stays as it is",
		Args:  cobra.NoArgs,
	}
	connectionFlag(cmd, &id)
	var wanted bridge.Connection
	switches := []struct {
		name, usage string
		wanted      *bool
		of          func(*bridge.Connection) *bool
	}{
		{"participant-created", "a new participant makes a contact", &wanted.Rules.ParticipantCreated, func(c *bridge.Connection) *bool { return &c.Rules.ParticipantCreated }},
		{"participant-updated", "an updated, unmapped participant makes a contact", &wanted.Rules.ParticipantUpdated, func(c *bridge.Connection) *bool { return &c.Rules.ParticipantUpdated }},
		{"contact-created", "a new contact makes a participant", &wanted.Rules.ContactCreated, func(c *bridge.Connection) *bool { return &c.Rules.ContactCreated }},
		{"contact-updated", "an updated, unmapped contact makes a participant", &wanted.Rules.ContactUpdated, func(c *bridge.Connection) *bool { return &c.Rules.ContactUpdated }},
		{"share-pii-updates", "send name and email of mapped contacts to Advocate", &wanted.SharePIIUpdates, func(c *bridge.Connection) *bool { return &c.SharePIIUpdates }},
	}
	for _, s := range switches {
		cmd.Flags().BoolVar(s.wanted, s.name, false, s.usage)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withConnection(cmd.Context(), id, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
			for _, s := range switches {
				if cmd.Flags().Changed(s.name) {
					*s.of(&c) = *s.wanted
				}
			}
			if err := o.SetRules(ctx, c.ID, c.Rules, c.SharePIIUpdates); err != nil {
				return err
			}
			return a.printRules(c)
		})
	}
	return cmd
}

func (a *app) printRules(c bridge.Connection) error {
	view := rulesJSON{
		ParticipantCreated: c.Rules.ParticipantCreated, ParticipantUpdated: c.Rules.ParticipantUpdated,
		ContactCreated: c.Rules.ContactCreated, ContactUpdated: c.Rules.ContactUpdated,
		SharePIIUpdates: c.SharePIIUpdates,
	}
	return a.print(view, func() {
		onOff := map[bool]string{true: "on", false: "off"}
		fmt.Fprintf(a.out, "Connection %s\n", c.ID)
		fmt.Fprintf(a.out, "  participant created -> create contact              %s\n", onOff[view.ParticipantCreated])
		fmt.Fprintf(a.out, "  unmapped participant updated -> create contact     %s\n", onOff[view.ParticipantUpdated])
		fmt.Fprintf(a.out, "  contact created -> create participant              %s\n", onOff[view.ContactCreated])
		fmt.Fprintf(a.out, "  unmapped contact updated -> create participant     %s\n", onOff[view.ContactUpdated])
		fmt.Fprintf(a.out, "  mapped contact updated -> send name and email too  %s\n", onOff[view.SharePIIUpdates])
	})
}
