package console

import (
	"context"
	"fmt"
	"strconv"

	"advocatesync/internal/api"
	"advocatesync/workflows"
)

// massSyncsView lists the latest mass syncs, and starts one.
type massSyncsView struct {
	scope

	Runs     []massSyncView
	UnderWay *massSyncView // nil: none
	Foretold *massSyncView // the latest dry run that has ended, if nothing came after it
}

// massSyncView is one mass sync, or a dry run of one.
type massSyncView struct {
	scope
	api.MassSync

	Name     string
	State    state
	Percent  int64
	ETA      string // empty: not known
	Took     string // empty: it goes on
	Rows     []countRow
	CanPause bool
	CanGoOn  bool
	CanStop  bool
	CanStart bool // a mass sync is what comes next
}

// countRow is one number of a run, beside what a dry run foretold.
type countRow struct {
	Name          string
	Now, Foretold int64 // without a dry run before it, nothing was foretold
}

func massSyncViewOf(m api.MassSync) massSyncView {
	view := massSyncView{MassSync: m, Name: fmt.Sprintf("Mass sync %d", m.Run), Percent: percent(m.Done, m.Total)}
	if m.DryRun {
		view.Name = fmt.Sprintf("Dry run %d", m.Run)
	}
	view.State = runState(m.State, m.Stopping, m.Reason)
	if m.ETASeconds != nil {
		view.ETA = aboutDuration(*m.ETASeconds)
	}
	if m.Ended() {
		view.CanStart = m.DryRun || m.State != workflows.MassSyncDone
		view.Took = shortDuration(m.FinishedAt.Sub(m.CreatedAt))
	}
	view.CanPause, view.CanGoOn, view.CanStop = steps(m.State, m.Ended(), m.Stopping)
	var foretold *api.MassSyncCounts
	if m.Predicted != nil {
		foretold = &m.Predicted.MassSyncCounts
	}
	for _, row := range []struct {
		name  string
		value func(api.MassSyncCounts) int64
	}{
		{"Participants in Advocate", func(c api.MassSyncCounts) int64 { return c.Total }},
		{"Contacts created", func(c api.MassSyncCounts) int64 { return c.Created }},
		{"Matched to a contact", func(c api.MassSyncCounts) int64 { return c.Matched }},
		{"Contacts updated", func(c api.MassSyncCounts) int64 { return c.Updated }},
		{"Unchanged", func(c api.MassSyncCounts) int64 { return c.Unchanged }},
		{"Kept out by a rule, an erasure, or a missing email", func(c api.MassSyncCounts) int64 { return c.Blocked }},
		{"Parked", func(c api.MassSyncCounts) int64 { return c.Parked }},
		{"HubSpot calls", func(c api.MassSyncCounts) int64 { return c.HubSpotCalls }},
		{"Advocate calls", func(c api.MassSyncCounts) int64 { return c.AdvocateCalls }},
	} {
		r := countRow{Name: row.name, Now: row.value(m.MassSyncCounts)}
		if foretold != nil {
			r.Foretold = row.value(*foretold)
		}
		view.Rows = append(view.Rows, r)
	}
	return view
}

// steps tells what can be asked of a run in a state.
func steps(s workflows.MassSyncState, ended, stopping bool) (pause, goOn, stop bool) {
	if ended || stopping {
		return false, false, false
	}
	paused := s == workflows.MassSyncPaused
	return !paused, paused, true
}

// runState says in one sentence where a run stands.
func runState(s workflows.MassSyncState, stopping bool, reason string) state {
	switch {
	case stopping:
		return warn("Stops once what was begun has finished.")
	case s == workflows.MassSyncPlanning:
		return busy("Reads and plans; nothing is written yet.")
	case s == workflows.MassSyncRunning:
		return busy("Under way.")
	case s == workflows.MassSyncPaused:
		return warn("Paused: what was begun finishes, the rest waits.")
	case s == workflows.MassSyncDone:
		return good("Done.")
	case s == workflows.MassSyncCancelled:
		return warn("Stopped: what was done stays. The next run does the rest.")
	default:
		return bad("Failed: " + sentence(reason))
	}
}

func (c *Console) massSyncs(v *visit) (answer, error) {
	runs, err := v.client.MassSyncs(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view := &massSyncsView{}
	for i, run := range runs {
		one := massSyncViewOf(run)
		view.Runs = append(view.Runs, one)
		switch {
		case i > 0:
		case !run.Ended():
			view.UnderWay = &one
		case run.DryRun && run.State == workflows.MassSyncDone:
			view.Foretold = &one
		}
	}
	return page{name: "mass_syncs", title: "Mass sync", view: view}, nil
}

// runNumber reads the number of a run in the address.
func (v *visit) runNumber() (int64, error) {
	n, err := strconv.ParseInt(v.PathValue("run"), 10, 64)
	if err != nil || n < 1 {
		return 0, notFound("There is no such run.")
	}
	return n, nil
}

func (c *Console) showMassSync(v *visit) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	status, err := v.client.MassSync(v.ctx(), v.connection(), run)
	if err != nil {
		return nil, err
	}
	view := massSyncViewOf(status)
	return page{name: "mass_sync", title: view.Name, view: &view}, nil
}

