package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/operator"
)

func (a *app) contactCommand() *cobra.Command {
	return commandGroup("contact", "Show one contact, or sync it again",
		a.contactFindCommand(), a.contactShowCommand(), a.contactEventsCommand(), a.contactResyncCommand(), a.contactExportCommand())
}

// contactFindCommand reads the email from its input: an argument would stay in the
// shell's history and show in lists of processes.
func (a *app) contactFindCommand() *cobra.Command {
	return a.onConnection("find", "Find the contacts with an email, which is read from the input", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			email, err := bufio.NewReader(a.in).ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			ids, err := c.FindContacts(ctx, connection, strings.TrimSpace(email))
			if err != nil {
				return err
			}
			return a.print(ids, func() {
				for _, id := range ids {
					fmt.Fprintln(a.out, id)
				}
				if len(ids) == 0 {
					fmt.Fprintln(a.log, "No contact of this connection had this email when we last saw it.")
				}
			})
		})
}

func (a *app) contactShowCommand() *cobra.Command {
	var reveal bool
	cmd := a.onConnection("show ID", "Show the state of a contact and why; personal data only with --reveal", contactID,
		func(ctx context.Context, c *api.Client, connection string, args []string) error {
			contact, err := c.Contact(ctx, connection, args[0])
			if err != nil {
				return err
			}
			if !reveal {
				return a.printContact(contact, nil)
			}
			person, err := c.RevealContact(ctx, connection, args[0])
			if err != nil {
				return err
			}
			return a.printContact(contact, &person)
		})
	cmd.Flags().BoolVar(&reveal, "reveal", false, "read name, email, ids, code and link live from both vendors; nothing is stored")
	return cmd
}

func (a *app) contactEventsCommand() *cobra.Command {
	return a.onConnection("events ID", "List the recent events of a contact", contactID,
		func(ctx context.Context, c *api.Client, connection string, args []string) error {
			events, err := everyPage(func(page string) (api.Page[api.Event], error) { return c.ContactEvents(ctx, connection, args[0], page) })
			if err != nil {
				return err
			}
			return a.print(events, func() { a.writeEvents(events) })
		})
}

// waitByDefault is the default of --wait: long enough for an outage of seconds,
// not for a deletion that is held.
const waitByDefault = "30s"

func (a *app) contactResyncCommand() *cobra.Command {
	var wait time.Duration
	cmd := a.onConnection("resync ID", "Sync a contact again", contactID,
		func(ctx context.Context, c *api.Client, connection string, args []string) error {
			resync, err := c.ResyncContact(ctx, connection, args[0])
			if err != nil {
				return err
			}
			if wait <= 0 {
				return a.printResync(resync)
			}
			ctx, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			contact, err := awaitDecision(ctx, c, resync)
			if err != nil {
				return err
			}
			return a.printContact(contact, nil)
		})
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait for the outcome and show it; for at most this long, --wait alone for "+waitByDefault)
	cmd.Flags().Lookup("wait").NoOptDefVal = waitByDefault
	return cmd
}

// pollDecision is how often a decision is polled for.
const pollDecision = 200 * time.Millisecond

// awaitDecision waits until a contact was decided again, and returns its state
// then. ctx bounds the wait.
func awaitDecision(ctx context.Context, c *api.Client, resync api.Resync) (api.Contact, error) {
	contact, err := watch(ctx, pollDecision,
		func(ctx context.Context) (api.Contact, error) {
			return c.Contact(ctx, resync.ConnectionID, resync.ContactID)
		},
		// Without a reason the contact is mapped, but its sync is not finished.
		func(c api.Contact) bool { return c.DecidedAt.After(resync.DecidedAt) && c.Reason != "" })
	if errors.Is(err, context.DeadlineExceeded) {
		return contact, fmt.Errorf("contact %s was not decided in time; the work continues: see %s in Temporal, or \"starter contact show %[1]s\" later",
			resync.ContactID, resync.WorkflowID)
	}
	return contact, err
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

func (a *app) contactExportCommand() *cobra.Command {
	var connection, email string
	cmd := &cobra.Command{
		Use:   "export ID | --email -",
		Short: "Print everything that we and both vendors hold about a person, read live, as JSON",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case email == "":
				return contactID(cmd, args)
			case email != "-" || len(args) > 0:
				return errors.New("name one contact by its id, or pass --email - and write the email to the input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var person api.ExportPerson
			if email == "" {
				person.ContactID = args[0]
			} else {
				var err error
				if person.Email, err = a.readLine(); err != nil {
					return err
				}
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				export, err := c.ExportPerson(ctx, connection, person)
				if err != nil {
					return err
				}
				return a.printJSON(export)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().StringVar(&email, "email", "", "- reads an email from the input, so that it stays out of shell histories and lists of processes")
	return cmd
}
