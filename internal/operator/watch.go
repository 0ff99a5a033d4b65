package operator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// recheckEvery is how often refused connections are checked; their work waits for
// that.
const recheckEvery = time.Minute

// Watch does, until ctx ends, the upkeep that no workflow does. It keeps the status
// of all connections up to date: it tries credentials that a vendor has refused,
// and refreshes the tokens of consented portals, so that an uninstalled app shows
// within half an hour even in a quiet portal. It also retries parked items that are
// due, and erasures without a contact, for which there is no contact's workflow.
func (o *Operator) Watch(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(min(recheckEvery, o.interval))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := o.Recheck(ctx, log); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "connections could not be checked", "err", err)
		}
		if err := o.AppAccepted(ctx); err != nil {
			log.WarnContext(ctx, "this process can refresh no portal's tokens", "err", err)
		}
		if err := o.RetryErasures(ctx, log); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "erasures could not be attempted again", "err", err)
		}
		if err := o.RetryDue(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "parked items that are due could not be retried", "err", err)
		}
	}
}

// Recheck does once what Watch does repeatedly. A failure of one connection does
// not stop the others.
func (o *Operator) Recheck(ctx context.Context, log *slog.Logger) error {
	all, err := o.store.Connections(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range all {
		secrets, _, err := o.store.Credentials(ctx, c.ID)
		if err == nil {
			err = o.recheck(ctx, c, secrets, log)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// recheck makes the calls that show whether credentials are accepted. The clients
// update the connection's status from the answers.
func (o *Operator) recheck(ctx context.Context, c bridge.Connection, secrets store.Credentials, log *slog.Logger) error {
	clients := o.clients(c, secrets)
	if c.Status.Stopped() {
		_, hub := clients.HubSpot.AccountDetails(ctx)
		_, tenant := clients.Advocate.Programs(ctx)
		if err := errors.Join(hub, tenant); err != nil {
			log.DebugContext(ctx, "connection still refused", "connection", c.ID, "err", err)
		}
		return nil
	}
	if secrets.HubSpotToken != "" {
		return nil
	}
	_, err := o.vendors.Tokens.Token(ctx, c.ID)
	switch bridge.KindOf(err) {
	case bridge.Unauthorized:
		_, _, err = o.store.RecordAnswer(ctx, c.ID, bridge.Answer{System: bridge.SystemHubSpot, Err: err})
		return err
	case bridge.Unknown:
		return err
	default:
		return nil // a vendor that does not answer says nothing about credentials
	}
}
