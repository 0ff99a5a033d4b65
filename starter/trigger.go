package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/trigger"
)

func (a *app) triggerCommand() *cobra.Command {
	return commandGroup("trigger", "Turn changes in HubSpot into conversions or Advocate events",
		a.triggerApplyCommand(), a.triggerListCommand(), a.triggerShowCommand(), a.triggerTestCommand(), a.triggerEventsCommand(),
		a.triggerApprovalsCommand(),
		a.triggerDecideCommand("approve", "Send the events that wait for approval, unless their record no longer matches; asks first",
			"Send %d events of trigger %s?", "%d events are approved.", (*api.Client).ApproveTriggerEvents),
		a.triggerDecideCommand("skip", "Never send the events that wait for approval; asks first",
			"Skip %d events of trigger %s for good?", "%d events are skipped.", (*api.Client).SkipTriggerEvents),
		a.triggerPropertiesCommand(),
		a.triggerSwitchCommand("enable", "Switch a trigger on", true),
		a.triggerSwitchCommand("disable", "Switch a trigger off; changes made meanwhile are not sent later", false))
}

func (a *app) triggerApplyCommand() *cobra.Command {
	var connection, file string
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Check a definition against the portal and put it into effect",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usageError{errors.New("name the definition: -f FILE, or -f - for standard input")}
			}
			source, err := a.read(file)
			if err != nil {
				return err
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				applied, err := c.ApplyTrigger(ctx, connection, source)
				if err != nil {
					return err
				}
				return a.printApplied(applied)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().StringVarP(&file, "file", "f", "", "the definition, in YAML or JSON; - reads it from standard input")
	return cmd
}

// read returns the text of a definition's file, or of the input.
func (a *app) read(file string) (string, error) {
	from := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", usageError{err}
		}
		defer func() { _ = f.Close() }() // it was only read
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, trigger.MaxSource+1)) // one byte more shows that it is too long
	return string(text), err
}

func (a *app) triggerListCommand() *cobra.Command {
	return a.onConnection("list", "List the triggers", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			all, err := c.Triggers(ctx, connection)
			if err != nil {
				return err
			}
			return a.printTriggers(all)
		})
}

// triggerID checks that there is one argument.
func triggerID(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("name one trigger by its id, as \"starter trigger list\" shows it")
	}
	return nil
}

func (a *app) triggerShowCommand() *cobra.Command {
	var version int
	cmd := a.onConnection("show ID", "Show a trigger's definition and its versions", triggerID,
		func(ctx context.Context, c *api.Client, connection string, args []string) error {
			detail, err := c.Trigger(ctx, connection, args[0])
			if err != nil {
				return err
			}
			return a.printTrigger(detail, version)
		})
	cmd.Flags().IntVar(&version, "version", 0, "show the definition as it was in this version")
	return cmd
}

func (a *app) triggerSwitchCommand(use, short string, enabled bool) *cobra.Command {
	return a.onConnection(use+" ID", short, triggerID, func(ctx context.Context, c *api.Client, connection string, args []string) error {
		t, err := c.EnableTrigger(ctx, connection, args[0], enabled)
		if err != nil {
			return err
		}
		return a.print(t, func() { fmt.Fprintf(a.out, "Trigger %s is %s.\n", t.TriggerID, state(t)) })
	})
}

func (a *app) triggerTestCommand() *cobra.Command {
	var connection, object string
	cmd := &cobra.Command{
		Use:   "test ID --object RECORD",
		Short: "Show what a trigger would do with a record now, with the exact request; sends nothing",
		Args:  triggerID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if object == "" {
				return usageError{errors.New("name the record to try it on: --object ID")}
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				trial, err := c.TestTrigger(ctx, connection, args[0], object)
				if err != nil {
					return err
				}
				return a.printTrial(trial)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().StringVar(&object, "object", "", "id of the record, as the address of its HubSpot page shows it")
	return cmd
}

func (a *app) triggerPropertiesCommand() *cobra.Command {
	var connection, object string
	cmd := &cobra.Command{
		Use:   "properties --object TYPE",
		Short: "List the properties that triggers can use, with their types",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				all, err := c.Properties(ctx, connection, object)
				if err != nil {
					return err
				}
				return a.print(all, func() {
					w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
					fmt.Fprintln(w, "NAME\tTYPE\tLABEL\tVALUES")
					for _, p := range all {
						fmt.Fprintf(w, "%s.%s\t%s\t%s\t%s\n", object, p.Name, p.Type, p.Label, strings.Join(p.Options, ", "))
					}
					_ = w.Flush() // like Println: a closed terminal is no failure of the command
				})
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().StringVar(&object, "object", "deal", "contact, deal or company")
	return cmd
}

func (a *app) triggerEventsCommand() *cobra.Command {
	var connection string
	var filter api.TrackedFilter
	var all bool
	cmd := &cobra.Command{
		Use:   "events [ID]",
		Short: "List the events of triggers and their outcomes, newest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				filter.TriggerID = args[0]
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				read := func(page string) (api.Page[api.TrackedEvent], error) {
					return c.TrackedEvents(ctx, connection, filter, page)
				}
				if all {
					events, err := everyPage(read)
					if err != nil {
						return err
					}
					return a.printEvents(events, false)
				}
				page, err := read("")
				if err != nil {
					return err
				}
				return a.printEvents(page.Items, page.NextPage != "")
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().StringVar(&filter.State, "state", "", "only those that are waiting, pending, sent, complete, error, skipped or reversed")
	cmd.Flags().StringVar(&filter.ObjectID, "object", "", "only those of the records with this id")
	cmd.Flags().StringVar(&filter.ContactID, "contact", "", "only those that this contact is credited for")
	cmd.Flags().BoolVar(&all, "all", false, "all of them, not only the latest hundred")
	return cmd
}

func (a *app) webhooksCommand() *cobra.Command {
	manifest := &cobra.Command{
		Use:   "manifest",
		Short: "Print the webhook subscriptions that the HubSpot app needs, as a file of its project",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				m, err := c.WebhooksManifest(ctx)
				if err != nil {
					return err
				}
				return a.printJSON(m)
			})
		},
	}
	return commandGroup("webhooks", "Show the webhook settings that the HubSpot app needs", manifest)
}
