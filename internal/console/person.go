package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"advocatesync/internal/api"
)

// personNamed reads who is meant, by email or as a participant. It comes in the body
// of a form, so that it gets into no address.
func (v *visit) personNamed() api.PersonToErase {
	read := func(name string) string { return strings.TrimSpace(v.PostFormValue(name)) }
	return api.PersonToErase{Email: read("email"), AccountID: read("account_id"), UserID: read("user_id")}
}

// planErasePerson says whom the erasure of a person would reach, and asks.
func (c *Console) planErasePerson(v *visit) (answer, error) {
	person := v.personNamed()
	plan, err := v.client.PlanErasePerson(v.ctx(), v.connection(), person)
	if err != nil {
		return nil, err
	}
	if len(plan.ShownContacts) > 0 {
		return nil, refusal(http.StatusConflict, "still_in_hubspot", fmt.Sprintf(
			"HubSpot still shows the person as %s %s. Delete it for privacy there (\"Delete permanently\"): that starts the erasure here.",
			plural(len(plan.ShownContacts), "contact:", "contacts:"), strings.Join(plan.ShownContacts, ", ")))
	}
	view := &askView{
		Lines: []string{
			"1 person will be erased: " + plural(plan.Participants, "participant is", "participants are") + " deleted in Advocate with do-not-track, and " +
				plural(len(plan.GoneContacts), "contact that HubSpot no longer shows is", "contacts that HubSpot no longer shows are") + " forgotten here.",
			"Nothing makes a participant of this person again, in either direction.",
			"This cannot be undone.",
		},
		Hidden: []field{{"email", person.Email}, {"account_id", person.AccountID}, {"user_id", person.UserID}},
		Action: v.path("person", "erase"), Button: "Erase this person", Danger: true, Back: v.path("contacts"),
	}
	return page{name: "ask", title: "Erase a person", view: view}, nil
}

func (c *Console) erasePerson(v *visit) (answer, error) {
	begun, err := v.client.ErasePerson(v.ctx(), v.connection(), v.personNamed())
	if err != nil {
		return nil, err
	}
	notice := "The erasure has begun. This page follows it, and offers the receipt at its end."
	if len(begun.Erasures) == 1 {
		return see{path: fmt.Sprintf("/erasures/%d", begun.Erasures[0].ErasureID), notice: notice}, nil
	}
	return see{path: "/erasures", notice: fmt.Sprintf("%s have begun: one for each contact, and one for the person. Each has a receipt of its own, which is offered below once it is done.", plural(len(begun.Erasures), "erasure", "erasures"))}, nil
}

// exportPerson saves all that we and both vendors hold about a person. Nothing of it
// is kept here, and that somebody asked is on record.
func (c *Console) exportPerson(v *visit) (answer, error) {
	person := api.ExportPerson{Email: strings.TrimSpace(v.PostFormValue("email")), ContactID: strings.TrimSpace(v.PostFormValue("contact"))}
	export, err := v.client.ExportPerson(v.ctx(), v.connection(), person)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(export, "", "  ")
	if err != nil {
		return nil, err
	}
	return download{name: "person.json", kind: "application/json", content: string(text) + "\n"}, nil
}
