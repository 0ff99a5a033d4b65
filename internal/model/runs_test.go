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
	w.execute(env, nested, workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: w.connection.ID, RunID: run.ID})
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

// switchProgram connects the tenant's other program, in place or not, with or
// without a mass sync of everybody. What happens meanwhile happens to vendors
// and people; the product's other work waits.
func (w *world) switchProgram(s step) {
	to := programs[0]
	if w.program == to {
		to = programs[1]
	}
	env := w.environment(false)
	w.arm(s.during, false)
	w.switching, w.unreported = true, true
	w.execute(env, false, workflows.ProgramSwitchName, workflows.ProgramSwitchInput{
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
		if !env.IsWorkflowCompleted() {
			env.RegisterDelayedCallback(beside, time.Second)
		}
	}
	env.RegisterDelayedCallback(beside, time.Second)
	w.deaf, w.unreported = false, true
	w.execute(env, false, workflows.ReconcileName, workflows.ReconcileInput{ConnectionID: w.connection.ID, RunID: run.ID})
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a reconcile fails", err)
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
	if len(w.ref.maybeEmails) > 0 {
		// A pair with an erased person's email or ids is left alone by the contact's
		// life, or unmade by it, and every reconcile names it again: not proven here.
		return
	}
	for _, d := range progress.Drift {
		if !d.Outcome.AwaitsPerson() {
			w.breaks("a reconcile in a quiet moment finds a difference", d.Class, d.Outcome, d.N)
		}
	}
	if got := w.writes(); got != before {
		w.breaks("a reconcile in a quiet moment writes", got, before)
	}
}
