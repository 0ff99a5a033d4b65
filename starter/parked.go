package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
)

func (a *app) parkedCommand() *cobra.Command {
	return commandGroup("parked", "Look after work that waits for a person",
		a.parkedListCommand(), a.parkedRetryCommand(), a.parkedDiscardCommand())
}

func (a *app) parkedListCommand() *cobra.Command {
	return a.onConnection("list", "List the work that needs a person, with its cause and advice", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			items, err := everyPage(func(page string) (api.Page[api.ParkedItem], error) { return c.Parked(ctx, connection, page) })
			if err != nil {
				return err
			}
			return a.printParked(items)
		})
}

func (a *app) parkedRetryCommand() *cobra.Command {
	var connection string
	var all bool
	cmd := &cobra.Command{
		Use:   "retry ID... | --all",
		Short: "Retry parked work, once its cause is corrected",
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name the items by id, or pass --all")
			}
			_, err := itemIDs(args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := itemIDs(args)
			if err != nil {
				return err
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				retried, err := c.RetryParked(ctx, connection, api.RetryRequest{IDs: ids, All: all})
				if err != nil {
					return err
				}
				return errors.Join(a.printRetried(retried), notOpen(retried.NotOpen), incomplete(retried.Failure))
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().BoolVar(&all, "all", false, "everything that is parked")
	return cmd
}

func (a *app) parkedDiscardCommand() *cobra.Command {
	var connection string
	var yes bool
	cmd := &cobra.Command{
		Use:   "discard ID...",
		Short: "Discard parked work; asks first",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name the items by id")
			}
			_, err := itemIDs(args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ids, err := itemIDs(args)
			if err != nil {
				return err
			}
			if !yes {
				if err := a.confirm(fmt.Sprintf("Give up item %s?", join(ids))); err != nil {
					return err
				}
			}
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				discarded, err := c.DiscardParked(ctx, connection, ids)
				if err != nil {
					return err
				}
				return errors.Join(a.printDiscarded(discarded), notOpen(discarded.NotOpen), incomplete(discarded.Failure))
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// itemIDs reads the ids of parked items, and names every one that is none.
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

// notOpen is the failure of having been asked for items that are not there.
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

// incomplete is the failure that some of many were not done.
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
	subject := "contact " + item.ContactID
	if item.ContactID == "" {
		subject = "a participant without a contact"
	}
	fmt.Fprintf(a.out, "%d  since %s  %s: %s\n    %s\n", item.ID, stamp(item.ParkedAt), subject, item.Cause, item.Advice)
	if item.VendorMessage != "" {
		fmt.Fprintf(a.out, "    vendor: %s\n", item.VendorMessage)
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
