package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

func (a *app) programCommand() *cobra.Command {
	return commandGroup("program", "List the tenant's programs, or connect another one",
		a.programListCommand(), a.programSwitchCommand(), a.programStatusCommand())
}

func (a *app) programListCommand() *cobra.Command {
	return a.onConnection("list", "List the tenant's referral programs", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			programs, err := c.Programs(ctx, connection)
			if err != nil {
				return err
			}
			return a.printPrograms(programs)
		})
}

func (a *app) programSwitchCommand() *cobra.Command {
	var connection string
	var in api.SwitchRequest
	var wait bool
	cmd := &cobra.Command{
		Use:   "switch ID",
		Short: "Connect another program; its codes and links replace those on the contacts",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one program by its id, as \"starter program list\" shows it")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Program = args[0]
			return a.withConnection(cmd.Context(), connection, func(ctx context.Context, c *api.Client, connection string) error {
				return a.switchProgram(ctx, c, connection, in, wait)
			})
		},
	}
	connectionFlag(cmd, &connection)
	cmd.Flags().BoolVar(&in.InPlace, "in-place", false, "keep the properties and replace their values, so that forms, lists and emails go on working")
	cmd.Flags().BoolVar(&in.MassSync, "mass-sync", false, "sync participants without a contact as well, as the sharing rules allow")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until all contacts have the new program's values")
	return cmd
}

func (a *app) programStatusCommand() *cobra.Command {
	return a.onConnection("status", "Show the state of the latest program switch and of each property", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, connection string, _ []string) error {
			sw, err := c.ProgramSwitch(ctx, connection, 0)
			if err != nil {
				return err
			}
			return a.printSwitch(sw)
		})
}

const (
	// switchPatience is how long a command without --wait watches the program
	// being connected: that takes seconds, and may be refused.
	switchPatience = 30 * time.Second
	// pollSwitch is how often the progress of a switch is polled.
	pollSwitch = 250 * time.Millisecond
)

func (a *app) switchProgram(ctx context.Context, c *api.Client, connection string, in api.SwitchRequest, toTheEnd bool) error {
	plan, err := c.PlanProgramSwitch(ctx, connection, in)
	if err != nil {
		return err
	}
	a.tellPlan(plan)
	begun, err := c.StartProgramSwitch(ctx, connection, in)
	if err != nil {
		return err
	}
	patient, stop := context.WithCancel(ctx)
	if !toTheEnd {
		patient, stop = context.WithTimeout(ctx, switchPatience)
	}
	defer stop()
	sw, err := a.watchSwitch(patient, c, begun, toTheEnd)
	switch {
	case errors.Is(patient.Err(), context.DeadlineExceeded) && ctx.Err() == nil:
		return errors.New("the new program is not connected yet; the switch continues: see \"starter program status\"")
	case err != nil:
		return err
	case sw.Stopped:
		return errors.New("the switch stopped; run it again to resume it")
	}
	return errors.Join(a.printSwitch(sw), a.endOfSwitch(ctx, c, sw))
}

// watchSwitch reports the steps of a switch until the program is connected or
// refused and, if asked to, until the contacts are refreshed too.
func (a *app) watchSwitch(ctx context.Context, c *api.Client, begun api.ProgramSwitch, toTheEnd bool) (api.ProgramSwitch, error) {
	view := &switchProgress{progress: a.newProgress(), log: a.log}
	defer view.end()
	return watch(ctx, pollSwitch, func(ctx context.Context) (api.ProgramSwitch, error) {
		sw, err := c.ProgramSwitch(ctx, begun.ConnectionID, begun.SwitchID)
		if err != nil {
			return sw, err
		}
		view.step(sw)
		if toTheEnd && sw.RefreshRun != 0 {
			if refresh, err := c.MassSync(ctx, sw.ConnectionID, sw.RefreshRun); err == nil { // it is only progress
				view.show(refresh)
			}
		}
		return sw, nil
	}, func(sw api.ProgramSwitch) bool {
		return sw.Ended() || sw.Stopped || sw.Connected() && !toTheEnd
	})
}

// endOfSwitch returns the error that a switch ended with.
func (a *app) endOfSwitch(ctx context.Context, c *api.Client, sw api.ProgramSwitch) error {
	if sw.Reason != "" {
		return fmt.Errorf("program %s stays connected: %s", sw.FromProgram, sw.Reason)
	}
	if !sw.Ended() {
		return nil // the caller waits for no more
	}
	cancelled := endError{errors.New("the refresh of the contacts was cancelled: run \"starter mass-sync start\" to complete it"), exitCancelled}
	if sw.RefreshRun == 0 {
		return cancelled // before it began
	}
	refresh, err := c.MassSync(ctx, sw.ConnectionID, sw.RefreshRun)
	if err == nil && refresh.State == workflows.MassSyncCancelled {
		return cancelled
	}
	return err
}

// switchProgress reports the steps of a switch and, once its mass sync runs,
// the progress of that.
type switchProgress struct {
	progress
	log  io.Writer
	said store.SwitchState
}

func (p *switchProgress) step(sw api.ProgramSwitch) {
	if sw.State != p.said {
		p.said = sw.State
		fmt.Fprintln(p.log, sw.Meaning)
	}
}

// tellPlan says beforehand what will happen. It does not write to the output
// proper.
func (a *app) tellPlan(plan api.SwitchPlan) {
	fmt.Fprintf(a.log, "Connection %s: program %s (%s) instead of %s, for %d contacts.\n",
		plan.ConnectionID, plan.To.ProgramID, plan.To.Name, plan.From, plan.Contacts)
	switch {
	case plan.UnderWay:
		fmt.Fprintln(a.log, "This switch has already started; it resumes.")
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
