package main

import (
	"fmt"
	"text/tabwriter"

	"advocatesync/internal/api"
)

// printContact shows the state of a contact and, if asked for, the person.
func (a *app) printContact(c api.Contact, person *api.Person) error {
	view := struct {
		api.Contact
		Revealed *api.Person `json:"revealed,omitempty"`
	}{c, person}
	return a.print(view, func() {
		a.writeContact(c)
		if person != nil {
			a.writePerson(*person)
		}
	})
}

func (a *app) writeContact(c api.Contact) {
	fmt.Fprintf(a.out, "Contact %s of connection %s\n", c.ContactID, c.ConnectionID)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  state\t%s: %s\n", c.State, c.Meaning)
	if c.Because != "" {
		fmt.Fprintf(w, "  because\t%s\n", c.Because)
	}
	if !c.DecidedAt.IsZero() {
		fmt.Fprintf(w, "  decided at\t%s\n", stamp(c.DecidedAt))
	}
	fmt.Fprintf(w, "  participant\t%s\n", map[bool]string{true: "mapped", false: "none mapped"}[c.Mapped])
	if c.Erased {
		fmt.Fprintln(w, "  privacy\terased: a tombstone keeps this person from being created again")
	}
	fmt.Fprintf(w, "  in Temporal\t%s\n", c.WorkflowID)
	_ = w.Flush() // like Println: a closed terminal is no failure of the command
	if len(c.Parked) > 0 {
		fmt.Fprintln(a.out, "\nNeeds a person:")
	}
	for _, item := range c.Parked {
		a.writeParked(item)
	}
	if len(c.Decisions) > 0 {
		fmt.Fprintln(a.out, "\nRecent decisions, newest first:")
	}
	for _, d := range c.Decisions {
		fmt.Fprintf(a.out, "  %s  %s, because %s\n", stamp(d.DecidedAt), d.Meaning, d.Because)
	}
	if len(c.Heard) > 0 {
		fmt.Fprintln(a.out, "\nRecent events, newest first:")
	}
	a.writeEvents(c.Heard)
}

func (a *app) writeEvents(events []api.Event) {
	for _, e := range events {
		fmt.Fprintf(a.out, "  %s  %s\n", stamp(e.OccurredAt), e.Meaning)
	}
}

func (a *app) writePerson(p api.Person) {
	fmt.Fprintln(a.out, "\nAs both vendors show the person now (stored nowhere):")
	switch {
	case !p.HubSpotShowsContact:
		fmt.Fprintln(a.out, "  HubSpot does not show the contact.")
	case p.InRecycleBin:
		fmt.Fprintln(a.out, "  In HubSpot the contact is in the recycle bin.")
	}
	if !p.HasParticipant {
		fmt.Fprintln(a.out, "  Advocate has no such participant.")
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tHUBSPOT\tADVOCATE\t")
	for _, f := range p.Fields {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", f.Name, f.HubSpot, f.Advocate, map[bool]string{true: "differs"}[f.Differs])
	}
	_ = w.Flush()
}

func (a *app) printResync(resync api.Resync) error {
	return a.print(resync, func() {
		fmt.Fprintf(a.out, "Contact %s will be synced again by %s.\n", resync.ContactID, resync.WorkflowID)
	})
}
