// Package store keeps the sync's state in PostgreSQL. Nothing else in the
// program speaks SQL.
//
// Six families of tables:
//
//   - connection: who is joined to whom, with sealed credentials;
//   - inbox: HubSpot's webhooks, made durable before they are acknowledged;
//   - mapping, former_mapping, contact_ledger, tombstone, parked_item,
//     participant_ledger: what we know of people. Emails appear only as keyed
//     hashes;
//   - sync_run, staged_participant: one pass from Advocate to HubSpot. The rows
//     are personal data and go when the run ends;
//   - reconcile, reconcile_contact, reconcile_finding, reconcile_count, agreement:
//     both sides compared, by keyed hashes alone. What is staged goes when the
//     run ends, the counts and the agreement stay;
//   - trigger_definition, trigger_version: the operators' rules for conversions.
//
// Beside them, budget holds the HubSpot calls that all workers share.
//
// Exported methods own their transaction; helpers receive it. Constraints encode
// the states a row may be in, so that a bug fails loudly instead of leaving
// something half done. Rows are always locked in the same order, to keep
// transactions from waiting for each other in circles: sync_run, the erasure
// lock, staged rows, participant_ledger, mapping, former_mapping,
// contact_ledger, parked_item, each by ascending key. An erasure makes everybody
// wait who writes about people, so it does not itself wait for the rows of a
// run, but asks to be tried again.
package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"advocatesync/internal/seal"
)

// Store is the database. It is safe for concurrent use, by any number of
// processes on one database.
type Store struct {
	pool   *pgxpool.Pool
	sealer *seal.Sealer
	hasher *seal.Hasher

	pageTurns chan struct{} // one place for each transaction of pages that may be under way
}

// poolSize leaves room for short transactions beside the long ones: staging and
// planning hold a connection for as long as they run, a relay while it signals.
const poolSize = 16

// pageTxs is how many transactions of pages may be under way at a time. Those of
// one run wait for each other anyway; without this, all of them would do so with
// a connection in hand, and single contacts wait for one.
const pageTxs = 4

// Open connects to a database, brings its schema up to date, and loads the
// installation's pepper, or makes it if the database is new. It fails if the
// pepper was sealed under a key that sealer does not have.
//
// The pool has poolSize connections unless dsn says otherwise (pool_max_conns).
func Open(ctx context.Context, dsn string, sealer *seal.Sealer) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err) // pgx blanks out the password
	}
	if !strings.Contains(dsn, "pool_max_conns") {
		config.MaxConns = poolSize
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, wrap(err, "open")
	}
	s := &Store{pool: pool, sealer: sealer, pageTurns: make(chan struct{}, pageTxs)}
	if err := s.prepare(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := migrate(ctx, s.pool); err != nil {
		return err
	}
	pepper, err := s.pepper(ctx)
	if err != nil {
		return err
	}
	s.hasher, err = seal.NewHasher(pepper)
	if err != nil {
		return fmt.Errorf("store: open: %w", err)
	}
	return nil
}

// Close waits for what is running and closes all connections.
func (s *Store) Close() { s.pool.Close() }

// Hasher makes the keyed hashes of this installation.
func (s *Store) Hasher() *seal.Hasher { return s.hasher }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return wrap(s.pool.Ping(ctx), "ping")
}

// inTx runs fn in a transaction and commits unless fn fails.
func (s *Store) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, fn)
}

// inPageTx is inTx for what bulk work does many times a second.
func (s *Store) inPageTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	select {
	case s.pageTurns <- struct{}{}:
		defer func() { <-s.pageTurns }()
		return s.inTx(ctx, fn)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// queryer is what a helper needs that may run within a transaction or alone.
type queryer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
