package api

import (
	"context"
	"net/url"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// ConnectionStatus is a connection's state and health.
type ConnectionStatus struct {
	Connection
	Rules               Rules          `json:"rules"`
	Consented           bool           `json:"consented"`               // its portal consented in a browser; otherwise it has a static token
	ReportedUntil       time.Time      `json:"reported_until,omitzero"` // changes in Advocate up to this time are in HubSpot; zero: none yet
	ReportLagSeconds    *int64         `json:"report_lag_seconds,omitempty"`
	Schedule            ReportSchedule `json:"report_schedule"`
	MappedContacts      int64          `json:"mapped_contacts"`
	ParkedItems         int64          `json:"parked_items"`
	WaitingEvents       int64          `json:"waiting_events"` // webhook events not relayed yet
	WaitingSeconds      int64          `json:"waiting_seconds"`
	HubSpotCalls        int            `json:"hubspot_calls_10s"` // in the last ten seconds
	HubSpotCallLimit    int            `json:"hubspot_call_limit_10s"`
	HubSpotPauseSeconds int64          `json:"hubspot_pause_seconds"` // how long HubSpot still refuses calls
	MassSync            string         `json:"mass_sync,omitempty"`   // the state of the latest; empty: none yet
	DeletionsWaiting    int64          `json:"deletions_waiting"`     // that await approval
	Agreement           *Agreement     `json:"agreement,omitempty"`   // the latest; omitted: none yet
	Drift               []Drift        `json:"drift"`                 // drift that the latest reconcile left
	Journal             Journal        `json:"journal"`
	Stuck               []StuckWork    `json:"stuck"`

	// While impact.com refuses the account: the last refusal, in its words, and how
	// many conversions wait.
	ImpactRefusedAt    time.Time `json:"impact_refused_at,omitzero"`
	ImpactRefusal      string    `json:"impact_refusal,omitempty"`
	WaitingConversions int64     `json:"waiting_conversions"`

	CountsAge

	// Parts that could not be read within a few seconds: their fields are left out,
	// zero or incomplete.
	Unknown []operator.StatusPart `json:"unknown,omitempty"`
}

// CountsAge says from when the counts of events, items and contacts beside it are.
// Up to ten thousand are counted at the time of the request; larger counts are
// sampled.
type CountsAge struct {
	SampledAt time.Time `json:"counts_sampled_at,omitzero"` // when the oldest of them was counted; left out: now
	AtLeast   bool      `json:"counts_at_least,omitempty"`  // there are more than ten thousand of some, which were never counted
}

func countsAgeOf(c store.Counted) CountsAge {
	return CountsAge{SampledAt: utc(c.At), AtLeast: c.AtLeast}
}

// Journal is the state of HubSpot's journal, which makes up for lost webhooks, for a
// connection.
type Journal struct {
	State  bridge.JournalState `json:"state"`
	Reason string              `json:"reason,omitempty"`
	Since  time.Time           `json:"since,omitzero"`
	ReadTo time.Time           `json:"read_to,omitzero"` // everything published before was heard; zero: nothing was read yet
	GapAt  time.Time           `json:"gap_at,omitzero"`  // end of the gap, for which a reconcile is due; zero: there is none
	Advice string              `json:"advice,omitempty"`
}

func journalOf(s operator.JournalStatus) Journal {
	return Journal{
		State: s.State, Reason: s.Reason, Since: utc(s.Since), ReadTo: utc(s.Until), GapAt: utc(s.GapAt), Advice: s.State.Advice(),
	}
}

// StuckWork is work that has made no progress for longer than its patience.
type StuckWork struct {
	Work        bridge.Work `json:"work"`
	Step        bridge.Step `json:"step,omitempty"` // the step it is stuck at
	Count       int64       `json:"count"`          // events, contacts or runs
	Since       time.Time   `json:"since"`          // when it last made progress
	WaitsFor    string      `json:"waits_for"`
	LastFailure string      `json:"last_failure,omitempty"`
	Advice      string      `json:"advice"`
}

// ReportSchedule is the schedule of a connection's reports in Temporal.
type ReportSchedule struct {
	Missing bool      `json:"missing,omitempty"`
	Paused  bool      `json:"paused"`
	Note    string    `json:"note,omitempty"`
	Running bool      `json:"running"`
	Last    time.Time `json:"last,omitzero"`
	Next    time.Time `json:"next,omitzero"`
}

// Disconnection is what disconnecting changed, or would change.
type Disconnection struct {
	ConnectionID   string `json:"connection_id"`
	Mappings       int64  `json:"mappings"`
	ParkedItems    int64  `json:"parked_items"`
	WaitingEvents  int64  `json:"waiting_events"`
	Workflows      int    `json:"workflows"` // -1 in a plan: Temporal does not answer
	TombstonesKept int64  `json:"tombstones_kept"`
	OpenErasures   int64  `json:"open_erasures"` // privacy deletions that can no longer be done
	TokenRevoked   bool   `json:"token_revoked"`
	RevokeFailure  string `json:"revoke_failure,omitempty"`

	CountsAge
}

// Resealed says how many texts were re-encrypted.
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
		CountsAge: countsAgeOf(s.Counted), Unknown: s.Unknown,
	}
	if !s.Watermark.IsZero() {
		lag := int64(now.Sub(s.Watermark).Seconds())
		view.ReportLagSeconds = &lag
	}
	if s.Agreement != nil {
		view.Agreement = new(agreementOf(*s.Agreement))
	}
	view.Journal = journalOf(s.Journal)
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
	abandon := r.flag("abandon_erasures")
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	d, err := h.operator.DisconnectConnection(r.Context(), c, abandon)
	return disconnectionOf(c.ID, d), err
}

