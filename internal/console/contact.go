package console

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// lookUpView is the page on which one looks a contact up.
type lookUpView struct {
	scope

	Problem string
	Found   []string // several contacts have had the email
}

func (c *Console) lookUp(*visit) (answer, error) {
	return page{name: "contacts", title: "Look a contact up", view: &lookUpView{}}, nil
}

// recordPage is the address of a contact's page in HubSpot, as the address bar and
// older links have it: contacts are of the type 0-1.
var recordPage = regexp.MustCompile(`/(?:record/0-1|contact)/(\d{1,19})(?:[/?#]|$)`)

// findContact leads to the contact that somebody names by its id, the address of
// its HubSpot page, or an email. It is a POST, so that no email gets into an
// address, and the answer never repeats it.
func (c *Console) findContact(v *visit) (answer, error) {
	text := strings.TrimSpace(v.PostFormValue("contact"))
	id := text
	if m := recordPage.FindStringSubmatch(text); m != nil {
		id = m[1]
	}
	if operator.CheckContactID(id) == nil {
		return see{path: v.path("contacts", id)}, nil
	}
	view := &lookUpView{Problem: "This is neither a contact's id, nor the address of its HubSpot page, nor an email."}
	if !strings.Contains(text, "@") {
		return page{name: "contacts", title: "Look a contact up", status: http.StatusUnprocessableEntity, view: view}, nil
	}
	ids, err := v.client.FindContacts(v.ctx(), v.connection(), text)
	switch {
	case err != nil:
		return nil, err
	case len(ids) == 1:
		return see{path: v.path("contacts", ids[0])}, nil
	case len(ids) == 0:
		view.Problem = "No contact of this portal had this email when we last saw it. If HubSpot has the contact, look it up by its id and sync it again."
	default:
		view.Problem, view.Found = "", ids
	}
	return page{name: "contacts", title: "Look a contact up", view: view}, nil
}

// contactView is where one contact stands, why, and what was heard of it.
type contactView struct {
	scope

	ID        string
	State     state
	DecidedAt time.Time
	Mapped    bool
	Erased    bool
	Unknown   bool // nothing is known of it
	Workflow  string
	InHubSpot string // the address of its page there
	Step      nextStep
	Parked    []parkedView
	Timeline  []timelineEntry
	Older     bool   // there may be more events than these
	Next      string // the next page of all events; empty: these are not all, or the last
	Person    *api.Person
}

// timelineEntry is one entry of a contact's timeline.
type timelineEntry struct {
	At   time.Time
	Side string // HubSpot, or us
	What string
}

func (c *Console) showContact(v *visit) (answer, error) { return c.contactPage(v, nil) }

// revealContact shows the person beside the record, on this one answer: nothing of
// it is kept, here or in the browser.
func (c *Console) revealContact(v *visit) (answer, error) {
	person, err := v.client.RevealContact(v.ctx(), v.connection(), v.PathValue("contact"))
	if err != nil {
		return nil, err
	}
	return c.contactPage(v, &person)
}

func (c *Console) contactPage(v *visit, person *api.Person) (answer, error) {
	id := v.PathValue("contact")
	contact, err := v.client.Contact(v.ctx(), v.connection(), id)
	if p, refused := problemOf(err); refused && p.Code == "unknown_contact" {
		view := &contactView{ID: id, Unknown: true, InHubSpot: c.recordPage(v, id), Person: person, State: warn("Nothing is known of this contact: HubSpot has not reported it, and no participant matched it.")}
		return page{name: "contact", title: "Contact " + id, view: view}, nil
	}
	if err != nil {
		return nil, err
	}
	view := &contactView{
		ID: contact.ContactID, State: contactState(contact), DecidedAt: contact.DecidedAt, Mapped: contact.Mapped, Erased: contact.Erased,
		Workflow: contact.WorkflowID, InHubSpot: c.recordPage(v, id), Timeline: timelineOf(contact), Person: person,
	}
	if contact.State != string(bridge.StateMapped) {
		view.Step = nextSteps[contact.Reason]
	}
	for _, item := range contact.Parked {
		view.Parked = append(view.Parked, parkedViewOf(item))
	}
	if v.URL.Query().Has("page") {
		if err := c.allEvents(v, view); err != nil {
			return nil, err
		}
	} else {
		view.Older = len(contact.Heard) >= eventsTold
	}
	return page{name: "contact", title: "Contact " + id, view: view}, nil
}

// recordPage is the address of a contact's page in HubSpot, where a person corrects
// what is wrong with it; empty: the connection is not known.
func (c *Console) recordPage(v *visit, id string) string {
	connection, err := v.client.Connection(v.ctx(), v.connection())
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s/contacts/%d/record/0-1/%s", c.hubspot, connection.PortalID, url.PathEscape(id))
}

// eventsTold is how many events of a contact the API tells with it.
const eventsTold = 20

// allEvents puts a page of everything that was heard in the place of the latest.
func (c *Console) allEvents(v *visit, view *contactView) error {
	events, err := v.client.ContactEvents(v.ctx(), v.connection(), view.ID, v.URL.Query().Get("page"))
	if err != nil {
		return err
	}
	view.Timeline = timelineOf(api.Contact{Heard: events.Items})
	if events.NextPage != "" {
		view.Next = "?" + url.Values{"page": {events.NextPage}}.Encode()
	}
	return nil
}

