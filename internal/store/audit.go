package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// AuditEntry says that somebody asked for something. It holds no personal data
// of the people whose records are synced: subjects are ids of ours and of
// HubSpot.
type AuditEntry struct {
	ID           int64
	At           time.Time
	Caller       bridge.Caller
	Operation    string // its name in the admin API
	ConnectionID string // empty: of no connection
	Subject      string // such as "contact:101", or several apart by spaces; empty: the operation says it all
	RequestID    string
	Remote       string // the caller's network address; empty: this machine

	Outcome AuditOutcome
}

// AuditResult is how something that was asked for ended.
type AuditResult string

const (
	AuditOpen    AuditResult = ""        // under way, or the process died: look at the subject
	AuditDone    AuditResult = "done"    // granted
	AuditRefused AuditResult = "refused" // not granted; nothing was changed
	AuditFailed  AuditResult = "failed"  // broken off; part of it may be done
)

// AuditOutcome says how it ended.
type AuditOutcome struct {
	Result  AuditResult
	Code    string // of the problem that the caller was told; empty if done
	Subject string // the outcome, such as "run:7"
	At      time.Time
}

// BeginAudit makes an entry durable and returns its id. Callers do what was
// asked for after that, and only then.
func (s *Store) BeginAudit(ctx context.Context, e AuditEntry) (id int64, err error) {
	err = s.pool.QueryRow(ctx, `
INSERT INTO audit_entry (at, actor_kind, actor, token_id, role, operation, connection_id, subject, request_id, remote)
VALUES (now(), $1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING id`,
		e.Caller.Kind, e.Caller.Name, e.Caller.TokenID, e.Caller.Role, e.Operation, e.ConnectionID, e.Subject, e.RequestID, e.Remote).Scan(&id)
	return id, wrap(err, "begin_audit")
}

// EndAudit makes durable how an entry's work ended. The first end counts.
func (s *Store) EndAudit(ctx context.Context, id int64, o AuditOutcome) error {
	_, err := s.pool.Exec(ctx, `
INSERT INTO audit_outcome (audit_id, at, outcome, code, subject) VALUES ($1, now(), $2, $3, $4)
ON CONFLICT (audit_id) DO NOTHING`, id, o.Result, o.Code, o.Subject)
	return wrap(err, "end_audit %d", id)
}

// AuditFilter narrows the audit log down; zero fields do not.
type AuditFilter struct {
	ConnectionID string
	Actor        string
	Operation    string
	Subject      string // one id of the entry or of its outcome, such as "contact:101"
	Since        time.Time
}

// AuditLog returns entries, the latest first, at most limit: those before an
// entry's id, or the latest for 0.
func (s *Store) AuditLog(ctx context.Context, f AuditFilter, before int64, limit int) ([]AuditEntry, error) {
	query, args := selectAuditLog(f, before, limit)
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, wrap(err, "audit_log")
	}
	entries, err := pgx.CollectRows(rows, scanAuditEntry)
	return entries, wrap(err, "audit_log")
}

// selectAuditLog has a condition for each field of the filter that is given, so
// that an index leads to what is rare. What a subject is named in is found first:
// a join would go through all entries in the hope of meeting it soon.
func selectAuditLog(f AuditFilter, before int64, limit int) (query string, args []any) {
	query = `
SELECT e.id, e.at, e.actor_kind, e.actor, e.token_id, e.role, e.operation, e.connection_id, e.subject, e.request_id, e.remote,
       coalesce(o.outcome, ''), coalesce(o.code, ''), coalesce(o.subject, ''), coalesce(o.at, '0001-01-01Z')
  FROM audit_entry e
  LEFT JOIN audit_outcome o ON o.audit_id = e.id
 WHERE true`
	narrow := func(given bool, condition string, arg any) {
		if given {
			args = append(args, arg)
			query += "\n   AND " + fmt.Sprintf(condition, len(args))
		}
	}
	narrow(before != 0, "e.id < $%d", before)
	narrow(f.ConnectionID != "", "e.connection_id = $%d", f.ConnectionID)
	narrow(f.Actor != "", "e.actor = $%d", f.Actor)
	narrow(f.Operation != "", "e.operation = $%d", f.Operation)
	narrow(!f.Since.IsZero(), "e.at >= $%d", f.Since)
	narrow(f.Subject != "", `e.id = ANY (ARRAY(
       SELECT id FROM audit_entry WHERE subject <> '' AND string_to_array(subject, ' ') @> ARRAY[$%[1]d::text]
        UNION ALL
       SELECT audit_id FROM audit_outcome WHERE subject <> '' AND string_to_array(subject, ' ') @> ARRAY[$%[1]d::text]))`, f.Subject)
	args = append(args, limit)
	return query + fmt.Sprintf("\n ORDER BY e.id DESC\n LIMIT $%d", len(args)), args
}

func scanAuditEntry(row pgx.CollectableRow) (e AuditEntry, err error) {
	err = row.Scan(&e.ID, &e.At, &e.Caller.Kind, &e.Caller.Name, &e.Caller.TokenID, &e.Caller.Role, &e.Operation, &e.ConnectionID,
		&e.Subject, &e.RequestID, &e.Remote, &e.Outcome.Result, &e.Outcome.Code, &e.Outcome.Subject, &e.Outcome.At)
	return e, err
}

// PurgeAudit deletes the entries whose time is over: 400 days, which the
// database itself holds to. It returns how many those were.
func (s *Store) PurgeAudit(ctx context.Context) (n int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM audit_outcome WHERE at < clock_timestamp() - interval '400 days'"); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `
DELETE FROM audit_entry e
 WHERE at < clock_timestamp() - interval '400 days'
   AND NOT EXISTS (SELECT 1 FROM audit_outcome o WHERE o.audit_id = e.id)`)
		n = tag.RowsAffected()
		return err
	})
	return n, wrap(err, "purge_audit")
}
