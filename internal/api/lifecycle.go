package api

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// ConnectionStatus is how a connection is doing.
type ConnectionStatus struct {
	Connection
	Rules               Rules          `json:"rules"`
	Consented           bool           `json:"consented"`               // its portal consented in a browser; otherwise it has a static token
	ReportedUntil       time.Time      `json:"reported_until,omitzero"` // what changed in Advocate is in HubSpot up to then; zero: nothing yet
	ReportLagSeconds    *int64         `json:"report_lag_seconds,omitempty"`
	Schedule            ReportSchedule `json:"report_schedule"`
	MappedContacts      int64          `json:"mapped_contacts"`
	ParkedItems         int64          `json:"parked_items"`
	WaitingEvents       int64          `json:"waiting_events"` // of webhooks, not passed on yet
	WaitingSeconds      int64          `json:"waiting_seconds"`
	HubSpotCalls        int            `json:"hubspot_calls_10s"` // in the last ten seconds
	HubSpotCallLimit    int            `json:"hubspot_call_limit_10s"`
	HubSpotPauseSeconds int64          `json:"hubspot_pause_seconds"` // for so long HubSpot accepts no calls
	MassSync            string         `json:"mass_sync,omitempty"`   // the state of the latest; empty: there was none
	DeletionsWaiting    int64          `json:"deletions_waiting"`     // for a person, because they are many
	Agreement           *Agreement     `json:"agreement,omitempty"`   // the last; left out: there was none yet
	Drift               []Drift        `json:"drift"`                 // what the latest reconcile left
	Stuck               []StuckWork    `json:"stuck"`

	// While impact.com refuses the account: since the last refusal, in its words, and
	// how many conversions wait.
	ImpactRefusedAt    time.Time `json:"impact_refused_at,omitzero"`
	ImpactRefusal      string    `json:"impact_refusal,omitempty"`
	WaitingConversions int64     `json:"waiting_conversions"`
}

// StuckWork is work that has not moved for longer than it should take.
type StuckWork struct {
	Work        bridge.Work `json:"work"`
	Step        bridge.Step `json:"step,omitempty"` // what it is at
	Count       int64       `json:"count"`          // events, contacts or runs
	Since       time.Time   `json:"since"`          // when it last moved
	WaitsFor    string      `json:"waits_for"`
	LastFailure string      `json:"last_failure,omitempty"`
	Advice      string      `json:"advice"`
}

// ReportSchedule is how a connection's reports are planned in Temporal.
type ReportSchedule struct {
	Missing bool      `json:"missing,omitempty"`
	Paused  bool      `json:"paused"`
	Note    string    `json:"note,omitempty"`
	Running bool      `json:"running"`
	Last    time.Time `json:"last,omitzero"`
	Next    time.Time `json:"next,omitzero"`
}

// Disconnection is what the end of a connection changed, or would change.
type Disconnection struct {
	ConnectionID   string `json:"connection_id"`
	Mappings       int64  `json:"mappings"`
	ParkedItems    int64  `json:"parked_items"`
	WaitingEvents  int64  `json:"waiting_events"`
	Workflows      int    `json:"workflows"`
	TombstonesKept int64  `json:"tombstones_kept"`
	TokenRevoked   bool   `json:"token_revoked"`
	RevokeFailure  string `json:"revoke_failure,omitempty"`
}

// Resealed says how much was sealed anew.
type Resealed struct {
	Resealed int `json:"resealed"`
}

func (h *Handler) getConnectionStatus(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	s, err := h.operator.ConnectionStatus(r.Context(), c)
	if err != nil {
		return nil, err
	}
	return statusOf(s, h.now()), nil
}

