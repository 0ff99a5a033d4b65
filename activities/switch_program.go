package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// Programs groups the activities that change a connection's program. Each does
// nothing if its step is done already, so that a switch continues where it stopped.
type Programs struct {
	connections Connections
	store       *store.Store
}

// NewPrograms returns the program activities over their dependencies.
func NewPrograms(connections Connections, s *store.Store) *Programs {
	return &Programs{connections: connections, store: s}
}

// BeginSwitchInput requests another program.
type BeginSwitchInput struct {
	ConnectionID string `json:"connection_id"`
	Program      string `json:"program"`
	InPlace      bool   `json:"in_place"`
	MassSync     bool   `json:"mass_sync"`
}

// Switch names a switch.
type Switch struct {
	ID int64 `json:"switch_id"`
}

// BeginSwitchResult is the switch that was begun or resumed, or why there is none.
type BeginSwitchResult struct {
	Switch
	Refused string `json:"refused,omitempty"` // the store's code
}

// BeginSwitch begins the switch, or resumes the same one. From then on no write of
// program-sourced values begins.
func (a *Programs) BeginSwitch(ctx context.Context, in BeginSwitchInput) (BeginSwitchResult, error) {
	request := store.SwitchRequest{ConnectionID: in.ConnectionID, To: in.Program, InPlace: in.InPlace, MassSync: in.MassSync}
	for _, def := range bridge.ProgramSourcedProperties() {
		request.Properties = append(request.Properties, def.Name)
	}
	sw, err := a.store.BeginSwitch(ctx, request)
	var refusal *bridge.Error
	if errors.As(err, &refusal) && refusal.Kind == bridge.Conflict {
		return BeginSwitchResult{Refused: refusal.Code}, nil
	}
	return BeginSwitchResult{Switch: Switch{ID: sw.ID}}, retryable(err)
}

// StopWriters ends the runs under the old program once none of their pages is being
// written. While one is, it fails as pending and is retried.
func (a *Programs) StopWriters(ctx context.Context, in Switch) error {
	return retryable(a.store.StopWriters(ctx, in.ID))
}

// ArchiveProperties removes the program-sourced properties. If HubSpot refuses to
// remove one, or fails on it for ten minutes, the switch is refused.
func (a *Programs) ArchiveProperties(ctx context.Context, in Switch) error {
	sw, conn, err := a.open(ctx, in)
	if err != nil || sw.State != store.SwitchArchiving {
		return retryable(err)
	}
	propertyRemoval := propertyRemoval{hubspot: conn.HubSpot, blocked: map[string]string{}, tries: int(activity.GetInfo(ctx).Attempt)}
	err = propertyRemoval.run(ctx)
	switch {
	case err != nil:
		return retryable(err)
	case len(propertyRemoval.blocked) > 0:
		return retryable(a.store.RefuseSwitch(ctx, sw.ID, propertyRemoval.reason(), propertyRemoval.outcomes()))
	default:
		return retryable(a.store.PropertiesArchived(ctx, sw.ID, propertyRemoval.outcomes()))
	}
}

func (a *Programs) open(ctx context.Context, in Switch) (store.ProgramSwitch, ConnectionClients, error) {
	sw, err := a.store.Switch(ctx, in.ID)
	if err != nil {
		return store.ProgramSwitch{}, ConnectionClients{}, err
	}
	conn, err := a.connections.Open(ctx, sw.ConnectionID)
	return sw, conn, err
}

// refusedAgain is how soon a property that HubSpot refuses to create is tried
// again: a person has to act first.
const refusedAgain = time.Minute

// CreateProperties creates the program-sourced properties that are missing, for the
// new program, or for the old one if the switch is refused. It returns when all
// exist. If HubSpot refuses one, or fails on it again and again, its message is
// recorded and the property is tried again: neither program can do without it. The
// others are created.
func (a *Programs) CreateProperties(ctx context.Context, in Switch) error {
	ctx = portal.WithTries(ctx, int(activity.GetInfo(ctx).Attempt))
	sw, conn, err := a.open(ctx, in)
	if err != nil {
		return retryable(err)
	}
	made := store.PropertyCreated
	switch sw.State {
	case store.SwitchCreating:
	case store.SwitchRestoring:
		made = store.PropertyRestored
	default:
		return nil
	}
	err = a.create(ctx, sw, conn.HubSpot, made)
	return retryable(err)
}

