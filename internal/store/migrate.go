package store

import (
	"context"
	"embed"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// migrationFiles are applied in the order of their numbers. Released ones are
// never edited, and each leaves a schema that the release before can work on,
// because old and new processes run side by side while a release is rolled out.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock keeps two starting processes from migrating at once. The number
// means nothing; it only must stay the same.
const migrationLock = 0x61647673796e6331

const createMigrations = `
CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer     NOT NULL PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)`

// migrate applies what is missing, all or nothing.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return wrap(err, "migrate")
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
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
	return wrap(err, "migrate")
}

func apply(ctx context.Context, tx pgx.Tx, name string) error {
	number, title, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
INSERT INTO schema_migration (version, name) VALUES ($1, $2) ON CONFLICT (version) DO NOTHING`, version, title)
	if err != nil || tag.RowsAffected() == 0 {
		return err // applied before
	}
	statements, err := migrationFiles.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, string(statements))
	return err
}
