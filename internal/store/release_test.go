package store_test

import (
	"context"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"advocatesync/internal/seal"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

// The database of the release before this one, as it was when a contact had become
// a participant: CONTRIBUTING.md says how it is recorded. Its people are made up.
func TestMigrate_bringsTheDatabaseOfTheReleaseBeforeUpToDate(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/release.sql")
	if err != nil {
		t.Fatal(err)
	}
	key, statements := recorded(t, string(text))
	dsn := storetest.NewEmpty(t)
	ask(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.PgConn().Exec(ctx, statements).ReadAll()
		return err
	})
	s, err := store.Open(t.Context(), dsn, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)

	all, err := s.Connections(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d connections, %v", len(all), err)
	}
	if _, _, err := s.Credentials(t.Context(), all[0].ID); err != nil {
		t.Errorf("what the release sealed does not open: %v", err)
	}
	mapped := 0
	ask(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM mapping").Scan(&mapped)
	})
	if mapped != 1 {
		t.Errorf("%d contacts are mapped, and the release had one", mapped)
	}

	// It is the schema of those that begin with this release, no more and no less.
	_, fresh := storetest.NewWithDSN(t)
	if diff := cmp.Diff(schema(t, fresh), schema(t, dsn)); diff != "" {
		t.Errorf("migrated and new databases differ (-new +migrated)\n%s", diff)
	}
}

// recorded is the key on a recorded database's first line, and its statements
// without psql's own commands.
func recorded(t *testing.T, text string) (key *seal.Sealer, statements string) {
	t.Helper()
	first, rest, _ := strings.Cut(text, "\n")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(first, "-- ENCRYPTION_KEY="))
	if err != nil {
		t.Fatal(err)
	}
	if key, err = seal.NewSealer(raw); err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, `\`) {
			kept.WriteString(line)
		}
	}
	return key, kept.String()
}

// ask makes one connection of its own.
func ask(t *testing.T, dsn string, do func(context.Context, *pgx.Conn) error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context())) // the test's database goes with the cluster
	if err := do(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
}

// schema lists columns, constraints and indexes, each as a line.
func schema(t *testing.T, dsn string) []string {
	t.Helper()
	var lines []string
	ask(t, dsn, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `
SELECT format('column %s.%s %s null %s default %s', table_name, column_name, data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
ORDER BY 1`)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if len(lines) < 100 {
		t.Fatalf("the schema has only %d parts", len(lines))
	}
	return lines
}
