package workflows

import (
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"advocatesync/activities"

	enumspb "go.temporal.io/api/enums/v1"
)

// ReconcileScheduleID returns the id of a connection's reconcile schedule, which is
// the prefix of the ids of its runs.
func ReconcileScheduleID(connectionID string) string { return "reconcile/" + connectionID }

// ReconcileID returns the workflow id of one reconcile.
func ReconcileID(connectionID string, runID int64) string {
	return ReconcileScheduleID(connectionID) + "/" + strconv.FormatInt(runID, 10)
}

// ReconcileInput names a reconcile that was begun in the database, and carries its
// state over continue-as-new. A schedule names no run: the workflow then begins
// one.
type ReconcileInput struct {
	ConnectionID string `json:"connection_id"`
	RunID        int64  `json:"run_id,omitempty"`
	DryRun       bool   `json:"dry_run,omitempty"`

	// Carried over continue-as-new only.
	Compared bool `json:"compared,omitempty"`
	Filled   bool `json:"filled,omitempty"`
	Pages    int  `json:"pages,omitempty"` // of repairs
	Next     int  `json:"next,omitempty"`  // pages up to here are done
}

// ReconcileProgress is how far a reconcile is: its result, and the answer to
// QueryProgress.
type ReconcileProgress struct {
	State   MassSyncState               `json:"state"`
	Summary activities.ReconcileSummary `json:"summary"`
}

// Reconcile finds where the two sides of a connection differ, and repairs the
// differences. It lists all contacts in HubSpot, exports all participants from
// Advocate, compares the two, and repairs each difference by the ordinary paths:
// values in pages, everything else by the contacts' own workflows, which read the
// record again before they act. A workflow that is started again continues where
// the last one stopped.
func Reconcile(ctx workflow.Context, in ReconcileInput) (ReconcileProgress, error) {
	if in.RunID == 0 {
		return reconcileWhenDue(ctx, in)
	}
	r := &reconcile{in: in, steeredRun: newSteeredRun(ctx, in.RunID)}
	r.pages = in.Pages
	r.details = r.describe
	err := workflow.SetQueryHandler(ctx, QueryProgress, func() (ReconcileProgress, error) { return r.progress(), nil })
	if err != nil {
		return ReconcileProgress{}, err
	}
	err = r.end(ctx, r.reconcile(ctx))
	if workflow.IsContinueAsNewError(err) {
		return ReconcileProgress{}, err
	}
	return r.progress(), err
}

// reconcileWhenDue begins the reconcile that the schedule asks for and waits for
// its end, so that the schedule starts no other. The run has a workflow of its own,
// like one that a person starts. If that workflow is running already, it is left
// alone.
func reconcileWhenDue(ctx workflow.Context, in ReconcileInput) (ReconcileProgress, error) {
	var run activities.Run
	begin := activities.BeginReconcileInput{ConnectionID: in.ConnectionID}
	if err := workflow.ExecuteActivity(bulk(ctx, "begin the reconcile"), reconciles.BeginReconcile, begin).Get(ctx, &run); err != nil {
		return ReconcileProgress{}, err
	}
	in.RunID = run.ID
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            ReconcileID(in.ConnectionID, run.ID),
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         "reconcile of connection " + in.ConnectionID,
		TypedSearchAttributes: temporal.NewSearchAttributes(SearchConnectionID.ValueSet(in.ConnectionID)),
	})
	var result ReconcileProgress
	err := workflow.ExecuteChildWorkflow(ctx, ReconcileName, in).Get(ctx, &result)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return ReconcileProgress{State: MassSyncRunning}, nil
	}
	return result, err
}

// reconcile is one reconcile under way.
type reconcile struct {
	steeredRun
	in      ReconcileInput
	summary activities.ReconcileSummary
}

