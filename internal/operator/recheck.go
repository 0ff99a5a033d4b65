package operator

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// recheckEvery is how often connections that a vendor refuses are tried: their
// work waits for that.
const recheckEvery = time.Minute

// Watch keeps the status of all connections true until ctx ends, where nobody's
// work would find out: it tries the credentials that a vendor has refused, and
// keeps the tokens of consented portals alive, so that an uninstalled app shows
// within half an hour even in a quiet portal.
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
	}
}

// Recheck does once what Watch does again and again. One connection's failure
// does not keep the others from being checked.
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

// recheck makes the calls that tell: what they meet becomes the connection's status
// by itself.
func (o *Operator) recheck(ctx context.Context, c bridge.Connection, secrets store.Credentials, log *slog.Logger) error {
	clients := o.clients(c, secrets)
	if c.Status == bridge.StatusUnauthorized {
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
		return nil // a vendor that is away says nothing about credentials
	}
}
