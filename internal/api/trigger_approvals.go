package api

import (
	"context"
	"slices"
	"time"

	"advocatesync/internal/store"
)

// TriggerApprovals are the questions about events that await approval.
type TriggerApprovals struct {
	ConnectionID string            `json:"connection_id"`
	Approvals    []TriggerApproval `json:"approvals"`
}

// TriggerApproval is one question: a trigger's events that await approval for one
// reason.
type TriggerApproval struct {
	TriggerID string    `json:"trigger_id"`
	Reason    string    `json:"reason"` // import or at_once
	Waiting   int64     `json:"waiting"`
	Since     time.Time `json:"since"`
	ObjectIDs []string  `json:"object_ids"` // the first hundred records
}

// DecideTriggerEvents says which of a trigger's events to approve or skip.
type DecideTriggerEvents struct {
	Reason string `json:"reason,omitempty"` // import or at_once; empty: all that wait
}

// DecidedTriggerEvents says how many were approved or skipped.
type DecidedTriggerEvents struct {
	Decided int64 `json:"decided"`
}

// approvalsShown is how many records are named for each question.
const approvalsShown = 100

var guardReasons = []store.Guarded{"", store.GuardedImport, store.GuardedAtOnce}

func (h *Handler) getTriggerApprovals(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	waiting, err := h.operator.TriggerApprovals(r.Context(), c.ID, approvalsShown)
	return TriggerApprovals{ConnectionID: c.ID, Approvals: collect(waiting, func(a store.TriggerApproval) TriggerApproval {
		return TriggerApproval{TriggerID: a.TriggerID, Reason: string(a.Guarded), Waiting: a.Waiting, Since: utc(a.Since), ObjectIDs: a.ObjectIDs}
	})}, err
}

func (h *Handler) approveTriggerEvents(r *request) (any, error) {
	return h.decideTriggerEvents(r, h.operator.ApproveTriggerEvents)
}

func (h *Handler) skipTriggerEvents(r *request) (any, error) {
	return h.decideTriggerEvents(r, h.operator.SkipTriggerEvents)
}

func (h *Handler) decideTriggerEvents(r *request, decide func(ctx context.Context, connectionID, triggerID string, why store.Guarded) (int64, error)) (any, error) {
	var in DecideTriggerEvents
	r.body(&in)
	if !slices.Contains(guardReasons, store.Guarded(in.Reason)) {
		r.mistake("reason", "must be import or at_once, or left out")
	}
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	n, err := decide(r.Context(), c.ID, r.PathValue("trigger"), store.Guarded(in.Reason))
	return DecidedTriggerEvents{Decided: n}, err
}

// TriggerApprovals returns the events of triggers that await approval.
func (c *Client) TriggerApprovals(ctx context.Context, connection string) (TriggerApprovals, error) {
	return send[TriggerApprovals](ctx, c, call{operation: "getTriggerApprovals", path: []string{connection}})
}

// ApproveTriggerEvents approves a trigger's events that await approval.
func (c *Client) ApproveTriggerEvents(ctx context.Context, connection, trigger string, in DecideTriggerEvents) (DecidedTriggerEvents, error) {
	return send[DecidedTriggerEvents](ctx, c, call{operation: "approveTriggerEvents", path: []string{connection, trigger}, in: in})
}

// SkipTriggerEvents skips a trigger's events that await approval, for good.
func (c *Client) SkipTriggerEvents(ctx context.Context, connection, trigger string, in DecideTriggerEvents) (DecidedTriggerEvents, error) {
	return send[DecidedTriggerEvents](ctx, c, call{operation: "skipTriggerEvents", path: []string{connection, trigger}, in: in})
}
