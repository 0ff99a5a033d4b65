package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
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
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				all, err := c.Connections(ctx)
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
			return a.withConnection(cmd.Context(), id, func(ctx context.Context, c *api.Client, id string) error {
				connection, err := c.Connection(ctx, id)
				if err != nil {
					return err
				}
				return a.printConnections([]api.Connection{connection})
			})
		},
	}
	connectionFlag(cmd, &id)
	return cmd
}

func (a *app) printConnections(all []api.Connection) error {
	return a.print(all, func() {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CONNECTION\tPORTAL\tTENANT\tPROGRAM\tSTATUS")
		for _, c := range all {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s %s\n", c.ConnectionID, c.PortalID, c.Tenant, c.Program, c.Status, c.StatusReason)
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
	})
}
