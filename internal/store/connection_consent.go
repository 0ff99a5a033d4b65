package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Intent is a connection that an operator requested and that waits for somebody's
// consent at HubSpot.
type Intent struct {
	ID          string
	PortalID    int64 // 0: any portal
	Tenant      string
	Program     string
	Credentials Credentials // without a HubSpot token
	ExpiresAt   time.Time
}

// IntentState is the outcome of an intent.
type IntentState struct {
	ConnectionID string // empty: nothing yet
	Failure      string // why the last visit to HubSpot's page failed; empty: it did not
	ExpiresAt    time.Time
	Expired      bool
}

// plainIntent is the sealed part of an intent.
type plainIntent struct {
	PortalID    int64            `json:"portal_id"`
	Tenant      string           `json:"tenant"`
	Program     string           `json:"program"`
	Credentials plainCredentials `json:"credentials"`
}

func intentContext(id string) string { return "connect_intent/wanted/" + id }

// secretHash hashes a random secret of ours. Such a secret needs no pepper.
func secretHash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// intentsKept is how long an intent is kept after it expired.
const intentsKept = 24 * time.Hour

const purgeIntents = "DELETE FROM connect_intent WHERE expires_at < now() - $1::interval"

// PurgeIntents deletes the intents that expired more than a day ago, with the
// sealed credentials of those that nobody used, and returns how many.
func (s *Store) PurgeIntents(ctx context.Context) (int64, error) {
	tag, err := s.pool.Exec(ctx, purgeIntents, intentsKept)
	return tag.RowsAffected(), wrap(err, "purge_intents")
}

// SaveIntent stores an intent that expires after life, and returns it with its id.
// The ID and ExpiresAt of in are ignored. link is the secret in its link.
func (s *Store) SaveIntent(ctx context.Context, in Intent, link string, life time.Duration) (Intent, error) {
	in.ID = "i" + strings.ToLower(rand.Text()[:12])
	plain, err := json.Marshal(plainIntent{in.PortalID, in.Tenant, in.Program, plainCredentials(in.Credentials)})
	if err != nil {
		return Intent{}, wrap(err, "save_intent")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, purgeIntents, intentsKept); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
INSERT INTO connect_intent (id, link_hash, wanted, expires_at) VALUES ($1, $2, $3, now() + $4::interval) RETURNING expires_at`,
			in.ID, secretHash(link), s.sealer.Seal(plain, intentContext(in.ID)), life).Scan(&in.ExpiresAt)
	})
	return in, wrap(err, "save_intent")
}

const openIntent = " expires_at > now() AND finished_at IS NULL "

// IntentOf returns the intent of a link. It returns a not_found error for a link
// that we did not issue, that has expired, or that was used.
func (s *Store) IntentOf(ctx context.Context, link string) (Intent, error) {
	in, err := s.intent(ctx, "SELECT id, wanted, expires_at FROM connect_intent WHERE link_hash = $1 AND"+openIntent, secretHash(link))
	return in, wrap(err, "intent")
}

// BeginVisit records that somebody goes to HubSpot's page for an intent: HubSpot's
// answer carries state, and only that browser has the secret browser. It replaces
// an earlier visit. The error is as for IntentOf.
func (s *Store) BeginVisit(ctx context.Context, link, state, browser string) error {
	return s.updateOne(ctx, "begin_visit", `
UPDATE connect_intent SET state_hash = $2, browser_hash = $3 WHERE link_hash = $1 AND`+openIntent,
		secretHash(link), secretHash(state), secretHash(browser))
}

// EndVisit returns the intent of a visit. A state works once, and only in its own
// browser; otherwise EndVisit changes nothing and returns a not_found error.
func (s *Store) EndVisit(ctx context.Context, state, browser string) (Intent, error) {
	in, err := s.intent(ctx, `
UPDATE connect_intent SET state_hash = NULL, browser_hash = NULL
 WHERE state_hash = $1 AND browser_hash = $2 AND`+openIntent+`RETURNING id, wanted, expires_at`, secretHash(state), secretHash(browser))
	return in, wrap(err, "end_visit")
}

func (s *Store) intent(ctx context.Context, query string, args ...any) (Intent, error) {
	var (
		in     Intent
		sealed []byte
		plain  plainIntent
	)
	if err := s.pool.QueryRow(ctx, query, args...).Scan(&in.ID, &sealed, &in.ExpiresAt); err != nil {
		return Intent{}, err
	}
	text, err := s.sealer.Open(sealed, intentContext(in.ID))
	if err != nil {
		return Intent{}, err
	}
	if err := json.Unmarshal(text, &plain); err != nil {
		return Intent{}, errors.New("a sealed intent is not what we seal")
	}
	in.PortalID, in.Tenant, in.Program, in.Credentials = plain.PortalID, plain.Tenant, plain.Program, Credentials(plain.Credentials)
	return in, nil
}

// FinishIntent records the connection that was made for an intent, and deletes the
// intent's credentials.
func (s *Store) FinishIntent(ctx context.Context, id, connectionID string) error {
	return s.updateOne(ctx, "finish_intent "+id, `
UPDATE connect_intent
   SET connection_id = $2, finished_at = now(), failure = '', wanted = '', state_hash = NULL, browser_hash = NULL
 WHERE id = $1 AND finished_at IS NULL`, id, connectionID)
}

// FailIntent records why a visit failed, in words for the operator. The intent
// stays open, and its link can be used again.
func (s *Store) FailIntent(ctx context.Context, id, failure string) error {
	return s.updateOne(ctx, "fail_intent "+id, "UPDATE connect_intent SET failure = $2 WHERE id = $1 AND finished_at IS NULL", id, storable(failure))
}

// IntentState returns the outcome of an intent, or a not_found error once it is
// deleted, a day after it expired.
func (s *Store) IntentState(ctx context.Context, id string) (IntentState, error) {
	var st IntentState
	err := s.pool.QueryRow(ctx, `
SELECT coalesce(connection_id, ''), failure, expires_at, expires_at <= now() FROM connect_intent WHERE id = $1`, id).Scan(
		&st.ConnectionID, &st.Failure, &st.ExpiresAt, &st.Expired)
	return st, wrap(err, "intent %s", id)
}
