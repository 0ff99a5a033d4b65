package bridge

import (
	"slices"
	"strings"
	"time"
)

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

// Shared returns the shared properties that the contact has now, right or wrong.
func (c Contact) Shared() Properties {
	carried := Properties{}
	for name := range SharedProperties(Participant{}, Program{}) {
		carried[name] = c.Properties[name]
	}
	return carried
}

// HasInputs reports whether somebody filled in the referred-by code or the referral
// cookie. Both properties exist only since the portal was connected.
func (c Contact) HasInputs() bool {
	return strings.TrimSpace(c.Properties[PropReferredByCode]) != "" || strings.TrimSpace(c.Properties[PropReferralCookie]) != ""
}

// Email returns the normalised email, empty if the contact has none.
func (c Contact) Email() string { return NormalEmail(c.Properties[PropEmail]) }

// OtherEmails returns the normalised emails that the contact has beside Email.
func (c Contact) OtherEmails() []string {
	var others []string
	for one := range strings.SplitSeq(c.Properties[PropOthers], ";") {
		if email := NormalEmail(one); email != "" && email != c.Email() && !slices.Contains(others, email) {
			others = append(others, email)
		}
	}
	return others
}
