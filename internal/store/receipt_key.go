package store

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"

	"github.com/jackc/pgx/v5"
)

// receiptKeyContext is what the private half of a key is sealed for.
func receiptKeyContext(public string) string { return "receipt_key/" + public }

// ensureReceiptKey makes the key that signs receipts unless there is one. The
// caller's transaction holds the installation's row, so that of two processes
// that start on a new database one makes it.
func (s *Store) ensureReceiptKey(ctx context.Context, tx pgx.Tx) error {
	var made bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM receipt_key WHERE private_key <> '')").Scan(&made); err != nil || made {
		return err
	}
	half, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	public := base64.RawURLEncoding.EncodeToString(half)
	_, err = tx.Exec(ctx, "INSERT INTO receipt_key (public_key, private_key) VALUES ($1, $2)",
		public, s.sealer.Seal(private.Seed(), receiptKeyContext(public)))
	return err
}

// ReceiptSigner returns the newest key that receipts may be signed with.
func (s *Store) ReceiptSigner(ctx context.Context) (ed25519.PrivateKey, error) {
	var public string
	var sealed []byte
	err := s.pool.QueryRow(ctx, `
SELECT public_key, private_key FROM receipt_key WHERE private_key <> '' ORDER BY created_at DESC, public_key LIMIT 1`).Scan(&public, &sealed)
	if err != nil {
		return nil, wrap(err, "receipt_signer")
	}
	seed, err := s.sealer.Open(sealed, receiptKeyContext(public))
	if err != nil {
		return nil, wrap(err, "receipt_signer")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// ReceiptKeys returns the public keys of all receipts that were ever signed, the
// newest first.
func (s *Store) ReceiptKeys(ctx context.Context) ([]ed25519.PublicKey, error) {
	rows, err := s.pool.Query(ctx, "SELECT public_key FROM receipt_key ORDER BY created_at DESC, public_key")
	if err != nil {
		return nil, wrap(err, "receipt_keys")
	}
	keys, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (ed25519.PublicKey, error) {
		var public string
		if err := row.Scan(&public); err != nil {
			return nil, err
		}
		return base64.RawURLEncoding.DecodeString(public)
	})
	return keys, wrap(err, "receipt_keys")
}
