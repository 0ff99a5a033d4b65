package bridge

import (
	"slices"
	"strings"
)

// HubSpot properties that the sync reads or writes. Our own names are fixed,
// because webhook subscriptions are app-wide and name properties.
const (
	PropEmail     = "email"
	PropOthers    = "hs_additional_emails" // separated by semicolons; HubSpot gives them to no other contact
	PropMerged    = "hs_merged_object_ids" // see MergedIDs
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

// MergedIDs returns the ids of the records that were merged into one, which must have
// been read with PropMerged.
func (p Properties) MergedIDs() []string {
	return strings.FieldsFunc(p[PropMerged], func(r rune) bool { return r < '0' || r > '9' })
}

// Changes returns the entries of want that differ from p: what to write so that the
// contact gets want and keeps everything else.
func (p Properties) Changes(want Properties) Properties {
	changes := Properties{}
	for name, value := range want {
		if p[name] != value {
			changes[name] = value
		}
	}
	return changes
}

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

// ProgramSourcedProperties lists the properties that hold values of the connected
// program.
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

// ReadProperties lists the properties that a read of a contact requests: all that a
// decision or a comparison needs.
func ReadProperties() []string {
	names := []string{PropEmail, PropOthers, PropFirstName, PropLastName}
	for _, def := range OwnedProperties() {
		names = append(names, def.Name)
	}
	return names
}
