package bridge

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// HubSpot properties that the sync reads or writes. Our own names are fixed,
// because webhook subscriptions are app-wide and name properties.
const (
	PropEmail     = "email"
	PropFirstName = "firstname"
	PropLastName  = "lastname"

	PropUserID         = "advocate_user_id"
	PropAccountID      = "advocate_account_id"
	PropReferredByCode = "advocate_referred_by_code"
	PropReferralCookie = "advocate_referral_cookie"

	PropReferralCode      = "advocate_referral_code"
	PropShareLink         = "advocate_share_link"
	PropMessageLinkPrefix = "advocate_message_link_"
)

// PropertyGroup is the HubSpot group that holds our properties.
const PropertyGroup = "impact_advocate"

// Properties are HubSpot property values by name. An absent name and an empty
// value mean the same: HubSpot stores no empty strings.
type Properties map[string]string

// Changes returns the entries of want that differ from p: what a write has to
// carry so that p becomes want and everything else stays.
func (p Properties) Changes(want Properties) Properties {
	changes := Properties{}
	for name, value := range want {
		if p[name] != value {
			changes[name] = value
		}
	}
	return changes
}

// Contact is a HubSpot contact as it is now.
type Contact struct {
	ID         string // decimal, longer than 32 bits
	Properties Properties
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Archived   bool
}

// Identity returns the participant the contact names, which an operator may
// have edited: it can be empty, half or wrong.
func (c Contact) Identity() Identity {
	return Identity{
		AccountID: strings.TrimSpace(c.Properties[PropAccountID]),
		UserID:    strings.TrimSpace(c.Properties[PropUserID]),
	}
}

// Shared returns what the contact carries of a participant, right or wrong.
func (c Contact) Shared() Properties {
	carried := Properties{}
	for name := range SharedProperties(Participant{}, Program{}) {
		carried[name] = c.Properties[name]
	}
	return carried
}

// HasInputs reports that somebody filled in one of the properties that only we
// read: before the portal was connected there were none.
func (c Contact) HasInputs() bool {
	return strings.TrimSpace(c.Properties[PropReferredByCode]) != "" || strings.TrimSpace(c.Properties[PropReferralCookie]) != ""
}

// Email returns the normalised email, empty if the contact has none.
func (c Contact) Email() string { return NormalEmail(c.Properties[PropEmail]) }

// PropertyDefinition describes one contact property that we create.
type PropertyDefinition struct {
	Name        string
	Label       string
	Description string
	Long        bool // holds more than a line: cookies outgrow a text field
	FormField   bool // may be put on a HubSpot form

	// ProgramSourced properties hold values of the connected program; they are
	// the ones a program switch removes and re-creates.
	ProgramSourced bool
}

// ProgramSourcedProperties lists those that hold values of the connected program.
func ProgramSourcedProperties() []PropertyDefinition {
	return slices.DeleteFunc(OwnedProperties(), func(def PropertyDefinition) bool { return !def.ProgramSourced })
}

// OwnedProperties lists every contact property that belongs to us.
func OwnedProperties() []PropertyDefinition {
	defs := []PropertyDefinition{
		{Name: PropUserID, Label: "Advocate user ID",
			Description: "First half of the Advocate participant's key. Change it together with the account ID to map this contact to another participant."},
		{Name: PropAccountID, Label: "Advocate account ID",
			Description: "Second half of the Advocate participant's key. Change it together with the user ID to map this contact to another participant."},
		{Name: PropReferredByCode, Label: "Referred-by code", FormField: true,
			Description: "Code of the advocate who referred this contact. Read by the Advocate sync, never written."},
		{Name: PropReferralCookie, Label: "Referral cookie", FormField: true, Long: true,
			Description: "Referral cookie captured by a form. Read by the Advocate sync, never written."},
		{Name: PropReferralCode, Label: "Referral code", ProgramSourced: true,
			Description: "The participant's own referral code in the connected program. Written by the Advocate sync."},
		{Name: PropShareLink, Label: "Share link", ProgramSourced: true,
			Description: "The participant's own share link in the connected program. Written by the Advocate sync."},
	}
	for _, m := range messageMedia {
		defs = append(defs, PropertyDefinition{
			Name: PropMessageLinkPrefix + m.suffix, Label: "Message link: " + m.suffix, Long: true, ProgramSourced: true,
			Description: "Opens a prefilled share message. Written by the Advocate sync.",
		})
	}
	return defs
}

// ReadProperties lists what a read of a contact asks HubSpot for: everything
// that a decision or a comparison needs.
func ReadProperties() []string {
	names := []string{PropEmail, PropFirstName, PropLastName}
	for _, def := range OwnedProperties() {
		names = append(names, def.Name)
	}
	return names
}

// UpdateTriggers lists the properties whose change makes a contact count as
// updated; a change of any other property is none of our business.
func UpdateTriggers() []string {
	return []string{PropEmail, PropReferredByCode, PropReferralCookie, PropUserID, PropAccountID}
}

// SharedProperties is what a mapped contact carries of its participant. Codes
// and links that the participant does not have are cleared, message links too
// where it has neither code nor share link: it is not in the program. Name and
// email are never part of it.
func SharedProperties(p Participant, program Program) Properties {
	props := Properties{
		PropReferralCode: p.ReferralCode,
		PropShareLink:    p.ShareLink,
		PropUserID:       p.UserID,
		PropAccountID:    p.AccountID,
	}
	for name, link := range program.MessageLinks(p.Identity()) {
		if p.ReferralCode == "" && p.ShareLink == "" {
			link = ""
		}
		props[name] = link
	}
	return props
}

// NewContact is what a contact made for a participant starts with: the shared
// properties and, this once, name and email.
func NewContact(p Participant, program Program) Properties {
	props := SharedProperties(p, program)
	props[PropEmail] = NormalEmail(p.Email)
	props[PropFirstName] = p.FirstName
	props[PropLastName] = p.LastName
	maps.DeleteFunc(props, func(_, value string) bool { return value == "" })
	return props
}

// NewParticipant is what a participant made for a contact starts with. Both
// ids are the email (impact.com requires them equal); what Advocate returns
// may differ and is what counts from then on.
func NewParticipant(c Contact) ParticipantChange {
	change := referral(c, Identity{AccountID: c.Email(), UserID: c.Email()})
	return withPersonalData(change, c)
}

// ParticipantUpdate is what a mapped or matched contact sends: the referral
// fields and its own id. Name and email travel only where sharePII is on; ids
// never follow an email change.
func ParticipantUpdate(c Contact, id Identity, sharePII bool) ParticipantChange {
	change := referral(c, id)
	if sharePII {
		change = withPersonalData(change, c)
	}
	return change
}

func referral(c Contact, id Identity) ParticipantChange {
	return ParticipantChange{
		AccountID:        id.AccountID,
		UserID:           id.UserID,
		ReferredByCode:   strings.TrimSpace(c.Properties[PropReferredByCode]),
		Cookie:           strings.TrimSpace(c.Properties[PropReferralCookie]),
		HubSpotContactID: c.ID,
	}
}

func withPersonalData(change ParticipantChange, c Contact) ParticipantChange {
	change.Email = c.Email()
	change.FirstName = strings.TrimSpace(c.Properties[PropFirstName])
	change.LastName = strings.TrimSpace(c.Properties[PropLastName])
	return change
}
