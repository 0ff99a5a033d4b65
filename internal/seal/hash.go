package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strconv"
	"time"

	"advocatesync/internal/bridge"
)

// Hasher makes keyed hashes (HMAC-SHA256, 32 bytes). Emails and names have so
// little entropy that a plain hash can be guessed; without the pepper these
// cannot. Hashes of different methods never collide. It is safe for concurrent
// use.
type Hasher struct {
	mac func() hash.Hash // a closure, so that no formatting verb prints the pepper
}

// NewHasher returns a Hasher with the installation's pepper, which has at least
// KeySize bytes. Another pepper makes all hashes stored so far worthless.
func NewHasher(pepper []byte) (*Hasher, error) {
	if len(pepper) < KeySize {
		return nil, fmt.Errorf("seal: a pepper must have at least %d bytes, this one has %d", KeySize, len(pepper))
	}
	pepper = slices.Clone(pepper)
	return &Hasher{mac: func() hash.Hash { return hmac.New(sha256.New, pepper) }}, nil
}

// sum hashes the parts within a domain. Lengths go in as well, so that no two
// lists of parts look the same.
func (h *Hasher) sum(domain string, parts ...string) []byte {
	mac := h.mac()
	var buf []byte
	for _, part := range append([]string{domain}, parts...) {
		buf = binary.BigEndian.AppendUint64(buf[:0], uint64(len(part)))
		mac.Write(append(buf, part...))
	}
	return mac.Sum(nil)
}

// Email hashes an email as bridge.NormalEmail returns it.
func (h *Hasher) Email(normal string) []byte { return h.sum("email", normal) }

// Identity hashes a participant's key.
func (h *Hasher) Identity(id bridge.Identity) []byte {
	return h.sum("identity", id.AccountID, id.UserID)
}

// ContactID hashes a HubSpot contact id.
func (h *Hasher) ContactID(id string) []byte { return h.sum("contact", id) }

// UnreadableRowError hashes a row of an export that cannot be read, or its beginning.
func (h *Hasher) UnreadableRowError(raw string) []byte { return h.sum("unreadable row", raw) }

// Submission hashes what tells a form's submission from every other: HubSpot's
// own id, or else who submitted when.
func (h *Hasher) Submission(form, conversionID, email string, at time.Time) []byte {
	if conversionID != "" {
		return h.sum("submission", form, conversionID)
	}
	return h.sum("submission", form, "", email, strconv.FormatInt(at.UnixMilli(), 10))
}

// Properties hashes contact properties. As in HubSpot, an empty value counts as
// absent.
func (h *Hasher) Properties(p bridge.Properties) []byte {
	parts := make([]string, 0, 2*len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if value := p[name]; value != "" {
			parts = append(parts, name, value)
		}
	}
	return h.sum("properties", parts...)
}

// Change hashes everything that one create-or-update sends to Advocate.
func (h *Hasher) Change(c bridge.ParticipantChange) []byte {
	return h.sum("change", c.AccountID, c.UserID, c.Email, c.FirstName, c.LastName,
		c.ReferredByCode, c.Cookie, c.HubSpotContactID)
}

// Row hashes what one export row says of a participant in one program.
// DateCreated is left out: it never changes.
func (h *Hasher) Row(p bridge.Participant, programID string) []byte {
	return h.sum("row", programID, p.AccountID, p.UserID, p.Email, p.FirstName, p.LastName,
		p.ReferralCode, p.ShareLink, p.HubSpotContactID)
}
