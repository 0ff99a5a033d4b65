package model

import (
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// massRun is a mass sync under way.
type massRun struct {
	id  int64
	env *testsuite.TestWorkflowEnvironment
}

// resumed is how long after its start a paused mass sync is resumed, at last.
var resumed = []time.Duration{time.Hour, 3 * time.Hour, 12 * time.Hour, 48 * time.Hour, 96 * time.Hour}

// massSync starts a mass sync, and runs it to its end.
func (w *world) massSync(during []interruption, nested bool) {
	run, _, err := w.lab.store.BeginMass(w.ctx, w.connection.ID, false)
	if err != nil {
		w.t.Fatalf("begin a mass sync: %v", err)
	}
	env := w.environment(nested)
	w.arm(during, nested)
	w.mass, w.unreported = &massRun{run.ID, env}, true // a report overlaps with it
	for _, at := range resumed {
		env.RegisterDelayedCallback(func() { w.mass.steer(w, store.DesiredRunning) }, at)
	}
	w.executeRun(env, nested, workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: w.connection.ID, RunID: run.ID})
	w.mass = nil
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a mass sync fails", err)
	}
}

// steer tells a mass sync what the operator wants of it, as the operator's
// commands do: first noted, then signalled. One that has ended is let alone.
func (m *massRun) steer(w *world, desired store.Desired) {
	if m == nil {
		return
	}
	was, err := w.lab.store.Desired(w.ctx, m.id)
	if err == nil && (was == store.DesiredCancelled || desired == store.DesiredRunning && was != store.DesiredPaused) {
		return
	}
	if err == nil {
		err = w.lab.store.SetDesired(w.ctx, m.id, desired)
	}
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
	case err != nil:
		w.t.Fatalf("steer a mass sync: %v", err)
	default:
		m.env.SignalWorkflow(workflows.SignalDesired, nil)
	}
}

// pauseLasts is for how long a connection stays paused while a run waits for it: for
// less than Temporal's test environment tries an activity.
const pauseLasts = 30 * time.Second

// pause has an operator pause the connection. A program switch holds everything
// up already, and is waited for.
func (w *world) pause() {
	if w.switching || w.pausedAt != 0 {
		return
	}
	if err := w.lab.store.SetPaused(w.ctx, w.connection.ID, true); err != nil {
		w.t.Fatalf("pause the connection: %v", err)
	}
	w.pausedAt = w.tick
	w.lab.seen.pauses.Add(1)
	for _, env := range w.runs {
		env.RegisterDelayedCallback(w.resume, pauseLasts)
	}
}

// resume has the connection's work go on, if it is paused, and tells the runs.
func (w *world) resume() {
	if w.pausedAt == 0 {
		return
	}
	if err := w.lab.store.SetPaused(w.ctx, w.connection.ID, false); err != nil {
		w.t.Fatalf("resume the connection: %v", err)
	}
	w.pausedAt = 0
	for _, env := range w.runs {
		env.SignalWorkflow(workflows.SignalDesired, nil)
	}
}

// switchProgram connects the tenant's other program, in place or not, with or
// without a mass sync of everybody. What happens meanwhile happens to vendors
// and people; the product's other work waits.
func (w *world) switchProgram(s step) {
	to := programs[0]
	if w.program == to {
		to = programs[1]
	}
	w.resume() // the operator switches the program of a connection that works
	env := w.environment(false)
	w.arm(s.during, false)
	w.switching, w.unreported = true, true
	w.executeRun(env, false, workflows.ProgramSwitchName, workflows.ProgramSwitchInput{
		ConnectionID: w.connection.ID, Program: to, InPlace: s.b%2 == 0, MassSync: s.c%2 == 0,
	})
	w.switching = false
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a program switch fails", err)
		return
	}
	connection, err := w.lab.store.Connection(w.ctx, w.connection.ID)
	if err != nil {
		w.t.Fatalf("connection: %v", err)
	}
	if w.program = connection.Program; w.program != to {
		w.breaks("a program switch ends without the program that was asked for", w.program)
	}
	w.repeatable += len(w.contacts) // nothing is known of what properties hold that come back
}

// reconcile runs a reconcile to its end. Contacts that it hints at live their
// lives meanwhile.
func (w *world) reconcile(during []interruption) {
	run, _, err := w.lab.store.BeginReconcile(w.ctx, w.connection.ID, false)
	if err != nil {
		w.t.Fatalf("begin a reconcile: %v", err)
	}
	env := w.environment(false)
	w.arm(during, false)
	var beside func()
	beside = func() {
		w.relay()
		for id := w.pending(0); id != ""; id = w.pending(0) {
			w.live(id, nil, true)
		}
		if env.IsWorkflowCompleted() {
			return
		}
		next := time.Second
		if w.pausedAt != 0 {
			next = pauseLasts // nothing happens before somebody resumes it
		}
		env.RegisterDelayedCallback(beside, next)
	}
	env.RegisterDelayedCallback(beside, time.Second)
	// What moves meanwhile, the next reconcile sees.
	w.deaf = w.deaf && (len(during) > 0 || len(w.undelivered)+len(w.mail) > 0)
	w.unreported = true
	w.executeRun(env, false, workflows.ReconcileName, workflows.ReconcileInput{ConnectionID: w.connection.ID, RunID: run.ID})
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a reconcile fails", err)
	}
}

// retryParticipants is the operator who has all participants tried again that are
// parked without a contact.
func (w *world) retryParticipants() {
	var items []int64
	for _, item := range w.parked("") {
		if item.UserID != "" && item.Cause != bridge.CauseUnreadableRow {
			items = append(items, item.ID)
		}
	}
	if len(items) == 0 {
		return
	}
	run, err := w.lab.store.BeginRetry(w.ctx, w.connection.ID, items)
	if err != nil {
		w.t.Fatalf("begin a retry: %v", err)
	}
	env := w.environment(false)
	w.arm(nil, false)
	w.executeRun(env, false, workflows.RetryParkedName, workflows.RetryParkedInput{ConnectionID: w.connection.ID, RunID: run.ID})
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a retry fails", err)
	}
}

// agree reconciles: what nobody tells of comes to light, such as that staff has
// deleted a participant. The next reconcile then finds nothing that it could
// repair, and writes nothing.
func (w *world) agree() {
	w.reconcile(nil)
	w.settle()
	w.checkQuiet()
	before := w.writes()
	w.reconcile(nil)
	progress, err := w.lab.store.ReconcileProgress(w.ctx, w.connection.ID, 0)
	if err != nil {
		w.t.Fatalf("reconcile progress: %v", err)
	}
	for _, d := range progress.Drift {
		if !d.Outcome.AwaitsPerson() {
			w.breaks("a reconcile in a quiet moment finds a difference", d.Class, d.Outcome, d.N)
		}
	}
	if got := w.writes(); got != before {
		w.breaks("a reconcile in a quiet moment writes", got, before)
	}
	w.checkReturned()
}
