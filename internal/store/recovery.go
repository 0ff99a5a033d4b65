package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
)

// HasRecoveryKey reports whether there is a key that opens the peppers when the
// encryption key is lost.
func (s *Store) HasRecoveryKey(ctx context.Context) (has bool, err error) {
	err = s.pool.QueryRow(ctx, "SELECT pepper_recovery <> '' FROM installation").Scan(&has)
	return has, wrap(err, "has_recovery_key")
}

// SetRecoveryKey has a key of seal.KeySize bytes open the peppers from now on, and
// no other one. With ifNone an earlier key stays, and set is false.
func (s *Store) SetRecoveryKey(ctx context.Context, key []byte, ifNone bool) (set bool, err error) {
	recovery, err := seal.NewSealer(key)
	if err != nil {
		return false, err
	}
	all, err := s.peppers(ctx)
	if err != nil {
		return false, err
	}
	tag, err := s.pool.Exec(ctx, "UPDATE installation SET pepper_recovery = $1 WHERE (NOT $2 OR pepper_recovery = '') AND pepper_version = $3",
		recoverable(all, recovery), ifNone, len(all))
	return tag.RowsAffected() > 0, wrap(err, "set_recovery_key")
}

// recoverable are peppers as the recovery key opens them.
func recoverable(all peppers, recovery *seal.Sealer) string {
	return base64.StdEncoding.EncodeToString(all.sealed(recovery, recoveryContext))
}

// OpenedBy reports whether a key is the recovery key.
func (s *Store) OpenedBy(ctx context.Context, key []byte) (bool, error) {
	all, err := recoveredPeppers(ctx, s.pool, key)
	if errors.Is(err, ErrWrongRecoveryKey) {
		return false, nil
	}
	return all != nil, wrap(err, "opened_by")
}

// ErrWrongRecoveryKey says that a key does not open the peppers, or that there was
// never one that does.
var ErrWrongRecoveryKey = errors.New("store: this is not the recovery key of this database")

func recoveredPeppers(ctx context.Context, q queryer, key []byte) (peppers, error) {
	recovery, err := seal.NewSealer(key)
	if err != nil {
		return nil, err
	}
	var text string
	var version int
	if err := q.QueryRow(ctx, "SELECT pepper_recovery, pepper_version FROM installation FOR UPDATE").Scan(&text, &version); err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrWrongRecoveryKey
	}
	all, err := openPeppers(recovery, sealed, recoveryContext, version)
	if err != nil {
		return nil, ErrWrongRecoveryKey
	}
	return all, nil
}

// Recovered says what was lost with the encryption key.
type Recovered struct {
	Connections []string // whose credentials have to be given again
	Requests    int64    // to impact.com that were not sent; their records are evaluated again
}

// errNotLost says that nothing has to be recovered.
var errNotLost = &bridge.Error{Kind: bridge.Conflict, Op: "store.recover", Err: errors.New("the configured key opens this database: nothing is lost")}

// Recover makes a database usable again whose encryption key is lost: the peppers are
// sealed under the sealer's key, so that tombstones go on keeping erased people out.
// What else the lost key has sealed goes: credentials have to be given again, and
// another key signs receipts. No process may use the database meanwhile.
func Recover(ctx context.Context, dsn string, sealer *seal.Sealer, key []byte) (r Recovered, err error) {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return r, fmt.Errorf("store: recover: %w", err) // pgx blanks out the password
	}
	defer pool.Close()
	if err := migrate(ctx, pool); err != nil { // it may be of an earlier release
		return r, err
	}
	s := &Store{pool: pool, sealer: sealer}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		all, err := recoveredPeppers(ctx, tx, key)
		if err != nil {
			return err
		}
		if err := s.resealPeppers(ctx, tx, all); err != nil {
			return err
		}
		if r.Connections, err = s.loseCredentials(ctx, tx); err != nil {
			return err
		}
		if r.Requests, err = loseSealed(ctx, tx); err != nil {
			return err
		}
		return s.ensureReceiptKey(ctx, tx)
	})
	if errors.Is(err, ErrWrongRecoveryKey) {
		return Recovered{}, err
	}
	return r, wrap(err, "recover")
}

// resealPeppers seals the peppers under the current key, unless that opens them.
func (s *Store) resealPeppers(ctx context.Context, tx pgx.Tx, all peppers) error {
	var sealed []byte
	if err := tx.QueryRow(ctx, "SELECT pepper FROM installation").Scan(&sealed); err != nil {
		return err
	}
	if _, err := openPeppers(s.sealer, sealed, pepperContext, len(all)); err == nil {
		return errNotLost
	}
	_, err := tx.Exec(ctx, "UPDATE installation SET pepper = $1", all.sealed(s.sealer, pepperContext))
	return err
}

const loseCredentials = `
UPDATE connection SET credentials = $2, credentials_revision = credentials_revision + 1, updated_at = now() WHERE id = $1`

// loseCredentials leaves no credentials behind, and returns the connections that
// need new ones. Those that have ended had none.
func (s *Store) loseCredentials(ctx context.Context, tx pgx.Tx) (lost []string, err error) {
	rows, err := tx.Query(ctx, "SELECT id FROM connection ORDER BY id FOR UPDATE")
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	for _, id := range all {
		nothing, err := s.sealCredentials(id, Credentials{})
		if err != nil {
			return nil, err
		}
		if _, err := tx.Exec(ctx, loseCredentials, id, nothing); err != nil {
			return nil, err
		}
	}
	rows, err = tx.Query(ctx, "SELECT id FROM connection WHERE"+connected+"ORDER BY id")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// What was pending was never sent, so its record is evaluated again. What may have
// been sent without an answer stays in error, for a person.
const loseRequests = `
WITH lost AS (
     UPDATE tracked_event
        SET request = NULL, wait_until = NULL, held_at = NULL, state = 'error',
            reason = 'the request was lost with the encryption key', decided_at = now()
      WHERE request IS NOT NULL
  RETURNING connection_id, object_type, object_id, order_id)
INSERT INTO object_inbox (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key)
SELECT DISTINCT ON (connection_id, object_type, object_id) connection_id, object_type, object_id, 'recheck', '', now(), 'recovery/' || order_id
  FROM lost
 ORDER BY connection_id, object_type, object_id, order_id
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// loseSealed removes what else only the lost key opens.
func loseSealed(ctx context.Context, tx pgx.Tx) (requests int64, err error) {
	for _, statement := range []string{
		"DELETE FROM hubspot_token", "DELETE FROM connect_intent", "UPDATE receipt_key SET private_key = ''",
		"UPDATE erasure SET subject = NULL, problem = 'whom to erase was lost with the encryption key: ask for the erasure again' WHERE subject IS NOT NULL",
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return 0, err
		}
	}
	tag, err := tx.Exec(ctx, loseRequests)
	return tag.RowsAffected(), err
}
