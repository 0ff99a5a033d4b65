package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// problemsView is what waits for a person, grouped by cause.
type problemsView struct {
	scope

	Total  int64
	Causes []causeView
	Cause  *causeView   // the one that is looked at
	Items  []parkedView // of it
	Next   string       // the address of the next page
}

// causeView is one cause.
type causeView struct {
	Cause   string
	Why     string
	Advice  string
	Count   int64
	Since   time.Time
	Warning bool // it holds nothing up
}

// parkedView is one item.
type parkedView struct {
	ID      int64
	Contact string // empty: a participant without a contact
	Cause   string
	Why     string
	Advice  string
	Vendor  string // its own words
	Since   time.Time
}

func parkedViewOf(item api.ParkedItem) parkedView {
	return parkedView{
		ID: item.ID, Contact: item.ContactID, Cause: string(item.Cause), Why: sentence(causeWords(string(item.Cause))), Advice: sentence(item.Advice),
		Vendor: item.VendorMessage, Since: item.ParkedAt,
	}
}

func (c *Console) problems(v *visit) (answer, error) {
	view := &problemsView{}
	causes, err := v.client.ParkedCauses(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	wanted := v.URL.Query().Get("cause")
	for _, cause := range causes {
		one := causeView{
			Cause: string(cause.Cause), Why: sentence(causeWords(string(cause.Cause))), Advice: sentence(cause.Advice), Count: cause.Count, Since: cause.Since,
			Warning: slices.Contains(bridge.Warnings(), cause.Cause),
		}
		view.Total += one.Count
		view.Causes = append(view.Causes, one)
		if one.Cause == wanted {
			view.Cause = &one
		}
	}
	if view.Cause == nil {
		return page{name: "problems", title: "Problems", view: view}, nil
	}
	items, err := v.client.Parked(v.ctx(), v.connection(), bridge.Cause(wanted), v.URL.Query().Get("page"))
	if err != nil {
		return nil, err
	}
	for _, item := range items.Items {
		view.Items = append(view.Items, parkedViewOf(item))
	}
	if items.NextPage != "" {
		view.Next = c.pages.prefix + v.path("problems") + "?" + url.Values{"cause": {wanted}, "page": {items.NextPage}}.Encode()
	}
	return page{name: "problems", title: "Problems", view: view}, nil
}

// chosen reads which items a form or an address means: some, a cause, or all.
func chosen(values url.Values) (api.ParkedChoice, error) {
	choice := api.ParkedChoice{Cause: bridge.Cause(values.Get("cause")), All: values.Get("all") != ""}
	for _, text := range values["id"] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return choice, refusal(400, "bad_request", "An item's id is a number.")
		}
		choice.IDs = append(choice.IDs, id)
	}
	if len(choice.IDs) > 0 {
		choice.Cause, choice.All = "", false
	}
	if len(choice.IDs) == 0 && choice.Cause == "" && !choice.All {
		return choice, refusal(422, "nothing_chosen", "Choose at least one item.")
	}
	return choice, nil
}

// fields are the form fields of a choice.
func fieldsOf(choice api.ParkedChoice) []field {
	var fields []field
	for _, id := range choice.IDs {
		fields = append(fields, field{"id", strconv.FormatInt(id, 10)})
	}
	if choice.Cause != "" {
		fields = append(fields, field{"cause", string(choice.Cause)})
	}
	if choice.All {
		fields = append(fields, field{"all", "1"})
	}
	return fields
}

// askProblems says how many items an act is about, and asks. The same form leads
// here for one, some and all.
func (c *Console) askProblems(v *visit) (answer, error) {
	choice, err := chosen(v.URL.Query())
	if err != nil {
		return nil, err
	}
	n := int64(len(choice.IDs))
	if n == 0 {
		causes, err := v.client.ParkedCauses(v.ctx(), v.connection())
		if err != nil {
			return nil, err
		}
		for _, cause := range causes {
			if choice.All || cause.Cause == choice.Cause {
				n += cause.Count
			}
		}
	}
	view := &askView{Hidden: fieldsOf(choice), Back: v.problemsPage(v.URL.Query())}
	if contact := v.URL.Query().Get("contact"); contact != "" {
		view.Hidden = append(view.Hidden, field{"contact", contact})
	}
	items := plural(n, "item", "items")
	switch v.URL.Query().Get("act") {
	case "retry":
		view.Lines = []string{
			items + " will be tried again: the contacts, participants and events are read again and synced.",
			"What fails again is parked again.",
		}
		view.Action, view.Button = v.path("problems", "retry"), "Retry "+items
	case "discard":
		view.Lines = []string{
			items + " will be given up. Nothing is deleted at HubSpot or Advocate, and nothing more is tried until the record changes.",
			"This cannot be undone.",
		}
		view.Action, view.Button, view.Danger = v.path("problems", "discard"), "Discard "+items, true
	default:
		return nil, refusal(400, "bad_request", "Say what to do with the items: retry or discard.")
	}
	return page{name: "ask", title: view.Button, view: view}, nil
}

// problemsPage is where somebody decides about items, and goes back to: the page of
// a contact, or of all.
func (v *visit) problemsPage(values url.Values) string {
	if contact := values.Get("contact"); operator.CheckContactID(contact) == nil {
		return v.path("contacts", contact)
	}
	return v.path("problems")
}

func (c *Console) retryProblems(v *visit) (answer, error) {
	if err := v.ParseForm(); err != nil {
		return nil, err
	}
	choice, err := chosen(v.PostForm)
	if err != nil {
		return nil, err
	}
	done, err := v.client.RetryParked(v.ctx(), v.connection(), choice)
	if err != nil {
		return nil, err
	}
	notice := plural(len(done.Retried), "item is", "items are") + " tried again. What fails again comes back."
	if len(done.NotOpen) > 0 {
		notice += " " + plural(len(done.NotOpen), "item was", "items were") + " closed already."
	}
	if done.Failure != "" {
		notice += " The rest failed: " + sentence(done.Failure)
	}
	return see{path: v.problemsPage(v.PostForm), notice: notice}, nil
}

func (c *Console) discardProblems(v *visit) (answer, error) {
	if err := v.ParseForm(); err != nil {
		return nil, err
	}
	choice, err := chosen(v.PostForm)
	if err != nil {
		return nil, err
	}
	done, err := v.client.DiscardParked(v.ctx(), v.connection(), choice)
	if err != nil {
		return nil, err
	}
	return see{path: v.problemsPage(v.PostForm), notice: fmt.Sprintf("%s given up.", plural(len(done.Discarded), "item was", "items were"))}, nil
}

// causeWords says why an item is parked; a cause of a later release is shown as it is.
func causeWords(cause string) string {
	if words := bridge.Cause(cause).Description(); words != "" {
		return words
	}
	return strings.ReplaceAll(cause, "_", " ")
}
