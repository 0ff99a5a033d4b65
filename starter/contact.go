package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/workflows"
)

func (a *app) contactCommand() *cobra.Command {
	return family("contact", "Look at one contact, or have it looked at again",
		a.contactShowCommand(), a.contactResyncCommand())
}

func (a *app) contactShowCommand() *cobra.Command {
	var connection string
	var reveal bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Tell where a contact stands and why; without personal data unless --reveal asks for it",
		Args:  contactID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				status, err := o.Contact(ctx, c.ID, args[0])
				if err != nil {
					return err
				}
				if !reveal {
					return a.printContact(status, nil)
				}
				person, err := o.Reveal(ctx, c, args[0])
				if err != nil {
					return err
				}
				return a.printContact(status, &person)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().BoolVar(&reveal, "reveal", false, "read name, email, ids, code and link live from both vendors; nothing of it is kept")
	return cmd
}

// waitByDefault is how long --wait waits if it is not told: long enough for an
// outage of seconds, not for a deletion that is held.
const waitByDefault = "30s"

func (a *app) contactResyncCommand() *cobra.Command {
	var connection string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "resync ID",
		Short: "Have a contact looked at again",
		Args:  contactID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				before, err := o.Resync(ctx, c.ID, args[0])
				if err != nil {
					return err
				}
				if wait <= 0 {
					return a.printAsked(c, args[0])
				}
				ctx, cancel := context.WithTimeout(ctx, wait)
				defer cancel()
				status, err := o.AwaitDecision(ctx, c.ID, args[0], before)
				if err != nil {
					return err
				}
				return a.printContact(status, nil)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait for the outcome and show it; for at most this long, --wait alone for "+waitByDefault)
	cmd.Flags().Lookup("wait").NoOptDefVal = waitByDefault
	return cmd
}

// contactID is the argument check of commands about one contact.
func contactID(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("name one contact: %w", operator.ErrNotContactID)
	}
	if err := operator.CheckContactID(args[0]); err != nil {
		return fmt.Errorf("%q: %w", args[0], err)
	}
	return nil
}

type askedJSON struct {
	ConnectionID string `json:"connection_id"`
	ContactID    string `json:"contact_id"`
	WorkflowID   string `json:"workflow_id"`
}

func (a *app) printAsked(c bridge.Connection, contactID string) error {
	view := askedJSON{ConnectionID: c.ID, ContactID: contactID, WorkflowID: workflows.ContactLifecycleID(c.ID, contactID)}
	return a.print(view, func() {
		fmt.Fprintf(a.out, "Contact %s will be looked at again: \"starter serve\" passes it on to %s.\n", contactID, view.WorkflowID)
	})
}
