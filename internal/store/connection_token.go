package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// TokenState is a connection's tokens and the state of their refresh.
type TokenState struct {
	bridge.Tokens               // ExpiresIn: from now; negative once the access token is dead. ClientID: empty if unknown
	Generation    int64         // grows with every pair
	Age           time.Duration // since the pair was issued
	Life          time.Duration // lifetime of the access token
	Ended         bool          // the refresh token is invalid: a new consent is needed
	Refreshing    bool          // a worker is requesting the next pair
	Pause         time.Duration // how much longer the token endpoint must not be called
}

// plainTokens is the sealed form of tokens.
type plainTokens struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
}

func tokensContext(connectionID string) string { return "hubspot_token/tokens/" + connectionID }

func (s *Store) sealTokens(connectionID string, t bridge.Tokens) ([]byte, error) {
	plain, err := json.Marshal(plainTokens{Access: t.Access, Refresh: t.Refresh})
	if err != nil {
		return nil, err
	}
	return s.sealer.Seal(plain, tokensContext(connectionID)), nil
}

const selectTokens = `
SELECT t.tokens, t.client_id, t.generation, t.expires_at - clock_timestamp(), clock_timestamp() - t.issued_at, t.expires_at - t.issued_at, t.ended,
       t.refreshing_until > clock_timestamp(), i.token_endpoint_paused_until - clock_timestamp()
  FROM hubspot_token t CROSS JOIN installation i
 WHERE t.connection_id = $1`

// Tokens returns a connection's tokens. All durations are by the database's clock,
// which all workers share. It returns a not_found error if the connection has none.
func (s *Store) Tokens(ctx context.Context, connectionID string) (TokenState, error) {
	var (
		t      TokenState
		sealed []byte
	)
	err := s.pool.QueryRow(ctx, selectTokens, connectionID).Scan(
		&sealed, &t.ClientID, &t.Generation, &t.ExpiresIn, &t.Age, &t.Life, &t.Ended, &t.Refreshing, &t.Pause)
	if err != nil {
		return TokenState{}, wrap(err, "tokens of %s", connectionID)
	}
	text, err := s.sealer.Open(sealed, tokensContext(connectionID))
	if err != nil {
		return TokenState{}, wrap(err, "tokens of %s", connectionID)
	}
	var plain plainTokens
	if err := json.Unmarshal(text, &plain); err != nil {
		return TokenState{}, wrap(errors.New("sealed tokens are not what we seal"), "tokens of %s", connectionID)
	}
	t.Access, t.Refresh = plain.Access, plain.Refresh
	return t, nil
}

// ClaimRefresh gives the caller the sole right to request the pair after a
// generation, for the time of lease. It returns false if somebody else has that
// right, the pair exists already, the refresh token is invalid, or the token
// endpoint must not be called yet. A claim ends with SaveTokens, EndTokens,
// ReleaseRefresh, or its lease.
func (s *Store) ClaimRefresh(ctx context.Context, connectionID string, generation int64, lease time.Duration) (bool, error) {
	tag, err := s.pool.Exec(ctx, `
UPDATE hubspot_token SET refreshing_until = clock_timestamp() + $3::interval
 WHERE connection_id = $1 AND generation = $2 AND NOT ended AND refreshing_until <= clock_timestamp()
   AND NOT EXISTS (SELECT FROM installation WHERE token_endpoint_paused_until > clock_timestamp())`, connectionID, generation, lease)
	return tag.RowsAffected() == 1, wrap(err, "claim_refresh of %s", connectionID)
}

// SaveTokens replaces the pair of a generation. If another pair has replaced it
// meanwhile, it changes nothing and returns a not_found error.
func (s *Store) SaveTokens(ctx context.Context, connectionID string, generation int64, t bridge.Tokens) error {
	operation := "save_tokens of " + connectionID
	sealed, err := s.sealTokens(connectionID, t)
	if err != nil {
		return wrap(err, "%s", operation)
	}
	return s.updateOne(ctx, operation, `
UPDATE hubspot_token
   SET tokens = $3, generation = generation + 1, issued_at = clock_timestamp(), expires_at = clock_timestamp() + $4::interval,
       client_id = $5, refreshing_until = 'epoch', ended = false
 WHERE connection_id = $1 AND generation = $2`, connectionID, generation, sealed, t.ExpiresIn, t.ClientID)
}

// EndTokens records that the refresh token of a generation is invalid. If another
// pair has replaced it meanwhile, it changes nothing.
func (s *Store) EndTokens(ctx context.Context, connectionID string, generation int64) error {
	_, err := s.pool.Exec(ctx, `
UPDATE hubspot_token SET ended = true, refreshing_until = 'epoch' WHERE connection_id = $1 AND generation = $2`, connectionID, generation)
	return wrap(err, "end_tokens of %s", connectionID)
}

// ReleaseRefresh ends a claim that brought no tokens. With a pause, the token
// endpoint is not called for that long, for any portal.
func (s *Store) ReleaseRefresh(ctx context.Context, connectionID string, generation int64, pause time.Duration) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
UPDATE hubspot_token SET refreshing_until = 'epoch' WHERE connection_id = $1 AND generation = $2`, connectionID, generation); err != nil {
			return err
		}
		if pause <= 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `
UPDATE installation SET token_endpoint_paused_until = greatest(token_endpoint_paused_until, clock_timestamp() + $1::interval)`, pause)
		return err
	})
	return wrap(err, "release_refresh of %s", connectionID)
}

// putTokens stores a connection's first pair, or the pair of a new consent.
func (s *Store) putTokens(ctx context.Context, tx pgx.Tx, connectionID string, t bridge.Tokens) error {
	sealed, err := s.sealTokens(connectionID, t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
INSERT INTO hubspot_token (connection_id, tokens, issued_at, expires_at, client_id)
VALUES ($1, $2, clock_timestamp(), clock_timestamp() + $3::interval, $4)
ON CONFLICT (connection_id) DO UPDATE
   SET tokens = excluded.tokens, client_id = excluded.client_id, generation = hubspot_token.generation + 1, issued_at = clock_timestamp(),
       expires_at = excluded.expires_at, refreshing_until = 'epoch', ended = false`, connectionID, sealed, t.ExpiresIn, t.ClientID)
	return err
}

// SaveConsented is SaveConnection for a portal that consented in a browser: its
// tokens replace a static one.
func (s *Store) SaveConsented(ctx context.Context, c bridge.Connection, cred Credentials, t bridge.Tokens) (bridge.Connection, error) {
	if cred.HubSpotToken != "" {
		return bridge.Connection{}, fmt.Errorf("store: save_consented of portal %d: a static token beside a consent", c.PortalID)
	}
	return s.saveConnection(ctx, c, cred, func(tx pgx.Tx, connectionID string) error {
		return s.putTokens(ctx, tx, connectionID, t)
	})
}