func (c *Console) followMassSync(v *visit) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	return live{page: "mass_sync", region: func(ctx context.Context) (viewOf, bool, error) {
		status, err := v.client.MassSync(ctx, v.connection(), run)
		view := massSyncViewOf(status)
		return &view, status.Ended(), err
	}}, nil
}

// askMassSync says what a mass sync will do, by the latest dry run, and asks.
func (c *Console) askMassSync(v *visit) (answer, error) {
	view := &askView{
		Action: v.path("mass-syncs"), Button: "Start the mass sync", Back: v.path("mass-syncs"),
		Hidden: []field{{"verify", v.URL.Query().Get("verify")}},
	}
	runs, err := v.client.MassSyncs(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	if len(runs) > 0 && runs[0].DryRun && runs[0].State == workflows.MassSyncDone {
		dry := massSyncViewOf(runs[0])
		view.Lines = []string{
			fmt.Sprintf("By dry run %d, %s will be read.", dry.Run, plural(dry.Total, "participant", "participants")),
			fmt.Sprintf("%s will be created in HubSpot, %s matched, %s updated, %s left as they are.",
				plural(dry.Created, "contact", "contacts"), count(dry.Matched), count(dry.Updated), count(dry.Unchanged)),
			fmt.Sprintf("%s will be kept out by a rule, an erasure, or a missing email; %s parked.", count(dry.Blocked), count(dry.Parked)),
			fmt.Sprintf("It takes %s and %s. It can be paused, resumed and stopped.", plural(dry.HubSpotCalls, "HubSpot call", "HubSpot calls"), dry.ETA),
		}
	} else {
		view.Lines = []string{
			"All participants of the tenant are read, and their contacts are created, matched or updated as the sharing rules say.",
			"No dry run has said how many that are. Go back and run one to know the numbers first.",
		}
		if len(runs) > 0 && runs[0].State == workflows.MassSyncCancelled && runs[0].Total > 0 {
			view.Lines[1] = fmt.Sprintf("Mass sync %d was stopped after %s of %s. They are read again, and nothing is written where both sides agree.",
				runs[0].Run, count(runs[0].Done), plural(runs[0].Total, "participant", "participants"))
		}
	}
	if v.URL.Query().Get("verify") != "" {
		view.Lines = append(view.Lines, "Every mapped contact is read and compared as well, and what others have overwritten is repaired.")
	}
	return page{name: "ask", title: "Start a mass sync", view: view}, nil
}

// askCancelMassSync says in numbers what is done and what is not, and asks.
func (c *Console) askCancelMassSync(v *visit) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	m, err := v.client.MassSync(v.ctx(), v.connection(), run)
	if err != nil {
		return nil, err
	}
	below := v.path("mass-syncs", strconv.FormatInt(run, 10))
	if m.Ended() {
		return see{path: below, notice: "The run has ended already."}, nil
	}
	view := &askView{Action: below + "/cancel", Danger: true, Back: below}
	name := massSyncViewOf(m).Name
	if m.DryRun {
		view.Button, view.Lines = "Stop the dry run", []string{"Nothing was written, and nothing will be. What was counted so far stays on its page."}
	} else {
		view.Button, view.Lines = "Stop the mass sync", stopLines(m.Done, m.Total)
	}
	return page{name: "ask", title: "Stop " + lowerStart(name), view: view}, nil
}

// stopLines say what the end of a mass sync leaves done and undone.
func stopLines(done, total int64) []string {
	if total == 0 {
		return []string{"It is still reading and planning: nothing was written.", "A run that was stopped cannot be resumed. To continue this one later, go back and pause it."}
	}
	return []string{
		fmt.Sprintf("%s of %s are done. What is done stays.", count(done), plural(total, "participant", "participants")),
		plural(max(0, total-done), "participant is", "participants are") + " left as before.",
		"A run that was stopped cannot be resumed, but the next one does the rest. To continue this one later, go back and pause it.",
	}
}

func (c *Console) startMassSync(v *visit) (answer, error) {
	started, err := v.client.StartMassSync(v.ctx(), v.connection(), api.StartMassSync{
		DryRun: v.PostFormValue("dry_run") != "", Verify: v.PostFormValue("verify") != "",
	})
	if err != nil {
		return nil, err
	}
	return see{path: v.path("mass-syncs", strconv.FormatInt(started.Run, 10))}, nil
}

func (c *Console) pauseMassSync(v *visit) (answer, error) {
	return v.steerMassSync((*api.Client).PauseMassSync)
}

func (c *Console) resumeMassSync(v *visit) (answer, error) {
	return v.steerMassSync((*api.Client).ResumeMassSync)
}

func (c *Console) cancelMassSync(v *visit) (answer, error) {
	return v.steerMassSync((*api.Client).CancelMassSync)
}

func (v *visit) steerMassSync(steer func(c *api.Client, ctx context.Context, connection string, run int64) (api.MassSync, error)) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	if _, err := steer(v.client, v.ctx(), v.connection(), run); err != nil {
		return nil, err
	}
	return see{path: v.path("mass-syncs", strconv.FormatInt(run, 10))}, nil
}
