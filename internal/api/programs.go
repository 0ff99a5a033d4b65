package api

import (
	"context"
	"time"

	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Program is a referral program of a connection's tenant.
type Program struct {
	ProgramID string `json:"program_id"`
	Name      string `json:"name"`
	Status    string `json:"status"` // "live" or "paused"
	Connected bool   `json:"connected"`
}

// SwitchRequest says which program to connect, and how.
type SwitchRequest struct {
	Program  string `json:"program"`
	InPlace  bool   `json:"in_place,omitempty"`  // keep the properties, replace their values
	MassSync bool   `json:"mass_sync,omitempty"` // sync participants without a contact as well
}

// SwitchPlan is what a switch would do.
type SwitchPlan struct {
	ConnectionID string            `json:"connection_id"`
	From         string            `json:"from_program"`
	To           Program           `json:"to_program"`
	InPlace      bool              `json:"in_place"`
	MassSync     bool              `json:"mass_sync"`
	Properties   []PlannedProperty `json:"properties"`
	Contacts     int64             `json:"contacts"`  // mapped contacts, whose values change
	UnderWay     bool              `json:"under_way"` // the same switch is under way: starting it resumes it

	CountsAge // of Contacts
}

// PlannedProperty is a property that holds a program's value.
type PlannedProperty struct {
	Name    string `json:"name"`
	Missing bool   `json:"missing"` // it does not exist and is created in any case
}

// ProgramSwitch is how far a program switch is.
type ProgramSwitch struct {
	SwitchID     int64              `json:"switch_id"`
	ConnectionID string             `json:"connection_id"`
	FromProgram  string             `json:"from_program"`
	ToProgram    string             `json:"to_program"`
	InPlace      bool               `json:"in_place"`
	MassSync     bool               `json:"mass_sync"`
	State        store.SwitchState  `json:"state"`
	Meaning      string             `json:"meaning"` // of the state, for people
	Stopped      bool               `json:"stopped"` // no workflow runs: starting it again resumes it
	Reason       string             `json:"reason,omitempty"`
	Advice       string             `json:"advice,omitempty"`
	Properties   []SwitchedProperty `json:"properties"`
	RefreshRun   int64              `json:"refresh_run,omitempty"` // the mass sync that refreshes the contacts
	Revisited    int64              `json:"revisited"`             // contacts that it did not reach: they are synced one by one
	CreatedAt    time.Time          `json:"created_at"`
	ConnectedAt  time.Time          `json:"connected_at,omitzero"`
	FinishedAt   time.Time          `json:"finished_at,omitzero"`
}

// SwitchedProperty is the outcome for a property.
type SwitchedProperty struct {
	Name          string                `json:"name"`
	Outcome       store.PropertyOutcome `json:"outcome"`
	Meaning       string                `json:"meaning"`         // of the outcome, for people
	VendorMessage string                `json:"words,omitempty"` // the vendor's
}

// Ended reports whether it has ended.
func (s ProgramSwitch) Ended() bool { return !s.FinishedAt.IsZero() }

// Connected reports whether the program is connected. Only the refresh of the
// contacts remains then.
func (s ProgramSwitch) Connected() bool { return !s.ConnectedAt.IsZero() }

func programOf(p operator.Program) Program {
	status := "paused"
	if p.Live {
		status = "live"
	}
	return Program{ProgramID: p.ID, Name: p.Name, Status: status, Connected: p.Connected}
}

func planOf(p operator.SwitchPlan) SwitchPlan {
	return SwitchPlan{
		ConnectionID: p.Connection.ID, From: p.Connection.Program, To: programOf(p.To),
		InPlace: p.InPlace, MassSync: p.MassSync, Contacts: p.Contacts, UnderWay: p.UnderWay, CountsAge: countsAgeOf(p.Counted),
		Properties: collect(p.Properties, func(p operator.PlannedProperty) PlannedProperty { return PlannedProperty(p) }),
	}
}

func switchOf(s operator.SwitchStatus) ProgramSwitch {
	return ProgramSwitch{
		SwitchID: s.ID, ConnectionID: s.ConnectionID, FromProgram: s.From, ToProgram: s.To, InPlace: s.InPlace, MassSync: s.MassSync,
		State: s.State, Meaning: operator.SwitchWords(s.State), Stopped: s.Stopped, Reason: s.Reason, Advice: operator.SwitchAdvice(s.ProgramSwitch),
		Properties: collect(s.Properties, func(p store.SwitchedProperty) SwitchedProperty {
			return SwitchedProperty{Name: p.Name, Outcome: p.Outcome, Meaning: operator.OutcomeWords(p.Outcome), VendorMessage: p.VendorMessage}
		}),
		RefreshRun: s.RefreshRun, Revisited: s.Revisited,
		CreatedAt: utc(s.CreatedAt), ConnectedAt: utc(s.ConnectedAt), FinishedAt: utc(s.FinishedAt),
	}
}

func (h *Handler) listPrograms(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	programs, err := h.operator.Programs(r.Context(), c)
	return onePage(collect(programs, programOf)), err
}

func (h *Handler) planProgramSwitch(r *request) (any, error) {
	plan, err := h.plan(r)
	return planOf(plan), err
}

func (h *Handler) startProgramSwitch(r *request) (any, error) {
	plan, err := h.plan(r)
	if err != nil {
		return nil, err
	}
	sw, err := h.operator.StartSwitch(r.Context(), plan)
	return switchOf(operator.SwitchStatus{ProgramSwitch: sw}), err
}

func (h *Handler) plan(r *request) (operator.SwitchPlan, error) {
	var in SwitchRequest
	r.body(&in)
	r.required("program", in.Program)
	c, err := h.connection(r)
	if err != nil {
		return operator.SwitchPlan{}, err
	}
	return h.operator.PlanSwitch(r.Context(), c, operator.SwitchInput(in))
}

func (h *Handler) getProgramSwitch(r *request) (any, error) {
	id := r.number("switch")
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	status, err := h.operator.SwitchStatus(r.Context(), c.ID, id)
	return switchOf(status), err
}

// Programs lists the tenant's referral programs, the connected one first.
func (c *Client) Programs(ctx context.Context, connection string) ([]Program, error) {
	page, err := send[Page[Program]](ctx, c, call{operation: "listPrograms", path: []string{connection}})
	return page.Items, err
}

// PlanProgramSwitch checks everything that can be checked before a switch begins,
// and returns what it would do.
func (c *Client) PlanProgramSwitch(ctx context.Context, connection string, in SwitchRequest) (SwitchPlan, error) {
	return send[SwitchPlan](ctx, c, call{operation: "planProgramSwitch", path: []string{connection}, in: in})
}

// StartProgramSwitch begins a switch, or resumes the same one. It returns once the
// switch has begun.
func (c *Client) StartProgramSwitch(ctx context.Context, connection string, in SwitchRequest) (ProgramSwitch, error) {
	return send[ProgramSwitch](ctx, c, call{operation: "startProgramSwitch", path: []string{connection}, in: in})
}

// ProgramSwitch returns how far a switch is: the one with an id, or the latest for
// 0.
func (c *Client) ProgramSwitch(ctx context.Context, connection string, id int64) (ProgramSwitch, error) {
	return send[ProgramSwitch](ctx, c, call{operation: "getProgramSwitch", path: []string{connection, numbered(id)}})
}