func (r *reconcile) reconcile(ctx workflow.Context) error {
	if !r.in.Compared {
		for _, step := range []func(workflow.Context) error{r.list, r.export, r.compare} {
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
	if !r.in.DryRun {
		for _, step := range []func(workflow.Context) error{r.park, r.applyPages, r.hint} {
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
	if err := workflow.ExecuteActivity(bulk(ctx, "finish"), reconciles.FinishReconcile, r.run).Get(ctx, &r.summary); err != nil {
		return err
	}
	r.show(ctx, MassSyncDone, r.counts)
	return nil
}

// list lists HubSpot's contacts. The database keeps the cursor.
func (r *reconcile) list(ctx workflow.Context) error {
	for {
		if err := r.await(ctx); err != nil {
			return err
		}
		var part activities.ListContactsResult
		summary := fmt.Sprintf("list contacts, %d so far", r.summary.Contacts)
		if err := workflow.ExecuteActivity(bulk(ctx, summary), reconciles.ListContacts, r.run).Get(ctx, &part); err != nil {
			return err
		}
		r.summary.Contacts += part.Contacts
		if part.Listed {
			return nil
		}
		if err := r.shorten(ctx); err != nil {
			return err
		}
	}
}

// export stages all participants. An export may take long, or never become ready.
func (r *reconcile) export(ctx workflow.Context) error {
	return r.unlessCancelled(ctx, r.fetchEverybody)
}

// compare reads again what changed while both sides were being read, then finds the
// differences.
func (r *reconcile) compare(ctx workflow.Context) error {
	if err := r.await(ctx); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(bulk(ctx, "read again what moved"), reconciles.RereadMoved, r.run).Get(ctx, nil); err != nil {
		return err
	}
	var compared activities.CompareResult
	if err := workflow.ExecuteActivity(bulk(ctx, "compare"), reconciles.Compare, r.run).Get(ctx, &compared); err != nil {
		return err
	}
	r.in.Compared, r.in.Pages = true, compared.Pages
	return r.sum(ctx)
}

// park parks the differences that only a person can resolve.
func (r *reconcile) park(ctx workflow.Context) error {
	return workflow.ExecuteActivity(bulk(ctx, "park what needs a person"), reconciles.ParkFindings, r.run).Get(ctx, nil)
}

// applyPages writes values, a hundred contacts per call.
func (r *reconcile) applyPages(ctx workflow.Context) error {
	for r.in.Next < r.in.Pages {
		if err := r.await(ctx); err != nil {
			return err
		}
		if !r.in.Filled {
			if err := workflow.ExecuteActivity(bulk(ctx, "get the values to write"), reconciles.FillPages, r.run).Get(ctx, nil); err != nil {
				return err
			}
			r.in.Filled = true
		}
		var err error
		if r.in.Next, err = r.apply(ctx, r.in.Next, r.in.Pages); err != nil {
			return err
		}
		if err := r.shorten(ctx); err != nil {
			return err
		}
	}
	return nil
}

const (
	hintPause    = 2 * time.Second
	hintPauseMax = 30 * time.Second
	// hintPatience is how long a reconcile waits for contacts' workflows that do not
	// answer. Deletions are held for a minute. What takes longer is left to the next
	// reconcile.
	hintPatience = 10 * time.Minute
)

// hint has contacts repaired by their own workflows, a few hundred at a time, and
// waits until they have answered.
func (r *reconcile) hint(ctx workflow.Context) error {
	var last activities.Repairs
	moved, pause := workflow.Now(ctx), hintPause
	for {
		asked := workflow.Now(ctx)
		if err := r.await(ctx); err != nil {
			return err
		}
		moved = moved.Add(workflow.Now(ctx).Sub(asked)) // a pause does not count as a delay
		var now activities.Repairs
		if err := workflow.ExecuteActivity(bulk(ctx, "repair contacts"), reconciles.AdvanceHints, r.run).Get(ctx, &now); err != nil {
			return err
		}
		if now.Open == 0 && now.Left == 0 {
			return nil
		}
		if now != last {
			last, moved, pause = now, workflow.Now(ctx), hintPause
		} else if workflow.Now(ctx).Sub(moved) >= hintPatience {
			return nil
		}
		why := fmt.Sprintf("wait until %d contacts are repaired", now.Open)
		if err := workflow.NewTimerWithOptions(ctx, pause, workflow.TimerOptions{Summary: why}).Get(ctx, nil); err != nil {
			return err
		}
		pause = min(2*pause, hintPauseMax)
		if err := r.shorten(ctx); err != nil {
			return err
		}
	}
}

// shorten continues as new once the history is long.
func (r *reconcile) shorten(ctx workflow.Context) error {
	if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return nil
	}
	return workflow.NewContinueAsNewError(ctx, ReconcileName, r.in)
}

// sum reads the counts so far.
func (r *reconcile) sum(ctx workflow.Context) error {
	err := workflow.ExecuteActivity(bulk(ctx, "add up what was found"), reconciles.ReconcileProgress, r.run).Get(ctx, &r.summary)
	if err == nil {
		r.show(ctx, r.state, r.counts)
	}
	return err
}

func (r *reconcile) progress() ReconcileProgress {
	return ReconcileProgress{State: r.state, Summary: r.summary}
}

func (r *reconcile) describe() string {
	s := r.summary
	return fmt.Sprintf("**%s**: %d contacts listed, %d pairs compared, %d differences found, %d repaired, %d left.",
		r.state, s.Contacts, s.Pairs, s.Found, s.Repaired, s.Left)
}
