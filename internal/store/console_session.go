package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// ConsoleSessions stores the sessions of the console. It is the CtxStore of the
// session manager github.com/alexedwards/scs. That library's own store for pgx does
// not take contexts and chooses the table's name.
type ConsoleSessions struct{ store *Store }

// ConsoleSessions returns the sessions of the console.
func (s *Store) ConsoleSessions() ConsoleSessions { return ConsoleSessions{s} }

// FindCtx returns a session's data. found is false for an unknown or expired
// session.
func (c ConsoleSessions) FindCtx(ctx context.Context, tokenHash string) (data []byte, found bool, err error) {
	err = c.store.pool.QueryRow(ctx, "SELECT data FROM console_session WHERE token_hash = $1 AND expires_at > now()", tokenHash).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, wrap(err, "find_console_session")
}

// CommitCtx saves a session, which expires at a time, replacing its earlier data.
func (c ConsoleSessions) CommitCtx(ctx context.Context, tokenHash string, data []byte, expiry time.Time) error {
	_, err := c.store.pool.Exec(ctx, `
INSERT INTO console_session (token_hash, data, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (token_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`, tokenHash, data, expiry)
	return wrap(err, "commit_console_session")
}

// DeleteCtx deletes a session. An unknown session is no error.
func (c ConsoleSessions) DeleteCtx(ctx context.Context, tokenHash string) error {
	_, err := c.store.pool.Exec(ctx, "DELETE FROM console_session WHERE token_hash = $1", tokenHash)
	return wrap(err, "delete_console_session")
}

// scs.Store requires Find, Commit and Delete as well; the manager calls the methods
// above instead.

// Find is FindCtx without a context.
func (c ConsoleSessions) Find(tokenHash string) ([]byte, bool, error) {
	return c.FindCtx(context.Background(), tokenHash)
}

// Commit is CommitCtx without a context.
func (c ConsoleSessions) Commit(tokenHash string, data []byte, expiry time.Time) error {
	return c.CommitCtx(context.Background(), tokenHash, data, expiry)
}

// Delete is DeleteCtx without a context.
func (c ConsoleSessions) Delete(tokenHash string) error {
	return c.DeleteCtx(context.Background(), tokenHash)
}

// PurgeConsoleSessions deletes sessions that have expired, and returns how many.
func (s *Store) PurgeConsoleSessions(ctx context.Context) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM console_session WHERE expires_at < now()")
	return tag.RowsAffected(), wrap(err, "purge_console_sessions")
}
