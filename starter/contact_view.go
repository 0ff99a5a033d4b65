package main

import (
	"fmt"
	"text/tabwriter"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

type contactJSON struct {
	ConnectionID string `json:"connection_id"`
	ContactID    string `json:"contact_id"`
	WorkflowID   string `json:"workflow_id"`

	State     string `json:"state"`
	Reason    string `json:"reason,omitempty"`
	Words     string `json:"words"`
	Because   string `json:"because,omitempty"`
	DecidedAt string `json:"decided_at,omitempty"`
	Mapped    bool   `json:"mapped"`
	Erased    bool   `json:"erased"`

	Parked   []parkedJSON  `json:"parked"`
	Heard    []heardJSON   `json:"heard"`
	Revealed *revealedJSON `json:"revealed,omitempty"`
}

type heardJSON struct {
	Kind       string `json:"kind"`
	Property   string `json:"property,omitempty"`
	OccurredAt string `json:"occurred_at"`
	RelayedAt  string `json:"relayed_at,omitempty"`
	Echo       bool   `json:"echo,omitempty"`
	words      string
}

type revealedJSON struct {
	HubSpotShowsContact bool        `json:"hubspot_shows_contact"`
	InRecycleBin        bool        `json:"in_recycle_bin,omitempty"`
	HasParticipant      bool        `json:"has_participant"`
	Fields              []fieldJSON `json:"fields"`
}

type fieldJSON struct {
	Name     string `json:"name"`
	HubSpot  string `json:"hubspot"`
	Advocate string `json:"advocate"`
	Differs  bool   `json:"differs"`
}

// stateNew is how the state of a contact that was never looked at is called.
const stateNew = "new"

func contactView(s operator.ContactStatus, person *operator.Revealed) contactJSON {
	view := contactJSON{
		ConnectionID: s.ConnectionID, ContactID: s.ContactID, WorkflowID: s.WorkflowID,
		State: string(s.Ledger.State), Reason: string(s.Ledger.Reason), Words: s.StateWords(), Because: s.ReasonWords(),
		DecidedAt: stamp(s.Ledger.DecidedAt), Mapped: s.Mapped, Erased: s.Erased,
		Parked: parkedViews(s.Parked), Heard: make([]heardJSON, 0, len(s.Heard)),
	}
	if s.Ledger.State == bridge.StateNew {
		view.State = stateNew
	}
	for _, e := range s.Heard {
		view.Heard = append(view.Heard, heardJSON{
			Kind: string(e.Kind), Property: e.Property, Echo: e.Echo,
			OccurredAt: stamp(e.OccurredAt), RelayedAt: stamp(e.RelayedAt), words: operator.EventWords(e),
		})
	}
	if person != nil {
		view.Revealed = revealedView(*person)
	}
	return view
}

func revealedView(person operator.Revealed) *revealedJSON {
	view := &revealedJSON{
		HubSpotShowsContact: person.Contact != nil, HasParticipant: person.Participant != nil,
		InRecycleBin: person.Contact != nil && person.Contact.Archived,
	}
	for _, f := range person.Fields() {
		view.Fields = append(view.Fields, fieldJSON(f))
	}
	return view
}

// printContact shows where a contact stands and, if asked for, who it is.
func (a *app) printContact(s operator.ContactStatus, person *operator.Revealed) error {
	view := contactView(s, person)
	return a.print(view, func() { a.writeContact(view) })
}

func (a *app) writeContact(v contactJSON) {
	fmt.Fprintf(a.out, "Contact %s of connection %s\n", v.ContactID, v.ConnectionID)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  state\t%s: %s\n", v.State, v.Words)
	if v.Because != "" {
		fmt.Fprintf(w, "  because\t%s\n", v.Because)
	}
	if v.DecidedAt != "" {
		fmt.Fprintf(w, "  decided at\t%s\n", v.DecidedAt)
	}
	fmt.Fprintf(w, "  participant\t%s\n", map[bool]string{true: "mapped", false: "none mapped"}[v.Mapped])
	if v.Erased {
		fmt.Fprintln(w, "  privacy\ta tombstone stands: nothing brings this person back")
	}
	fmt.Fprintf(w, "  in Temporal\t%s\n", v.WorkflowID)
	_ = w.Flush() // like Println: a closed terminal is no failure of the command
	if len(v.Parked) > 0 {
		fmt.Fprintln(a.out, "\nWaits for a person:")
	}
	for _, item := range v.Parked {
		item.write(a.out)
	}
	if len(v.Heard) > 0 {
		fmt.Fprintln(a.out, "\nLately heard, the newest first:")
	}
	for _, e := range v.Heard {
		fmt.Fprintf(a.out, "  %s  %s\n", e.OccurredAt, e.words)
	}
	if v.Revealed != nil {
		a.writeRevealed(*v.Revealed)
	}
}

func (a *app) writeRevealed(v revealedJSON) {
	fmt.Fprintln(a.out, "\nAs both vendors show the person now (kept nowhere):")
	switch {
	case !v.HubSpotShowsContact:
		fmt.Fprintln(a.out, "  HubSpot does not show the contact.")
	case v.InRecycleBin:
		fmt.Fprintln(a.out, "  In HubSpot the contact is in the recycle bin.")
	}
	if !v.HasParticipant {
		fmt.Fprintln(a.out, "  Advocate has no such participant.")
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tHUBSPOT\tADVOCATE\t")
	for _, f := range v.Fields {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", f.Name, f.HubSpot, f.Advocate, map[bool]string{true: "differs", false: ""}[f.Differs])
	}
	_ = w.Flush()
}
