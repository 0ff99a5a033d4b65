package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/operator"
)

func (a *app) eraseCommand() *cobra.Command {
	var connection string
	var who toErase
	var yes bool
	cmd := &cobra.Command{
		Use:   "erase --contact ID | --email - | --participant -",
		Short: "Erase a person whom HubSpot no longer shows, although it reported no privacy deletion; lists what will be deleted, and asks first",
		Args:  func(_ *cobra.Command, args []string) error { return who.check(args) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			person, err := who.person(a)
			if err != nil {
				return err
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				if !yes {
					if err := a.confirmErase(ctx, c, connection, who.contact, person); err != nil {
						return err
					}
				}
				return a.erase(ctx, c, connection, who.contact, person)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().StringVar(&who.contact, "contact", "", "the contact's id")
	cmd.Flags().StringVar(&who.email, "email", "", "- reads an email from the input, so that it stays out of shell histories and lists of processes")
	cmd.Flags().StringVar(&who.participant, "participant", "", "- reads a participant's account id and user id from the input, on one line")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// toErase is how a command line names a person.
type toErase struct{ contact, email, participant string }

func (w toErase) check(args []string) error {
	given := 0
	for _, flag := range []string{w.contact, w.email, w.participant} {
		if flag != "" {
			given++
		}
	}
	switch {
	case given != 1 || len(args) > 0:
		return errors.New("say who with one of --contact ID, --email - and --participant -")
	case w.contact != "" && operator.CheckContactID(w.contact) != nil:
		return errors.New("say which contact with --contact: its id is a number, as the address of its HubSpot page showed it")
	case w.email+w.participant != "" && w.email+w.participant != "-":
		return errors.New("pass --email - or --participant - and write the value to the input: a command line is seen by others")
	}
	return nil
}

// person reads from the input whom the command line does not name.
func (w toErase) person(a *app) (api.PersonToErase, error) {
	if w.contact != "" {
		return api.PersonToErase{}, nil
	}
	if a.interactive {
		prompt := "Email: "
		if w.participant != "" {
			prompt = "Account id and user id: "
		}
		fmt.Fprint(a.log, prompt)
	}
	line, err := a.readLine()
	if err != nil {
		return api.PersonToErase{}, err
	}
	if w.email != "" {
		return api.PersonToErase{Email: line}, nil
	}
	ids := strings.Fields(line)
	if len(ids) != 2 {
		return api.PersonToErase{}, usageError{errors.New("write the account id and the user id of the participant on one line, with a space between them")}
	}
	return api.PersonToErase{AccountID: ids[0], UserID: ids[1]}, nil
}

// readLine reads a line of the input and no byte more: what follows answers
// questions.
func (a *app) readLine() (string, error) {
	var line []byte
	var next [1]byte
	for {
		_, err := io.ReadFull(a.in, next[:])
		if errors.Is(err, io.EOF) || err == nil && next[0] == '\n' {
			return strings.TrimSpace(string(line)), nil
		}
		if err != nil {
			return "", err
		}
		line = append(line, next[0])
	}
}

const cannotBeUndone = "everything that we know of the person is deleted, and the person is never synced again. This cannot be undone. Erase?"

// confirmErase says what will go, and asks.
func (a *app) confirmErase(ctx context.Context, c *api.Client, connection, contact string, person api.PersonToErase) error {
	if contact != "" {
		return a.confirm(fmt.Sprintf("Contact %s: its participants are deleted in Advocate with all their referrals, %s", contact, cannotBeUndone))
	}
	plan, err := c.PlanErasePerson(ctx, connection, person)
	if err != nil {
		return err
	}
	if len(plan.ShownContacts) > 0 {
		return fmt.Errorf("HubSpot still shows the person's contact %s: delete it for privacy there; its webhook starts the erasure here",
			strings.Join(plan.ShownContacts, ", "))
	}
	return a.confirm(fmt.Sprintf("%d participants are deleted in Advocate with all their referrals, %d contacts that HubSpot no longer shows are forgotten, %s",
		plan.Participants, len(plan.GoneContacts), cannotBeUndone))
}

func (a *app) erase(ctx context.Context, c *api.Client, connection, contact string, person api.PersonToErase) error {
	if contact != "" {
		e, err := c.EraseContact(ctx, connection, contact)
		if err != nil {
			return err
		}
		return a.print(e, func() { a.writeBegun(e) })
	}
	done, err := c.ErasePerson(ctx, connection, person)
	if err != nil {
		return err
	}
	return a.print(done, func() {
		for _, e := range done.Erasures {
			a.writeBegun(e)
		}
	})
}

func (a *app) writeBegun(e api.Erasure) {
	if e.ForgottenAt.IsZero() {
		fmt.Fprintf(a.out, "Erasure %d begins within a second or so: see \"starter erasure show %[1]d\".\n", e.ErasureID)
		return
	}
	fmt.Fprintf(a.out, "Erasure %d is done: see \"starter erasure receipt %[1]d\".\n", e.ErasureID)
}

func (a *app) erasureCommand() *cobra.Command {
	return commandGroup("erasure", "List and show privacy deletions, prove and replay them",
		a.erasureListCommand(), a.erasureShowCommand(), a.erasureReceiptCommand(), a.erasureVerifyCommand(),
		a.erasureExportCommand(), a.erasureReplayCommand())
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
	cmd.Flags().StringVar(&connection, "connection", "", "only of this connection")
	cmd.Flags().BoolVar(&open, "open", false, "only those that have not ended")
	return cmd
}

func (a *app) erasureShowCommand() *cobra.Command {
	return a.onErasure("show ID", "Show when each step of a privacy deletion was done, and what blocks it",
		func(ctx context.Context, c *api.Client, id int64) error {
			e, err := c.Erasure(ctx, id)
			if err != nil {
				return err
			}
			return a.print(e, func() { a.writeErasure(e) })
		})
}

// onErasure is a command about the erasure that its argument names.
func (a *app) onErasure(use, short string, do func(ctx context.Context, c *api.Client, id int64) error) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactly("name one erasure by its id, as \"starter erasure list\" shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := erasureID(args[0])
			if err != nil {
				return err
			}
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error { return do(ctx, c, id) })
		},
	}
}

func erasureID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, usageError{fmt.Errorf("%q is not the id of an erasure: ids are numbers, as \"starter erasure list\" shows it", text)}
	}
	return id, nil
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
		{"blocked: nobody makes the person again", e.BlockedAt},
		{"verified: HubSpot does not show the contact", e.VerifiedAt},
		{"deleted in Advocate, with do-not-track", e.DeletedAt},
		{"checked: both vendors were asked again", e.CheckedAt},
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
		fmt.Fprintf(a.out, "HubSpot kept showing the contact, so nothing was erased (%s). See \"starter parked list\".\n", stamp(e.DoubtedAt))
	case !e.ForgottenAt.IsZero():
		fmt.Fprintf(a.out, "Participants deleted: %d. Contacts forgotten: %d. Other contacts that lost their participant: %d.\n",
			e.Participants, e.Contacts, e.Orphaned)
		fmt.Fprintf(a.out, "Run \"starter erasure receipt %d\" for the signed receipt.\n", e.ErasureID)
	case e.FailedAttempts > 0:
		fmt.Fprintf(a.out, "%d attempts failed, the last one at %s: %s\nIt is retried until it is done.\n", e.FailedAttempts, stamp(e.TriedAt), e.Problem)
	}
}
