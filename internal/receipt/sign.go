package receipt

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// What the "typ" of a signature's header may be: nothing that the key signs passes
// for something else.
const (
	receiptType jose.ContentType = "advocatesync-erasure-receipt"
	exportType  jose.ContentType = "advocatesync-erasure-export"
)

// Why a document is not accepted.
var (
	ErrMalformed  = errors.New("this is not what was expected: a JWS in compact form, signed with EdDSA, whose header names its type")
	ErrUnknownKey = errors.New("it was signed with a key that is not among the given ones")
	ErrForged     = errors.New("the signature does not match: it was changed, or somebody else made it")
	ErrTooNew     = errors.New("it is of a version that this program does not know: use a newer program")
)

func sign(document any, typ jose.ContentType, key ed25519.PrivateKey) (string, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("receipt: not an Ed25519 key")
	}
	options := (&jose.SignerOptions{}).WithType(typ).WithHeader("kid", KeyID(public))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, options)
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	payload, err := json.Marshal(document)
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("receipt: %w", err)
	}
	return signed.CompactSerialize()
}

// verify reads a document of a type that one of the keys has signed.
func verify(compact string, typ jose.ContentType, keys KeySet, document any) error {
	signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(signed.Signatures) != 1 {
		return ErrMalformed
	}
	header := signed.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != string(typ) {
		return ErrMalformed
	}
	set := jose.JSONWebKeySet(keys)
	known := set.Key(header.KeyID)
	if header.KeyID == "" || len(known) != 1 {
		return ErrUnknownKey
	}
	payload, err := signed.Verify(known[0].Key)
	if err != nil {
		return ErrForged
	}
	if json.Unmarshal(payload, document) != nil {
		return ErrMalformed
	}
	return nil
}
