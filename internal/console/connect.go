package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"advocatesync/internal/api"
)

// connectView is the form that joins a portal to a tenant. It repeats what was
// typed, but for secrets.
type connectView struct {
	scope

	Portal, Tenant, User, Program, AccountSID string
	Problems                                  []string
}

func (c *Console) connectForm(*visit) (answer, error) {
	return page{name: "connect", title: "Connect a portal", view: &connectView{}}, nil
}

// connect joins a portal with a static token at once. Without one, it makes a link
// for HubSpot's consent page.
func (c *Console) connect(v *visit) (answer, error) {
	value := func(name string) string { return strings.TrimSpace(v.PostFormValue(name)) }
	in := api.ConnectRequest{
		HubSpotToken: value("hubspot_token"), Tenant: value("tenant"), AdvocateUser: value("advocate_user"), AdvocateKey: value("advocate_key"),
		Program: value("program"), ImpactAccountSID: value("impact_account_sid"), ImpactAuthToken: value("impact_auth_token"),
	}
	view := &connectView{Portal: value("portal"), Tenant: in.Tenant, User: in.AdvocateUser, Program: in.Program, AccountSID: in.ImpactAccountSID}
	if view.Portal != "" {
		id, err := strconv.ParseInt(view.Portal, 10, 64)
		if err != nil || id < 1 {
			view.Problems = append(view.Problems, "The portal is its number, in digits.")
		}
		in.PortalID = id
	}
	var to answer
	var err error
	if len(view.Problems) == 0 {
		to, err = c.join(v, in)
	}
	if p, refused := problemOf(err); refused && p.Status < http.StatusInternalServerError || refused && p.Status == http.StatusBadGateway {
		view.Problems = mistakeLines(p)
	} else if err != nil {
		return nil, err
	}
	if len(view.Problems) > 0 {
		return page{name: "connect", title: "Connect a portal", status: http.StatusUnprocessableEntity, view: view}, nil
	}
	return to, nil
}

func (c *Console) join(v *visit, in api.ConnectRequest) (answer, error) {
	if in.HubSpotToken == "" {
		link, err := v.client.RequestConsent(v.ctx(), in)
		return c.consent(v, link), err
	}
	connection, err := v.client.Connect(v.ctx(), in)
	return see{path: "/connections/" + connection.ConnectionID, notice: "Connected. The first report runs within a minute. Next: check the sharing rules, then run a mass sync."}, err
}

// mistakeLines are all that is wrong with a request, in sentences.
func mistakeLines(p *api.Problem) []string {
	var lines []string
	for _, m := range p.Mistakes {
		lines = append(lines, sentence(strings.TrimPrefix(strings.ReplaceAll(m.Field, "_", " ")+": "+m.Detail, ": ")))
	}
	if len(lines) == 0 {
		lines = []string{sentence(p.Detail)}
	}
	return lines
}

// keyConsent is where a session keeps the link of a consent: the page that shows
// it can be reloaded, and nobody else sees it.
func keyConsent(id string) string { return "consent/" + id }

func (c *Console) consent(v *visit, link api.Consent) answer {
	c.sessions.Put(v.ctx(), keyConsent(link.ID), link.URL)
	return see{path: "/connect/" + link.ID}
}

// consentView is a link to HubSpot's consent page, and what came of it.
type consentView struct {
	scope
	api.ConsentState

	ID    string
	Link  string // empty: another session asked for it
	State state
}

func (c *Console) consentViewOf(ctx context.Context, v *visit) (*consentView, error) {
	id := v.PathValue("intent")
	s, err := v.client.Consent(ctx, id)
	view := &consentView{ConsentState: s, ID: id, Link: c.sessions.GetString(v.ctx(), keyConsent(id)), State: busy("HubSpot waits for your consent.")}
	switch {
	case s.ConnectionID != "":
		view.State = good("Connected.")
	case s.Expired:
		view.State = bad("The link has expired. Ask for a new one.")
	case s.Failure != "":
		view.State = bad("Not connected: " + sentence(s.Failure) + " Put that right, then open the link again.")
	}
	return view, err
}

func (c *Console) showConsent(v *visit) (answer, error) {
	view, err := c.consentViewOf(v.ctx(), v)
	if err != nil {
		return nil, err
	}
	return page{name: "consent", title: "Consent in HubSpot", view: view}, nil
}

func (c *Console) followConsent(v *visit) (answer, error) {
	return live{page: "consent", region: func(ctx context.Context) (viewOf, bool, error) {
		view, err := c.consentViewOf(ctx, v)
		return view, view.ConnectionID != "" || view.Expired, err
	}}, nil
}

// consentAgain asks the portal of a connection for its consent once more.
func (c *Console) consentAgain(v *visit) (answer, error) {
	link, err := v.client.RequestConsentAgain(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	return c.consent(v, link), nil
}

// askDisconnect says in numbers what the end of a connection forgets, and asks.
func (c *Console) askDisconnect(v *visit) (answer, error) {
	plan, err := v.client.PlanDisconnect(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	n := func(of int64) quantity { return quantityOf(of, plan.CountsAge, c.now()) }
	ended := plural(plan.Workflows, "workflow", "workflows") + " will be ended in the middle."
	if plan.Workflows < 0 {
		ended = "Temporal does not answer, so it is not known how many workflows will be ended. Disconnecting needs Temporal: wait until it is back."
	}
	view := &askView{
		Lines: []string{
			sentenceStart(fmt.Sprintf("%s, %s and %s that were not acted on yet will be forgotten, and the credentials with them.",
				n(plan.Mappings).Of("mapping", "mappings"), n(plan.ParkedItems).Of("parked item", "parked items"), n(plan.WaitingEvents).Of("event", "events"))),
			ended,
			plural(plan.TombstonesKept, "mark of an erased person", "marks of erased people") + " will be kept; they count again if the portal is connected again.",
			"HubSpot keeps its properties and their values, Advocate its participants.",
		},
		Action: v.path("disconnect"), Button: "Disconnect", Danger: true, Back: v.path(),
	}
	return page{name: "ask", title: "Disconnect", view: view}, nil
}

func (c *Console) disconnect(v *visit) (answer, error) {
	done, err := v.client.Disconnect(v.ctx(), v.connection(), false)
	if err != nil {
		return nil, err
	}
	notice := fmt.Sprintf("Disconnected. %s forgotten.", plural(done.Mappings, "mapping was", "mappings were"))
	if done.RevokeFailure != "" {
		notice += " HubSpot did not take its token back: uninstall the app there."
	}
	return see{path: "/", notice: notice}, nil
}
