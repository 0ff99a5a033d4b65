// Command starter is the entry point: "starter serve" receives webhooks and keeps
// the schedules; every other command does one thing for an operator.
//
// It exits with 0 on success, with 1 after a failure or refusal, with 2 if the
// command line is wrong and nothing was tried, and with 3 if what it waited for was
// cancelled.
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
	interactive bool      // a person can answer
	json        bool
	server      string // whose admin API to use; empty: work in this process
}

// usageError says that the command line is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCancelled is the exit code after an operator cancelled what the command
// waited for.
const exitCancelled = 3

// endError is the error of a command whose work did not end well.
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
	root := a.rootCommand()
	// Runs once the command, its flags and its arguments are valid.
	root.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !understood {
		return usageError{err}
	}
	return err
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "starter",
		Short:         "Keeps HubSpot contacts and impact.com Advocate participants in step",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints the error, once
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON for scripts")
	root.PersistentFlags().StringVar(&a.server, "server", "", "use the admin API of the server at this address (or "+config.Server+"); it needs a token in "+config.Token)
	root.SetOut(a.out)
	root.SetErr(a.log)
	root.AddCommand(a.serveCommand(), a.connectCommand(), a.connectionCommand(), a.rulesCommand(), a.contactCommand(), a.parkedCommand(), a.programCommand(), a.massSyncCommand(), a.reconcileCommand(), a.deletionsCommand(), a.triggerCommand(), a.webhooksCommand(), a.keysCommand(), a.tokenCommand(), a.auditCommand(), a.eraseCommand(), a.erasureCommand())
	root.AddCommand(a.temporalCommand(), a.migrateCommand(), a.versionCommand()) // need no server of ours
	return root
}
