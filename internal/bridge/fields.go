package bridge

import (
	"maps"
	"strings"
)

// SharedProperties returns the properties that a mapped contact gets from its
// participant. Codes and links that the participant lacks are cleared. Message
// links are cleared as well where it has neither code nor share link, because it is
// then not in the program. Name and email are never among them.
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

// NewContact returns the properties of a contact that is created for a participant:
// the shared properties and, only here, name and email.
func NewContact(p Participant, program Program) Properties {
	props := SharedProperties(p, program)
	props[PropEmail] = NormalEmail(p.Email)
	props[PropFirstName] = p.FirstName
	props[PropLastName] = p.LastName
	maps.DeleteFunc(props, func(_, value string) bool { return value == "" })
	return props
}

// NewParticipant returns what is sent to create a participant for a contact. Both
// ids are the email (impact.com requires them equal). Advocate may return other
// ids, and those count from then on.
func NewParticipant(c Contact) ParticipantChange {
	change := referral(c, Identity{AccountID: c.Email(), UserID: c.Email()})
	return withPersonalData(change, c)
}

// ParticipantUpdate returns what a mapped or matched contact sends to its
// participant: the referral fields and its own id. Name and email are sent only
// with sharePII. The ids never follow an email change.
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
