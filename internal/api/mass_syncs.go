package api

import (
	"context"
	"math"
	"time"

	"advocatesync/internal/operator"
	"advocatesync/workflows"
)

// MassSync is how far a mass sync is. The numbers of a dry run are predictions.
type MassSync struct {
	Run          int64                   `json:"run"`
	ConnectionID string                  `json:"connection_id"`
	DryRun       bool                    `json:"dry_run"`
	State        workflows.MassSyncState `json:"state"`
	Stopping     bool                    `json:"stopping"`         // cancelled, but begun pages are not finished yet
	Reason       string                  `json:"reason,omitempty"` // why it failed

	MassSyncCounts
	Done       int64   `json:"done"`
	Rate       float64 `json:"rate"`        // participants per second, lately; 0: unknown
	ETASeconds *int64  `json:"eta_seconds"` // null: unknown. For a finished dry run, what the real one will take

	CreatedAt  time.Time           `json:"created_at"`
	FinishedAt time.Time           `json:"finished_at,omitzero"`
	Predicted  *MassSyncPrediction `json:"predicted,omitempty"` // the latest dry run before it
}

// MassSyncCounts counts the participants by result, and the calls.
type MassSyncCounts struct {
	Total         int64 `json:"total"`
	Created       int64 `json:"created"`
	Matched       int64 `json:"matched"`
	Updated       int64 `json:"updated"`
	Unchanged     int64 `json:"unchanged"`
	Blocked       int64 `json:"blocked"`  // kept out by a rule, a tombstone or a missing email
	NoEmail       int64 `json:"no_email"` // of those blocked
	Parked        int64 `json:"parked"`
	HubSpotCalls  int64 `json:"hubspot_calls"`
	AdvocateCalls int64 `json:"advocate_calls"`
}

// MassSyncPrediction is what a dry run predicted.
type MassSyncPrediction struct {
	Run int64 `json:"run"`
	MassSyncCounts
}

// StartMassSync is a request to start a mass sync.
type StartMassSync struct {
	DryRun bool `json:"dry_run,omitempty"` // a dry run, which writes nothing
	Verify bool `json:"verify,omitempty"`  // reads and compares contacts instead of trusting the ledger
}

// Ended reports whether it has ended.
func (m MassSync) Ended() bool { return !m.FinishedAt.IsZero() }

func countsOf(s operator.MassSyncStatus) MassSyncCounts {
	return MassSyncCounts{
		Total: s.Total, Created: s.Created, Matched: s.Matched, Updated: s.Updated, Unchanged: s.Unchanged,
		Blocked: s.KeptOut(), NoEmail: s.NoEmail, Parked: s.Parked,
		HubSpotCalls: s.HubSpotCalls, AdvocateCalls: s.AdvocateCalls,
	}
}

func massSyncOf(s operator.MassSyncStatus) MassSync {
	m := MassSync{
		Run: s.ID, ConnectionID: s.ConnectionID, DryRun: s.DryRun, State: s.State, Stopping: s.Stopping, Reason: s.Reason,
		MassSyncCounts: countsOf(s), Done: s.Done(), Rate: math.Round(s.Rate*10) / 10,
		CreatedAt: utc(s.CreatedAt), FinishedAt: utc(s.FinishedAt),
	}
	if s.ETAKnown {
		m.ETASeconds = new(int64(math.Ceil(s.ETA.Seconds())))
	}
	if s.Predicted != nil {
		m.Predicted = &MassSyncPrediction{Run: s.Predicted.ID, MassSyncCounts: countsOf(*s.Predicted)}
	}
	return m
}

func (h *Handler) startMassSync(r *request) (any, error) {
	var in StartMassSync
	r.body(&in)
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	start := h.operator.StartMassSync
	if in.Verify {
		start = h.operator.StartVerify
	}
	run, err := start(r.Context(), c, in.DryRun)
	if err != nil {
		return nil, err
	}
	return h.massSync(r, c.ID, run)
}

func (h *Handler) listMassSyncs(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	all, err := h.operator.MassSyncs(r.Context(), c.ID)
	return onePage(collect(all, massSyncOf)), err
}

func (h *Handler) getMassSync(r *request) (any, error) {
	return h.steer(r, nil, h.massSync)
}

func (h *Handler) massSync(r *request, connection string, run int64) (any, error) {
	status, err := h.operator.MassSyncStatus(r.Context(), connection, run)
	return massSyncOf(status), err
}

func (h *Handler) pauseMassSync(r *request) (any, error) {
	return h.steer(r, h.operator.PauseMassSync, h.massSync)
}

func (h *Handler) resumeMassSync(r *request) (any, error) {
	return h.steer(r, h.operator.ResumeMassSync, h.massSync)
}

func (h *Handler) cancelMassSync(r *request) (any, error) {
	return h.steer(r, h.operator.CancelMassSync, h.massSync)
}

// StartMassSync starts a mass sync of a connection, or resumes an interrupted one.
func (c *Client) StartMassSync(ctx context.Context, connection string, in StartMassSync) (MassSync, error) {
	return send[MassSync](ctx, c, call{operation: "startMassSync", path: []string{connection}, in: in})
}

// MassSyncs returns the latest mass syncs, dry runs among them, the last one first.
func (c *Client) MassSyncs(ctx context.Context, connection string) ([]MassSync, error) {
	page, err := send[Page[MassSync]](ctx, c, call{operation: "listMassSyncs", path: []string{connection}})
	return page.Items, err
}

// MassSync returns how far a mass sync is: the one named, or the latest for run 0.
func (c *Client) MassSync(ctx context.Context, connection string, run int64) (MassSync, error) {
	return send[MassSync](ctx, c, call{operation: "getMassSync", path: []string{connection, numbered(run)}})
}

// PauseMassSync pauses a mass sync once its begun pages are finished; run 0 is the
// latest.
func (c *Client) PauseMassSync(ctx context.Context, connection string, run int64) (MassSync, error) {
	return send[MassSync](ctx, c, call{operation: "pauseMassSync", path: []string{connection, numbered(run)}})
}

// ResumeMassSync resumes a paused or interrupted mass sync; run 0 is the latest.
func (c *Client) ResumeMassSync(ctx context.Context, connection string, run int64) (MassSync, error) {
	return send[MassSync](ctx, c, call{operation: "resumeMassSync", path: []string{connection, numbered(run)}})
}

// CancelMassSync cancels a mass sync once its begun pages are finished; run 0 is
// the latest.
func (c *Client) CancelMassSync(ctx context.Context, connection string, run int64) (MassSync, error) {
	return send[MassSync](ctx, c, call{operation: "cancelMassSync", path: []string{connection, numbered(run)}})
}
