package bridge

import (
	"errors"
	"net/http"
	"slices"
	"time"
)

// System is the vendor whose API was called.
type System string

// The systems that errors come from.
const (
	SystemHubSpot  System = "hubspot"
	SystemAdvocate System = "advocate"
	SystemImpact   System = "impact" // impact.com's Brand API
	SystemStore    System = "store"
)

// Capability is a part of a connection's work that a vendor may refuse on its own,
// because a scope or a permission is missing.
type Capability string

// The capabilities. Success with one says nothing about another.
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
	CapabilityWebhooks      Capability = "webhooks" // Advocate's webhooks, which bring reports forward
	CapabilityConversions   Capability = "conversions"
)

// Answer is the outcome of one call for a connection.
type Answer struct {
	System     System
	Capability Capability
	Err        error // nil: the call succeeded
}

// Refusal is what a vendor refuses to a connection. It ends with the first success.
type Refusal struct {
	System     System     `json:"system"`
	Capability Capability `json:"capability,omitempty"` // empty: everything

	// Misdirected: somebody other than the vendor answered, or the vendor serves the
	// account elsewhere; see the Kind of that name.
	Misdirected bool `json:"misdirected,omitempty"`

	Reason string    `json:"reason"` // of the first refused call; free of personal data
	Since  time.Time `json:"since"`
}

// Hear returns the refusals of a connection after a vendor's answer. It returns
// known itself if the answer changes nothing.
func Hear(known []Refusal, a Answer, now time.Time) []Refusal {
	failure, _ := errors.AsType[*Error](a.Err)
	refused := Refusal{System: a.System, Since: now, Misdirected: KindOf(a.Err) == Misdirected}
	switch {
	case a.Err == nil:
		return without(known, a.System, "", a.Capability)
	case failure == nil, failure.Kind != Unauthorized && failure.Kind != Misdirected:
		return known // the answer says nothing about permissions
	case failure.ofOnePart(): // so our credentials are accepted
		known = without(known, a.System, "")
		refused.Capability = a.Capability
	case refused.Misdirected && !a.Capability.essential():
		refused.Capability = a.Capability // if others are refused as well, their own calls will show it
	}
	if slices.ContainsFunc(known, func(r Refusal) bool { return r.System == refused.System && r.Capability == refused.Capability }) {
		return known
	}
	refused.Reason = failure.Error()
	return append(slices.Clone(known), refused)
}

// ofOnePart reports whether the vendor refuses this operation only, rather than the
// credentials.
func (e *Error) ofOnePart() bool {
	return e.Kind == Unauthorized && (e.Status == http.StatusForbidden || e.Code == "MISSING_SCOPES")
}

// essential reports whether nothing of a connection works without the capability.
func (c Capability) essential() bool {
	switch c {
	case CapabilityContacts, CapabilityContactWrites, CapabilityParticipants, CapabilityExports, CapabilityConversions:
		return true
	default:
		return false
	}
}

func without(known []Refusal, system System, parts ...Capability) []Refusal {
	over := func(r Refusal) bool { return r.System == system && slices.Contains(parts, r.Capability) }
	if !slices.ContainsFunc(known, over) {
		return known
	}
	return slices.DeleteFunc(slices.Clone(known), over)
}

// StatusOf derives a connection's status from its refusals. Without HubSpot or
// Advocate nothing works. Without impact.com, or a single capability, the rest goes
// on.
func StatusOf(refusals []Refusal) (status ConnectionStatus, reason string) {
	status = StatusActive
	for _, r := range refusals {
		if r.Capability == "" && r.System != SystemImpact {
			if r.Misdirected {
				return StatusMisdirected, r.Reason
			}
			return StatusUnauthorized, r.Reason
		}
		if status == StatusActive {
			status, reason = StatusForbidden, r.Reason
		}
	}
	return status, reason
}

// Advice says what an operator can do about a refusal.
func (r Refusal) Advice() string {
	switch {
	case r.Capability == CapabilityConversions || r.System == SystemImpact:
		return `Check the impact.com account and token, then run "starter connect" again.`
	case r.Capability != "" && r.Misdirected:
		return "The vendor does not know our calls for this, or they do not reach it. Everything else goes on. Look for a newer release of advocatesync, and check any proxy in between."
	case r.Capability != "" && r.System == SystemHubSpot:
		return `Grant the app the scope that HubSpot names, then consent again: "starter connect --connection ID".`
	case r.Capability != "":
		return "Give the API key the permission at impact.com."
	case r.Misdirected:
		return `Our calls do not reach the vendor's API for this account. Check its address (HUBSPOT_BASE_URL, ADVOCATE_BASE_URL) and any proxy in between. Work waits; the call is tried every minute, and work continues by itself.`
	default:
		return `Check the credentials ("starter connect"). Work waits. The credentials are tried every minute, and work continues by itself once the vendor accepts them.`
	}
}
