package main

import (
	"fmt"
	"text/tabwriter"

	"advocatesync/internal/api"
	"advocatesync/internal/store"
)

func (a *app) printPrograms(programs []api.Program) error {
	return a.print(programs, func() {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "PROGRAM\tNAME\tSTATUS\t")
		for _, p := range programs {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.ProgramID, p.Name, p.Status, map[bool]string{true: "connected"}[p.Connected])
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
	})
}

func (a *app) printSwitch(sw api.ProgramSwitch) error {
	return a.print(sw, func() {
		fmt.Fprintf(a.out, "Switch from program %s to %s: %s\n", sw.FromProgram, sw.ToProgram, sw.Meaning)
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		for _, p := range sw.Properties {
			fmt.Fprintf(w, "  %s\t%s\n", p.Name, p.Meaning)
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
		for _, p := range sw.Properties {
			if p.VendorMessage != "" {
				fmt.Fprintf(a.out, "  vendor, of %s: %s\n", p.Name, p.VendorMessage)
			}
		}
		if sw.State == store.SwitchDone && sw.RefreshRun == 0 {
			fmt.Fprintln(a.out, "The contacts were not refreshed: run \"starter mass-sync start\".")
		}
		if sw.RefreshRun != 0 {
			fmt.Fprintf(a.out, "The contacts get their values by mass sync %d: see \"starter mass-sync status\".\n", sw.RefreshRun)
		}
		if sw.Revisited > 0 {
			fmt.Fprintf(a.out, "%d contacts were not reached and are synced one by one.\n", sw.Revisited)
		}
		if sw.Stopped {
			fmt.Fprintf(a.out, "The switch has stopped: run \"starter program switch %s\" with the same flags to resume it.\n", sw.ToProgram)
		}
		if sw.Advice != "" {
			fmt.Fprintln(a.out, sw.Advice)
		}
	})
}
