package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// BudgetWindow lets the tests of the budget's rules run on a clock of their own.
type BudgetWindow = budgetWindow

// MatchRows is how many rows a page to be matched has.
const MatchRows = matchRows

var (
	Decide       = BudgetOptions.decide
	WithDefaults = BudgetOptions.withDefaults
)

// What becomes of a connection's tables when it ends.
var (
	DeletedTables  = deletedTables
	RetainedTables = retainedTables
)

// SealedColumns are what Reseal knows, as table.column.
func SealedColumns() map[string]bool {
	known := map[string]bool{}
	for _, c := range sealedColumns {
		known[c.table+"."+c.column] = true
	}
	return known
}

// Trace has a tracer see every statement that the store sends from now on.
func (s *Store) Trace(ctx context.Context, dsn string, tracer pgx.QueryTracer) error {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return err
	}
	config.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	s.pool.Close()
	s.pool = pool
	return nil
}
