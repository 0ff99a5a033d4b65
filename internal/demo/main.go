// Command demo runs the whole system on this machine, against strict stand-ins
// for HubSpot and Advocate, tells a story with it and checks every step. It
// then stays up to be explored; with --once it ends after the story.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/demo/life"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/demo/story"
)

// reportInterval is shorter than production's minute, so that nobody waits.
const reportInterval = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	once := flags.Bool("once", false, "end after the story: exit code 0 if every step held, else 1")
	if err := flags.Parse(args); err != nil {
		return err
	}
	log, err := os.CreateTemp("", "advocatesync-demo-*.log")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	fmt.Fprintln(out, "Starting Temporal, PostgreSQL, stand-ins for HubSpot and Advocate, the worker and the starter ...")
	began := time.Now()
	s, err := stack.Start(ctx, stack.Options{Demo: true, ReportInterval: reportInterval, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fmt.Fprintf(out, "Up after %.1f s. Portal and tenant are connected as %s.\n\n", time.Since(began).Seconds(), s.ConnectionID)
	places(out, s, log.Name())

	if err := story.Tell(ctx, out, s, reportInterval); err != nil {
		return err
	}
	if *once {
		return nil
	}
	// The console is worth a look without it, too.
	if err := life.Bring(ctx, out, s); err != nil && ctx.Err() == nil {
		fmt.Fprintln(out, "  ✗ not all of it came about:", err)
	}
	signIn, err := consoleLink(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nEverything stays up until Ctrl-C. Open the console:\n\n    %s\n\n", signIn)
	places(out, s, log.Name())
	<-ctx.Done()
	fmt.Fprintln(out, "\nStopping ...")
	return nil
}

// consoleLink is a link to the console with a token of its own. The token stands
// behind the #, which browsers send to no server.
func consoleLink(ctx context.Context, s *stack.Stack) (string, error) {
	out, err := s.Command(ctx, nil, "token", "create", "demo", "--role", "admin", "--days", "1")
	if err != nil {
		return "", err
	}
	return s.StarterURL + "/sign-in#" + strings.TrimSpace(out), nil
}

// places lists what there is to look at.
func places(out io.Writer, s *stack.Stack, log string) {
	if s.TemporalUI != "" {
		fmt.Fprintf(out, "  Temporal UI         %s\n", s.TemporalUI)
	}
	fmt.Fprintf(out, "  starter             %s/readyz  %s/metrics\n", s.StarterURL, s.StarterMetricsURL)
	fmt.Fprintf(out, "  worker              %s/readyz  %s/metrics\n", s.WorkerURL, s.WorkerURL)
	fmt.Fprintf(out, "  HubSpot contacts    %s/_admin/portals/default/objects/contacts\n", s.HubSpotURL)
	fmt.Fprintf(out, "  participants        %s/_admin/%s/users\n", s.AdvocateURL, advocatetest.DefaultAlias)
	fmt.Fprintf(out, "  logs                %s\n", log)
	fmt.Fprintf(out, "  commands            . %s && starter connection list\n\n", s.EnvFile)
}