func (a *Programs) create(ctx context.Context, sw store.ProgramSwitch, hubspot contactProperties, made store.PropertyOutcome) error {
	before, err := activeProperties(ctx, hubspot)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(bridge.ProgramSourcedProperties(), func(def bridge.PropertyDefinition) bool { return before[def.Name] })
	now, refused := before, map[string]error{}
	if len(missing) > 0 {
		if refused, err = hubspot.CreateProperties(ctx, missing); err != nil {
			return err
		}
		if now, err = activeProperties(ctx, hubspot); err != nil {
			return err
		}
	}
	var outcomes []store.SwitchedProperty
	for _, p := range sw.Properties {
		removed := !before[p.Name] || p.Outcome == store.PropertyArchived || p.Outcome == store.PropertyRefused
		switch {
		case refused[p.Name] != nil:
			p.Outcome, p.VendorMessage = store.PropertyRefused, words(refused[p.Name])
		case now[p.Name] && removed:
			p.Outcome, p.VendorMessage = made, ""
		}
		outcomes = append(outcomes, p)
	}
	if err := a.store.RecordProperties(ctx, sw.ID, outcomes); err != nil {
		return err
	}
	if left := len(bridge.ProgramSourcedProperties()) - len(now); left > 0 {
		return &bridge.Error{Kind: bridge.Pending, Op: "activities.create_properties", RetryAfter: refusedAgain,
			Err: fmt.Errorf("%d properties are missing", left)}
	}
	return nil
}

// SwitchState says how far a switch has come.
type SwitchState = store.SwitchState

// SwitchRefreshing means that a program is connected, but not all contacts have its
// values yet.
const SwitchRefreshing = store.SwitchRefreshing

// ConnectProgramResult says which program is connected now.
type ConnectProgramResult struct {
	State SwitchState `json:"state"` // refreshing, or refused with nothing left to do
}

// ConnectProgram connects the new program, or keeps the old one if the switch is
// refused, and allows writes again.
func (a *Programs) ConnectProgram(ctx context.Context, in Switch) (ConnectProgramResult, error) {
	sw, err := a.store.ConnectProgram(ctx, in.ID)
	return ConnectProgramResult{State: sw.State}, retryable(err)
}

// BeginRefreshResult is the mass sync that gives the contacts the connected
// program's values.
type BeginRefreshResult struct {
	Run
	Ended bool `json:"ended,omitempty"`
	Done  bool `json:"done,omitempty"` // ended, and not because it was cancelled
}

// BeginRefresh begins the mass sync, or returns the one that was begun before.
func (a *Programs) BeginRefresh(ctx context.Context, in Switch) (BeginRefreshResult, error) {
	run, err := a.store.BeginRefresh(ctx, in.ID)
	return BeginRefreshResult{Run: Run{ID: run.ID}, Ended: !run.FinishedAt.IsZero(), Done: run.State == store.RunDone}, retryable(err)
}

// AwaitRefreshResult says how the mass sync ended.
type AwaitRefreshResult struct {
	Done bool `json:"done"` // not cancelled, nor given up
}

// AwaitRefresh returns once the mass sync has ended. Until then it fails as
// pending, and its retry policy polls.
func (a *Programs) AwaitRefresh(ctx context.Context, in Switch) (AwaitRefreshResult, error) {
	sw, err := a.store.Switch(ctx, in.ID)
	if err != nil {
		return AwaitRefreshResult{}, retryable(err)
	}
	run, err := a.store.Run(ctx, sw.RefreshRun)
	if err == nil && run.FinishedAt.IsZero() {
		err = &bridge.Error{Kind: bridge.Pending, Op: "activities.await_refresh"}
	}
	return AwaitRefreshResult{Done: run.State == store.RunDone}, retryable(err)
}

// FinishSwitchInput ends a switch.
type FinishSwitchInput struct {
	Switch
	// Refreshed: every contact that the refresh could reach was reached.
	Refreshed bool `json:"refreshed"`
}

// FinishSwitchResult is how a switch ended.
type FinishSwitchResult struct {
	State     SwitchState `json:"state"` // done or refused
	Revisited int64       `json:"revisited,omitempty"`
}

// FinishSwitch ends a switch. Contacts that the refresh could not reach are synced
// one by one afterwards.
func (a *Programs) FinishSwitch(ctx context.Context, in FinishSwitchInput) (FinishSwitchResult, error) {
	sw, err := a.store.FinishSwitch(ctx, in.ID, in.Refreshed)
	return FinishSwitchResult{State: sw.State, Revisited: sw.Revisited}, retryable(err)
}
