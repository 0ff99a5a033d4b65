package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
)

func (a *app) parkedCommand() *cobra.Command {
	return commandGroup("parked", "List, retry or discard work that needs a person",
		a.parkedCausesCommand(), a.parkedListCommand(), a.parkedRetryCommand(), a.parkedDiscardCommand())
}

func (a *app) parkedCausesCommand() *cobra.Command {
	return a.onConnection("causes", "Count the work that needs a person by cause, the most frequent first", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			causes, err := c.ParkedCauses(ctx, connection)
			if err != nil {
				return err
			}
			return a.print(causes, func() {
				for _, cause := range causes {
					fmt.Fprintf(a.out, "%d  since %s  %s\n    %s\n", cause.Count, stamp(cause.Since), cause.Cause, cause.Advice)
				}
				if len(causes) == 0 {
					fmt.Fprintln(a.out, "Nothing is parked.")
				}
			})
		})
}

func (a *app) parkedListCommand() *cobra.Command {
	var cause string
	cmd := a.onConnection("list", "List the work that needs a person, with its cause and advice", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			items, err := everyPage(func(page string) (api.Page[api.ParkedItem], error) {
				return c.Parked(ctx, connection, bridge.Cause(cause), page)
			})
			if err != nil {
				return err
			}
			return a.printParked(items)
		})
	cmd.Flags().StringVar(&cause, "cause", "", "only items with this cause")
	return cmd
}

// parkedChoice holds the flags and arguments that select items.
type parkedChoice struct {
	cause string
	all   bool
}

func (p *parkedChoice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.cause, "cause", "", "all items with this cause")
	cmd.Flags().BoolVar(&p.all, "all", false, "all parked items")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		_, err := p.chosen(args)
		return err
	}
}

// chosen returns the selection of the flags and arguments, of which only one may be
// used.
func (p *parkedChoice) chosen(args []string) (api.ParkedChoice, error) {
	ways := 0
	for _, one := range []bool{len(args) > 0, p.cause != "", p.all} {
		if one {
			ways++
		}
	}
	if ways != 1 {
		return api.ParkedChoice{}, errors.New("name the items by id, or pass --cause CAUSE or --all")
	}
	ids, err := itemIDs(args)
	return api.ParkedChoice{IDs: ids, Cause: bridge.Cause(p.cause), All: p.all}, err
}

// words describes the selected items within a question.
func (p *parkedChoice) words(ids []int64) string {
	switch {
	case p.all:
		return "all parked items"
	case p.cause != "":
		return "everything that is parked with the cause " + p.cause
	default:
		return "item " + join(ids)
	}
}

func (a *app) parkedRetryCommand() *cobra.Command {
	var connection string
	var choice parkedChoice
	cmd := &cobra.Command{
		Use:   "retry ID... | --cause CAUSE | --all",
		Short: "Retry parked work, once its cause is corrected",
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := choice.chosen(args)
			if err != nil {
				return err
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				retried, err := c.RetryParked(ctx, connection, chosen)
				if err != nil {
					return err
				}
				return errors.Join(a.printRetried(retried), notOpen(retried.NotOpen), incomplete(retried.Failure))
			})
		},
	}
	connectionFlag(cmd, &connection)
	choice.flags(cmd)
	return cmd
}

func (a *app) parkedDiscardCommand() *cobra.Command {
	var connection string
	var choice parkedChoice
	var yes bool
	cmd := &cobra.Command{
		Use:   "discard ID... | --cause CAUSE | --all",
		Short: "Discard parked work; asks first",
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := choice.chosen(args)
			if err != nil {
				return err
			}
			if !yes {
				if err := a.confirm(fmt.Sprintf("Give up %s?", choice.words(chosen.IDs))); err != nil {
					return err
				}
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				discarded, err := c.DiscardParked(ctx, connection, chosen)
				if err != nil {
					return err
				}
				return errors.Join(a.printDiscarded(discarded), notOpen(discarded.NotOpen))
			})
		},
	}
	connectionFlag(cmd, &connection)
	choice.flags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// itemIDs reads the ids of parked items, and names every argument that is not
// one.
func itemIDs(args []string) ([]int64, error) {
	ids := make([]int64, 0, len(args))
	var wrong []error
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id <= 0 {
			wrong = append(wrong, fmt.Errorf("%q is not the id of a parked item: ids are numbers, as \"starter parked list\" shows it", arg))
		}
		ids = append(ids, id)
	}
	return ids, errors.Join(wrong...)
}

// notOpen is the error for items that do not exist or are not open.
func notOpen(ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return fmt.Errorf("not open, so nothing was done: %s (unknown, already closed, or of another connection)", join(ids))
}

func join(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ", ")
}

// incomplete is the error for a request that was done only in part.
func incomplete(failure string) error {
	if failure == "" {
		return nil
	}
	return fmt.Errorf("the rest failed: %s", failure)
}

func (a *app) printParked(items []api.ParkedItem) error {
	return a.print(items, func() {
		for _, item := range items {
			a.writeParked(item)
		}
		if len(items) == 0 {
			fmt.Fprintln(a.out, "Nothing is parked.")
		}
	})
}

func (a *app) writeParked(item api.ParkedItem) {
	fmt.Fprintf(a.out, "%d  since %s  %s: %s\n    %s\n", item.ID, stamp(item.ParkedAt), parkedSubject(item), item.Cause, item.Advice)
	if item.VendorMessage != "" {
		fmt.Fprintf(a.out, "    vendor: %s\n", item.VendorMessage)
	}
}

// parkedSubject says what an item is about. It names only contacts, because
// participants' ids are personal.
func parkedSubject(item api.ParkedItem) string {
	switch {
	case item.ContactID != "":
		return "contact " + item.ContactID
	case item.TrackedEventID != 0:
		return "an event without a customer"
	case item.Cause == bridge.CauseUnreadableRow:
		return "a row of an export"
	case item.Cause == bridge.CauseFaultySubmission:
		return "a submission of a form"
	default:
		return "a participant without a contact"
	}
}

func (a *app) printRetried(r api.Retried) error {
	return a.print(r, func() {
		if contacts := r.Contacts(); len(contacts) > 0 {
			fmt.Fprintf(a.out, "Retried: %s. The contacts are synced again within seconds.\n", join(contacts))
		}
		if len(r.Participants) > 0 {
			fmt.Fprintf(a.out, "Retried: %s. The participants are read again by %s.\n", join(r.Participants), strings.Join(r.WorkflowIDs, ", "))
		}
		switch {
		case len(r.Retried) > 0:
			fmt.Fprintln(a.out, "What fails again is parked again: see \"starter parked list\".")
		case len(r.NotOpen) == 0:
			fmt.Fprintln(a.out, "Nothing is parked.")
		}
	})
}

func (a *app) printDiscarded(d api.Discarded) error {
	return a.print(d, func() {
		if len(d.Discarded) > 0 {
			fmt.Fprintf(a.out, "Discarded: %s.\n", join(d.Discarded))
		}
	})
}
