package bridge

import (
	"fmt"
	"strings"
	"time"
)

// Work is a kind of work that a connection does by itself.
type Work string

// Kinds of work, as metrics and the API name them.
const (
	WorkHubSpotEvents Work = "hubspot_events" // HubSpot's events that no workflow has received yet
	WorkTriggerEvents Work = "trigger_events" // the same, for records that triggers watch
	WorkContacts      Work = "contacts"       // contacts whose workflow has not ended
	WorkReport        Work = "report"
	WorkMassSync      Work = "mass_sync"
	WorkReconcile     Work = "reconcile"
	WorkParkedRetry   Work = "parked_retry"
	WorkProgramSwitch Work = "program_switch"
	WorkConversions   Work = "conversions" // matched by a trigger, not accepted by the vendor yet
	WorkVerdicts      Work = "verdicts"    // of conversions that the vendor has accepted
	WorkErasures      Work = "erasures"    // heard and not done

	WorkDeletionApprovals Work = "deletion_approvals" // deletions that a person has to approve
	WorkTriggerApprovals  Work = "trigger_approvals"  // events of triggers that a person has to approve
)

// Step is the step that a piece of work has reached. It is empty for work of a
// single step.
type Step string

// Steps of runs.
const (
	StepStart    Step = "start"    // nothing is under way, and the last run was long ago
	StepRequest  Step = "request"  // an export is being requested
	StepExport   Step = "export"   // the export is not ready
	StepPlan     Step = "plan"     // its rows are being compared with what we know
	StepPages    Step = "pages"    // its rows are being written to HubSpot
	StepOperator Step = "operator" // somebody paused it
)

// OpenWork is work that has begun, or is due, and has not ended.
type OpenWork struct {
	ConnectionID string
	Work         Work
	Step         Step
	Count        int64         // events, contacts or runs; of events 10,001 at most, which stands for that many or more
	Idle         time.Duration // since it last made progress, or since it began
	Reason       string        // why it last failed, free of personal data; empty: unknown
}

// StuckWork is open work that has made no progress for longer than its patience.
type StuckWork struct {
	OpenWork

	Blocker string // what it waits for, as the rest of the sentence "waits for ..."
	Advice  string // what a person can do, in sentences
}

// Surroundings are the other facts that decide whether work should be making
// progress.
type Surroundings struct {
	ReportInterval time.Duration // between two reports
	HubSpotPause   time.Duration // how much longer HubSpot refuses calls
}

// patience returns how long work may make no progress before a person should know.
// It is longer than the usual retries take.
func (w OpenWork) patience(around Surroundings) time.Duration {
	switch {
	case w.Step == StepOperator:
		return time.Hour // somebody knows about it, but may forget
	case w.Work == WorkReport:
		return around.ReportInterval + UsualPatience
	case w.Work == WorkReconcile && w.Step != StepPages:
		return 6 * time.Hour // it reads every contact with what live work leaves of the budget
	case w.Work == WorkMassSync && w.Step == StepExport:
		return 30 * time.Minute // Advocate exports everybody
	case w.Work == WorkErasures:
		return 6 * time.Hour // HubSpot may show the contact for an hour, and a failed attempt pauses for up to six
	case w.Work == WorkVerdicts:
		return 24 * time.Hour // impact.com checks an order overnight
	case w.Work == WorkHubSpotEvents, w.Work == WorkTriggerEvents:
		return time.Minute
	default:
		return UsualPatience
	}
}

// UsualPatience is how long most work may make no progress.
const UsualPatience = 10 * time.Minute

// Stuck returns the work of a connection that is stuck, with what blocks it and
// what to do, in the order of open.
func Stuck(c Connection, around Surroundings, open []OpenWork) []StuckWork {
	var stuck []StuckWork
	for _, w := range open {
		if w.Count > 0 && w.Idle > w.patience(around) {
			s := StuckWork{OpenWork: w}
			s.Blocker, s.Advice = w.blocked(c, around)
			stuck = append(stuck, s)
		}
	}
	return stuck
}

// blocked names the widest cause first: what stops the connection stops all its
// work.
func (w OpenWork) blocked(c Connection, around Surroundings) (blocker, advice string) {
	switch {
	case !c.PausedAt.IsZero():
		return "the connection, which is paused", `Run "starter connection resume" when the work may continue.`
	case c.Status == StatusUnauthorized:
		return "valid credentials (" + c.StatusReason + ")", `Run "starter connect" with credentials that the vendor accepts.`
	case c.Status == StatusMisdirected:
		return "a vendor whom our calls do not reach (" + c.StatusReason + ")", Refusal{Misdirected: true}.Advice()
	case around.HubSpotPause > 0 && w.callsHubSpot():
		return fmt.Sprintf("HubSpot, which accepts no calls for another %s", around.HubSpotPause.Round(time.Second)),
			"The work continues by itself. If this repeats, another app uses up the portal's limit."
	}
	return w.ownBlocker()
}

func (w OpenWork) callsHubSpot() bool {
	return w.Work == WorkContacts || w.Work == WorkProgramSwitch || w.Step == StepPages
}

const lookInTemporal = "Temporal's UI shows the failing activity."

func (w OpenWork) ownBlocker() (blocker, advice string) {
	switch w.Step {
	case StepStart:
		return "a report that ends", `Check the schedule with "starter connection show", and that a worker runs.`
	case StepRequest:
		return "Advocate to accept an export", "The request is repeated. Check Advocate's status; " + lookInTemporal
	case StepExport:
		return "an export from Advocate", "The export is given up after EXPORT_PATIENCE and requested again. If this repeats, ask impact.com's support."
	case StepPlan:
		return "the worker to plan its rows", "Check that a worker runs; " + lookInTemporal
	case StepPages:
		return "pages to be written to HubSpot", "The pages are retried. Check that a worker runs; " + lookInTemporal
	case StepOperator:
		command := `"starter ` + strings.ReplaceAll(string(w.Work), "_", "-")
		return "the operator who paused it", "Run " + command + ` resume" or ` + command + ` cancel".`
	}
	switch w.Work {
	case WorkHubSpotEvents, WorkTriggerEvents:
		return `"starter serve" to signal Temporal`, `Check that "starter serve" runs and what its /readyz says.`
	case WorkContacts:
		return "a vendor's answer", `Run "starter contact show ID" for a contact; ` + lookInTemporal
	case WorkProgramSwitch:
		return "step " + string(w.Step), `Run "starter program status".`
	case WorkConversions:
		return "impact.com or Advocate to take them", `Run "starter trigger events --state pending"; ` + lookInTemporal
	case WorkDeletionApprovals:
		return "a person's approval", `Run "starter deletions show", then "starter deletions approve" or "starter deletions reject".`
	case WorkTriggerApprovals:
		return "a person's approval", `Run "starter trigger approvals", then "starter trigger approve ID" or "starter trigger skip ID".`
	case WorkErasures:
		return "HubSpot or Advocate", `They are retried until they are done. Run "starter erasure list --open" for the step and the problem of each.`
	case WorkVerdicts:
		return "impact.com's verdict", "They are asked for again for a week, then parked."
	default:
		return "a worker", "Check that a worker runs; " + lookInTemporal
	}
}
