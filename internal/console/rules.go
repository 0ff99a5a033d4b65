package console

import (
	"fmt"
	"time"

	"advocatesync/internal/api"
)

// rulesView is the sharing rules, each with what it does and how many it would
// touch now.
type rulesView struct {
	scope

	Rules []ruleView
}

// ruleView is one rule.
type ruleView struct {
	Name   string // of the form field, as the API calls it
	Title  string
	On     bool
	OnText string // what happens while it is on
	Off    string // and while it is off
	Now    string // how many it touches now
}

// rule describes one of the switches.
type rule struct {
	name, title, on, off string
	value                func(api.Rules) bool
	set                  func(*api.RuleChanges, *bool)
	now                  func(api.RuleEffects, time.Time) string
}

var allRules = []rule{
	{
		"participant_created", "New participant → contact", "Somebody who joins the program becomes a HubSpot contact, or is matched to one by email.",
		"New participants stay in Advocate only. A mass sync creates and matches no contacts either.",
		func(r api.Rules) bool { return r.ParticipantCreated }, func(c *api.RuleChanges, on *bool) { c.ParticipantCreated = on }, participantsKeptOut,
	},
	{
		"participant_updated", "Changed participant → contact", "A participant without a contact becomes one, or is matched, when something about them changes in Advocate.",
		"A change in Advocate creates and matches no contact. Mapped contacts are still kept up to date.",
		func(r api.Rules) bool { return r.ParticipantUpdated }, func(c *api.RuleChanges, on *bool) { c.ParticipantUpdated = on }, participantsKeptOut,
	},
	{
		"contact_created", "New contact → participant", "A new contact with an email becomes a participant, or is matched to one, and gets a code and links at once.",
		"A new contact gets no participant.",
		func(r api.Rules) bool { return r.ContactCreated }, func(c *api.RuleChanges, on *bool) { c.ContactCreated = on },
		func(api.RuleEffects, time.Time) string {
			return "It affects nobody now, only contacts that are created from now on."
		},
	},
	{
		"contact_updated", "Changed contact → participant", "A contact without a participant gets one, or is matched, when its email, code, cookie or Advocate ids change.",
		"A change of a contact creates and matches no participant. Mapped contacts are still kept in step.",
		func(r api.Rules) bool { return r.ContactUpdated }, func(c *api.RuleChanges, on *bool) { c.ContactUpdated = on },
		func(e api.RuleEffects, now time.Time) string {
			return sentenceStart(quantityOf(e.ContactsKeptOut, e.CountsAge, now).Of("contact has", "contacts have")) + " no participant because a rule was off: each would get one when it next changes."
		},
	},
	{
		"share_pii_updates", "Send names and emails of mapped contacts", "A changed name or email of a mapped contact is sent to Advocate.",
		"Names and emails of mapped contacts stay in HubSpot.",
		func(r api.Rules) bool { return r.SharePIIUpdates }, func(c *api.RuleChanges, on *bool) { c.SharePIIUpdates = on },
		func(e api.RuleEffects, now time.Time) string {
			return sentenceStart(quantityOf(e.MappedContacts, e.CountsAge, now).Of("contact is", "contacts are")) + " mapped: the name and email of each would be sent when it next changes."
		},
	},
}

func participantsKeptOut(e api.RuleEffects, now time.Time) string {
	if e.CountedAt.IsZero() {
		return "No mass sync or dry run has yet counted whom it affects."
	}
	return fmt.Sprintf("%s kept out when a mass sync or dry run last counted, %s ago.",
		plural(e.ParticipantsKeptOut, "participant was", "participants were"), shortDuration(now.Sub(e.CountedAt)))
}

func (c *Console) rules(v *visit) (answer, error) {
	current, err := v.client.Rules(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	effects, err := v.client.RuleEffects(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view := &rulesView{}
	for _, r := range allRules {
		view.Rules = append(view.Rules, ruleView{
			Name: r.name, Title: r.title, On: r.value(current), OnText: r.on, Off: r.off, Now: r.now(effects, c.now()),
		})
	}
	return page{name: "rules", title: "Sharing rules", view: view}, nil
}

// findRule finds the rule that the address names.
func (v *visit) findRule() (rule, error) {
	for _, r := range allRules {
		if r.name == v.PathValue("rule") {
			return r, nil
		}
	}
	return rule{}, notFound("There is no such rule.")
}

// askRule says what turning a rule on or off changes, and for how many, and asks.
func (c *Console) askRule(v *visit) (answer, error) {
	r, err := v.findRule()
	if err != nil {
		return nil, err
	}
	effects, err := v.client.RuleEffects(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	on := v.URL.Query().Get("on") != ""
	view := &askView{
		Lines:  []string{r.off, "Nothing that exists is changed or deleted: the change applies from now on."},
		Action: v.path("rules", r.name), Button: "Turn it off", Back: v.path("rules"),
	}
	if on {
		view.Lines = []string{r.on, r.now(effects, c.now()), "The rule applies from now on."}
		view.Button, view.Hidden = "Turn it on", []field{{"on", "1"}}
	}
	return page{name: "ask", title: r.title, view: view}, nil
}

func (c *Console) changeRule(v *visit) (answer, error) {
	r, err := v.findRule()
	if err != nil {
		return nil, err
	}
	on := v.PostFormValue("on") != ""
	var changes api.RuleChanges
	r.set(&changes, &on)
	if _, err := v.client.ChangeRules(v.ctx(), v.connection(), changes); err != nil {
		return nil, err
	}
	return see{path: v.path("rules"), notice: fmt.Sprintf("“%s” is %s. This applies from now on.", r.title, map[bool]string{true: "on", false: "off"}[on])}, nil
}
