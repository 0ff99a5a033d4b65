package console

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"advocatesync/internal/api"
)

// reconcilesView lists the latest reconciles, and starts one.
type reconcilesView struct {
	scope

	Runs     []reconcileView
	UnderWay *reconcileView // nil: none
}

// reconcileView is one reconcile, or a dry run of one.
type reconcileView struct {
	scope
	api.Reconcile

	Name     string
	State    state
	Step     string
	ETA      string // empty: not known
	Took     string // empty: it goes on
	Drift    []driftView
	CanPause bool
	CanGoOn  bool
	CanStop  bool
}

func reconcileViewOf(r api.Reconcile) reconcileView {
	view := reconcileView{
		Reconcile: r, Name: fmt.Sprintf("Reconcile %d", r.Run), State: runState(r.State, r.Stopping, r.Reason),
		Step: strings.ReplaceAll(string(r.Step), "_", " "), Drift: driftViews(r.Drift),
	}
	if r.DryRun {
		view.Name = fmt.Sprintf("Dry run %d", r.Run)
	}
	if r.ETASeconds != nil {
		view.ETA = aboutDuration(*r.ETASeconds)
	}
	if r.Ended() {
		view.Took = shortDuration(r.FinishedAt.Sub(r.CreatedAt))
	}
	view.CanPause, view.CanGoOn, view.CanStop = steps(r.State, r.Ended(), r.Stopping)
	return view
}

func (c *Console) reconciles(v *visit) (answer, error) {
	runs, err := v.client.Reconciles(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view := &reconcilesView{}
	for i, run := range runs {
		one := reconcileViewOf(run)
		view.Runs = append(view.Runs, one)
		if i == 0 && !run.Ended() {
			view.UnderWay = &one
		}
	}
	return page{name: "reconciles", title: "Reconcile", view: view}, nil
}

func (c *Console) showReconcile(v *visit) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	status, err := v.client.Reconcile(v.ctx(), v.connection(), run)
	if err != nil {
		return nil, err
	}
	view := reconcileViewOf(status)
	return page{name: "reconcile", title: view.Name, view: &view}, nil
}

func (c *Console) followReconcile(v *visit) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	return live{page: "reconcile", region: func(ctx context.Context) (viewOf, bool, error) {
		status, err := v.client.Reconcile(ctx, v.connection(), run)
		view := reconcileViewOf(status)
		return &view, status.Ended(), err
	}}, nil
}

// askReconcile says what a reconcile will do, by the latest dry run, and asks.
func (c *Console) askReconcile(v *visit) (answer, error) {
	view := &askView{Action: v.path("reconciles"), Button: "Start the reconcile", Back: v.path("reconciles")}
	runs, err := v.client.Reconciles(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view.Lines = []string{"Every contact in HubSpot and everybody in Advocate is read and compared. Differences are repaired by the ordinary paths."}
	if len(runs) > 0 && runs[0].DryRun && runs[0].Ended() {
		dry := runs[0]
		view.Lines = append(view.Lines, fmt.Sprintf("Dry run %d compared %s and found %s.", dry.Run, plural(dry.Pairs, "pair", "pairs"), plural(dry.Found, "difference", "differences")))
		for _, d := range driftViews(dry.Drift) {
			view.Lines = append(view.Lines, fmt.Sprintf("%s: %s (%s).", d.Class, count(d.Count), d.Outcome))
		}
	} else {
		view.Lines = append(view.Lines, "No dry run has said how many differences there are. Go back and run one to know the numbers first.")
	}
	view.Lines = append(view.Lines, "As always, many deletions at once wait for your approval. Live work goes first.")
	return page{name: "ask", title: "Start a reconcile", view: view}, nil
}

// askCancelReconcile says in numbers what is repaired and what is not, and asks.
func (c *Console) askCancelReconcile(v *visit) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	r, err := v.client.Reconcile(v.ctx(), v.connection(), run)
	if err != nil {
		return nil, err
	}
	below := v.path("reconciles", strconv.FormatInt(run, 10))
	if r.Ended() {
		return see{path: below, notice: "The run has ended already."}, nil
	}
	view := &askView{Action: below + "/cancel", Button: "Stop the reconcile", Danger: true, Back: below, Lines: []string{
		fmt.Sprintf("%s compared so far, and %s found. %s repaired; that stays.",
			plural(r.Pairs, "pair was", "pairs were"), plural(r.Found, "difference was", "differences were"), plural(r.Repaired, "was", "were")),
		"A stopped run does not establish that both sides agree. The next one runs within a day, or when somebody starts it.",
	}}
	if r.DryRun {
		view.Button, view.Lines = "Stop the dry run", []string{"Nothing was repaired, and nothing will be. What was counted so far stays on its page."}
	}
	return page{name: "ask", title: "Stop " + lowerStart(reconcileViewOf(r).Name), view: view}, nil
}

func (c *Console) startReconcile(v *visit) (answer, error) {
	started, err := v.client.StartReconcile(v.ctx(), v.connection(), api.StartReconcile{DryRun: v.PostFormValue("dry_run") != ""})
	if err != nil {
		return nil, err
	}
	return see{path: v.path("reconciles", strconv.FormatInt(started.Run, 10))}, nil
}

func (c *Console) pauseReconcile(v *visit) (answer, error) {
	return v.steerReconcile((*api.Client).PauseReconcile)
}

func (c *Console) resumeReconcile(v *visit) (answer, error) {
	return v.steerReconcile((*api.Client).ResumeReconcile)
}

func (c *Console) cancelReconcile(v *visit) (answer, error) {
	return v.steerReconcile((*api.Client).CancelReconcile)
}

func (v *visit) steerReconcile(steer func(c *api.Client, ctx context.Context, connection string, run int64) (api.Reconcile, error)) (answer, error) {
	run, err := v.runNumber()
	if err != nil {
		return nil, err
	}
	if _, err := steer(v.client, v.ctx(), v.connection(), run); err != nil {
		return nil, err
	}
	return see{path: v.path("reconciles", strconv.FormatInt(run, 10))}, nil
}
