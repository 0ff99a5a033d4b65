package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"advocatesync/internal/operator"
	"advocatesync/workflows"
)

// massSyncJSON is the status of a mass sync for scripts. The numbers of a dry
// run are predictions.
type massSyncJSON struct {
	Run          int64  `json:"run"`
	ConnectionID string `json:"connection_id"`
	DryRun       bool   `json:"dry_run"`
	State        string `json:"state"`
	Reason       string `json:"reason,omitempty"` // why it failed

	massSyncCounts
	Done       int64   `json:"done"`
	Rate       float64 `json:"rate"`        // participants a second, lately; 0: not known
	ETASeconds *int64  `json:"eta_seconds"` // null: not known. Of a finished dry run, what the real one will take

	CreatedAt  string          `json:"created_at"`
	FinishedAt string          `json:"finished_at,omitempty"`
	Predicted  *massSyncCounts `json:"predicted,omitempty"` // by the latest dry run before it
}

// massSyncCounts is what became of the participants, and what it took.
type massSyncCounts struct {
	Total         int64 `json:"total"`
	Created       int64 `json:"created"`
	Matched       int64 `json:"matched"`
	Updated       int64 `json:"updated"`
	Unchanged     int64 `json:"unchanged"`
	Blocked       int64 `json:"blocked"`  // kept out by a rule or a tombstone, or for want of an email
	NoEmail       int64 `json:"no_email"` // of those blocked
	Parked        int64 `json:"parked"`
	HubSpotCalls  int64 `json:"hubspot_calls"`
	AdvocateCalls int64 `json:"advocate_calls"`
}

func countsView(s operator.MassSyncStatus) massSyncCounts {
	return massSyncCounts{
		Total: s.Total, Created: s.Created, Matched: s.Matched, Updated: s.Updated, Unchanged: s.Unchanged,
		Blocked: s.KeptOut(), NoEmail: s.NoEmail, Parked: s.Parked,
		HubSpotCalls: s.HubSpotCalls, AdvocateCalls: s.AdvocateCalls,
	}
}

func massSyncView(s operator.MassSyncStatus) massSyncJSON {
	view := massSyncJSON{
		Run: s.ID, ConnectionID: s.ConnectionID, DryRun: s.DryRun, State: string(s.State), Reason: s.Reason,
		massSyncCounts: countsView(s), Done: s.Done(), Rate: math.Round(s.Rate*10) / 10,
		CreatedAt: stamp(s.CreatedAt), FinishedAt: stamp(s.FinishedAt),
	}
	if s.ETAKnown {
		seconds := int64(math.Ceil(s.ETA.Seconds()))
		view.ETASeconds = &seconds
	}
	if s.Predicted != nil {
		predicted := countsView(*s.Predicted)
		view.Predicted = &predicted
	}
	return view
}

func (a *app) printMassSync(s operator.MassSyncStatus) error {
	return a.print(massSyncView(s), func() {
		name := fmt.Sprintf("Mass sync %d", s.ID)
		if s.DryRun {
			name = fmt.Sprintf("Dry run %d", s.ID)
		}
		fmt.Fprintf(a.out, "%s: %s\n\n", name, massSyncLine(s))
		a.tabulateMassSync(s)
		if s.Parked > 0 && !s.DryRun {
			fmt.Fprintln(a.out, "\n\"starter parked list\" says what was parked, and why.")
		}
	})
}

// tabulateMassSync shows what became of the participants, beside what was
// foretold.
func (a *app) tabulateMassSync(s operator.MassSyncStatus) {
	columns := []operator.MassSyncStatus{s}
	head := "done"
	if s.DryRun {
		head = "foretold"
	}
	if s.Predicted != nil {
		columns = append(columns, *s.Predicted)
		head += fmt.Sprintf("\tforetold by dry run %d", s.Predicted.ID)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\t%s\t\n", head)
	for _, row := range []struct {
		name  string
		value func(operator.MassSyncStatus) int64
	}{
		{"created", func(s operator.MassSyncStatus) int64 { return s.Created }},
		{"matched", func(s operator.MassSyncStatus) int64 { return s.Matched }},
		{"updated", func(s operator.MassSyncStatus) int64 { return s.Updated }},
		{"unchanged", func(s operator.MassSyncStatus) int64 { return s.Unchanged }},
		{"kept out", operator.MassSyncStatus.KeptOut},
		{"of them without an email", func(s operator.MassSyncStatus) int64 { return s.NoEmail }},
		{"parked", func(s operator.MassSyncStatus) int64 { return s.Parked }},
		{"HubSpot calls", func(s operator.MassSyncStatus) int64 { return s.HubSpotCalls }},
		{"Advocate calls", func(s operator.MassSyncStatus) int64 { return s.AdvocateCalls }},
	} {
		fmt.Fprintf(w, "%s\t", row.name)
		for _, column := range columns {
			fmt.Fprintf(w, "%d\t", row.value(column))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // what it writes to is a person's
}

// massSyncLine says in one line how far a mass sync is.
func massSyncLine(s operator.MassSyncStatus) string {
	line := string(s.State)
	if s.Stopping {
		line += ", being cancelled"
	}
	if s.Reason != "" {
		line += " (" + s.Reason + ")"
	}
	if s.Total > 0 {
		line += fmt.Sprintf(", %d of %d done", s.Done(), s.Total)
	}
	if s.Rate > 0 {
		line += fmt.Sprintf(", %.0f/s", s.Rate)
	}
	switch eta := s.ETA.Round(time.Second); {
	case s.State == workflows.MassSyncRunning && s.ETAKnown:
		line += fmt.Sprintf(", about %s left", eta)
	case s.DryRun && s.State == workflows.MassSyncDone:
		line += fmt.Sprintf("; a mass sync would take about %s", eta)
	case s.Ended():
		line += fmt.Sprintf(", took %s", s.FinishedAt.Sub(s.CreatedAt).Round(time.Second))
	}
	return line
}

// progress shows a long run to whoever waits for it.
type progress interface {
	tell(operator.MassSyncStatus)
	end()
}

// newProgress returns a bar on a terminal and plain lines elsewhere. Neither is
// part of the result.
func (a *app) newProgress() progress {
	if file, ok := a.log.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &bar{out: a.log}
	}
	return &lines{out: a.log, now: time.Now}
}

// bar draws itself anew in place.
type bar struct {
	out io.Writer
	bar *progressbar.ProgressBar // nil until the total is known
}

func (b *bar) tell(s operator.MassSyncStatus) {
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(b.out), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish())
	}
	b.bar.Describe(massSyncLine(s))
	if s.Total > 0 {
		b.bar.ChangeMax64(s.Total)
		_ = b.bar.Set64(min(s.Done(), s.Total-1)) // end finishes it; a closed terminal is no failure of the command
	}
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish() // as above
	}
}

// lines tells every change of the state, and else how far it is from time to
// time.
type lines struct {
	out  io.Writer
	now  func() time.Time
	last workflows.MassSyncState
	at   time.Time
}

// lineEvery is the time between two lines while the state stays the same.
const lineEvery = 5 * time.Second

func (l *lines) tell(s operator.MassSyncStatus) {
	if s.State == l.last && l.now().Sub(l.at) < lineEvery {
		return
	}
	l.last, l.at = s.State, l.now()
	fmt.Fprintln(l.out, massSyncLine(s))
}

func (*lines) end() {}
