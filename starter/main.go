// Command starter is the way in: "starter serve" takes webhooks and keeps the
// schedules; every other command does one thing an operator asks for.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starter:", err)
		os.Exit(1)
	}
}

// app is what every command shares.
type app struct {
	getenv func(string) string
	out    io.Writer // results
	log    io.Writer // progress and logs
	json   bool
}

// run carries out one command line.
func run(ctx context.Context, args []string, getenv func(string) string, out, log io.Writer) error {
	a := &app{getenv: getenv, out: out, log: log}
	root := &cobra.Command{
		Use:           "starter",
		Short:         "Keeps HubSpot contacts and impact.com Advocate participants in step",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints the error, once
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON for scripts")
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(log)
	root.AddCommand(a.serveCommand(), a.connectCommand(), a.connectionCommand(), a.rulesCommand(), a.parkedCommand())
	return root.ExecuteContext(ctx)
}
