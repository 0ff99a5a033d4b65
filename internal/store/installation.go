package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
)

// peppers are the installation's peppers, the first version first.
type peppers [][]byte

// pepperContext and recoveryContext are what the peppers are sealed for, under the
// encryption key and under the recovery key.
const (
	pepperContext   = "installation/pepper"
	recoveryContext = "installation/pepper_recovery"
)

// versioned is the context of the first version under the name that it had when
// there was no other.
func versioned(context string, version int) string {
	if version == 1 {
		return context
	}
	return context + "/" + strconv.Itoa(version)
}

func (p peppers) sealed(by *seal.Sealer, context string) []byte {
	return by.Seal(bytes.Join(p, nil), versioned(context, len(p)))
}

// openPeppers opens what sealed has made of so many peppers.
func openPeppers(by *seal.Sealer, sealed []byte, context string, version int) (peppers, error) {
	plain, err := by.Open(sealed, versioned(context, version))
	if err != nil {
		return nil, err
	}
	if len(plain) != version*seal.KeySize {
		return nil, seal.ErrCorrupt
	}
	return slices.Collect(slices.Chunk(plain, seal.KeySize)), nil
}

func newPepper() []byte {
	pepper := make([]byte, seal.KeySize)
	_, _ = rand.Read(pepper) // never fails
	return pepper
}

// peppers returns the installation's peppers, and makes the first one on the first
// call. Of two processes that start on a new database, one wins and both use its
// pepper.
func (s *Store) peppers(ctx context.Context) (p peppers, err error) {
	var sealed []byte
	var version int
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
INSERT INTO installation (pepper) VALUES ($1) ON CONFLICT (only_row) DO NOTHING`,
			peppers{newPepper()}.sealed(s.sealer, pepperContext)); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT pepper, pepper_version FROM installation FOR UPDATE").Scan(&sealed, &version); err != nil {
			return err
		}
		return s.ensureReceiptKey(ctx, tx)
	})
	if err != nil {
		return nil, wrap(err, "installation")
	}
	p, err = openPeppers(s.sealer, sealed, pepperContext, version)
	if errors.Is(err, seal.ErrUnknownKey) {
		return nil, fmt.Errorf("store: this database was sealed under another ENCRYPTION_KEY; while a key is being replaced, the former one belongs in ENCRYPTION_KEY_OLD; if it is lost, run \"starter keys recover\" with the recovery key: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("store: installation: %w", err)
	}
	return p, nil
}

// pepperFence keeps a process from making connections once the pepper is not the one
// that it hashes under: its hashes would match no tombstone.
type pepperFence struct{ version atomic.Int64 } // 0: nothing is hashed yet

// errRotated tells a process that slept through a rotation, or through the restoring
// of a dump from before one.
var errRotated = errors.New("the pepper was replaced since this process started: restart it")

// check refuses a new connection. A rotation lets nobody in until it has ended.
func (f *pepperFence) check(ctx context.Context, conn *pgx.Conn) error {
	mine := f.version.Load()
	if mine == 0 {
		return nil
	}
	var now int64
	if err := conn.QueryRow(ctx, "SELECT pepper_version FROM installation").Scan(&now); err != nil {
		return wrap(err, "check_pepper")
	}
	if now != mine {
		return &bridge.Error{Kind: bridge.Unavailable, System: bridge.SystemStore, Op: "store.check_pepper", Err: errRotated}
	}
	return nil
}
