package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

func (a *app) connectionCommand() *cobra.Command {
	return family("connection", "Look at connections", a.connectionListCommand(), a.connectionShowCommand())
}

func (a *app) connectionListCommand() *cobra.Command {
	return &cobra.Command{
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
}

func (a *app) connectionShowCommand() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show one connection",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withConnection(cmd.Context(), id, func(_ context.Context, _ *operator.Operator, c bridge.Connection) error {
				return a.printConnections([]bridge.Connection{c})
			})
		},
	}
	connectionFlag(cmd, &id)
	return cmd
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
