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

func (o *Operator) recheck(ctx context.Context, c bridge.Connection, secrets store.Credentials, log *slog.Logger) error {
	refused := c.Status == bridge.StatusUnauthorized
	var err error
	switch {
	case refused:
		_, hub := o.hubspot(c, secrets).AccountDetails(ctx)
		_, tenant := o.vendors.advocate(c, secrets).Programs(ctx)
		err = errors.Join(hub, tenant)
	case secrets.HubSpotToken == "":
		_, err = o.tokens.Token(ctx, c.ID)
	}
	status, reason := bridge.StatusActive, ""
	refusal, _ := errors.AsType[*bridge.Error](err)
	switch {
	case refusal != nil && refusal.Kind == bridge.Unauthorized:
		status, reason = bridge.StatusUnauthorized, refusal.Error()
	case err != nil:
		return nil //nolint:nilerr // a vendor that is away says nothing about credentials
	case !refused:
		return nil
	}
	if status == c.Status {
		return nil
	}
	log.WarnContext(ctx, "connection status changed", "connection", c.ID, "status", string(status), "reason", reason)
	return o.store.SetStatus(ctx, c.ID, status, reason)
}
