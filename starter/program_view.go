package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

type switchJSON struct {
	SwitchID     int64                `json:"switch_id"`
	ConnectionID string               `json:"connection_id"`
	FromProgram  string               `json:"from_program"`
	ToProgram    string               `json:"to_program"`
	InPlace      bool                 `json:"in_place"`
	MassSync     bool                 `json:"mass_sync"`
	State        string               `json:"state"`
	Reason       string               `json:"reason,omitempty"`
	Advice       string               `json:"advice,omitempty"`
	Properties   []switchedProperties `json:"properties"`
	RefreshRun   int64                `json:"refresh_run,omitempty"`
	Revisited    int64                `json:"revisited"`
	CreatedAt    time.Time            `json:"created_at"`
	ConnectedAt  time.Time            `json:"connected_at,omitzero"`
	FinishedAt   time.Time            `json:"finished_at,omitzero"`
}

type switchedProperties struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Words   string `json:"words,omitempty"`
}

func switchView(sw store.ProgramSwitch) switchJSON {
	view := switchJSON{
		SwitchID: sw.ID, ConnectionID: sw.ConnectionID, FromProgram: sw.From, ToProgram: sw.To,
		InPlace: sw.InPlace, MassSync: sw.MassSync, State: string(sw.State), Reason: sw.Reason, Advice: operator.SwitchAdvice(sw),
		Properties: []switchedProperties{}, RefreshRun: sw.RefreshRun, Revisited: sw.Revisited,
		CreatedAt: sw.CreatedAt.UTC(), ConnectedAt: sw.ConnectedAt.UTC(), FinishedAt: sw.FinishedAt.UTC(),
	}
	for _, p := range sw.Properties {
		view.Properties = append(view.Properties, switchedProperties{Name: p.Name, Outcome: string(p.Outcome), Words: p.Words})
	}
	return view
}

func (a *app) printSwitch(sw store.ProgramSwitch) error {
	return a.print(switchView(sw), func() {
		fmt.Fprintf(a.out, "Switch from program %s to %s: %s\n", sw.From, sw.To, operator.SwitchWords(sw.State))
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		for _, p := range sw.Properties {
			fmt.Fprintf(w, "  %s\t%s\n", p.Name, operator.OutcomeWords(p.Outcome))
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
		for _, p := range sw.Properties {
			if p.Words != "" {
				fmt.Fprintf(a.out, "  vendor, of %s: %s\n", p.Name, p.Words)
			}
		}
		if sw.State == store.SwitchDone && sw.RefreshRun == 0 {
			fmt.Fprintln(a.out, "The contacts were not refreshed: \"starter mass-sync start\" does it.")
		}
		if sw.RefreshRun != 0 {
			fmt.Fprintf(a.out, "The contacts get their values by mass sync %d: see \"starter mass-sync status\".\n", sw.RefreshRun)
		}
		if sw.Revisited > 0 {
			fmt.Fprintf(a.out, "%d contacts were not reached and are looked at one by one.\n", sw.Revisited)
		}
		if advice := operator.SwitchAdvice(sw); advice != "" {
			fmt.Fprintln(a.out, advice)
		}
	})
}
