package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// PauseConnection suspends all work of a connection: webhooks are still stored, but
// reports do not start and a mass sync pauses. Calls under way finish. A paused
// connection stays as it is.
func (o *Operator) PauseConnection(ctx context.Context, c bridge.Connection) error {
	if err := o.store.SetPaused(ctx, c.ID, true); err != nil {
		return err
	}
	if err := o.schedules.pause(ctx, c.ID); err != nil {
		return fmt.Errorf("the connection is paused, but not all of its schedules are; what they start waits: %w", err)
	}
	return nil
}

// ResumeConnection resumes the work of a connection: stored events are acted on, a
// report starts at once, and a mass sync continues. Work that waits inside Temporal
// notices within a minute.
func (o *Operator) ResumeConnection(ctx context.Context, c bridge.Connection) error {
	if err := o.store.SetPaused(ctx, c.ID, false); err != nil {
		return err
	}
	c.PausedAt = time.Time{}
	if err := o.schedules.resume(ctx, c); err != nil {
		return fmt.Errorf("the connection is resumed, but not all of its schedules are: run resume again: %w", err)
	}
	return errors.Join(o.wake(ctx, o.massSyncs(), c.ID), o.wake(ctx, o.reconciles(), c.ID))
}

// Disconnection is what disconnecting changed, or would change.
type Disconnection struct {
	store.Forgotten
	Workflows    int   // terminated; < 0 in a plan: Temporal does not answer
	TokenRevoked bool  // the refresh token was revoked at HubSpot; only its owner can revoke a static token
	RevokeErr    error // why it was not; it ends when the app is uninstalled
}

// PlanDisconnect returns what DisconnectConnection would do, and does nothing.
func (o *Operator) PlanDisconnect(ctx context.Context, c bridge.Connection) (Disconnection, error) {
	forgotten, err := o.store.WouldForget(ctx, c.ID)
	if err != nil {
		return Disconnection{}, err
	}
	d := Disconnection{Forgotten: forgotten}
	running, err := o.list(ctx, runningQuery(c.ID, ""))
	if d.Workflows = len(running); bridge.KindOf(err) == bridge.Unavailable {
		d.Workflows, err = -1, nil // the plan is useful without it
	}
	return d, err
}

// DisconnectConnection ends a connection: it deletes its schedules, running
// workflows and credentials, and everything we know of its people except the
// tombstones, which apply if the portal is connected again. HubSpot and Advocate
// keep what was written to them. An operator's pause is kept as well. After an
// interruption it can be run again.
//
// It refuses while privacy deletions are open, unless the caller abandons them:
// without the connection's records these people cannot be found in Advocate any
// more.
func (o *Operator) DisconnectConnection(ctx context.Context, c bridge.Connection, abandonErasures bool) (Disconnection, error) {
	var d Disconnection
	would, err := o.store.WouldForget(ctx, c.ID)
	if err != nil {
		return d, err
	}
	if would.OpenErasures > 0 && !abandonErasures {
		return d, refuse(bridge.Conflict, "erasures_open",
			"%d privacy deletions are not done, and cannot be done without the connection: wait for them (\"starter erasure list --open\"), "+
				"or delete these people in Advocate yourself and pass --abandon-erasures", would.OpenErasures)
	}
	if err := o.store.SetPaused(ctx, c.ID, true); err != nil { // so that nothing new begins
		return d, err
	}
	if err := o.schedules.removeAll(ctx, c.ID); err != nil {
		return d, err
	}
	if d.Workflows, err = o.endWorkflows(ctx, c.ID); err != nil {
		return d, err
	}
	d.TokenRevoked, d.RevokeErr = o.revoke(ctx, c.ID)
	o.unsubscribe(ctx, c)
	d.Forgotten, err = o.store.Disconnect(ctx, c.ID)
	return d, err
}

// revoke revokes the connection's refresh token at HubSpot. The connection ends
// even if that fails.
func (o *Operator) revoke(ctx context.Context, connectionID string) (bool, error) {
	tokens, err := o.store.Tokens(ctx, connectionID)
	if bridge.KindOf(err) == bridge.NotFound || err == nil && tokens.Ended {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = o.vendors.OAuth.Revoke(ctx, tokens.Refresh)
	return err == nil, err
}

// endWorkflows terminates the running workflows of a connection. A workflow that
// starts just now is missed, but finds the connection gone and ends by itself.
func (o *Operator) endWorkflows(ctx context.Context, connectionID string) (int, error) {
	running, err := o.list(ctx, runningQuery(connectionID, ""))
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, w := range running {
		err := o.temporal.TerminateWorkflow(ctx, w.workflowID, w.runID, "the connection was disconnected")
		if _, over := errors.AsType[*serviceerror.NotFound](err); over {
			continue
		}
		if err != nil {
			return ended, fmt.Errorf("end workflow %s: %w", w.workflowID, err)
		}
		ended++
	}
	return ended, nil
}

// RotateKeys re-encrypts everything that is sealed under an older encryption key,
// and returns how many texts that were. Afterwards the older key is no longer
// needed.
func (o *Operator) RotateKeys(ctx context.Context) (int, error) { return o.store.Reseal(ctx) }
