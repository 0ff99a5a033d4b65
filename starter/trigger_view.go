package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"advocatesync/internal/api"
)

func state(t api.Trigger) string {
	if t.Enabled {
		return "enabled"
	}
	return "disabled"
}

// what describes in a few words when a trigger acts and what it does.
func what(t api.Trigger) string {
	words := t.Object + " " + strings.ReplaceAll(t.Event, "_", " ")
	if about := slices.Concat(t.Properties, t.Forms); len(about) > 0 {
		words += " (" + strings.Join(about, ", ") + ")"
	}
	return words + " -> " + strings.ReplaceAll(t.Target, "_", " ")
}

func (a *app) printTriggers(all []api.Trigger) error {
	return a.print(all, func() {
		if len(all) == 0 {
			fmt.Fprintln(a.out, "There are no triggers: create one with \"starter trigger apply -f FILE\".")
			return
		}
		table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tSTATE\tVERSION\tAPPLIED\tWHAT")
		for _, t := range all {
			fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", t.TriggerID, state(t), t.Version, stamp(t.AppliedAt), what(t))
		}
		_ = table.Flush() // as any other word of ours
		for _, t := range all {
			if t.Problem != "" {
				fmt.Fprintf(a.out, "\n%s is not in effect: %s\nCorrect it and apply it again.\n", t.TriggerID, t.Problem)
			}
		}
	})
}

func (a *app) printApplied(applied api.AppliedTrigger) error {
	return a.print(applied, func() {
		verb := "was applied already"
		if applied.Changed {
			verb = "is applied"
		}
		fmt.Fprintf(a.out, "Trigger %s %s: version %d, %s.\n", applied.TriggerID, verb, applied.Version, state(applied.Trigger))
		fmt.Fprintf(a.out, "  %s\n", what(applied.Trigger))
		for _, w := range applied.Warnings {
			fmt.Fprintf(a.out, "Warning: line %d, column %d: %s: %s.\n", w.Line, w.Column, w.Field, w.Detail)
		}
		if applied.Event != "form_submitted" {
			fmt.Fprintln(a.out, "The HubSpot app must subscribe to the webhooks that it needs: see \"starter webhooks manifest\".")
		}
		fmt.Fprintf(a.out, "Try it with \"starter trigger test %s --object ID\".\n", applied.TriggerID)
	})
}

// printTrigger shows the current version, or another one.
func (a *app) printTrigger(detail api.TriggerDetail, version int) error {
	shown := slices.IndexFunc(detail.Versions, func(v api.TriggerVersion) bool { return v.Version == version })
	if version == 0 {
		shown = slices.IndexFunc(detail.Versions, func(v api.TriggerVersion) bool { return v.Version == detail.Version })
	}
	if shown < 0 {
		return usageError{fmt.Errorf("trigger %s has no version %d: it has had %d", detail.TriggerID, version, len(detail.Versions))}
	}
	return a.print(detail, func() {
		fmt.Fprintf(a.out, "# %s, version %d of %d, applied %s, %s\n", detail.TriggerID, detail.Versions[shown].Version, detail.Version,
			stamp(detail.Versions[shown].AppliedAt), state(detail.Trigger))
		fmt.Fprintln(a.out, strings.TrimRight(detail.Versions[shown].Source, "\n"))
	})
}

func (a *app) printTrial(t api.TriggerTrial) error {
	return a.print(t, func() {
		verdicts := map[string]string{
			"send": "would send the request below", "reverse": "would take back what was sent", "skip": "would do nothing", "no_customer": "would wait for a mapped contact",
			"blocked": "would be parked for a person",
		}
		fmt.Fprintf(a.out, "Trigger %s, version %d, on %s %s: %s.\n", t.TriggerID, t.Version, t.Object, t.ObjectID, verdicts[t.Verdict])
		fmt.Fprintf(a.out, "  why       %s\n", t.Why)
		if t.CustomerContactID != "" {
			fmt.Fprintf(a.out, "  customer  contact %s\n", t.CustomerContactID)
		}
		fmt.Fprintf(a.out, "  order id  %s\n", t.OrderID)
		if t.Tracked != "" {
			fmt.Fprintf(a.out, "  tracked   %s\n", t.Tracked)
		}
		for _, assumed := range t.Assumed {
			fmt.Fprintf(a.out, "  assuming  %s\n", assumed)
		}
		if t.Request == nil {
			return
		}
		fmt.Fprintf(a.out, "\n%s %s\n", t.Request.Method, t.Request.Path)
		for _, name := range slices.Sorted(maps.Keys(t.Request.Form)) {
			fmt.Fprintf(a.out, "  %s=%s\n", name, t.Request.Form[name])
		}
		if t.Request.Body != nil {
			body, err := json.MarshalIndent(t.Request.Body, "  ", "  ")
			if err == nil { // it came out of JSON
				fmt.Fprintf(a.out, "  %s\n", body)
			}
		}
		fmt.Fprintln(a.out, "\nNothing was sent.")
	})
}

// printEvents lists tracked events; more says that there are older ones.
func (a *app) printEvents(events []api.TrackedEvent, more bool) error {
	return a.print(events, func() {
		if len(events) == 0 {
			fmt.Fprintln(a.out, "No trigger has matched a change yet.")
			return
		}
		table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "OCCURRED\tTRIGGER\tRECORD\tCUSTOMER\tSTATE\tORDER ID\tREASON")
		for _, e := range events {
			state, reason := e.State, e.Reason
			if e.Reversal && e.State != "reversed" {
				state = "reversal " + state
			}
			if e.VendorMessage != "" {
				reason = strings.TrimPrefix(reason+": "+e.VendorMessage, ": ")
			}
			fmt.Fprintf(table, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\n",
				stamp(e.OccurredAt), e.TriggerID, e.Object, e.ObjectID, e.CustomerContactID, state, e.OrderID, reason)
		}
		_ = table.Flush() // as any other word of ours
		if more {
			fmt.Fprintln(a.out, "Older events are not shown: --all lists them.")
		}
	})
}
