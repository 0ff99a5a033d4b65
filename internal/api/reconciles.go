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

// Reconcile is how far a reconcile is. A dry run repairs nothing.
type Reconcile struct {
	Run          int64                   `json:"run"`
	ConnectionID string                  `json:"connection_id"`
	DryRun       bool                    `json:"dry_run"`
	State        workflows.MassSyncState `json:"state"`
	Step         store.ReconcileStep     `json:"step"`             // the current step, or the last one
	Stopping     bool                    `json:"stopping"`         // cancelled, but begun work is not finished yet
	Reason       string                  `json:"reason,omitempty"` // why it failed

	Contacts int64   `json:"contacts"` // listed in HubSpot, the recycle bin included
	Pairs    int64   `json:"pairs"`    // mapped contacts that were compared
	Found    int64   `json:"found"`    // differences
	Repaired int64   `json:"repaired"`
	Left     int64   `json:"left"`
	Drift    []Drift `json:"drift"`

	Unlisted []Unlisted `json:"unlisted,omitempty"` // what HubSpot fails to show; both sides are not known to agree then

	HubSpotCalls  int64  `json:"hubspot_calls"` // to read, and to write in pages; repairs by contacts' own workflows are not counted
	AdvocateCalls int64  `json:"advocate_calls"`
	ETASeconds    *int64 `json:"eta_seconds"` // until both sides are read; null: unknown

	CreatedAt  time.Time `json:"created_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// Drift counts the differences of a class with an outcome.
type Drift struct {
	Class   bridge.Class        `json:"class"`
	Outcome bridge.DriftOutcome `json:"outcome"`
	Count   int64               `json:"count"`
}

// Unlisted is a part of HubSpot's list of contacts that a reconcile could not read: those
// whose ids lie between two, the first included.
type Unlisted struct {
	Archived bool   `json:"archived,omitempty"` // of the list of the recycle bin
	From     string `json:"from,omitempty"`     // omitted: the list's beginning
	To       string `json:"to,omitempty"`       // omitted: the list's end
}

// Sentence describes the part.
func (u Unlisted) Sentence() string {
	list := "contacts"
	if u.Archived {
		list = "contacts in the recycle bin"
	}
	switch {
	case u.From == "" && u.To == "":
		return "no " + list + " were listed"
	case u.From == "":
		return list + " with ids below " + u.To + " were not listed"
	case u.To == "":
		return list + " with ids from " + u.From + " on were not listed"
	default:
		return list + " with ids from " + u.From + " up to, but not including, " + u.To + " were not listed"
	}
}

// Agreement says when both sides last agreed, except for differences that wait for
// a person.
type Agreement struct {
	AgreedAt     time.Time `json:"agreed_at"`
	Pairs        int64     `json:"pairs"`
	Repaired     int64     `json:"repaired"`
	LeftToPeople int64     `json:"left_to_people"`
}

// StartReconcile is a request to start a reconcile.
type StartReconcile struct {
	DryRun bool `json:"dry_run,omitempty"` // find, and repair nothing
}

// Ended reports whether it has ended.
func (r Reconcile) Ended() bool { return !r.FinishedAt.IsZero() }

func reconcileOf(s operator.ReconcileStatus) Reconcile {
	r := Reconcile{
		Run: s.ID, ConnectionID: s.ConnectionID, DryRun: s.DryRun, State: s.State, Step: s.Step, Stopping: s.Stopping, Reason: s.Reason,
		Contacts: s.ReconcileSummary.Contacts, Pairs: s.ReconcileSummary.Pairs, Found: s.Found, Repaired: s.Repaired, Left: s.Left,
		Drift:        collect(s.ReconcileProgress.Drift, func(d store.DriftCount) Drift { return Drift{d.Class, d.Outcome, d.N} }),
		Unlisted:     collect(s.Unlisted, func(u bridge.Unlisted) Unlisted { return Unlisted(u) }),
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

func (h *Handler) listReconciles(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	all, err := h.operator.Reconciles(r.Context(), c.ID)
	return onePage(collect(all, reconcileOf)), err
}

func (h *Handler) getReconcile(r *request) (any, error) {
	return h.steer(r, nil, h.reconcile)
}

func (h *Handler) reconcile(r *request, connection string, run int64) (any, error) {
	status, err := h.operator.ReconcileStatus(r.Context(), connection, run)
	return reconcileOf(status), err
}

func (h *Handler) pauseReconcile(r *request) (any, error) {
	return h.steer(r, h.operator.PauseReconcile, h.reconcile)
}

func (h *Handler) resumeReconcile(r *request) (any, error) {
	return h.steer(r, h.operator.ResumeReconcile, h.reconcile)
}

func (h *Handler) cancelReconcile(r *request) (any, error) {
	return h.steer(r, h.operator.CancelReconcile, h.reconcile)
}

// StartReconcile starts a reconcile of a connection, or resumes an interrupted one.
func (c *Client) StartReconcile(ctx context.Context, connection string, in StartReconcile) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "startReconcile", path: []string{connection}, in: in})
}

// Reconciles returns the latest reconciles, dry runs among them, the last one first.
func (c *Client) Reconciles(ctx context.Context, connection string) ([]Reconcile, error) {
	page, err := send[Page[Reconcile]](ctx, c, call{operation: "listReconciles", path: []string{connection}})
	return page.Items, err
}

// Reconcile returns how far a reconcile is: the one named, or the latest for run 0.
func (c *Client) Reconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "getReconcile", path: []string{connection, numbered(run)}})
}

// PauseReconcile pauses a reconcile once its begun work is finished; run 0 is the
// latest.
func (c *Client) PauseReconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "pauseReconcile", path: []string{connection, numbered(run)}})
}

// ResumeReconcile resumes a paused or interrupted reconcile; run 0 is the latest.
func (c *Client) ResumeReconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "resumeReconcile", path: []string{connection, numbered(run)}})
}

// CancelReconcile cancels a reconcile once its begun work is finished; run 0 is the
// latest.
func (c *Client) CancelReconcile(ctx context.Context, connection string, run int64) (Reconcile, error) {
	return send[Reconcile](ctx, c, call{operation: "cancelReconcile", path: []string{connection, numbered(run)}})
}
