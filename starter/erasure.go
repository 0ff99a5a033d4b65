package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/operator"
)

func (a *app) eraseCommand() *cobra.Command {
	var connection, contact string
	var yes bool
	cmd := &cobra.Command{
		Use:   "erase --contact ID",
		Short: "Erase the person of a contact that was deleted for privacy in HubSpot, where nobody told us; it asks first",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 || operator.CheckContactID(contact) != nil {
				return errors.New("say which contact with --contact: its id is a number, as the address of its HubSpot page showed it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes {
				if err := a.confirm(fmt.Sprintf("Contact %s: its participants are deleted in Advocate with all their referrals, all that we know of the person is forgotten, "+
					"and the person is never synced again. This cannot be undone. Erase?", contact)); err != nil {
					return err
				}
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				e, err := c.EraseContact(ctx, connection, contact)
				if err != nil {
					return err
				}
				return a.print(e, func() {
					fmt.Fprintf(a.out, "Erasure %d begins within a second or so: see \"starter erasure show %[1]d\".\n", e.ErasureID)
				})
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().StringVar(&contact, "contact", "", "the contact's id")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) erasureCommand() *cobra.Command {
	return commandGroup("erasure", "Look at privacy deletions", a.erasureListCommand(), a.erasureShowCommand())
}

func (a *app) erasureListCommand() *cobra.Command {
	var connection string
	var open bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List privacy deletions, the latest first, with the step that each has reached",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				all, err := everyPage(func(page string) (api.Page[api.Erasure], error) { return c.Erasures(ctx, connection, open, page) })
				if err != nil {
					return err
				}
				return a.print(all, func() { a.writeErasures(all) })
			})
		},
	}
	cmd.Flags().StringVar(&connection, "connection", "", "of this connection alone")
	cmd.Flags().BoolVar(&open, "open", false, "only those that have not ended")
	return cmd
}

func (a *app) erasureShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Tell when each step of a privacy deletion was done, and what is in its way",
		Args:  exactly("name one erasure by its id, as \"starter erasure list\" shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || id < 1 {
				return usageError{fmt.Errorf("%q is no id of an erasure: that is a number, as \"starter erasure list\" shows it", args[0])}
			}
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				e, err := c.Erasure(ctx, id)
				if err != nil {
					return err
				}
				return a.print(e, func() { a.writeErasure(e) })
			})
		},
	}
}

func (a *app) writeErasures(all []api.Erasure) {
	if len(all) == 0 {
		fmt.Fprintln(a.out, "There is none.")
		return
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tCONNECTION\tCONTACT\tHEARD\tFROM\tSTEP\tFAILED\tPROBLEM")
	for _, e := range all {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", e.ErasureID, e.ConnectionID, e.ContactID, stamp(e.HeardAt),
			words(string(e.Source), e.RequestedBy), e.Step, e.FailedAttempts, e.Problem)
	}
	_ = w.Flush() // like Println: a closed terminal is no failure of the command
}

func (a *app) writeErasure(e api.Erasure) {
	fmt.Fprintf(a.out, "Erasure %d of contact %s (connection %s), heard from %s\n", e.ErasureID, e.ContactID, e.ConnectionID,
		words(string(e.Source), e.RequestedBy))
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, step := range []struct {
		name string
		at   time.Time
	}{
		{"heard", e.HeardAt},
		{"verified: HubSpot does not show the contact", e.VerifiedAt},
		{"blocked: nobody makes the person again", e.BlockedAt},
		{"deleted in Advocate, with do-not-track", e.DeletedAt},
		{"checked: Advocate shows nobody any more", e.CheckedAt},
		{"forgotten here", e.ForgottenAt},
	} {
		at := stamp(step.at)
		if at == "" {
			at = "not yet"
		}
		if !e.DoubtedAt.IsZero() && step.at.IsZero() {
			continue
		}
		fmt.Fprintf(w, "  %s\t%s\n", step.name, at)
	}
	_ = w.Flush()
	switch {
	case !e.DoubtedAt.IsZero():
		fmt.Fprintf(a.out, "HubSpot went on showing the contact, so nothing was erased (%s). See \"starter parked list\".\n", stamp(e.DoubtedAt))
	case !e.ForgottenAt.IsZero():
		fmt.Fprintf(a.out, "Participants deleted: %d. Contacts forgotten: %d. Other contacts that lost their participant: %d.\n",
			e.Participants, e.Contacts, e.Orphaned)
	case e.FailedAttempts > 0:
		fmt.Fprintf(a.out, "%d attempts failed, the last one at %s: %s\nIt is tried again until it is done.\n", e.FailedAttempts, stamp(e.TriedAt), e.Problem)
	}
}
