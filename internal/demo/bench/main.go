// Command bench measures mass syncs, reports, reconciles, and bursts of imports, deletions and deals, on this machine, against stand-ins that
// enforce HubSpot's limit of 110 calls in any ten seconds, and prints one table.
//
//	go run -C internal/demo ./bench                          all scenarios, small: about ten minutes
//	go run -C internal/demo ./bench -records 100000 mapped   one of them, large
//
// Everything is real but the vendors: worker and starter are the binaries that
// production runs, Temporal and PostgreSQL are servers. The stand-ins run in
// processes of their own. Nothing is judged: machines are noisy.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"advocatesync/internal/demo/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what the scenarios share.
type bench struct {
	records  int       // participants of a scenario
	live     int       // contacts created while a mass sync runs
	burstOf  int       // deals that are won at once
	imports  int       // contacts of an import
	deleted  int       // contacts that are deleted at once
	sizes    []int     // of the growth scenario
	profile  string    // folder for profiles of the worker; empty: none
	log      io.Writer // what happens meanwhile
	binaries string
	table    table
}

// scenarios in the order in which they run.
var scenarios = []struct {
	name, about string
	run         func(*bench, context.Context) error
}{
	{"mapped", "mapped participants whose values changed, then a second mass sync without news", (*bench).mapped},
	{"unmapped", "participants without a contact, half of whom HubSpot knows by email", (*bench).unmapped},
	{"report", "mapped participants who all changed since the last report, without HubSpot's limit", (*bench).report},
	{"live", "contacts created in HubSpot while a mass sync runs", (*bench).liveBeside},
	{"import", "contacts created by an import, and by form beside it", (*bench).imported},
	{"reconcile", "mapped participants in step, but for a thousandth; contacts created by form beside it", (*bench).reconcile},
	{"deletions", "contacts deleted at once, held back, approved; contacts created by form beside it", (*bench).deletions},
	{"deals", "deals that are won at once, with HubSpot's limit and without", (*bench).deals},
	{"growth", "mapped participants at several sizes, without HubSpot's limit", (*bench).growth},
}

func run(ctx context.Context, args []string, out, log io.Writer) error {
	b, wanted, err := asked(args, log)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "advocatesync-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system cleans its folder for such files
	b.binaries = dir
	if err := stack.Build(ctx, dir); err != nil {
		return err
	}
	began := time.Now()
	for _, scenario := range scenarios {
		if !wanted[scenario.name] {
			continue
		}
		b.say("%s: %s", scenario.name, scenario.about)
		if err := scenario.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", scenario.name, err)
		}
	}
	fmt.Fprintf(out, "%s, %d CPUs, %s; took %s\n\n", time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(),
		time.Since(began).Round(time.Second))
	return b.table.show(out)
}

// asked is the bench that the command line asks for, and which scenarios it names.
func asked(args []string, log io.Writer) (*bench, map[string]bool, error) {
	b := &bench{log: log, table: table{log: log}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.IntVar(&b.records, "records", 30_000, "participants of a scenario")
	flags.IntVar(&b.live, "live", 200, "contacts created while a mass sync runs")
	flags.IntVar(&b.burstOf, "deals", 1000, "deals that are won at once")
	flags.IntVar(&b.imports, "imports", 3000, "contacts of an import")
	flags.IntVar(&b.deleted, "deleted", 1000, "contacts that are deleted at once")
	sizes := flags.String("sizes", "10000,100000", "participants of each step of the growth scenario")
	flags.StringVar(&b.profile, "profile", "", "write CPU profiles of the worker into this folder")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n <= 0 {
			return nil, nil, fmt.Errorf("-sizes: %q is not a number of participants", size)
		}
		b.sizes = append(b.sizes, n)
	}
	wanted, err := choose(flags.Args())
	return b, wanted, err
}

func usage(flags *flag.FlagSet) {
	out := flags.Output()
	fmt.Fprintln(out, "bench [flags] [scenario...]")
	for _, scenario := range scenarios {
		fmt.Fprintf(out, "  %-10s%s\n", scenario.name, scenario.about)
	}
	flags.PrintDefaults()
}

// choose returns the scenarios that were named, or all.
func choose(names []string) (map[string]bool, error) {
	wanted, known := map[string]bool{}, map[string]bool{}
	for _, scenario := range scenarios {
		known[scenario.name] = true
		wanted[scenario.name] = len(names) == 0
	}
	for _, name := range names {
		if !known[name] {
			return nil, fmt.Errorf("there is no scenario %q", name)
		}
		wanted[name] = true
	}
	return wanted, nil
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
