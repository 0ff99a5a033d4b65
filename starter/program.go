package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

func (a *app) programCommand() *cobra.Command {
	return family("program", "Look at the tenant's programs, or connect another one",
		a.programListCommand(), a.programSwitchCommand(), a.programStatusCommand())
}

func (a *app) programListCommand() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tenant's referral programs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				programs, err := o.Programs(ctx, c)
				if err != nil {
					return err
				}
				return a.printPrograms(programs)
			})
		},
	}
	connectionFlag(cmd, &connection)
	return cmd
}

func (a *app) programSwitchCommand() *cobra.Command {
	var connection string
	var in operator.SwitchInput
	var wait bool
	cmd := &cobra.Command{
		Use:   "switch ID",
		Short: "Connect another program: its codes and links replace those on the contacts",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one program by its id, as \"starter program list\" shows it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Program = args[0]
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				return a.switchProgram(ctx, o, c, in, wait)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().BoolVar(&in.InPlace, "in-place", false, "keep the properties and replace their values, so that forms, lists and emails go on working")
	cmd.Flags().BoolVar(&in.MassSync, "mass-sync", false, "sync participants without a contact as well, as the sharing rules have it")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until all contacts carry the new program's values")
	return cmd
}

func (a *app) programStatusCommand() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how the latest program switch stands, and what became of each property",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withOperatorOf(cmd.Context(), connection, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
				sw, err := o.SwitchStatus(ctx, c.ID)
				if bridge.KindOf(err) == bridge.NotFound {
					return errors.New("the program was never changed")
				}
				if err != nil {
					return err
				}
				return a.printSwitch(sw)
			})
		},
	}
	connectionFlag(cmd, &connection)
	return cmd
}

// switchPatience is how long a command that does not wait for the end watches
// the program being connected: that takes seconds, and may be refused.
const switchPatience = 30 * time.Second

func (a *app) switchProgram(ctx context.Context, o *operator.Operator, c bridge.Connection, in operator.SwitchInput, toTheEnd bool) error {
	plan, err := o.PlanSwitch(ctx, c, in)
	if err != nil {
		return err
	}
	a.tellPlan(plan)
	run, err := o.StartSwitch(ctx, plan)
	if err != nil {
		return err
	}
	watch, stop := context.WithCancel(ctx)
	if !toTheEnd {
		watch, stop = context.WithTimeout(ctx, switchPatience)
	}
	defer stop()
	show := a.switchProgress(ctx, o)
	sw, err := run.Wait(watch, toTheEnd, show.tell)
	show.end()
	if err != nil && errors.Is(watch.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		return errors.New("no program is connected yet; the switch goes on: see \"starter program status\"")
	}
	if err != nil {
		return err
	}
	return errors.Join(a.printSwitch(sw), a.endOfSwitch(ctx, o, sw))
}

// endOfSwitch is the error that a switch ended with.
func (a *app) endOfSwitch(ctx context.Context, o *operator.Operator, sw store.ProgramSwitch) error {
	if sw.Reason != "" {
		return fmt.Errorf("program %s stays connected: %s", sw.From, sw.Reason)
	}
	if sw.FinishedAt.IsZero() {
		return nil // nobody waits for more
	}
	cancelled := endError{errors.New("the refresh of the contacts was cancelled: \"starter mass-sync start\" makes up for it"), exitCancelled}
	if sw.RefreshRun == 0 {
		return cancelled // before it began
	}
	refresh, err := o.MassSyncStatus(ctx, sw.ConnectionID, sw.RefreshRun)
	if err == nil && refresh.State == workflows.MassSyncCancelled {
		return cancelled
	}
	return err
}

// switchProgress tells the steps of a switch and, once its mass sync runs, how
// far that is.
type switchProgress struct {
	progress
	log  io.Writer
	said store.SwitchState
	run  func(store.ProgramSwitch) (operator.MassSyncStatus, error)
}

func (a *app) switchProgress(ctx context.Context, o *operator.Operator) *switchProgress {
	return &switchProgress{progress: a.newProgress(), log: a.log, run: func(sw store.ProgramSwitch) (operator.MassSyncStatus, error) {
		return o.MassSyncStatus(ctx, sw.ConnectionID, sw.RefreshRun)
	}}
}

func (p *switchProgress) tell(sw store.ProgramSwitch) {
	if sw.State != p.said {
		p.said = sw.State
		fmt.Fprintln(p.log, operator.SwitchWords(sw.State))
	}
	if sw.State != store.SwitchRefreshing || sw.RefreshRun == 0 {
		return
	}
	if status, err := p.run(sw); err == nil { // it is only progress
		p.progress.tell(status)
	}
}

// tellPlan says beforehand what will happen; it is no part of the result.
func (a *app) tellPlan(plan operator.SwitchPlan) {
	fmt.Fprintf(a.log, "Connection %s: program %s (%s) instead of %s, for %d contacts.\n",
		plan.Connection.ID, plan.To.ID, plan.To.Name, plan.Connection.Program, plan.Contacts)
	switch {
	case plan.UnderWay:
		fmt.Fprintln(a.log, "This switch is under way already; it is taken up.")
	case plan.InPlace:
		fmt.Fprintf(a.log, "%d properties stay; their values are replaced.\n", len(plan.Properties))
	default:
		fmt.Fprintf(a.log, "%d properties are removed and created again. Forms, lists, emails and workflows in HubSpot that use them "+
			"must be set up again; --in-place avoids that.\n", len(plan.Properties))
	}
	for _, p := range plan.Properties {
		if p.Missing {
			fmt.Fprintf(a.log, "%s is missing and will be created.\n", p.Name)
		}
	}
}

type programJSON struct {
	ProgramID string `json:"program_id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	Connected bool   `json:"connected"`
}

func (a *app) printPrograms(programs []operator.Program) error {
	views := make([]programJSON, 0, len(programs))
	for _, p := range programs {
		view := programJSON{ProgramID: p.ID, Name: p.Name, Status: "paused", Connected: p.Connected}
		if p.Live {
			view.Status = "live"
		}
		views = append(views, view)
	}
	return a.print(views, func() {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "PROGRAM\tNAME\tSTATUS\t")
		for _, v := range views {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.ProgramID, v.Name, v.Status, map[bool]string{true: "connected"}[v.Connected])
		}
		_ = w.Flush() // like Println: a closed terminal is no failure of the command
	})
}
