package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"advocatesync/internal/buildinfo"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go toolchain that this program was built from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			build := buildinfo.Get()
			return a.print(build, func() { fmt.Fprintln(a.out, build) })
		},
	}
}
