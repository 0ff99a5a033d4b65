package operator

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
	"advocatesync/internal/store"
)

// NewRecoveryKey makes a key that opens the peppers when the encryption key is lost,
// and returns it in base64, as RECOVERY_KEY takes it. With ifNone an earlier key
// stays, and the answer is empty.
func NewRecoveryKey(ctx context.Context, s *store.Store, ifNone bool) (string, error) {
	key := freshKey()
	set, err := s.SetRecoveryKey(ctx, key, ifNone)
	if err != nil || !set {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(key), nil
}

func freshKey() []byte {
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// RotatePepper replaces the pepper in a store from store.OpenAlone. The recovery key
// that is given opens the new one, too. Without one a new key takes the place of the
// former, which nobody here can seal with, and is returned in base64.
func RotatePepper(ctx context.Context, s *store.Store, given []byte) (r store.PepperRotation, recoveryKey string, err error) {
	if given == nil {
		given = freshKey()
		recoveryKey = base64.StdEncoding.EncodeToString(given)
	}
	r, err = s.RotatePepper(ctx, given)
	if err != nil {
		return r, "", err
	}
	return r, recoveryKey, nil
}

// NewRecoveryKey replaces the recovery key and returns the new one, this once.
func (o *Operator) NewRecoveryKey(ctx context.Context) (string, error) {
	return NewRecoveryKey(ctx, o.store, false)
}

// SuspendRecovered has the work of connections wait until somebody gives their
// credentials again, which were lost with the encryption key.
func SuspendRecovered(ctx context.Context, s *store.Store, connectionIDs []string) error {
	lost := &bridge.Error{Kind: bridge.Unauthorized, Op: "recovery", Err: errors.New("the credentials were lost with the encryption key")}
	for _, id := range connectionIDs {
		for _, system := range []bridge.System{bridge.SystemHubSpot, bridge.SystemAdvocate} {
			if _, _, err := s.RecordAnswer(ctx, id, bridge.Answer{System: system, Err: lost}); err != nil {
				return err
			}
		}
	}
	return nil
}