func statusOf(s operator.ConnectionStatus, now time.Time) ConnectionStatus {
	view := ConnectionStatus{
		Connection: connectionOf(s.Connection), Rules: rulesOf(s.Connection), Consented: s.Consented, ReportedUntil: utc(s.Watermark),
		Schedule: ReportSchedule{
			Missing: s.Schedule.Missing, Paused: s.Schedule.Paused, Note: s.Schedule.Note, Running: s.Schedule.Running,
			Last: utc(s.Schedule.Last), Next: utc(s.Schedule.Next),
		},
		MappedContacts: s.Mapped, ParkedItems: s.Parked, WaitingEvents: s.WaitingEvents, WaitingSeconds: int64(s.WaitingFor.Seconds()),
		HubSpotCalls: s.CallsMade, HubSpotCallLimit: s.CallLimit, HubSpotPauseSeconds: int64(s.PortalPause.Seconds()),
		ImpactRefusedAt: utc(s.Impact.RefusedAt), ImpactRefusal: s.Impact.Refusal, WaitingConversions: s.Impact.Waiting,
	}
	if !s.Watermark.IsZero() {
		lag := int64(now.Sub(s.Watermark).Seconds())
		view.ReportLagSeconds = &lag
	}
	if s.Agreement != nil {
		view.Agreement = new(agreementOf(*s.Agreement))
	}
	view.DeletionsWaiting = s.Guarded
	view.Drift = collect(s.Drift, func(d store.DriftCount) Drift { return Drift{d.Class, d.Outcome, d.N} })
	view.Stuck = collect(s.Stuck, func(w bridge.StuckWork) StuckWork {
		return StuckWork{
			Work: w.Work, Step: w.Step, Count: w.Count, Since: utc(now.Add(-w.Idle)).Truncate(time.Second),
			WaitsFor: w.Blocker, LastFailure: w.Reason, Advice: w.Advice,
		}
	})
	if s.MassSync != nil {
		view.MassSync = string(s.MassSync.State)
	}
	return view
}

func (h *Handler) pauseConnection(r *request) (any, error) {
	c, err := h.connection(r)
	if err == nil {
		err = h.operator.PauseConnection(r.Context(), c)
	}
	if err != nil {
		return nil, err
	}
	return h.getConnection(r)
}

func (h *Handler) resumeConnection(r *request) (any, error) {
	c, err := h.connection(r)
	if err == nil {
		err = h.operator.ResumeConnection(r.Context(), c)
	}
	if err != nil {
		return nil, err
	}
	return h.getConnection(r)
}

func (h *Handler) planDisconnect(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	d, err := h.operator.PlanDisconnect(r.Context(), c)
	return disconnectionOf(c.ID, d), err
}

func (h *Handler) disconnect(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	d, err := h.operator.DisconnectConnection(r.Context(), c)
	return disconnectionOf(c.ID, d), err
}

func disconnectionOf(connectionID string, d operator.Disconnection) Disconnection {
	view := Disconnection{
		ConnectionID: connectionID, Mappings: d.Mappings, ParkedItems: d.ParkedItems, WaitingEvents: d.WaitingHints,
		Workflows: d.Workflows, TombstonesKept: d.Tombstones, TokenRevoked: d.TokenRevoked,
	}
	if d.RevokeErr != nil {
		view.RevokeFailure = d.RevokeErr.Error()
	}
	return view
}

func (h *Handler) rotateKeys(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	n, err := h.operator.RotateKeys(r.Context())
	return Resealed{Resealed: n}, err
}

// ConnectionStatus tells how a connection is doing.
func (c *Client) ConnectionStatus(ctx context.Context, connection string) (ConnectionStatus, error) {
	return send[ConnectionStatus](ctx, c, call{operation: "getConnectionStatus", path: []string{connection}})
}

// PauseConnection has all work of a connection wait.
func (c *Client) PauseConnection(ctx context.Context, connection string) (Connection, error) {
	return send[Connection](ctx, c, call{operation: "pauseConnection", path: []string{connection}})
}

// ResumeConnection has the work of a connection go on.
func (c *Client) ResumeConnection(ctx context.Context, connection string) (Connection, error) {
	return send[Connection](ctx, c, call{operation: "resumeConnection", path: []string{connection}})
}

// PlanDisconnect tells what Disconnect would do.
func (c *Client) PlanDisconnect(ctx context.Context, connection string) (Disconnection, error) {
	return send[Disconnection](ctx, c, call{operation: "planDisconnect", path: []string{connection}})
}

// Disconnect ends a connection, and forgets everybody in it but who was erased.
func (c *Client) Disconnect(ctx context.Context, connection string) (Disconnection, error) {
	return send[Disconnection](ctx, c, call{operation: "disconnect", path: []string{connection}})
}

// RotateKeys seals anew what an older encryption key has sealed.
func (c *Client) RotateKeys(ctx context.Context) (Resealed, error) {
	return send[Resealed](ctx, c, call{operation: "rotateKeys"})
}
