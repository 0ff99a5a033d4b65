package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
)

func (a *app) auditCommand() *cobra.Command {
	return commandGroup("audit", "List who asked for what", a.auditListCommand())
}

func (a *app) auditListCommand() *cobra.Command {
	var filter api.AuditFilter
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who changed or revealed what, the latest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since > 0 {
				filter.Since = time.Now().Add(-since)
			}
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				entries, err := everyPage(func(page string) (api.Page[api.AuditEntry], error) { return c.AuditEntries(ctx, filter, page) })
				if err != nil {
					return err
				}
				return a.print(entries, func() { a.writeAudit(entries) })
			})
		},
	}
	cmd.Flags().StringVar(&filter.ConnectionID, "connection", "", "only of this connection")
	cmd.Flags().StringVar(&filter.Actor, "actor", "", "only by this token, or by this user of the operating system")
	cmd.Flags().StringVar(&filter.Operation, "operation", "", "only of this operation, such as revealContact")
	cmd.Flags().StringVar(&filter.Subject, "subject", "", "only about this, such as contact:101 or run:7")
	cmd.Flags().DurationVar(&since, "since", 30*24*time.Hour, "how far back; 0 for everything, which is 400 days")
	return cmd
}

func (a *app) writeAudit(entries []api.AuditEntry) {
	if len(entries) == 0 {
		fmt.Fprintln(a.out, "Nothing is on record.")
		return
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tWHO\tFROM\tWHAT\tCONNECTION\tABOUT\tOUTCOME\tREQUEST")
	for _, e := range entries {
		from := e.Remote
		if from == "" {
			from = string(e.ActorKind)
		}
		fmt.Fprintf(w, "%s\t%s (%s)\t%s\t%s\t%s\t%s\t%s\t%s\n", stamp(e.At), e.Actor, e.Role, from, e.Operation, e.ConnectionID,
			words(e.Subject, e.Result), words(e.Outcome, e.Code), e.RequestID)
	}
	_ = w.Flush() // like Println: a closed terminal is no failure of the command
}

// words joins the non-empty texts with spaces.
func words(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), " ")
}
