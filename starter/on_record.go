package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/operator"
	"advocatesync/internal/startup"
	"advocatesync/internal/store"
)

// Names in the audit log of what commands change past the admin API.
const (
	opRecoverKeys   = "recoverKeys"
	opRotatePepper  = "rotatePepper"
	opMigrate       = "migrate"
	opSetUpTemporal = "setUpTemporal"
	opPromote       = "promoteWorker"
	opRamp          = "rampWorker"
)

// onRecord makes a change that goes past the admin API, and puts it on record as the
// operating system's user's. The entry comes first: what cannot be recorded is not
// done. The subject is ids of ours, or empty.
func onRecord(ctx context.Context, s *store.Store, operation, subject string, change func(ctx context.Context) error) error {
	access := operator.NewAccess(s, "", time.Now)
	id, err := access.BeginAudit(ctx, store.AuditEntry{
		Caller: localCaller(), Operation: operation, Subject: subject, RequestID: rand.Text(),
	})
	if err != nil {
		return fmt.Errorf("nothing was done, because it could not be recorded in the audit log: %w", err)
	}
	failure := change(ctx)
	// What was begun has an outcome, also where somebody interrupted the command.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := access.EndAudit(ctx, id, outcomeOf(failure)); err != nil && failure == nil {
		return fmt.Errorf("it is done, but the audit log lacks the outcome: %w", err)
	}
	return failure
}

// endTimeout bounds the recording of an outcome.
const endTimeout = 5 * time.Second

func outcomeOf(failure error) store.AuditOutcome {
	switch {
	case failure == nil:
		return store.AuditOutcome{Result: store.AuditDone}
	case bridge.KindOf(failure) == bridge.Conflict:
		return store.AuditOutcome{Result: store.AuditRefused, Code: string(bridge.Conflict)}
	default:
		return store.AuditOutcome{Result: store.AuditFailed, Code: "failed"}
	}
}

// withRecord opens the database for a command whose change is elsewhere, and has to
// be on record.
func (a *app) withRecord(ctx context.Context, operation, subject string, change func(ctx context.Context) error) error {
	cfg, err := config.LoadCommand(a.getenv)
	if err != nil {
		return fmt.Errorf("this is put on record, in the database: %w", err)
	}
	s, err := startup.Store(ctx, cfg, cfg.Log.Logger(a.log))
	if err != nil {
		return err
	}
	defer s.Close()
	return onRecord(ctx, s, operation, subject, change)
}

func localCaller() bridge.Caller {
	return bridge.Caller{Kind: bridge.CallerLocal, Name: localUser(), Role: bridge.RoleAdmin}
}
