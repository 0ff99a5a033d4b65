// Package store keeps the sync's state in PostgreSQL. Nothing else in the program
// speaks SQL.
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
//   - reconcile, reconcile_contact, reconcile_email, reconcile_finding,
//     reconcile_count, reconcile_unlisted, agreement: both sides compared, by keyed
//     hashes alone. What is staged goes when the run ends, the counts and the agreement stay;
//   - trigger_definition, trigger_version: the operators' rules for conversions.
//
// Beside them, budget holds the HubSpot calls that all workers share.
//
// Exported methods own their transaction; helpers receive it. Constraints encode
// the states a row may be in, so that a bug fails loudly instead of leaving
// something half done. Rows are always locked in the same order, to keep
// transactions from deadlocking: sync_run, the erasure lock, staged rows,
// participant_ledger, mapping, former_mapping, contact_ledger, parked_item, each by
// ascending key. An erasure makes all writers of personal records wait, so it does
// not itself wait for the rows of a run, but returns an error to be retried.
package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"advocatesync/internal/seal"
)

// Store is the database. It is safe for concurrent use, by any number of
// processes on one database.
type Store struct {
	pools  pools
	pool   *pgxpool.Pool // of pools, the one that this store uses
	begin  pgx.TxOptions // of its transactions
	sealer *seal.Sealer
	hasher *seal.Hasher
	fence  *pepperFence

	pageTurns chan struct{} // one place for each transaction of pages that may be under way
}

// pageTxs is how many transactions of pages may be under way at a time. Those of
// one run wait for each other anyway; without this, all of them would do so with
// a connection in hand.
const pageTxs = 4

// Open connects to a database, brings its schema up to date, and loads the
// installation's peppers, or makes one if the database is new. It fails if they
// were sealed under a key that sealer does not have.
//
// It has poolSize connections unless dsn says otherwise (pool_max_conns): most for
// live work, others for Bulk and Metrics.
func Open(ctx context.Context, dsn string, sealer *seal.Sealer, opts ...Option) (*Store, error) {
	fence := new(pepperFence)
	pools, err := openPools(ctx, dsn, fence, opts)
	if err != nil {
		return nil, err
	}
	s := &Store{
		pools: pools, pool: pools.live, begin: liveTx,
		sealer: sealer, fence: fence, pageTurns: make(chan struct{}, pageTxs),
	}
	if err := s.prepare(ctx); err != nil {
		pools.close()
		return nil, err
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) error {
	if err := migrate(ctx, s.pool); err != nil {
		return err
	}
	all, err := s.peppers(ctx)
	if err != nil {
		return err
	}
	return s.hashUnder(all)
}

func (s *Store) hashUnder(all peppers) (err error) {
	s.hasher, err = seal.NewHasher(all...)
	if err != nil {
		return fmt.Errorf("store: open: %w", err)
	}
	s.fence.version.Store(int64(len(all)))
	return nil
}

// Close waits for what is running and closes all connections.
func (s *Store) Close() { s.pools.close() }

// Hasher makes the keyed hashes of this installation.
func (s *Store) Hasher() *seal.Hasher { return s.hasher }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return wrap(s.pool.Ping(ctx), "ping")
}

// inTx runs fn in a transaction and commits unless fn fails.
func (s *Store) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, s.begin, fn)
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
