package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// APIToken is a token of the admin API, without its secret.
type APIToken struct {
	ID         string // the token's prefix
	Name       string
	Role       bridge.Role
	CreatedAt  time.Time
	CreatedBy  string // the caller's name
	ExpiresAt  time.Time
	LastUsedAt time.Time // to the minute; zero: never
	RevokedAt  time.Time // zero: not
}

// Live reports whether the token opens the API at a time.
func (t APIToken) Live(now time.Time) bool { return t.RevokedAt.IsZero() && now.Before(t.ExpiresAt) }

const selectToken = `
SELECT id, name, role, created_at, created_by, expires_at, coalesce(last_used_at, '0001-01-01Z'), coalesce(revoked_at, '0001-01-01Z')
  FROM api_token`

func scanToken(row pgx.CollectableRow) (t APIToken, err error) {
	err = row.Scan(&t.ID, &t.Name, &t.Role, &t.CreatedAt, &t.CreatedBy, &t.ExpiresAt, &t.LastUsedAt, &t.RevokedAt)
	return t, err
}

func oneToken(ctx context.Context, q queryer, query string, args ...any) (APIToken, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return APIToken{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanToken)
}

// CreateAPIToken saves a new token with the hash of its secret, and returns it with
// its times. It is a conflict if a token that is not revoked has the name.
func (s *Store) CreateAPIToken(ctx context.Context, t APIToken, secretHash []byte) (APIToken, error) {
	created, err := oneToken(ctx, s.pool, `
INSERT INTO api_token (id, name, role, secret_hash, created_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING id, name, role, created_at, created_by, expires_at, '0001-01-01Z'::timestamptz, '0001-01-01Z'::timestamptz`,
		t.ID, t.Name, t.Role, secretHash, t.CreatedBy, t.ExpiresAt)
	if bridge.KindOf(wrap(err, "create_api_token")) == bridge.NotFound {
		err = &bridge.Error{Kind: bridge.Conflict, Op: "store.create_api_token"}
	}
	return created, wrap(err, "create_api_token %s", t.ID)
}

// APITokens lists all tokens that are still remembered, the newest first.
func (s *Store) APITokens(ctx context.Context) ([]APIToken, error) {
	rows, err := s.pool.Query(ctx, selectToken+" ORDER BY created_at DESC, id")
	if err != nil {
		return nil, wrap(err, "api_tokens")
	}
	all, err := pgx.CollectRows(rows, scanToken)
	return all, wrap(err, "api_tokens")
}

const useToken = `
WITH used AS (
     UPDATE api_token SET last_used_at = now()
      WHERE id = $1 AND secret_hash = $2 AND revoked_at IS NULL AND expires_at > now()
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute'))` +
	selectToken + " WHERE id = $1 AND secret_hash = $2"

// UseAPIToken returns the token with this id and the hash of this secret, also one
// that is revoked or has expired, and remembers when it was used. It is
// not_found for a wrong secret, as for a wrong id.
func (s *Store) UseAPIToken(ctx context.Context, id string, secretHash []byte) (APIToken, error) {
	t, err := oneToken(ctx, s.pool, useToken, id, secretHash)
	return t, wrap(err, "use_api_token")
}

// APIToken returns a token, also one that is revoked or has expired; it is
// not_found if there is none.
func (s *Store) APIToken(ctx context.Context, id string) (APIToken, error) {
	t, err := oneToken(ctx, s.pool, selectToken+" WHERE id = $1", id)
	return t, wrap(err, "api_token")
}

// RevokeAPIToken ends a token at once and returns it. One that is revoked already
// stays as it is; it is not_found if there is none.
func (s *Store) RevokeAPIToken(ctx context.Context, id string) (APIToken, error) {
	if _, err := s.pool.Exec(ctx, "UPDATE api_token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", id); err != nil {
		return APIToken{}, wrap(err, "revoke_api_token %s", id)
	}
	t, err := oneToken(ctx, s.pool, selectToken+" WHERE id = $1", id)
	return t, wrap(err, "revoke_api_token %s", id)
}

// AdminTokenExists reports whether some token opens everything now.
func (s *Store) AdminTokenExists(ctx context.Context) (exists bool, err error) {
	err = s.pool.QueryRow(ctx, `
SELECT EXISTS (SELECT 1 FROM api_token WHERE role = 'admin' AND revoked_at IS NULL AND expires_at > now())`).Scan(&exists)
	return exists, wrap(err, "admin_token_exists")
}

// PurgeAPITokens deletes tokens that were revoked or expired before a time, and
// returns how many.
func (s *Store) PurgeAPITokens(ctx context.Context, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM api_token WHERE least(revoked_at, expires_at) < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_api_tokens")
}
