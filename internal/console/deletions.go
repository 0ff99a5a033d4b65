package console

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
)

// deletionsView is what the guards on deletions and privacy deletions in numbers
// hold back.
type deletionsView struct {
	scope

	Guards []guardView
}

// guardView is one guard, and what it holds back.
type guardView struct {
	guarded

	Waiting  int64
	Since    time.Time
	Guard    int64
	Contacts []string // the first of them
}

// guarded is what can be held back: deletions, or privacy deletions.
type guarded struct {
	Kind    string      // within addresses
	Role    bridge.Role // that decides
	Title   string
	Counted string // what the guard counts
	Why     string // there is a guard
	What    string // waits, in the plural
	Default string // the guard, where nobody set one

	one, many       string // of what is decided about
	approve, reject []string
	done            map[string]string // what is said of so many once it is decided
	held            func(api.Deletions) guardView
	decide          map[string]func(*api.Client) decision
	set             func(*api.Client) func(context.Context, string, api.DeletionGuard) (api.Deletions, error)
}

// decision approves or rejects deletions.
type decision func(ctx context.Context, connection string, in api.DecideDeletions) (api.DecidedDeletions, error)

var guards = []guarded{
	{
		Kind: "contacts", Role: bridge.RoleOperator, Title: "Deletions", Counted: "Deletions",
		Why:     "Deleting a participant destroys referral history for good.",
		What:    "The contacts are gone in HubSpot; their participants are still there.",
		Default: "Empty: 2 % of the mapped contacts, at least 10 and at most 500.",
		one:     "participant", many: "participants",
		approve: []string{
			"will be deleted in Advocate, with all referral history. This cannot be undone.",
			"Each contact is checked once more: if it was restored, its participant stays.",
		},
		reject: []string{"will stay in Advocate with all history, and will no longer have a contact."},
		done: map[string]string{
			"approve": "will be deleted within a minute, unless the contact was restored in the meantime.", "reject": "will stay in Advocate.",
		},
		held: func(d api.Deletions) guardView {
			return guardView{Waiting: d.Waiting, Since: d.Since, Guard: d.Guard, Contacts: firstContacts(d.ContactIDs)}
		},
		decide: map[string]func(*api.Client) decision{
			"approve": func(c *api.Client) decision { return c.ApproveDeletions }, "reject": func(c *api.Client) decision { return c.RejectDeletions },
		},
		set: func(c *api.Client) func(context.Context, string, api.DeletionGuard) (api.Deletions, error) {
			return c.SetDeletionGuard
		},
	},
	{
		Kind: "erasures", Role: bridge.RolePrivacy, Title: "Unconfirmed privacy deletions", Counted: "Privacy deletions",
		Why:     "HubSpot reported these privacy deletions, but its records do not confirm them.",
		What:    "Meanwhile the people are blocked: nothing makes them participants.",
		Default: "Empty: 20.",
		one:     "person", many: "people",
		approve: []string{"will be erased: deleted in Advocate with do-not-track, and forgotten here. This cannot be undone.", "People whom HubSpot shows again are not erased."},
		reject:  []string{"will not be erased, and will no longer be blocked."},
		done: map[string]string{
			"approve": "will be erased. The page Erasures follows each, and has the receipts.", "reject": "will not be erased.",
		},
		held: func(d api.Deletions) guardView {
			return guardView{Waiting: d.ErasuresWaiting, Since: d.ErasuresSince, Guard: d.ErasureGuard, Contacts: firstContacts(d.ErasureContactIDs)}
		},
		decide: map[string]func(*api.Client) decision{
			"approve": func(c *api.Client) decision { return c.ApproveErasures }, "reject": func(c *api.Client) decision { return c.RejectErasures },
		},
		set: func(c *api.Client) func(context.Context, string, api.DeletionGuard) (api.Deletions, error) {
			return c.SetErasureGuard
		},
	},
}

// Approve is the word for letting it happen.
func (g guarded) Approve() string {
	return map[string]string{"contacts": "Delete", "erasures": "Erase"}[g.Kind]
}

// Reject is the word for not letting it happen.
func (g guarded) Reject() string { return "Keep" }

