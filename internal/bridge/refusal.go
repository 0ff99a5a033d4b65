package bridge

import (
	"errors"
	"net/http"
	"slices"
	"time"
)

// System is who an operation was asked of.
type System string

// The systems that errors come from.
const (
	SystemHubSpot  System = "hubspot"
	SystemAdvocate System = "advocate"
	SystemImpact   System = "impact" // impact.com's Brand API
	SystemStore    System = "store"
)

// Capability is a part of a connection's work that a vendor may refuse by itself,
// for a scope or a permission that is missing.
type Capability string

// The capabilities. A vendor's success with one says nothing about another.
const (
	CapabilityAccount       Capability = "account" // what every credential may read
	CapabilityContacts      Capability = "contacts"
	CapabilityContactWrites Capability = "contact_writes"
	CapabilityProperties    Capability = "properties"
	CapabilityDeals         Capability = "deals"
	CapabilityCompanies     Capability = "companies"
	CapabilityForms         Capability = "forms"
	CapabilityJournal       Capability = "journal"
	CapabilityParticipants  Capability = "participants"
	CapabilityExports       Capability = "exports"
	CapabilityWebhooks      Capability = "webhooks" // Advocate's, which hurry reports
	CapabilityConversions   Capability = "conversions"
)

// Answer is what became of one call for a connection.
type Answer struct {
	System     System
	Capability Capability
	Err        error // nil: the vendor did what it was asked to
}

// Refusal is what a vendor refuses to a connection until it does it again.
type Refusal struct {
	System     System     `json:"system"`
	Capability Capability `json:"capability,omitempty"` // empty: everything
	Reason     string     `json:"reason"`               // of the first call that met it; free of personal data
	Since      time.Time  `json:"since"`
}

// Hear returns the refusals of a connection once a vendor has given an answer. It
// returns known itself if the answer changes nothing.
func Hear(known []Refusal, a Answer, now time.Time) []Refusal {
	failure, _ := errors.AsType[*Error](a.Err)
	refused := Refusal{System: a.System, Since: now}
	switch {
	case a.Err == nil:
		return without(known, a.System, "", a.Capability)
	case failure == nil, failure.Kind != Unauthorized && failure.Kind != Misdirected:
		return known // says nothing about what we may do
	case failure.ofOnePart(): // so our credentials are good
		known = without(known, a.System, "")
		refused.Capability = a.Capability
	}
	if slices.ContainsFunc(known, func(r Refusal) bool { return r.System == refused.System && r.Capability == refused.Capability }) {
		return known
	}
	refused.Reason = failure.Error()
	return append(slices.Clone(known), refused)
}

// ofOnePart tells a refusal of what was asked for from one of whoever asked.
func (e *Error) ofOnePart() bool {
	return e.Kind == Unauthorized && (e.Status == http.StatusForbidden || e.Code == "MISSING_SCOPES")
}

func without(known []Refusal, system System, parts ...Capability) []Refusal {
	over := func(r Refusal) bool { return r.System == system && slices.Contains(parts, r.Capability) }
	if !slices.ContainsFunc(known, over) {
		return known
	}
	return slices.DeleteFunc(slices.Clone(known), over)
}

// StatusOf sums refusals up. Without HubSpot or Advocate nothing of a connection
// works; impact.com, and any single capability, leaves the rest to go on.
func StatusOf(refusals []Refusal) (status ConnectionStatus, reason string) {
	status = StatusActive
	for _, r := range refusals {
		if r.Capability == "" && r.System != SystemImpact {
			return StatusUnauthorized, r.Reason
		}
		if status == StatusActive {
			status, reason = StatusForbidden, r.Reason
		}
	}
	return status, reason
}

// Advice is what an operator can do about a refusal.
func (r Refusal) Advice() string {
	switch {
	case r.Capability == CapabilityConversions || r.System == SystemImpact:
		return `Check the impact.com account and token, then run "starter connect" again.`
	case r.Capability != "" && r.System == SystemHubSpot:
		return `Grant the app the scope that HubSpot names, then consent again: "starter connect --connection ID".`
	case r.Capability != "":
		return "Give the API key the permission at impact.com."
	default:
		return `Work waits and goes on by itself once the vendor accepts the connection again; it is tried every minute. Check the credentials ("starter connect") and the vendor's address (HUBSPOT_BASE_URL, ADVOCATE_BASE_URL).`
	}
}
