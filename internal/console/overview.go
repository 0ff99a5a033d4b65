package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// overviewView is the first page: every connection in one sentence.
type overviewView struct {
	scope

	Connections []connectionCard
	Spans       []string // of the plots
}

// connectionCard is a connection at a glance.
type connectionCard struct {
	ID        string
	Portal    int64
	Tenant    string
	State     state
	Known     bool // false: its status does not answer, and nothing below is known
	Agreement string
	Contacts  quantity
	Lag       string
	Backlog   quantity
	Calls     quantity
	CallLimit int
	Problems  quantity
	Deletions quantity
	Plot      *chart // of the last day; nil: nothing is counted yet
}

// atOnce is how many connections' statuses are asked for side by side.
const atOnce = 8

func (c *Console) overview(v *visit) (answer, error) {
	connections, err := v.client.Connections(v.ctx())
	if err != nil {
		return nil, err
	}
	view := &overviewView{Connections: make([]connectionCard, len(connections))}
	for _, span := range operator.Spans() {
		view.Spans = append(view.Spans, span.Name)
	}
	var asking sync.WaitGroup
	turns := make(chan struct{}, atOnce)
	for i, connection := range connections {
		turns <- struct{}{}
		asking.Go(func() {
			defer func() { <-turns }()
			view.Connections[i] = c.card(v, connection)
		})
	}
	asking.Wait()
	return page{name: "overview", title: "Overview", view: view}, nil
}

// card is a connection at a glance. One that does not answer hides no other.
func (c *Console) card(v *visit, connection api.Connection) connectionCard {
	s, err := v.client.ConnectionStatus(v.ctx(), connection.ConnectionID)
	if err != nil {
		c.log.WarnContext(v.ctx(), "console overview lacks a connection", "request_id", v.id, "connection", connection.ConnectionID, "err", err)
		return connectionCard{ID: connection.ConnectionID, Portal: connection.PortalID, Tenant: connection.Tenant, State: warn("Its state is unknown at the moment: its status does not answer.")}
	}
	card := cardOf(s, c.now())
	card.Plot = c.lastDay(v, connection.ConnectionID)
	return card
}

// lastDay is a plot of what was written in the last day. A card is worth having
// without one.
func (c *Console) lastDay(v *visit, connection string) *chart {
	const span = "day"
	n, err := v.client.Numbers(v.ctx(), connection, span)
	if err != nil || len(n.Items) == 0 {
		return nil
	}
	to := c.now().UTC()
	return new(drawn(recordsWritten, n, to.Add(-24*time.Hour), to))
}

func cardOf(s api.ConnectionStatus, now time.Time) connectionCard {
	f := quantitiesOf(s, now)
	return connectionCard{
		ID: s.ConnectionID, Portal: s.PortalID, Tenant: s.Tenant, State: stateOf(s), Known: true, Agreement: agreementWords(s, now),
		Contacts: f.Contacts, Lag: newsWords(s), Backlog: f.Events, Calls: f.Calls, CallLimit: s.HubSpotCallLimit, Problems: f.Items, Deletions: f.Deletions,
	}
}

func unknownPart(s api.ConnectionStatus, part operator.StatusPart) bool {
	return slices.Contains(s.Unknown, part)
}

// state is how something stands: in words, a mark, and a colour that says no more
// than both.
type state struct {
	Tone     string // good, busy, warn or bad
	Mark     string
	Sentence string
}

func good(text string) state { return state{"good", "✓", text} }
func busy(text string) state { return state{"busy", "…", text} }
func warn(text string) state { return state{"warn", "!", text} }
func bad(text string) state  { return state{"bad", "✗", text} }

