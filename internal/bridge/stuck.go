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
	WorkHubSpotEvents Work = "hubspot_events" // HubSpot's webhooks that no workflow has heard of yet
	WorkTriggerEvents Work = "trigger_events" // the same, of the records that triggers watch
	WorkContacts      Work = "contacts"       // contacts whose workflow has not ended
	WorkReport        Work = "report"
	WorkMassSync      Work = "mass_sync"
	WorkReconcile     Work = "reconcile"
	WorkParkedRetry   Work = "parked_retry"
	WorkProgramSwitch Work = "program_switch"
	WorkConversions   Work = "conversions" // matched by a trigger, not taken by the vendor yet
	WorkVerdicts      Work = "verdicts"    // of conversions that the vendor has taken
)

// Step is what a piece of work is at. Work that has one step leaves it empty.
type Step string

// Steps of runs.
const (
	StepStart    Step = "start"    // nothing is under way, and the last run is long ago
	StepRequest  Step = "request"  // an export is asked for
	StepExport   Step = "export"   // the export is not ready
	StepPlan     Step = "plan"     // its rows are compared with what we know
	StepPages    Step = "pages"    // its rows are written to HubSpot
	StepOperator Step = "operator" // somebody paused it
)

// OpenWork is work that has begun, or is due, and has not ended.
type OpenWork struct {
	ConnectionID string
	Work         Work
	Step         Step
	Count        int64         // events, contacts or runs
	Idle         time.Duration // since it last moved: since it came in, where it has not moved at all
	Reason       string        // why it last failed, without personal data; empty: not known
}

// StuckWork is open work that has not moved for longer than it should take.
type StuckWork struct {
	OpenWork

	Blocker string // what it waits for, as the rest of the sentence "waits for ..."
	Advice  string // what a person can do, in sentences
}

// Surroundings are what else decides whether work should be moving.
type Surroundings struct {
	ReportInterval time.Duration // between two reports
	HubSpotPause   time.Duration // for how much longer HubSpot wants no calls
}

// patience is how long each kind of work may stand still before a person should
// know. It is longer than its retries usually take.
func (w OpenWork) patience(around Surroundings) time.Duration {
	switch {
	case w.Step == StepOperator:
		return time.Hour // somebody knows; nobody should forget
	case w.Work == WorkReport:
		return around.ReportInterval + UsualPatience
	case w.Work == WorkReconcile && w.Step != StepPages:
		return 6 * time.Hour // it reads every contact with what live work leaves of the budget
	case w.Work == WorkMassSync && w.Step == StepExport:
		return 30 * time.Minute // Advocate writes everybody into a file
	case w.Work == WorkVerdicts:
		return 24 * time.Hour // impact.com checks an order overnight
	case w.Work == WorkHubSpotEvents, w.Work == WorkTriggerEvents:
		return time.Minute
	default:
		return UsualPatience
	}
}

// UsualPatience is how long most work may stand still.
const UsualPatience = 10 * time.Minute

// Stuck names the work of a connection that does not move, by what, and what to
// do. The order stays.
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

// blocked names the widest cause first: what stops the connection stops all of
// its work.
func (w OpenWork) blocked(c Connection, around Surroundings) (blocker, advice string) {
	switch {
	case !c.PausedAt.IsZero():
		return "the connection, which is paused", `Run "starter connection resume" when the work may go on.`
	case c.Status == StatusUnauthorized:
		return "valid credentials (" + c.StatusReason + ")", `Run "starter connect" with credentials that the vendor accepts.`
	case around.HubSpotPause > 0 && w.callsHubSpot():
		return fmt.Sprintf("HubSpot, which accepts no calls for another %s", around.HubSpotPause.Round(time.Second)),
			"The work goes on by itself. If this repeats, another app uses up the portal's limit."
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
	case WorkVerdicts:
		return "impact.com's verdict", "They are asked for again for a week, then parked."
	default:
		return "a worker", "Check that a worker runs; " + lookInTemporal
	}
}
