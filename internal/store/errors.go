package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"advocatesync/internal/bridge"
)

// wrap translates a driver's error, here and nowhere else. operation is a format
// with ids only and names what failed. PostgreSQL's own message and detail are left
// out, because they may quote a row.
func wrap(err error, operation string, args ...any) error {
	if err == nil {
		return nil
	}
	if _, own := errors.AsType[*bridge.Error](err); own {
		return err // translated already
	}
	op := "store." + fmt.Sprintf(operation, args...)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", op, err)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return &bridge.Error{Kind: bridge.NotFound, System: bridge.SystemStore, Op: op}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		translated := &bridge.Error{Kind: kindOf(pg.Code), System: bridge.SystemStore, Op: op, Code: pg.Code, Err: place(pg)}
		if translated.Kind == bridge.Pending {
			translated.RetryAfter = busyPause
		}
		return translated
	}
	kind := bridge.Unknown
	if _, network := errors.AsType[net.Error](err); network {
		kind = bridge.Unavailable
	}
	return &bridge.Error{Kind: kind, System: bridge.SystemStore, Op: op, Err: err}
}

// busyPause is how long to wait for rows that somebody else has locked.
const busyPause = time.Second

// kindOf returns the kind for an SQLSTATE (PostgreSQL docs, appendix A).
func kindOf(code string) bridge.Kind {
	switch {
	case code == "23503": // foreign key: the connection or the run is gone
		return bridge.NotFound
	case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"): // value out of range, constraint
		return bridge.Invalid
	case code == "55P03": // lock_timeout or NOWAIT
		return bridge.Pending
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "40"), strings.HasPrefix(code, "53"),
		strings.HasPrefix(code, "57"): // connection, rolled back, out of resources, shutting down
		return bridge.Unavailable
	default:
		return bridge.Unknown
	}
}

// errPooled explains PostgreSQL's errors about prepared statements that belong to
// another session.
var errPooled = errors.New("statements meet a session that is not theirs: behind a pooler in transaction mode, add default_query_exec_mode=cache_describe to DATABASE_URL")

func place(pg *pgconn.PgError) error {
	switch {
	case pg.Code == "42P05", pg.Code == "26000": // prepared statement: duplicate, unknown
		return errPooled
	case pg.ConstraintName != "":
		return errors.New("constraint " + pg.ConstraintName)
	case pg.ColumnName != "":
		return errors.New("column " + pg.TableName + "." + pg.ColumnName)
	default:
		return nil
	}
}
