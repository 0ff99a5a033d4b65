// Command starter is the way in: "starter serve" takes webhooks and keeps the
// schedules; every other command does one thing an operator asks for.
//
// It exits with 0 when the thing is done, with 1 when it failed or was refused,
// with 2 when the command line itself is wrong, so that nothing was tried, and
// with 3 when what it waited for was cancelled.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"advocatesync/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], &app{
		getenv: os.Getenv, in: os.Stdin, out: os.Stdout, log: os.Stderr, interactive: term.IsTerminal(int(os.Stdin.Fd())),
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "starter:", err)
		os.Exit(exitCode(err))
	}
}

// app is what every command shares.
type app struct {
	getenv      func(string) string
	in          io.Reader // answers to questions
	out         io.Writer // results
	log         io.Writer // questions, progress and logs
	interactive bool      // somebody can answer
	json        bool
	server      string // whose admin API to use; empty: do the work in this process
}

// usageError says that the command line is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCancelled is the exit code for what an operator ended.
const exitCancelled = 3

// endError says how the thing ended that a command waited for.
type endError struct {
	error
	code int
}

func (e endError) Unwrap() error { return e.error }

func exitCode(err error) int {
	if end, ended := errors.AsType[endError](err); ended {
		return end.code
	}
	if _, usage := errors.AsType[usageError](err); usage {
		return 2
	}
	return 1
}

// run carries out one command line.
func run(ctx context.Context, args []string, a *app) error {
	understood := false
	root := &cobra.Command{
		Use:           "starter",
		Short:         "Keeps HubSpot contacts and impact.com Advocate participants in step",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints the error, once
		// Runs once the command, its flags and its arguments are found right.
		PersistentPreRun: func(*cobra.Command, []string) { understood = true },
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON for scripts")
	root.PersistentFlags().StringVar(&a.server, "server", "", "let the server at this address do it (or "+config.Server+"); it wants a token in "+config.Token)
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.log)
	root.AddCommand(a.serveCommand(), a.connectCommand(), a.connectionCommand(), a.rulesCommand(), a.contactCommand(), a.parkedCommand(), a.programCommand(), a.massSyncCommand(), a.reconcileCommand(), a.deletionsCommand(), a.triggerCommand(), a.webhooksCommand(), a.keysCommand(), a.tokenCommand(), a.auditCommand(), a.eraseCommand(), a.erasureCommand())
	root.AddCommand(a.temporalCommand()) // speaks to no server of ours
	err := root.ExecuteContext(ctx)
	if err != nil && !understood {
		return usageError{err}
	}
	return err
}