// nextStep is what a person can do about a contact that is not in step.
type nextStep struct {
	Text       string // empty: nothing, or what is parked says it
	Page, Name string // where to do it; empty: in HubSpot
}

var nextSteps = map[bridge.Reason]nextStep{
	bridge.ReasonNoEmail:   {Text: "Give the contact an email in HubSpot. It then syncs by itself, and gets its code within seconds."},
	bridge.ReasonRuleOff:   {Text: "If it should have one, turn the rule on, and then sync the contact again.", Page: "rules", Name: "See the sharing rules"},
	bridge.ReasonGuarded:   {Text: "Delete or keep the participant.", Page: "deletions", Name: "See the deletions that wait"},
	bridge.ReasonSuspended: {Text: "It continues once the connection's work does.", Page: "", Name: "See the connection's state"},
}

// contactState answers "is it in step, and if not, why?" in one sentence or two.
func contactState(c api.Contact) state {
	text := sentenceStart(c.Meaning)
	if told := c.State == "mapped" || c.Reason == bridge.ReasonNoEmail; c.Because != "" && !told {
		text += ", because " + plain(c.Because)
	}
	text += "."
	switch {
	case len(c.Parked) > 0 && c.State == "mapped":
		return warn(fmt.Sprintf("%s But %s.", text, plain(causeWords(string(c.Parked[0].Cause)))))
	case len(c.Parked) > 0:
		return bad(fmt.Sprintf("%s Parked: %s.", text, plain(causeWords(string(c.Parked[0].Cause)))))
	case c.State == "mapped":
		return good(text)
	default:
		return warn(text)
	}
}

// timelineOf merges what was heard with what was decided and parked, the latest
// first.
func timelineOf(c api.Contact) []timelineEntry {
	var all []timelineEntry
	for _, e := range c.Heard {
		all = append(all, timelineEntry{e.OccurredAt, "HubSpot", sentence(e.Meaning)})
	}
	for _, d := range decisionsOf(c) {
		what := sentenceStart(d.Meaning)
		if d.Because != "" {
			what += ", because " + plain(d.Because)
		}
		all = append(all, timelineEntry{d.DecidedAt, "Decision", what + "."})
	}
	for _, item := range c.Parked {
		all = append(all, timelineEntry{item.ParkedAt, "Parked", sentence(causeWords(string(item.Cause))) + " " + sentence(item.Advice)})
	}
	slices.SortStableFunc(all, func(a, b timelineEntry) int { return cmp.Compare(b.At.UnixNano(), a.At.UnixNano()) })
	return all
}

// decisionsOf are the decisions of the last days, and the last one however old it is.
func decisionsOf(c api.Contact) []api.Decision {
	last := api.Decision{DecidedAt: c.DecidedAt, Meaning: c.Meaning, Because: c.Because}
	if c.DecidedAt.IsZero() || len(c.Decisions) > 0 && !c.Decisions[0].DecidedAt.Before(c.DecidedAt) {
		return c.Decisions
	}
	return append([]api.Decision{last}, c.Decisions...)
}

// askResync says what syncing a contact again does, and asks.
func (c *Console) askResync(v *visit) (answer, error) {
	id := v.PathValue("contact")
	if err := operator.CheckContactID(id); err != nil {
		return nil, notFound("There is no such contact.")
	}
	view := &askView{
		Lines: []string{
			"1 contact and its participant are read as they are now. Differences are brought in step, as the sharing rules say.",
			"Problems that were corrected go away. If HubSpot no longer shows the contact, that counts as a deletion, also for the guard.",
		},
		Action: v.path("contacts", id, "resync"), Button: "Sync again", Back: v.path("contacts", id),
	}
	return page{name: "ask", title: "Sync contact " + id + " again", view: view}, nil
}

func (c *Console) resyncContact(v *visit) (answer, error) {
	id := v.PathValue("contact")
	if _, err := v.client.ResyncContact(v.ctx(), v.connection(), id); err != nil {
		return nil, err
	}
	return see{path: v.path("contacts", id), notice: "The contact is read and synced again within seconds. Reload to see the outcome."}, nil
}

// askErase says what an erasure does, and asks.
func (c *Console) askErase(v *visit) (answer, error) {
	id := v.PathValue("contact")
	view := &askView{
		Lines: []string{
			"1 person will be erased: the participant is deleted in Advocate with do-not-track, and everything that we store about the person is deleted.",
			"Nothing makes this person a participant again, in either direction.",
			"This cannot be undone. It is refused while HubSpot still shows the contact: delete it there for privacy first.",
		},
		Action: v.path("contacts", id, "erase"), Button: "Erase this person", Danger: true, Back: v.path("contacts", id),
	}
	return page{name: "ask", title: "Erase the person of contact " + id, view: view}, nil
}

func (c *Console) eraseContact(v *visit) (answer, error) {
	erasure, err := v.client.EraseContact(v.ctx(), v.connection(), v.PathValue("contact"))
	if err != nil {
		return nil, err
	}
	return see{path: fmt.Sprintf("/erasures/%d", erasure.ErasureID), notice: "The erasure has begun. This page follows it, and offers the receipt when it is done."}, nil
}

// askView is a page that says what will happen, and asks.
type askView struct {
	scope

	Lines  []string
	Hidden []field
	Action string // below the public address
	Button string
	Danger bool
	Back   string
}

// field is a value that a form carries along.
type field struct{ Name, Value string }
