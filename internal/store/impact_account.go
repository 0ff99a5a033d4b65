package store

import (
	"context"
	"time"
)

// ImpactAccount says whether conversions of a connection are sent.
type ImpactAccount struct {
	Holds     bool      // conversions wait for the account
	RefusedAt time.Time // when impact.com last refused the account; zero: it accepts it
	Refusal   string    // the vendor's message, without personal data
	Waiting   int64     // conversions that wait for the account
}

// Refused reports whether impact.com refused the account and has accepted nothing
// since.
func (a ImpactAccount) Refused() bool { return !a.RefusedAt.IsZero() }

// ImpactAccount returns the state of a connection's account at impact.com.
func (s *Store) ImpactAccount(ctx context.Context, connectionID string) (ImpactAccount, error) {
	var a ImpactAccount
	err := s.pool.QueryRow(ctx, `
SELECT coalesce(impact_refused_at > now() - interval '`+probeAfter+`', false), coalesce(impact_refused_at, '0001-01-01Z'), impact_refusal,
       (SELECT count(*) FROM tracked_event e WHERE e.connection_id = c.id AND e.state = 'pending' AND e.held_at IS NOT NULL)
  FROM connection c WHERE id = $1`, connectionID).Scan(&a.Holds, &a.RefusedAt, &a.Refusal, &a.Waiting)
	return a, wrap(err, "impact_account of %s", connectionID)
}

// RefuseImpact records that impact.com refused the account, so that a connection's
// conversions wait. It does nothing if the credentials have changed since the given
// revision.
func (s *Store) RefuseImpact(ctx context.Context, connectionID string, revision int, refusal string) error {
	_, err := s.pool.Exec(ctx, `
UPDATE connection SET impact_refused_at = now(), impact_refusal = $3, updated_at = now() WHERE id = $1 AND credentials_revision = $2`,
		connectionID, revision, storable(refusal))
	return wrap(err, "refuse_impact of %s", connectionID)
}

const acceptImpact = `
UPDATE connection SET impact_refused_at = NULL, impact_refusal = '' WHERE id = $1 AND impact_refused_at IS NOT NULL`

// AcceptImpact records that impact.com accepts the account again. Conversions that
// waited are sent in the next round.
func (s *Store) AcceptImpact(ctx context.Context, connectionID string) error {
	_, err := s.pool.Exec(ctx, acceptImpact, connectionID)
	return wrap(err, "accept_impact of %s", connectionID)
}

// HoldEvent makes a pending event wait for the account.
func (s *Store) HoldEvent(ctx context.Context, id int64) error {
	_, err := s.pool.Exec(ctx, `
UPDATE tracked_event SET held_at = coalesce(held_at, now()), reason = 'impact.com refuses the account' WHERE id = $1 AND state = 'pending'`, id)
	return wrap(err, "hold_event %d", id)
}
