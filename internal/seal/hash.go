package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
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
//
// A pepper that replaces another one hashes what that one makes. So a stored hash
// can be carried over to the new version, although nobody knows any more what it
// is of; and every look-up needs one hash, however many versions there are.
type Hasher struct {
	macs []func() hash.Hash // by version, the first at 0; closures, so that no formatting verb prints a pepper
}

// NewHasher returns a Hasher with the installation's peppers, the first version
// first. Each has at least KeySize bytes. With other peppers, all hashes stored so
// far mean nothing.
func NewHasher(peppers ...[]byte) (*Hasher, error) {
	if len(peppers) == 0 {
		return nil, errors.New("seal: hashing needs a pepper")
	}
	h := &Hasher{macs: make([]func() hash.Hash, len(peppers))}
	for i, pepper := range peppers {
		if len(pepper) < KeySize {
			return nil, fmt.Errorf("seal: a pepper must have at least %d bytes, this one has %d", KeySize, len(pepper))
		}
		pepper = slices.Clone(pepper)
		h.macs[i] = func() hash.Hash { return hmac.New(sha256.New, pepper) }
	}
	return h, nil
}

// sum hashes the parts within a domain, under all versions. Lengths go in as well,
// so that no two lists of parts look the same.
func (h *Hasher) sum(domain string, parts ...string) []byte {
	return h.Carry(h.first(domain, parts...), 1)
}

func (h *Hasher) first(domain string, parts ...string) []byte {
	mac := h.macs[0]()
	var buf []byte
	for _, part := range append([]string{domain}, parts...) {
		buf = binary.BigEndian.AppendUint64(buf[:0], uint64(len(part)))
		mac.Write(append(buf, part...))
	}
	return mac.Sum(nil)
}

// next turns a hash of a version, from 1, into that of the next one.
func (h *Hasher) next(hash []byte, version int) []byte {
	mac := h.macs[version]()
	mac.Write(hash)
	return mac.Sum(nil)
}

// Version is the number of peppers that this Hasher hashes under.
func (h *Hasher) Version() int { return len(h.macs) }

// Carry turns a hash of an earlier version, from 1, into what this Hasher makes of
// the same. Nil, which stands for no hash, stays nil.
func (h *Hasher) Carry(hash []byte, version int) []byte {
	if hash == nil {
		return nil
	}
	for ; version < len(h.macs); version++ {
		hash = h.next(hash, version)
	}
	return hash
}

// Check is the same for two Hashers exactly if they have the same peppers. It gives
// nothing of them away.
func (h *Hasher) Check() []byte { return h.sum("check") }

// VersionOf tells the version whose Check this is; 0 if it is of other peppers.
func (h *Hasher) VersionOf(check []byte) int {
	mine := h.first("check")
	for version := 1; ; version++ {
		switch {
		case hmac.Equal(mine, check):
			return version
		case version == len(h.macs):
			return 0
		}
		mine = h.next(mine, version)
	}
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

// FaultySubmission hashes a submission of a form that cannot be read.
func (h *Hasher) FaultySubmission(form, raw string) []byte {
	return h.sum("faulty submission", form, raw)
}

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
