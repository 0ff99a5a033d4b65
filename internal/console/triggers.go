package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"advocatesync/internal/api"
)

// triggersView lists the triggers.
type triggersView struct {
	scope

	Triggers  []api.Trigger
	Approvals []approvalView // what waits for a person
}

// approvalView is one question: a trigger's events that wait for one reason.
type approvalView struct {
	api.TriggerApproval

	Why string
}

func (c *Console) triggers(v *visit) (answer, error) {
	all, err := v.client.Triggers(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	waiting, err := v.client.TriggerApprovals(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view := &triggersView{Triggers: all}
	for _, a := range waiting.Approvals {
		view.Approvals = append(view.Approvals, approvalView{a, approvalWords(a.Reason)})
	}
	return page{name: "triggers", title: "Triggers", view: view}, nil
}

// approvalWords say why events wait.
func approvalWords(reason string) string {
	if reason == "import" {
		return "an import made the changes"
	}
	return "they are many at once"
}

// askApproval says how many events are sent or skipped, and asks.
func (c *Console) askApproval(v *visit) (answer, error) {
	id, reason := v.PathValue("trigger"), v.URL.Query().Get("reason")
	waiting, err := v.client.TriggerApprovals(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	n := int64(0)
	for _, a := range waiting.Approvals {
		if a.TriggerID == id && a.Reason == reason {
			n = a.Waiting
		}
	}
	events := plural(n, "event", "events")
	view := &askView{Hidden: []field{{"reason", reason}}, Back: v.path("triggers")}
	if v.URL.Query().Get("act") == "skip" {
		view.Lines = []string{events + " of the trigger " + id + " will come to nothing. This cannot be undone."}
		view.Action, view.Button, view.Danger = v.path("triggers", id, "skip"), "Skip "+events, true
	} else {
		view.Lines = []string{events + " of the trigger " + id + " will be sent, each as far as its record still matches.", "What is sent counts at the vendor."}
		view.Action, view.Button = v.path("triggers", id, "approve"), "Send "+events
	}
	return page{name: "ask", title: view.Button, view: view}, nil
}

func (c *Console) approveEvents(v *visit) (answer, error) {
	done, err := v.client.ApproveTriggerEvents(v.ctx(), v.connection(), v.PathValue("trigger"), api.DecideTriggerEvents{Reason: v.PostFormValue("reason")})
	if err != nil {
		return nil, err
	}
	return see{path: v.path("triggers"), notice: plural(done.Decided, "event is", "events are") + " sent."}, nil
}

func (c *Console) skipEvents(v *visit) (answer, error) {
	done, err := v.client.SkipTriggerEvents(v.ctx(), v.connection(), v.PathValue("trigger"), api.DecideTriggerEvents{Reason: v.PostFormValue("reason")})
	if err != nil {
		return nil, err
	}
	return see{path: v.path("triggers"), notice: plural(done.Decided, "event was", "events were") + " skipped."}, nil
}

// triggerView is one trigger: what it says, what it makes of a record, and what
// became of what it sent.
type triggerView struct {
	scope
	api.TriggerDetail

	Trial  *api.TriggerTrial // of a record that somebody named; nil: none
	Sends  string            // the request that it would make
	Events []api.TrackedEvent
}

func (c *Console) showTrigger(v *visit) (answer, error) { return c.triggerPage(v, nil) }

// tryTrigger shows what a trigger makes of a record as it is now. The answer may be
// personal, so it is no GET, and is kept nowhere.
func (c *Console) tryTrigger(v *visit) (answer, error) {
	trial, err := v.client.TestTrigger(v.ctx(), v.connection(), v.PathValue("trigger"), strings.TrimSpace(v.PostFormValue("object")))
	if err != nil {
		return nil, err
	}
	return c.triggerPage(v, &trial)
}

func (c *Console) triggerPage(v *visit, trial *api.TriggerTrial) (answer, error) {
	detail, err := v.client.Trigger(v.ctx(), v.connection(), v.PathValue("trigger"))
	if err != nil {
		return nil, err
	}
	events, err := v.client.TrackedEvents(v.ctx(), v.connection(), api.TrackedFilter{TriggerID: detail.TriggerID}, "")
	if err != nil {
		return nil, err
	}
	const shown = 10
	view := &triggerView{TriggerDetail: detail, Trial: trial, Events: events.Items[:min(len(events.Items), shown)]}
	if trial != nil && trial.Request != nil {
		view.Sends = requestText(*trial.Request)
	}
	return page{name: "trigger", title: "Trigger " + detail.TriggerID, view: view}, nil
}

// requestText is a request to a vendor as a person reads it.
func requestText(r api.VendorRequest) string {
	body := r.Body
	if r.Form != nil {
		body = r.Form
	}
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		text = fmt.Append(nil, body)
	}
	return fmt.Sprintf("%s %s\n%s", r.Method, r.Path, text)
}

// editTriggerView is the text of a trigger, with its mistakes at their places.
type editTriggerView struct {
	scope

	ID       string // empty: a new one
	Source   string
	Mistakes []api.Mistake
	Lines    []sourceLine // the text again, with its mistakes; none: there are no mistakes

	Properties []objectProperties // that the text can use
	Away       string             // why HubSpot does not tell them; empty: it does
}

// objectProperties are the properties of a type of record.
type objectProperties struct {
	Object     string
	Properties []api.Property
}

// optionsShown is how many of a property's values the editor shows.
const optionsShown = 12

// More is how many values of a property are not shown.
func (objectProperties) More(p api.Property) int { return max(0, len(p.Options)-optionsShown) }

// Shown are the values of a property that are shown.
func (objectProperties) Shown(p api.Property) []string {
	return p.Options[:min(len(p.Options), optionsShown)]
}

// objectLine is where a text names the type of its records.
var objectLine = regexp.MustCompile(`(?m)^\s*"?object"?\s*:\s*"?(contact|deal|company)\b`)

// propertiesTime bounds how long the editor waits for HubSpot to tell its properties:
// they help, but the text can be written without.
const propertiesTime = 3 * time.Second

// editor is the page on which a text is written, with the properties that it can use.
func (c *Console) editor(v *visit, title string, status int, view *editTriggerView) answer {
	ctx, cancel := context.WithTimeout(v.ctx(), propertiesTime)
	defer cancel()
	named := []string{"contact"}
	if m := objectLine.FindStringSubmatch(view.Source); len(m) > 1 && m[1] != "contact" {
		named = []string{m[1], "contact"}
	}
	for _, object := range named {
		properties, err := v.client.Properties(ctx, v.connection(), object)
		if err != nil {
			view.Away = cmp.Or(awayWords(err), "HubSpot does not tell its properties at the moment.")
			break
		}
		view.Properties = append(view.Properties, objectProperties{object, properties})
	}
	return page{name: "trigger_edit", title: title, status: status, view: view}
}

// sourceLine is a line of a trigger's text.
type sourceLine struct {
	Number   int
	Text     string
	Mistakes []string
}

// startText is what a new trigger begins with.
const startText = `# What counts: a deal that is won. docs/triggers.md explains every field.
id: deal-won
object: deal
event:
  type: property_changed
  property: dealstage
when: deal.dealstage == "closedwon"
conversion:
  campaign_id: 0        # of impact.com
  action_tracker_id: 0
  fields:
    Amount: = deal.amount
    CurrencyCode: = deal.deal_currency_code
`

func (c *Console) newTrigger(v *visit) (answer, error) {
	return c.editor(v, "New trigger", http.StatusOK, &editTriggerView{Source: startText}), nil
}

func (c *Console) editTrigger(v *visit) (answer, error) {
	detail, err := v.client.Trigger(v.ctx(), v.connection(), v.PathValue("trigger"))
	if err != nil {
		return nil, err
	}
	return c.editor(v, "Edit trigger "+detail.TriggerID, http.StatusOK, &editTriggerView{ID: detail.TriggerID, Source: detail.Source}), nil
}

// applyTrigger makes a text count, or shows it again with all of its mistakes.
func (c *Console) applyTrigger(v *visit) (answer, error) {
	source := strings.ReplaceAll(v.PostFormValue("source"), "\r\n", "\n") // forms send lines so
	applied, err := v.client.ApplyTrigger(v.ctx(), v.connection(), source)
	if p, refused := problemOf(err); refused && len(p.Mistakes) > 0 {
		view := &editTriggerView{Source: source, Mistakes: p.Mistakes, Lines: marked(source, p.Mistakes)}
		return c.editor(v, "This needs correcting", http.StatusUnprocessableEntity, view), nil
	}
	if err != nil {
		return nil, err
	}
	notice := fmt.Sprintf("Version %d counts from now on.", applied.Version)
	if !applied.Changed {
		notice = "The same was there before: nothing was changed."
	}
	for _, w := range applied.Warnings {
		notice += " Note: " + sentence(w.Detail)
	}
	return see{path: v.path("triggers", applied.TriggerID), notice: notice}, nil
}

// marked puts mistakes beside their lines.
func marked(source string, mistakes []api.Mistake) []sourceLine {
	var lines []sourceLine
	for i, text := range strings.Split(strings.TrimRight(source, "\n"), "\n") {
		line := sourceLine{Number: i + 1, Text: text}
		for _, m := range mistakes {
			if m.Line == line.Number {
				line.Mistakes = append(line.Mistakes, sentence(m.Detail))
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// askEnable says in numbers what turning a trigger on or off is about, and asks.
func (c *Console) askEnable(v *visit) (answer, error) {
	t, err := v.client.Trigger(v.ctx(), v.connection(), v.PathValue("trigger"))
	if err != nil {
		return nil, err
	}
	waiting, err := v.client.TriggerApprovals(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	events, err := v.client.TrackedEvents(v.ctx(), v.connection(), api.TrackedFilter{TriggerID: t.TriggerID}, "")
	if err != nil {
		return nil, err
	}
	matched := plural(len(events.Items), "change", "changes")
	if events.NextPage != "" {
		matched = "More than " + matched
	}
	view := &askView{Lines: []string{sentenceStart(matched) + " that matched it are on record."}, Action: v.path("triggers", t.TriggerID, "enable"), Back: v.path("triggers", t.TriggerID)}
	title := "Turn the trigger " + t.TriggerID + " off"
	if v.URL.Query().Get("on") != "" {
		title, view.Button, view.Hidden = "Turn the trigger "+t.TriggerID+" on", "Turn it on", []field{{"on", "1"}}
		view.Lines = append(view.Lines, "It counts for changes from now on. What changed while it was off is not made up for.")
		return page{name: "ask", title: title, view: view}, nil
	}
	view.Button = "Turn it off"
	view.Lines = append(view.Lines, "Changes that happen while it is off come to nothing, and are not made up for.")
	var n int64
	for _, a := range waiting.Approvals {
		if a.TriggerID == t.TriggerID {
			n += a.Waiting
		}
	}
	if n > 0 {
		view.Lines = append(view.Lines, plural(n, "event that waits for approval goes", "events that wait for approval go")+" on waiting for you.")
	}
	return page{name: "ask", title: title, view: view}, nil
}

func (c *Console) enableTrigger(v *visit) (answer, error) {
	on := v.PostFormValue("on") != ""
	t, err := v.client.EnableTrigger(v.ctx(), v.connection(), v.PathValue("trigger"), on)
	if err != nil {
		return nil, err
	}
	notice := "The trigger is off. Changes that happen meanwhile are not made up for."
	if on {
		notice = "The trigger is on, for changes from now on."
	}
	return see{path: v.path("triggers", t.TriggerID), notice: notice}, nil
}

// eventsView is what became of the changes that triggers matched.
type eventsView struct {
	scope

	Trigger string
	State   string
	States  []string
	Events  []api.TrackedEvent
	Next    string
}

func (c *Console) events(v *visit) (answer, error) {
	query := v.URL.Query()
	view := &eventsView{
		Trigger: query.Get("trigger"), State: query.Get("state"),
		States: []string{"awaiting_approval", "waiting", "pending", "sent", "complete", "error", "skipped", "reversed"},
	}
	events, err := v.client.TrackedEvents(v.ctx(), v.connection(), api.TrackedFilter{TriggerID: view.Trigger, State: view.State}, query.Get("page"))
	if err != nil {
		return nil, err
	}
	view.Events = events.Items
	if events.NextPage != "" {
		next := url.Values{"page": {events.NextPage}}
		for name, value := range map[string]string{"trigger": view.Trigger, "state": view.State} {
			if value != "" {
				next.Set(name, value)
			}
		}
		view.Next = "?" + next.Encode()
	}
	return page{name: "events", title: "Events of triggers", view: view}, nil
}

// outcomeOf says what became of an event, for tables.
func outcomeOf(e api.TrackedEvent) string {
	text := e.State
	if e.Reversal {
		text = "taking back: " + text
	}
	for _, more := range []string{plain(e.Reason), e.VendorMessage} {
		if more != "" {
			text += ". " + sentence(more)
		}
	}
	if e.State == "waiting" && !e.WaitUntil.IsZero() {
		text += " until " + e.WaitUntil.UTC().Format(time.DateOnly)
	}
	return sentence(text)
}