// stateOf says in one sentence how a connection is doing: the worst first.
func stateOf(s api.ConnectionStatus) state {
	stuck := slices.IndexFunc(s.Stuck, func(w api.StuckWork) bool { return w.Work != bridge.WorkDeletionApprovals }) // those have their own sentence
	switch {
	case unknownPart(s, operator.PartCounts):
		return warn("Its state is unknown at the moment: the database does not answer in time.")
	case s.Status.Stopped():
		at := slices.IndexFunc(s.Refusals, func(r api.Refusal) bool { return r.Capability == "" && r.System != bridge.SystemImpact })
		if at < 0 { // stopped by a release that kept no refusals
			return bad("All work waits: " + s.StatusReason + ".")
		}
		vendor := systemName(string(s.Refusals[at].System))
		if s.Status == bridge.StatusMisdirected {
			return bad("Our calls do not reach " + vendor + ": all work waits.")
		}
		return bad(vendor + " refuses our credentials: all work waits.")
	case len(s.Refusals) > 0:
		r := s.Refusals[0]
		return bad(fmt.Sprintf("%s refuses %s: part of the work waits.", systemName(string(r.System)), cmp.Or(string(r.Capability), "our account")))
	case s.StatusReason != "":
		return bad("The work waits: " + s.StatusReason + ".")
	case s.Paused:
		return warn("Paused by an operator: all work waits, and nothing is lost.")
	case stuck >= 0:
		return bad(fmt.Sprintf("%s: nothing moves, because it waits for %s.", workName(string(s.Stuck[stuck].Work)), s.Stuck[stuck].WaitsFor))
	case unknownPart(s, operator.PartSchedule):
		return bad("Temporal does not answer: work waits, and nothing is lost. It continues by itself when Temporal is back.")
	case s.DeletionsWaiting > 0:
		return warn(plural(s.DeletionsWaiting, "deletion waits", "deletions wait") + " for your approval.")
	case s.ParkedItems > 0:
		return warn("In step, but " + plural(s.ParkedItems, "item needs", "items need") + " a person.")
	case len(s.Unknown) > 0:
		return warn("No problem is known, but some parts do not answer.")
	case s.ReportedUntil.IsZero():
		return warn("Connected. The first report has not been read yet.")
	default:
		return good("In step.")
	}
}

func agreementWords(s api.ConnectionStatus, now time.Time) string {
	a := s.Agreement
	switch {
	case unknownPart(s, operator.PartAgreement):
		return "unknown"
	case a == nil:
		return "not compared yet"
	}
	return fmt.Sprintf("both sides agreed %s ago, on %s", shortDuration(now.Sub(a.AgreedAt)), plural(a.Pairs, "pair", "pairs"))
}

// newsWords say how old the latest news from Advocate is.
func newsWords(s api.ConnectionStatus) string {
	words := lagWords(s)
	if s.ReportLagSeconds == nil || unknownPart(s, operator.PartCounts) {
		return words
	}
	return words + " old"
}

func lagWords(s api.ConnectionStatus) string {
	switch {
	case unknownPart(s, operator.PartCounts):
		return "unknown"
	case s.ReportLagSeconds == nil:
		return "no report yet"
	}
	return shortDuration(time.Duration(*s.ReportLagSeconds) * time.Second)
}

// systemName is a vendor's name for people.
func systemName(system string) string {
	switch system {
	case "hubspot":
		return "HubSpot"
	case "advocate":
		return "Advocate"
	case "impact":
		return "impact.com"
	default:
		return system
	}
}

// workName is a kind of work for people.
func workName(work string) string {
	return sentenceStart(strings.ReplaceAll(strings.ReplaceAll(work, "_", " "), "hubspot", "HubSpot"))
}

// connectionView is how one connection is doing.
type connectionView struct {
	scope

	Status     api.ConnectionStatus
	Quantities quantities
	State      state
	Unknown    []string // what does not answer
	Agreement  string
	Reports    string
	Refusals   []refusalView
	Stuck      []stuckView
	Drift      []driftView
}

type refusalView struct {
	System, What, Reason, Advice string
	Since                        time.Time
}

type stuckView struct {
	Title, WaitsFor, Advice, LastFailure string
	Since                                time.Time
}

type driftView struct {
	Class, Outcome string
	Count          int64
}

