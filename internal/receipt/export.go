package receipt

import (
	"crypto/ed25519"
	"time"
)

// ExportVersion is the version of an export's JSON.
const ExportVersion = 1

// Export is a page of erasures, and of the keyed hashes that keep erased people out,
// to be replayed over an older dump of the same database. It is signed, for whoever
// could change it could have anybody erased.
type Export struct {
	Version int       `json:"version"`
	MadeAt  time.Time `json:"made_at"`

	// PepperCheck tells which version of the pepper the hashes were made under, and
	// whether they mean anything in the database that they are replayed over.
	PepperCheck []byte             `json:"pepper_check"`
	Tombstones  []ExportTombstones `json:"tombstones,omitempty"`
	Erasures    []ExportErasure    `json:"erasures,omitempty"`
}

// ExportTombstones are keyed hashes of erased people of one connection.
type ExportTombstones struct {
	ConnectionID string   `json:"connection_id"`
	PortalID     int64    `json:"portal_id"`
	Hashes       [][]byte `json:"hashes"`
}

// ExportErasure is one erasure of a contact.
type ExportErasure struct {
	ConnectionID string    `json:"connection_id"`
	PortalID     int64     `json:"portal_id"`
	ContactID    string    `json:"contact_id"`
	OccurredAt   time.Time `json:"occurred_at"`
	HeardAt      time.Time `json:"heard_at"`
}

// SignExport returns a page as a JWS in compact form.
func SignExport(e Export, key ed25519.PrivateKey) (string, error) { return sign(e, exportType, key) }

// VerifyExport returns a page if one of the keys has signed it. The error is one
// of this package's.
func VerifyExport(compact string, keys KeySet) (e Export, err error) {
	if err := verify(compact, exportType, keys, &e); err != nil {
		return Export{}, err
	}
	if e.Version != ExportVersion {
		return Export{}, ErrTooNew
	}
	return e, nil
}
