package store

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"advocatesync/internal/bridge"
)

// migrationFiles are applied in the order of their numbers. Released ones are
// never edited, and each leaves a schema that the release before can work on,
// because old and new processes run side by side while a release is rolled out.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock keeps two starting processes from migrating at once. The number is
// arbitrary, but must never change.
const migrationLock = 0x61647673796e6331

const createMigrations = `
CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer     NOT NULL PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)`

// migrate applies the missing migrations, all or none.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return wrap(err, "migrate")
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return err
		}
		// A change of a table waits for its users, and everybody else waits behind the
		// change.
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '10s'"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, createMigrations); err != nil {
			return err
		}
		for _, name := range names {
			if err := apply(ctx, tx, name); err != nil {
				return wrap(err, "migrate %s", path.Base(name))
			}
		}
		return nil
	})
	if bridge.KindOf(err) == bridge.Pending {
		err = &bridge.Error{Kind: bridge.Unavailable, System: bridge.SystemStore, Op: "store.migrate", Err: errTableInUse}
	}
	return wrap(err, "migrate")
}

var errTableInUse = errors.New("a table that has to be changed stays in use by a long transaction: it is tried again; if it goes on, pause mass syncs while the new version starts")

func apply(ctx context.Context, tx pgx.Tx, name string) error {
	number, title, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
INSERT INTO schema_migration (version, name) VALUES ($1, $2) ON CONFLICT (version) DO NOTHING`, version, title)
	if err != nil || tag.RowsAffected() == 0 {
		return err // already applied
	}
	statements, err := migrationFiles.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, string(statements))
	return err
}