func (c *Console) showConnection(v *visit) (answer, error) {
	s, err := v.client.ConnectionStatus(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view := &connectionView{
		Status: s, Quantities: quantitiesOf(s, c.now()), State: stateOf(s), Unknown: unknownWords(s), Agreement: agreementWords(s, c.now()), Reports: reportWords(s),
		Drift: driftViews(s.Drift),
	}
	for _, r := range s.Refusals {
		view.Refusals = append(view.Refusals, refusalView{
			System: systemName(string(r.System)), What: cmp.Or(string(r.Capability), "everything"), Reason: sentence(r.Reason), Advice: sentence(r.Advice), Since: r.Since,
		})
	}
	for _, w := range s.Stuck {
		view.Stuck = append(view.Stuck, stuckView{
			Title:    fmt.Sprintf("%s: %s", workName(string(w.Work)), plural(w.Count, "piece of work does not move", "pieces of work do not move")),
			WaitsFor: w.WaitsFor, Advice: sentence(w.Advice), LastFailure: w.LastFailure, Since: w.Since,
		})
	}
	return page{name: "connection", title: nameOf(s.Connection), view: view}, nil
}

func reportWords(s api.ConnectionStatus) string {
	switch {
	case unknownPart(s, operator.PartSchedule):
		return lagWords(s) + " behind Advocate; whether one is being read is unknown"
	case s.Schedule.Missing:
		return "the schedule is missing: restart \"starter serve\""
	case s.Schedule.Paused:
		return "paused"
	case s.ReportLagSeconds == nil:
		return "none read yet"
	case s.Schedule.Running:
		return lagWords(s) + " behind Advocate; one is being read"
	default:
		return lagWords(s) + " behind Advocate"
	}
}

// classWords say what differs.
var classWords = map[bridge.Class]string{
	bridge.ClassMissingParticipant: "a contact lacks the participant that the rules want",
	bridge.ClassMissingContact:     "a participant lacks the contact that the rules want",
	bridge.ClassContactValues:      "a contact's code, links or ids are not its participant's",
	bridge.ClassUnsentChanges:      "changes of a contact never reached its participant",
	bridge.ClassWrongContactID:     "a participant names another contact, or none",
	bridge.ClassIDsEdited:          "somebody edited the Advocate ids on a contact",
	bridge.ClassDeletedContact:     "a contact was deleted, and its participant was not",
	bridge.ClassMergedContact:      "a contact was merged into another",
	bridge.ClassVanishedContact:    "a contact is gone without a trace",
	bridge.ClassParticipantGone:    "a participant is no longer in Advocate",
	bridge.ClassErasedPresent:      "a person who was erased is there again",
	bridge.ClassForeignIDs:         "a contact carries ids that this tenant does not know",
	bridge.ClassContestedContact:   "two participants claim one contact",
}

// driftWords say what became of a difference.
var driftWords = map[bridge.DriftOutcome]string{
	bridge.DriftRepaired: "repaired", bridge.DriftParked: "waits among the problems", bridge.DriftGuarded: "waits for your approval",
	bridge.DriftWaiting: "its repair has begun", bridge.DriftForetold: "foretold",
}

func driftViews(drift []api.Drift) []driftView {
	var views []driftView
	for _, d := range drift {
		views = append(views, driftView{Class: sentenceStart(words(classWords, d.Class)), Outcome: words(driftWords, d.Outcome), Count: d.Count})
	}
	return views
}

// askPause says in numbers what a pause holds up, and asks.
func (c *Console) askPause(v *visit) (answer, error) {
	return c.askInNumbers(v, "pause", "Pause all work", func(q quantities) []string {
		return []string{
			sentenceStart(q.Contacts.Of("mapped contact is", "mapped contacts are")) + " no longer kept in step, in either direction, until somebody resumes the work.",
			"New contacts and new participants wait as well, and so does a mass sync or reconcile that is under way.",
			"Meanwhile, HubSpot's webhooks are kept. Nothing is lost.",
		}
	})
}

// askResume says in numbers what was kept, and asks.
func (c *Console) askResume(v *visit) (answer, error) {
	return c.askInNumbers(v, "resume", "Resume all work", func(q quantities) []string {
		return []string{
			sentenceStart(q.Events.Of("event that was kept is", "events that were kept are")) + " processed, and what changed in Advocate is fetched.",
			sentenceStart(q.Contacts.Of("mapped contact is", "mapped contacts are")) + " kept in step again, and a mass sync or reconcile that waits continues.",
		}
	})
}

// askInNumbers asks about an act on the connection, with lines made of its numbers.
func (c *Console) askInNumbers(v *visit, act, title string, lines func(quantities) []string) (answer, error) {
	s, err := v.client.ConnectionStatus(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	return page{name: "ask", title: title, view: &askView{
		Lines: lines(quantitiesOf(s, c.now())), Action: v.path(act), Button: title, Back: v.path(),
	}}, nil
}

func (c *Console) pauseConnection(v *visit) (answer, error) {
	if _, err := v.client.PauseConnection(v.ctx(), v.connection()); err != nil {
		return nil, err
	}
	return see{path: v.path(), notice: "Paused. Webhooks are kept until you resume."}, nil
}

func (c *Console) resumeConnection(v *visit) (answer, error) {
	if _, err := v.client.ResumeConnection(v.ctx(), v.connection()); err != nil {
		return nil, err
	}
	return see{path: v.path(), notice: "Resumed. What was kept is processed within a minute."}, nil
}

// path is the address of a page of the visited connection, below the public one.
func (v *visit) path(parts ...string) string {
	path := "/connections/" + v.connection()
	for _, part := range parts {
		path += "/" + part
	}
	return path
}
