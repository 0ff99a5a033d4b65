package api

import (
	"context"
	"math"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// Reconcile is where a reconcile stands. A dry run finds, and repairs nothing.
type Reconcile struct {
	Run          int64                   `json:"run"`
	ConnectionID string                  `json:"connection_id"`
	DryRun       bool                    `json:"dry_run"`
	State        workflows.MassSyncState `json:"state"`
	Step         store.ReconcileStep     `json:"step"`             // what it does, or did last
	Stopping     bool                    `json:"stopping"`         // cancelled, but what was begun is not finished yet
	Reason       string                  `json:"reason,omitempty"` // why it failed

	Contacts int64   `json:"contacts"` // listed in HubSpot, the recycle bin included
	Pairs    int64   `json:"pairs"`    // mapped contacts that were compared
	Found    int64   `json:"found"`    // differences
	Repaired int64   `json:"repaired"`
	Left     int64   `json:"left"`
	Drift    []Drift `json:"drift"`

	HubSpotCalls  int64  `json:"hubspot_calls"` // to read, and to write in pages; repairs by contacts' own lives are not counted
	AdvocateCalls int64  `json:"advocate_calls"`
	ETASeconds    *int64 `json:"eta_seconds"` // until both sides are read; null: not known

	CreatedAt  time.Time `json:"created_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// Drift is how many differences of a class had an outcome.
type Drift struct {
	Class   bridge.Class        `json:"class"`
	Outcome bridge.DriftOutcome `json:"outcome"`
	Count   int64               `json:"count"`
}

// Agreement says when both sides were last known to agree, but for what waits
// for a person.
type Agreement struct {
	AgreedAt     time.Time `json:"agreed_at"`
	Pairs        int64     `json:"pairs"`
	Repaired     int64     `json:"repaired"`
	LeftToPeople int64     `json:"left_to_people"`
}

// StartReconcile says how to begin a reconcile.
type StartReconcile struct {
	DryRun bool `json:"dry_run,omitempty"` // find, and repair nothing
}

// Ended reports that nothing more will happen.
func (r Reconcile) Ended() bool { return !r.FinishedAt.IsZero() }

func reconcileOf(s operator.ReconcileStatus) Reconcile {
	r := Reconcile{
		Run: s.ID, ConnectionID: s.ConnectionID, DryRun: s.DryRun, State: s.State, Step: s.Step, Stopping: s.Stopping, Reason: s.Reason,
		Contacts: s.ReconcileSummary.Contacts, Pairs: s.ReconcileSummary.Pairs, Found: s.Found, Repaired: s.Repaired, Left: s.Left,
		Drift:        collect(s.ReconcileProgress.Drift, func(d store.DriftCount) Drift { return Drift{d.Class, d.Outcome, d.N} }),
		HubSpotCalls: s.HubSpotCalls, AdvocateCalls: s.AdvocateCalls,
		CreatedAt: utc(s.CreatedAt), FinishedAt: utc(s.FinishedAt),
	}
	if s.ETAKnown {
		r.ETASeconds = new(int64(math.Ceil(s.ETA.Seconds())))
	}
	return r
}

func agreementOf(a store.Agreement) Agreement {
	return Agreement{AgreedAt: utc(a.At), Pairs: a.Pairs, Repaired: a.Repaired, LeftToPeople: a.LeftToPeople}
}

func (h *Handler) startReconcile(r *request) (any, error) {
	var in StartReconcile
	r.body(&in)
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	run, err := h.operator.StartReconcile(r.Context(), c, in.DryRun)
	if err != nil {
		return nil, err
	}
	return h.reconcile(r, c.ID, run)
}

func (h *Handler) getReconcile(r *request) (any, error) {
	run := r.number("run")
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	return h.reconcile(r, c.ID, run)
}

func (h *Handler) reconcile(r *request, connection string, run int64) (any, error) {
	status, err := h.operator.ReconcileStatus(r.Context(), connection, run)
	return reconcileOf(status), err
}

func (h *Handler) pauseReconcile(r *request) (any, error) {
	return h.steerReconcile(r, h.operator.PauseReconcile)
}

func (h *Handler) resumeReconcile(r *request) (any, error) {
	return h.steerReconcile(r, h.operator.ResumeReconcile)
}

func (h *Handler) cancelReconcile(r *request) (any, error) {
	return h.steerReconcile(r, h.operator.CancelReconcile)
}

func (h *Handler) steerReconcile(r *request, steer func(ctx context.Context, connectionID string, runID int64) (int64, error)) (any, error) {
	run := r.number("run")
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	if run, err = steer(r.Context(), c.ID, run); err != nil {
		return nil, err
	}
	return h.reconcile(r, c.ID, run)
}

// StartReconcile starts a reconcile of a connection, or takes up one that was
// interrupted.
func (c *Client) StartReconcile(ctx context.Context, connection string, in StartReconcile) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "startReconcile", path: []string{connection}, in: in})
}

// Reconcile returns where a reconcile stands: the one named, or the latest for
// run 0.
func (c *Client) Reconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "getReconcile", path: []string{connection, numbered(run)}})
}

// PauseReconcile has a reconcile finish what it has begun, and then wait; run 0
// is the latest.
func (c *Client) PauseReconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "pauseReconcile", path: []string{connection, numbered(run)}})
}

// ResumeReconcile has a paused or interrupted reconcile go on; run 0 is the
// latest.
func (c *Client) ResumeReconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "resumeReconcile", path: []string{connection, numbered(run)}})
}

// CancelReconcile has a reconcile finish what it has begun, and then end; run 0
// is the latest.
func (c *Client) CancelReconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "cancelReconcile", path: []string{connection, numbered(run)}})
}
