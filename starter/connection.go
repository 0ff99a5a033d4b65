package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
)

func (a *app) connectionCommand() *cobra.Command {
	return commandGroup("connection", "Show, pause, resume and end connections",
		a.connectionListCommand(), a.connectionShowCommand(), a.connectionNumbersCommand(), a.connectionPauseCommand(), a.connectionResumeCommand(), a.disconnectCommand())
}

func (a *app) connectionListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all connections",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				all, err := c.Connections(ctx)
				if err != nil {
					return err
				}
				return a.printConnections(all)
			})
		},
	}
}

func (a *app) connectionShowCommand() *cobra.Command {
	return a.onConnection("show", "Show how a connection is doing", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			status, err := c.ConnectionStatus(ctx, id)
			if err != nil {
				return err
			}
			return a.print(status, func() { a.printStatus(status) })
		})
}

func (a *app) connectionNumbersCommand() *cobra.Command {
	var span string
	cmd := a.onConnection("numbers", "Show what happened over the last hour, day or fortnight", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			n, err := c.Numbers(ctx, id, span)
			if err != nil {
				return err
			}
			return a.print(n, func() {
				w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "FROM\tEVENTS\tCONTACTS WRITTEN\tPARTICIPANTS WRITTEN\tLAG P50\tLAG P99\tWAITING\tCALLS IN 10 S\tPARKED\tDRIFT")
				for _, one := range n.Items {
					fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t%d\n", stamp(one.At), one.Heard, one.ContactsWritten, one.ParticipantsWritten,
						atMost(one.LagP50), atMost(one.LagP99), one.Backlog, one.Calls, one.Parked, one.Drift)
				}
				_ = w.Flush() // like Println: a closed terminal is no failure of the command
			})
		})
	cmd.Flags().StringVar(&span, "span", "hour", "hour, day or fortnight")
	return cmd
}

// atMost is a bound in seconds; nil: there is nothing to bound.
func atMost(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return fmt.Sprintf("%gs", *seconds)
}

func (a *app) connectionPauseCommand() *cobra.Command {
	return a.onConnection("pause", "Pause all work of a connection; webhooks are kept", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			connection, err := c.PauseConnection(ctx, id)
			if err != nil {
				return err
			}
			return a.print(connection, func() {
				fmt.Fprintf(a.out, "Connection %s is paused. Run \"starter connection resume\" to continue its work.\n", connection.ConnectionID)
			})
		})
}

func (a *app) connectionResumeCommand() *cobra.Command {
	return a.onConnection("resume", "Resume the work of a connection", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			connection, err := c.ResumeConnection(ctx, id)
			if err != nil {
				return err
			}
			return a.print(connection, func() {
				fmt.Fprintf(a.out, "Connection %s is resumed; work that waits in Temporal continues within a minute.\n", connection.ConnectionID)
			})
		})
}

func (a *app) disconnectCommand() *cobra.Command {
	var yes, abandon bool
	cmd := a.onConnection("disconnect", "End a connection and forget its people; asks first", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, id string, _ []string) error {
			if !yes {
				plan, err := c.PlanDisconnect(ctx, id)
				if err != nil {
					return err
				}
				a.explainDisconnect(plan)
				if err := a.confirm("Disconnect " + id + "?"); err != nil {
					return err
				}
			}
			done, err := c.Disconnect(ctx, id, abandon)
			if err != nil {
				return err
			}
			return a.print(done, func() { a.printDisconnected(done) })
		})
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&abandon, "abandon-erasures", false, "disconnect even while privacy deletions are open; these people have to be deleted in Advocate by hand")
	return cmd
}

func (a *app) explainDisconnect(d api.Disconnection) {
	fmt.Fprintf(a.log, `This removes the schedule, the credentials, and all that is known of its people: %d mapped contacts, %d parked items,
%d webhook events that were not acted on yet%s. %s
It keeps %d marks of people who were erased; they count again if the portal is connected again.
HubSpot keeps its properties and their values, Advocate its participants.
`, d.Mappings, d.ParkedItems, d.WaitingEvents, sampledAt(d.CountsAge), endedWorkflows(d.Workflows), d.TombstonesKept)
	if d.OpenErasures > 0 {
		fmt.Fprintf(a.log, "%d privacy deletions are not done, and cannot be done afterwards.\n", d.OpenErasures)
	}
}

func endedWorkflows(n int) string {
	if n < 0 {
		return "Temporal does not answer, and disconnecting needs it."
	}
	return fmt.Sprintf("%d workflows are ended while they run.", n)
}

func (a *app) printDisconnected(d api.Disconnection) {
	fmt.Fprintf(a.out, "Connection %s has ended. %d mappings were removed, %d tombstones of erased people are kept.\n", d.ConnectionID, d.Mappings, d.TombstonesKept)
	switch {
	case d.RevokeFailure != "":
		fmt.Fprintf(a.out, "Its refresh token could not be revoked at HubSpot (%s): uninstall the app there.\n", d.RevokeFailure)
	case d.TokenRevoked:
		fmt.Fprintln(a.out, "Its refresh token was revoked at HubSpot. The app is still installed there.")
	}
}

func (a *app) printConnections(all []api.Connection) error {
	return a.print(all, func() {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "CONNECTION\tPORTAL\tTENANT\tPROGRAM\tSTATUS")
		for _, c := range all {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", c.ConnectionID, c.PortalID, c.Tenant, c.Program, standing(c))
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
	})
}

// standing describes a connection's status in one line.
func standing(c api.Connection) string {
	text := string(c.Status)
	if c.Paused {
		text += ", paused"
	}
	if c.StatusReason != "" {
		text += ": " + c.StatusReason
	}
	return text
}

