package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolSize is how many connections a process has at most, unless the database's
// address says otherwise (pool_max_conns).
const poolSize = 24

// Live work is short, and somebody waits for it. If it would take longer than this,
// it fails and is retried, so that its connection is free for others.
const (
	liveLockTimeout      = 10 * time.Second
	liveStatementTimeout = time.Minute
)

// bulkLockTimeout is longer, because a run stays locked while it is planned or
// finished.
const bulkLockTimeout = time.Minute

// metricsPause is how long a cancelled statement may take to end before its
// connection is closed.
const metricsPause = time.Second

// pools divides a process's connections by what they are for, so that one kind of
// work never waits for a connection that another kind holds.
type pools struct{ live, bulk, metrics *pgxpool.Pool }

// openPools gives metrics a twelfth of the connections, bulk work a third and live
// work the rest; each has one at least.
func openPools(ctx context.Context, dsn string, fence *pepperFence, opts []Option) (pools, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return pools{}, fmt.Errorf("store: open: %w", err) // pgx blanks out the password
	}
	config.AfterConnect = fence.check
	size := int32(poolSize)
	if strings.Contains(dsn, "pool_max_conns") {
		size = config.MaxConns
	}
	metrics, bulk := max(1, size/12), max(1, size/3)
	var p pools
	for _, part := range []struct {
		pool   **pgxpool.Pool
		size   int32
		adjust func(*pgxpool.Config)
	}{
		{&p.live, max(1, size-bulk-metrics), func(*pgxpool.Config) {}},
		{&p.bulk, bulk, func(*pgxpool.Config) {}},
		{&p.metrics, metrics, stopUnwanted},
	} {
		own := config.Copy()
		own.MaxConns, own.MinConns, own.MinIdleConns = part.size, min(config.MinConns, part.size), min(config.MinIdleConns, part.size)
		part.adjust(own)
		for _, opt := range opts {
			opt(own)
		}
		if *part.pool, err = pgxpool.NewWithConfig(ctx, own); err != nil {
			p.close()
			return pools{}, wrap(err, "open")
		}
	}
	return p, nil
}

// Option adjusts the connections of a store that is opened.
type Option func(*pgxpool.Config)

// Traced has a tracer see every statement that the store sends.
func Traced(tracer pgx.QueryTracer) Option {
	return func(config *pgxpool.Config) { config.ConnConfig.Tracer = tracer }
}

// stopUnwanted has the server stop a statement whose caller has given up. Metrics
// are asked for again and again, whether the last ones came or not.
func stopUnwanted(config *pgxpool.Config) {
	config.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: metricsPause}
	}
}

func (p pools) close() {
	for _, pool := range []*pgxpool.Pool{p.live, p.bulk, p.metrics} {
		if pool != nil {
			pool.Close()
		}
	}
}

var (
	liveTx = waiting(liveLockTimeout, liveStatementTimeout)
	bulkTx = waiting(bulkLockTimeout, 0)
)

// waiting returns the options of transactions with a lock timeout and a statement
// timeout; 0: no limit. They are set by the statement that begins the transaction,
// which costs no round trip and works behind a pooler in transaction mode.
func waiting(lock, statement time.Duration) pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d",
		lock.Milliseconds(), statement.Milliseconds())}
}

// over returns the store with another pool of connections.
func (s *Store) over(pool *pgxpool.Pool, begin pgx.TxOptions) *Store {
	other := *s
	other.pool, other.begin = pool, begin
	return &other
}

// Bulk returns the store with the connections for work on many records, which may
// hold one for minutes. Live work never waits for these.
func (s *Store) Bulk() *Store { return s.over(s.pools.bulk, bulkTx) }

// Metrics returns the store with the connections for metrics. No work waits for
// these.
func (s *Store) Metrics() *Store { return s.over(s.pools.metrics, liveTx) }