func disconnectionOf(connectionID string, d operator.Disconnection) Disconnection {
	view := Disconnection{
		ConnectionID: connectionID, Mappings: d.Mappings, ParkedItems: d.ParkedItems, WaitingEvents: d.WaitingHints,
		Workflows: d.Workflows, TombstonesKept: d.Tombstones, OpenErasures: d.OpenErasures, TokenRevoked: d.TokenRevoked,
		CountsAge: countsAgeOf(d.Counted),
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

// RecoveryKey opens the pepper when the encryption key is lost.
type RecoveryKey struct {
	Key string `json:"key"` // base64; shown this once
}

func (h *Handler) newRecoveryKey(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	key, err := h.operator.NewRecoveryKey(r.Context())
	return RecoveryKey{Key: key}, err
}

// NewRecoveryKey replaces the recovery key.
func (c *Client) NewRecoveryKey(ctx context.Context) (RecoveryKey, error) {
	return send[RecoveryKey](ctx, c, call{operation: "newRecoveryKey"})
}

// ConnectionStatus returns a connection's state and health.
func (c *Client) ConnectionStatus(ctx context.Context, connection string) (ConnectionStatus, error) {
	return send[ConnectionStatus](ctx, c, call{operation: "getConnectionStatus", path: []string{connection}})
}

// PauseConnection suspends all work of a connection.
func (c *Client) PauseConnection(ctx context.Context, connection string) (Connection, error) {
	return send[Connection](ctx, c, call{operation: "pauseConnection", path: []string{connection}})
}

// ResumeConnection resumes the work of a connection.
func (c *Client) ResumeConnection(ctx context.Context, connection string) (Connection, error) {
	return send[Connection](ctx, c, call{operation: "resumeConnection", path: []string{connection}})
}

// PlanDisconnect returns what Disconnect would do.
func (c *Client) PlanDisconnect(ctx context.Context, connection string) (Disconnection, error) {
	return send[Disconnection](ctx, c, call{operation: "planDisconnect", path: []string{connection}})
}

// Disconnect ends a connection, and deletes everything about its people except
// tombstones. It is refused while privacy deletions are open, unless they are
// abandoned.
func (c *Client) Disconnect(ctx context.Context, connection string, abandonErasures bool) (Disconnection, error) {
	query := url.Values{}
	if abandonErasures {
		query.Set("abandon_erasures", "true")
	}
	return send[Disconnection](ctx, c, call{operation: "disconnect", path: []string{connection}, query: query})
}

// RotateKeys re-encrypts everything that is sealed under an older encryption key.
func (c *Client) RotateKeys(ctx context.Context) (Resealed, error) {
	return send[Resealed](ctx, c, call{operation: "rotateKeys"})
}
