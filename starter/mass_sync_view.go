package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"advocatesync/internal/api"
	"advocatesync/workflows"
)

func (a *app) printMassSync(s api.MassSync) error {
	return a.print(s, func() {
		name := fmt.Sprintf("Mass sync %d", s.Run)
		if s.DryRun {
			name = fmt.Sprintf("Dry run %d", s.Run)
		}
		fmt.Fprintf(a.out, "%s: %s\n\n", name, massSyncLine(s))
		a.tabulateMassSync(s)
		if s.Parked > 0 && !s.DryRun {
			fmt.Fprintln(a.out, "\n\"starter parked list\" shows what was parked, and why.")
		}
	})
}

// tabulateMassSync shows the results beside what the dry run predicted.
func (a *app) tabulateMassSync(s api.MassSync) {
	columns := []api.MassSyncCounts{s.MassSyncCounts}
	head := "done"
	if s.DryRun {
		head = "foretold"
	}
	if s.Predicted != nil {
		columns = append(columns, s.Predicted.MassSyncCounts)
		head += fmt.Sprintf("\tpredicted by dry run %d", s.Predicted.Run)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\t%s\t\n", head)
	for _, row := range []struct {
		name  string
		value func(api.MassSyncCounts) int64
	}{
		{"created", func(c api.MassSyncCounts) int64 { return c.Created }},
		{"matched", func(c api.MassSyncCounts) int64 { return c.Matched }},
		{"updated", func(c api.MassSyncCounts) int64 { return c.Updated }},
		{"unchanged", func(c api.MassSyncCounts) int64 { return c.Unchanged }},
		{"kept out", func(c api.MassSyncCounts) int64 { return c.Blocked }},
		{"of them without an email", func(c api.MassSyncCounts) int64 { return c.NoEmail }},
		{"parked", func(c api.MassSyncCounts) int64 { return c.Parked }},
		{"HubSpot calls", func(c api.MassSyncCounts) int64 { return c.HubSpotCalls }},
		{"Advocate calls", func(c api.MassSyncCounts) int64 { return c.AdvocateCalls }},
	} {
		fmt.Fprintf(w, "%s\t", row.name)
		for _, column := range columns {
			fmt.Fprintf(w, "%d\t", row.value(column))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // what it writes to is a person's
}

// massSyncLine describes the progress of a mass sync in one line.
func massSyncLine(s api.MassSync) string {
	line := string(s.State)
	if s.Stopping {
		line += ", being cancelled"
	}
	if s.Reason != "" {
		line += " (" + s.Reason + ")"
	}
	if s.Total > 0 {
		line += fmt.Sprintf(", %d of %d done", s.Done, s.Total)
	}
	if s.Rate > 0 {
		line += fmt.Sprintf(", %.0f/s", s.Rate)
	}
	var eta time.Duration
	if s.ETASeconds != nil {
		eta = time.Duration(*s.ETASeconds) * time.Second
	}
	switch {
	case s.State == workflows.MassSyncRunning && s.ETASeconds != nil:
		line += fmt.Sprintf(", about %s left", eta)
	case s.DryRun && s.State == workflows.MassSyncDone:
		line += fmt.Sprintf("; a mass sync would take about %s", eta)
	case s.Ended():
		line += fmt.Sprintf(", took %s", s.FinishedAt.Sub(s.CreatedAt).Round(time.Second))
	}
	return line
}

// progress shows a long run to the person who waits for it.
type progress interface {
	show(api.MassSync)
	end()
}

// newProgress returns a bar on a terminal and plain lines elsewhere. Neither is
// part of the output proper.
func (a *app) newProgress() progress {
	if file, ok := a.log.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &bar{out: a.log}
	}
	return &lines{out: a.log, now: time.Now}
}

// bar redraws itself in place.
type bar struct {
	out io.Writer
	bar *progressbar.ProgressBar // nil until the total is known
}

func (b *bar) show(s api.MassSync) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(b.out), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish())
	}
	b.bar.Describe(massSyncLine(s))
	if s.Total > 0 {
		b.bar.ChangeMax64(s.Total)
		_ = b.bar.Set64(min(s.Done, s.Total-1)) // end finishes it; a closed terminal is no failure of the command
	}
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish() // as above
	}
}

// lines reports every change of state, and the progress from time to time.
type lines struct {
	out  io.Writer
	now  func() time.Time
	last workflows.MassSyncState
	at   time.Time
}

// lineEvery is the time between two lines while the state stays the same.
const lineEvery = 5 * time.Second

func (l *lines) show(s api.MassSync) {
	if s.State == l.last && l.now().Sub(l.at) < lineEvery {
		return
	}
	l.last, l.at = s.State, l.now()
	fmt.Fprintln(l.out, massSyncLine(s))
}

func (*lines) end() {}
