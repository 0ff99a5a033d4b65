package storetest

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Query is a statement that a store sent, with its arguments.
type Query struct {
	SQL  string
	Args []any
}

// Queries keeps the statements that a store sends, those of batches included. It is
// a tracer for store.Traced. The zero value is ready to use, from any goroutine.
type Queries struct {
	mu   sync.Mutex
	sent []Query
}

// Take returns what was sent since the last time.
func (q *Queries) Take() []Query {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.sent
	q.sent = nil
	return taken
}

func (q *Queries) add(sql string, args []any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent = append(q.sent, Query{sql, args})
}

// TraceQueryStart is that of a pgx.QueryTracer.
func (q *Queries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	q.add(data.SQL, data.Args)
	return ctx
}

// TraceQueryEnd is that of a pgx.QueryTracer.
func (q *Queries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart is that of a pgx.BatchTracer.
func (q *Queries) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery is that of a pgx.BatchTracer.
func (q *Queries) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	q.add(data.SQL, data.Args)
}

// TraceBatchEnd is that of a pgx.BatchTracer.
func (q *Queries) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
