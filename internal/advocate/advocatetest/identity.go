package advocatetest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
)

// canonical turns an id as sent into the id as stored and returned. With
// hashing on, the raw value, its SHA-1 in hex, and our HMAC all lead to the
// same HMAC; nothing is trimmed or folded first, since the vendor documents no
// such kindness. With hashing off it is the value itself.
func (t *Tenant) canonical(id string) string {
	if t.cfg.VerbatimIDs || id == "" || isHex(id, sha256.Size*2) {
		return id
	}
	digest := id
	if !isHex(id, sha1.Size*2) {
		sum := sha1.Sum([]byte(id))
		digest = hex.EncodeToString(sum[:])
	}
	mac := hmac.New(sha256.New, t.hmacKey)
	mac.Write([]byte(digest))
	return hex.EncodeToString(mac.Sum(nil))
}

// erasureHash is the do-not-track identifier of a pair of ids. It is one-way.
func (t *Tenant) erasureHash(accountID, id string) string {
	sum := sha256.Sum256([]byte("do not track\x00" + t.canonical(accountID) + "\x00" + t.canonical(id)))
	return hex.EncodeToString(sum[:])
}

func isHex(s string, length int) bool {
	if len(s) != length {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
