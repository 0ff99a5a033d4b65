package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// migrateCommand is for operators who want to choose when the schema changes. Every
// process does the same when it starts.
func (a *app) migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date; safe to run again, and beside older processes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The record is made once the schema has the tables for it.
			err := a.withRecord(cmd.Context(), opMigrate, "", func(context.Context) error { return nil })
			if err != nil {
				return err
			}
			return a.print(map[string]bool{"up_to_date": true}, func() { fmt.Fprintln(a.out, "The schema is up to date.") })
		},
	}
}
