package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

func (a *app) parkedCommand() *cobra.Command {
	return family("parked", "Look after work that waits for a person",
		a.parkedListCommand(), a.parkedRetryCommand(), a.parkedDiscardCommand())
}

func (a *app) parkedListCommand() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits for a person, with its cause and an advice",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				items, err := o.Parked(ctx, c.ID)
				if err != nil {
					return err
				}
				return a.printParked(items)
			})
		},
	}
	connectionFlag(cmd, &connection)
	return cmd
}

func (a *app) parkedRetryCommand() *cobra.Command {
	var connection string
	var all bool
	cmd := &cobra.Command{
		Use:   "retry ID... | --all",
		Short: "Have parked work tried again, once what was in its way is put right",
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return errors.New("name the items by their ids, or say --all")
			}
			_, err := itemIDs(args)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				ids, err := itemIDs(args)
				if err != nil {
					return err
				}
				retry := func() (operator.Retried, error) { return o.Retry(ctx, c.ID, ids) }
				if all {
					retry = func() (operator.Retried, error) { return o.RetryAll(ctx, c.ID) }
				}
				retried, err := retry()
				// What was begun is told even if the rest failed.
				return errors.Join(a.printRetried(retried), notOpen(retried.NotOpen), err)
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
		Short: "Give parked work up; it asks first",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name the items by their ids")
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
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				discarded, missing, err := o.Discard(ctx, c.ID, ids)
				return errors.Join(a.printDiscarded(discarded, missing), notOpen(missing), err)
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
			wrong = append(wrong, fmt.Errorf("%q is no id of a parked item: that is a number, as \"starter parked list\" shows it", arg))
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
	return fmt.Errorf("not open, so nothing was done about them: %s (unknown, closed already, or of another connection)", join(ids))
}

func join(ids []int64) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(texts, ", ")
}

type parkedJSON struct {
	ID        int64  `json:"id"`
	ContactID string `json:"contact_id,omitempty"`
	Cause     string `json:"cause"`
	Advice    string `json:"advice"`
	Words     string `json:"words,omitempty"`
	ParkedAt  string `json:"parked_at"`
}

func parkedViews(items []bridge.ParkedItem) []parkedJSON {
	views := make([]parkedJSON, 0, len(items))
	for _, item := range items {
		views = append(views, parkedJSON{
			ID: item.ID, ContactID: item.ContactID, Cause: string(item.Cause), Advice: item.Advice,
			Words: item.Words, ParkedAt: stamp(item.ParkedAt),
		})
	}
	return views
}

func (a *app) printParked(items []bridge.ParkedItem) error {
	views := parkedViews(items)
	return a.print(views, func() {
		for _, v := range views {
			v.write(a.out)
		}
		if len(views) == 0 {
			fmt.Fprintln(a.out, "Nothing is parked.")
		}
	})
}

func (v parkedJSON) write(out io.Writer) {
	subject := "contact " + v.ContactID
	if v.ContactID == "" {
		subject = "a participant without a contact"
	}
	fmt.Fprintf(out, "%d  since %s  %s: %s\n    %s\n", v.ID, v.ParkedAt, subject, v.Cause, v.Advice)
	if v.Words != "" {
		fmt.Fprintf(out, "    vendor: %s\n", v.Words)
	}
}

type retriedJSON struct {
	Retried   []int64  `json:"retried"`
	NotOpen   []int64  `json:"not_open,omitempty"`
	Workflows []string `json:"workflow_ids,omitempty"`
}

func (a *app) printRetried(r operator.Retried) error {
	view := retriedJSON{Retried: append(append([]int64{}, r.Contacts...), r.Participants...), NotOpen: r.NotOpen, Workflows: r.Workflows}
	return a.print(view, func() {
		if len(r.Contacts) > 0 {
			fmt.Fprintf(a.out, "Retried: %s. The contacts are looked at again within a second or so.\n", join(r.Contacts))
		}
		if len(r.Participants) > 0 {
			fmt.Fprintf(a.out, "Retried: %s. The participants are read again by %s.\n", join(r.Participants), strings.Join(r.Workflows, ", "))
		}
		switch {
		case len(view.Retried) > 0:
			fmt.Fprintln(a.out, "What fails again is parked again: see \"starter parked list\".")
		case len(view.NotOpen) == 0:
			fmt.Fprintln(a.out, "Nothing is parked.")
		}
	})
}

type discardedJSON struct {
	Discarded []int64 `json:"discarded"`
	NotOpen   []int64 `json:"not_open,omitempty"`
}

func (a *app) printDiscarded(discarded, missing []int64) error {
	view := discardedJSON{Discarded: append([]int64{}, discarded...), NotOpen: missing}
	return a.print(view, func() {
		if len(discarded) > 0 {
			fmt.Fprintf(a.out, "Discarded: %s.\n", join(discarded))
		}
	})
}
