package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/seal"
)

const pepperContext = "installation/pepper"

// pepper returns the installation's pepper and makes it on the first call. Of
// two processes that start on a new database, one wins and both use its pepper.
func (s *Store) pepper(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, seal.KeySize)
	_, _ = rand.Read(fresh) // never fails
	var sealed []byte
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
INSERT INTO installation (pepper) VALUES ($1) ON CONFLICT (only_row) DO NOTHING`,
			s.sealer.Seal(fresh, pepperContext)); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT pepper FROM installation").Scan(&sealed)
	})
	if err != nil {
		return nil, wrap(err, "installation")
	}
	pepper, err := s.sealer.Open(sealed, pepperContext)
	if errors.Is(err, seal.ErrUnknownKey) {
		return nil, fmt.Errorf("store: this database was sealed under another ENCRYPTION_KEY; while a key is being replaced, the former one belongs in ENCRYPTION_KEY_OLD: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("store: installation: %w", err)
	}
	return pepper, nil
}
