// Package receipt proves that a person was erased: a small JSON document that
// says who asked, when each step was done, what both vendors answered afterwards
// and what is out of our reach, signed so that anybody who holds the published
// keys can verify it, without us.
//
// A receipt holds nothing personal but HubSpot's contact id, which names nobody
// once the contact is gone. docs/receipts.md documents the JSON.
package receipt

import (
	"crypto/ed25519"
	"time"
)

// Version is the version of the JSON document. Fields may be added within one;
// a field that changes its meaning makes a new one.
const Version = 1

// Receipt is what is signed.
type Receipt struct {
	Version      int       `json:"version"`
	Issuer       string    `json:"issuer"` // the installation's public address
	IssuedAt     time.Time `json:"issued_at"`
	ErasureID    int64     `json:"erasure_id"`
	ConnectionID string    `json:"connection_id"`
	PortalID     int64     `json:"portal_id"` // HubSpot's
	Tenant       string    `json:"tenant"`    // Advocate's
	ContactID    string    `json:"contact_id,omitempty"`

	Requested  Requested  `json:"requested"`
	Steps      []Step     `json:"steps"` // in the order in which they were done
	Counts     Counts     `json:"counts"`
	Checked    Checked    `json:"checked"`
	OutOfReach OutOfReach `json:"out_of_reach"`
}

// Requested says who asked for the erasure.
type Requested struct {
	Source     string    `json:"source"`       // hubspot, request, operator or replay
	By         string    `json:"by,omitempty"` // the name of whoever asked, with operator and replay
	OccurredAt time.Time `json:"occurred_at"`  // by the clock of whoever told
}

// Step is a step of the erasure, and when it was done.
type Step struct {
	Step string    `json:"step"` // heard, blocked, verified, deleted, checked, forgotten
	At   time.Time `json:"at"`
}

// Counts say how much was erased.
type Counts struct {
	ParticipantsDeleted int `json:"participants_deleted"`
	ContactsForgotten   int `json:"contacts_forgotten"` // the contact, and those merged into it
	ContactsUnmapped    int `json:"contacts_unmapped"`  // other people's contacts that lost the participant
}

// Checked is what both vendors answered when they were asked again.
type Checked struct {
	HubSpot         string `json:"hubspot,omitempty"`  // not_found, archived, merged or shown
	Advocate        string `json:"advocate,omitempty"` // not_found or do_not_track
	IdentitiesAsked int    `json:"identities_asked"`
}

// OutOfReach is what may still name the person, where nothing of ours can delete
// it.
type OutOfReach struct {
	ImpactOrders []string `json:"impact_orders"` // order ids at impact.com
	Backups      string   `json:"backups"`       // for the person who reads it
}

// Backups is what every receipt says of backups.
const Backups = "Backups of the database that are older than the last step may hold the person until they are deleted. " +
	"After one is restored, the erasure has to be replayed."

// Sign returns the receipt as a JWS in compact form.
func Sign(r Receipt, key ed25519.PrivateKey) (string, error) { return sign(r, receiptType, key) }

// Verify returns what a receipt says if one of the keys has signed it. The error
// is one of this package's. It asks nobody.
func Verify(compact string, keys KeySet) (r Receipt, err error) {
	if err := verify(compact, receiptType, keys, &r); err != nil {
		return Receipt{}, err
	}
	if r.Version != Version {
		return Receipt{}, ErrTooNew
	}
	return r, nil
}