func (a *app) printStatus(s api.ConnectionStatus) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	line("Connection", "%s", s.ConnectionID)
	line("Portal", "%d, %s", s.PortalID, map[bool]string{true: "by consent", false: "by static token"}[s.Consented])
	line("Tenant", "%s, program %s", s.Tenant, s.Program)
	line("Status", "%s", standing(s.Connection))
	for _, r := range s.Refusals {
		line("", "%s refuses %s since %s: %s. %s", r.System, cmp.Or(string(r.Capability), "everything"), stamp(r.Since), r.Reason, r.Advice)
	}
	for _, part := range s.Unknown {
		line("Unknown", "%s did not answer in time", strings.ReplaceAll(string(part), "_", " "))
	}
	line("Contacts", "%d mapped%s", s.MappedContacts, sampledAt(s.CountsAge))
	line("Parked", "%d", s.ParkedItems)
	line("Webhooks", "%d events wait%s", s.WaitingEvents, waitingFor(s.WaitingSeconds))
	line("Journal", "%s", followed(s.Journal))
	line("Reports", "%s", reports(s))
	line("HubSpot", "%d of %d calls in the last 10 s%s", s.HubSpotCalls, s.HubSpotCallLimit, pausedFor(s.HubSpotPauseSeconds))
	line("Agreement", "%s", agreement(s))
	if s.DeletionsWaiting > 0 {
		line("Deletions", "%d wait for a person: see \"starter deletions show\"", s.DeletionsWaiting)
	}
	if s.MassSync != "" {
		line("Mass sync", "%s", s.MassSync)
	}
	if !s.ImpactRefusedAt.IsZero() {
		line("impact.com", "refused the account at %s (%s); %d conversions wait: run \"starter connect\" with its account SID and token", stamp(s.ImpactRefusedAt), s.ImpactRefusal, s.WaitingConversions)
	}
	_ = w.Flush() // like Println: a closed terminal is no failure of the command
	for _, stuck := range s.Stuck {
		a.printStuck(stuck)
	}
}

// sampledAt says how old the numbers are that are not counted as they are asked for.
func sampledAt(age api.CountsAge) string {
	switch {
	case age.AtLeast:
		return "; more than 10000 of something, which will be counted within a minute"
	case !age.SampledAt.IsZero():
		return "; what exceeds 10000 was counted at " + stamp(age.SampledAt)
	default:
		return ""
	}
}

func (a *app) printStuck(s api.StuckWork) {
	what := strings.ReplaceAll(string(s.Work), "_", " ")
	if s.Count > 1 {
		what = fmt.Sprintf("%d %s", s.Count, what)
	}
	fmt.Fprintf(a.out, "\nStuck: %s, since %s. Waits for %s.\n", what, stamp(s.Since), s.WaitsFor)
	if s.LastFailure != "" {
		fmt.Fprintf(a.out, "  Last failure: %s\n", s.LastFailure)
	}
	fmt.Fprintf(a.out, "  %s\n", s.Advice)
}

// agreement says in one line whether both sides agree.
func agreement(s api.ConnectionStatus) string {
	left := int64(0)
	for _, d := range s.Drift {
		left += d.Count
	}
	switch {
	case s.Agreement == nil && left == 0:
		return "not known yet; \"starter reconcile start\" finds out"
	case s.Agreement == nil:
		return fmt.Sprintf("never reached: %d differences are left; see \"starter reconcile status\"", left)
	}
	a := s.Agreement
	text := fmt.Sprintf("both sides agreed at %s, of %d pairs, %d were repaired", stamp(a.AgreedAt), a.Pairs, a.Repaired)
	if left > 0 {
		text += fmt.Sprintf("; %d differences are left", left)
	}
	return text
}

// followed describes in one line whether HubSpot's journal makes up for lost webhooks.
func followed(j api.Journal) string {
	text := "read up to " + stamp(j.ReadTo)
	if j.State != bridge.JournalFollowing {
		text = "not read"
		if !j.Since.IsZero() {
			text += " since " + stamp(j.Since)
		}
		if j.Reason != "" {
			text += ": " + j.Reason
		}
		text += ". " + j.Advice
	}
	if !j.GapAt.IsZero() {
		text += "; events before " + stamp(j.GapAt) + " may have been missed: a reconcile starts soon"
	}
	return text
}

func waitingFor(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return ", the oldest for " + (time.Duration(seconds) * time.Second).String()
}

func pausedFor(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return ", which accepts no calls for another " + (time.Duration(seconds) * time.Second).String()
}

func reports(s api.ConnectionStatus) string {
	until := "none has finished yet"
	if !s.ReportedUntil.IsZero() {
		until = "up to " + stamp(s.ReportedUntil)
	}
	switch {
	case s.Schedule.Missing:
		return until + "; there is no schedule: restart \"starter serve\""
	case s.Schedule.Paused:
		return until + "; paused: " + s.Schedule.Note
	case s.Schedule.Running:
		return until + "; one is under way"
	case !s.Schedule.Next.IsZero():
		return until + "; the next one at " + stamp(s.Schedule.Next)
	default:
		return until
	}
}

func (a *app) keysCommand() *cobra.Command {
	rotate := &cobra.Command{
		Use:   "rotate",
		Short: "Re-encrypt what a key in ENCRYPTION_KEY_OLD has encrypted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				done, err := c.RotateKeys(ctx)
				if err != nil {
					return err
				}
				return a.print(done, func() {
					fmt.Fprintf(a.out, "%d values were re-encrypted. The older keys are no longer needed.\n", done.Resealed)
				})
			})
		},
	}
	return commandGroup("keys", "Replace the encryption key or the pepper, or survive a loss",
		rotate, a.keysRotatePepperCommand(), a.keysRecoveryCommand(), a.keysRecoverCommand())
}
