package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/operator"
	"advocatesync/internal/startup"
)

// withOperator opens what a one-off command needs, and closes it again.
func (a *app) withOperator(ctx context.Context, do func(context.Context, *operator.Operator) error) error {
	cfg, err := config.LoadCommand(a.getenv)
	if err != nil {
		return err
	}
	log := cfg.Log.Logger(a.log)
	s, err := startup.Store(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.Close()
	temporal, err := startup.Temporal(ctx, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	vendors := operator.Vendors{HubSpot: cfg.HubSpot.BaseURL, Advocate: cfg.AdvocateBaseURL}
	return do(ctx, operator.New(s, temporal.ScheduleClient(), vendors, cfg.ReportSyncInterval))
}

// print shows a result: as JSON for scripts, else as the command words it.
func (a *app) print(view any, words func()) error {
	if !a.json {
		words()
		return nil
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(view)
}

func (a *app) connectionCommand() *cobra.Command {
	var id string
	list := &cobra.Command{
		Use:   "list",
		Short: "List all connections",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperator(cmd.Context(), func(ctx context.Context, o *operator.Operator) error {
				all, err := o.Connections(ctx)
				if err != nil {
					return err
				}
				return a.printConnections(all)
			})
		},
	}
	show := &cobra.Command{
		Use:   "show",
		Short: "Show one connection",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperator(cmd.Context(), func(ctx context.Context, o *operator.Operator) error {
				c, err := o.Connection(ctx, id)
				if err != nil {
					return err
				}
				return a.printConnections([]bridge.Connection{c})
			})
		},
	}
	connectionFlag(show, &id)
	cmd := &cobra.Command{Use: "connection", Short: "Look at connections"}
	cmd.AddCommand(list, show)
	return cmd
}

func connectionFlag(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "connection", "", "the connection's id; may be left out while there is only one")
}

type connectionJSON struct {
	ConnectionID string `json:"connection_id"`
	PortalID     int64  `json:"portal_id"`
	Tenant       string `json:"tenant"`
	Program      string `json:"program"`
	Status       string `json:"status"`
	StatusReason string `json:"status_reason,omitempty"`
}

func connectionView(c bridge.Connection) connectionJSON {
	return connectionJSON{
		ConnectionID: c.ID, PortalID: c.PortalID, Tenant: c.Tenant, Program: c.Program,
		Status: string(c.Status), StatusReason: c.StatusReason,
	}
}

func (a *app) printConnections(all []bridge.Connection) error {
	views := make([]connectionJSON, 0, len(all))
	for _, c := range all {
		views = append(views, connectionView(c))
	}
	return a.print(views, func() {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CONNECTION\tPORTAL\tTENANT\tPROGRAM\tSTATUS")
		for _, v := range views {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s %s\n", v.ConnectionID, v.PortalID, v.Tenant, v.Program, v.Status, v.StatusReason)
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
	})
}

func (a *app) parkedCommand() *cobra.Command {
	var id string
	list := &cobra.Command{
		Use:   "list",
		Short: "List what waits for a person, with its cause and an advice",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperator(cmd.Context(), func(ctx context.Context, o *operator.Operator) error {
				c, err := o.Connection(ctx, id)
				if err != nil {
					return err
				}
				items, err := o.Parked(ctx, c.ID)
				if err != nil {
					return err
				}
				return a.printParked(items)
			})
		},
	}
	connectionFlag(list, &id)
	cmd := &cobra.Command{Use: "parked", Short: "Look at work that waits for a person"}
	cmd.AddCommand(list)
	return cmd
}

type parkedJSON struct {
	ID        int64  `json:"id"`
	ContactID string `json:"contact_id,omitempty"`
	Cause     string `json:"cause"`
	Advice    string `json:"advice"`
	Words     string `json:"words,omitempty"`
	ParkedAt  string `json:"parked_at"`
}

func (a *app) printParked(items []bridge.ParkedItem) error {
	views := make([]parkedJSON, 0, len(items))
	for _, item := range items {
		views = append(views, parkedJSON{
			ID: item.ID, ContactID: item.ContactID, Cause: string(item.Cause), Advice: item.Advice,
			Words: item.Words, ParkedAt: item.ParkedAt.UTC().Format("2006-01-02T15:04:05Z"),
		})
	}
	return a.print(views, func() {
		for _, v := range views {
			subject := "contact " + v.ContactID
			if v.ContactID == "" {
				subject = "a participant without a contact"
			}
			fmt.Fprintf(a.out, "%d  %s  %s: %s\n    %s\n", v.ID, v.ParkedAt, subject, v.Cause, v.Advice)
			if v.Words != "" {
				fmt.Fprintf(a.out, "    vendor: %s\n", v.Words)
			}
		}
		if len(views) == 0 {
			fmt.Fprintln(a.out, "Nothing is parked.")
		}
	})
}
