package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
)

func (a *app) erasureExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print all privacy deletions, to replay them after an older dump was restored",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				for page := ""; ; {
					export, err := c.ExportErasures(ctx, page)
					if err != nil {
						return err
					}
					fmt.Fprintln(a.out, export.Page) // one page a line, also for scripts
					if page = export.NextPage; page == "" {
						return nil
					}
				}
			})
		},
	}
}

func (a *app) erasureReplayCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "replay FILE",
		Short: "Replay exported privacy deletions after an older dump was restored; asks first",
		Args:  exactly("name the file that \"starter erasure export\" wrote, or - for the standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			exported, err := a.readFile(args[0], maxExport)
			if err != nil {
				return err
			}
			pages := bytes.Fields(exported)
			if len(pages) == 0 {
				return errors.New("the file is empty: nothing was done")
			}
			if !yes {
				if err := a.confirm("This erases everybody in the export whom this database does not know as erased. It cannot be undone. Replay?"); err != nil {
					return err
				}
			}
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				all := api.ReplayedErasures{UnknownPortals: []int64{}}
				for i, page := range pages {
					done, err := c.ReplayErasures(ctx, string(page))
					if err != nil {
						return fmt.Errorf("line %d: %w", i+1, err)
					}
					all = addReplayed(all, done)
				}
				return a.print(all, func() { a.writeReplayed(all) })
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// maxExport is room for some millions of erased people.
const maxExport = 1 << 30

func addReplayed(all, more api.ReplayedErasures) api.ReplayedErasures {
	all.Tombstones += more.Tombstones
	all.Begun += more.Begun
	all.Known += more.Known
	all.Ended += more.Ended
	for _, portal := range more.UnknownPortals {
		if !slices.Contains(all.UnknownPortals, portal) {
			all.UnknownPortals = append(all.UnknownPortals, portal)
		}
	}
	return all
}

func (a *app) writeReplayed(r api.ReplayedErasures) {
	out := bufio.NewWriter(a.out)
	defer func() { _ = out.Flush() }() // like Println: a closed terminal is no failure of the command
	fmt.Fprintf(out, "Tombstones added: %d. Erasures begun: %d. Already on record here: %d.\n", r.Tombstones, r.Begun, r.Known)
	if r.Begun > 0 {
		fmt.Fprintln(out, "They are carried out once \"starter serve\" and a worker run: see \"starter erasure list --open\".")
	}
	if r.Ended > 0 {
		fmt.Fprintf(out, "%d belong to connections that have ended, of whose people nothing is known.\n", r.Ended)
	}
	for _, portal := range r.UnknownPortals {
		fmt.Fprintf(out, "HubSpot portal %d was never connected here: connect it, and replay again.\n", portal)
	}
}