func (c *Console) deletions(v *visit) (answer, error) {
	d, err := v.client.Deletions(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view := &deletionsView{}
	for _, g := range guards {
		held := g.held(d)
		held.guarded = g
		view.Guards = append(view.Guards, held)
	}
	return page{name: "deletions", title: "Deletions that wait", view: view}, nil
}

// contactsShown is how many contacts a guard's list shows. The others follow when
// these are decided, or all of them are decided about at once.
const contactsShown = 250

func firstContacts(all []string) []string { return all[:min(len(all), contactsShown)] }

// chosenContacts are the contacts that a form names; none: all that wait.
func chosenContacts(values url.Values) (contacts []string, err error) {
	contacts = values["contact"]
	if len(contacts) == 0 && values.Get("all") == "" {
		return nil, refusal(422, "nothing_chosen", "Choose at least one contact.")
	}
	if values.Get("all") != "" {
		contacts = nil
	}
	return contacts, nil
}

// ask says how many people a decision is about, and asks.
func (g guarded) ask(_ *Console, v *visit) (answer, error) {
	contacts, err := chosenContacts(v.URL.Query())
	if err != nil {
		return nil, err
	}
	n := int64(len(contacts))
	view := &askView{Back: v.path("deletions")}
	if n == 0 {
		d, err := v.client.Deletions(v.ctx(), v.connection())
		if err != nil {
			return nil, err
		}
		n = g.held(d).Waiting
		view.Hidden = []field{{"all", "1"}}
	}
	for _, contact := range contacts {
		view.Hidden = append(view.Hidden, field{"contact", contact})
	}
	people, act := plural(n, g.one, g.many), v.URL.Query().Get("act")
	var lines []string
	switch act {
	case "approve":
		lines, view.Button, view.Danger = g.approve, g.Approve()+" "+people, true
	case "reject":
		lines, view.Button = g.reject, g.Reject()+" "+people
	default:
		return nil, refusal(400, "bad_request", "Say what to decide: approve or reject.")
	}
	view.Action = v.path("deletions", g.Kind, act)
	view.Lines = append([]string{people + " " + lines[0]}, lines[1:]...)
	return page{name: "ask", title: view.Button, view: view}, nil
}

// settle decides as the form says.
func (g guarded) settle(v *visit, act string) (answer, error) {
	if err := v.ParseForm(); err != nil {
		return nil, err
	}
	contacts, err := chosenContacts(v.PostForm)
	if err != nil {
		return nil, err
	}
	done, err := g.decide[act](v.client)(v.ctx(), v.connection(), api.DecideDeletions{ContactIDs: contacts})
	if err != nil {
		return nil, err
	}
	return see{path: v.path("deletions"), notice: plural(done.Decided, g.one, g.many) + " " + g.done[act]}, nil
}

// change sets how many go through without a question.
func (g guarded) change(v *visit) (answer, error) {
	var guard *int
	if text := v.PostFormValue("guard"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, refusal(422, "bad_guard", "The guard is a number, or empty for the default.")
		}
		guard = &n
	}
	if _, err := g.set(v.client)(v.ctx(), v.connection(), api.DeletionGuard{Guard: guard}); err != nil {
		return nil, err
	}
	notice := "From now on, the default applies. What already waits keeps waiting."
	switch {
	case guard != nil && *guard == 0:
		notice = "The guard is off: from now on, any number goes through. What already waits keeps waiting."
	case guard != nil:
		notice = fmt.Sprintf("From now on, more than %s within an hour wait for you. What already waits keeps waiting.", count(*guard))
	}
	return see{path: v.path("deletions"), notice: notice}, nil
}

// guardRoutes are the addresses of each guard, for whoever may decide.
func guardRoutes() []route {
	var all []route
	for _, g := range guards {
		below := "/connections/{connection}/deletions/" + g.Kind
		all = append(all,
			route{"GET", below + "/ask", g.Role, g.ask},
			route{"POST", below + "/approve", g.Role, func(_ *Console, v *visit) (answer, error) { return g.settle(v, "approve") }},
			route{"POST", below + "/reject", g.Role, func(_ *Console, v *visit) (answer, error) { return g.settle(v, "reject") }},
			route{"POST", below + "/guard", g.Role, func(_ *Console, v *visit) (answer, error) { return g.change(v) }},
		)
	}
	return all
}
