package bridge

import (
	"net/url"
	"strings"
	"time"
)

// Identity is the key of a participant, as Advocate returned it. Tenants hash
// ids by default, so it is opaque: never recompute it from an email.
type Identity struct {
	AccountID string
	UserID    string
}

// Empty reports whether neither half is set.
func (id Identity) Empty() bool { return id.AccountID == "" && id.UserID == "" }

// Complete reports whether both halves are set.
func (id Identity) Complete() bool { return id.AccountID != "" && id.UserID != "" }

// Participant is an Advocate user as one program sees it.
type Participant struct {
	AccountID string
	UserID    string

	Email     string
	FirstName string
	LastName  string

	ReferralCode string // of the connected program; empty while it has none
	ShareLink    string // of the connected program; empty while it has none

	HubSpotContactID string // our custom field; empty unless we wrote it
	DateCreated      time.Time
}

// Identity returns the participant's key.
func (p Participant) Identity() Identity {
	return Identity{AccountID: p.AccountID, UserID: p.UserID}
}

// ParticipantChange is one create-or-update of a participant. Advocate leaves
// absent fields as they are, so empty fields are never sent.
type ParticipantChange struct {
	AccountID string
	UserID    string

	Email     string
	FirstName string
	LastName  string

	ReferredByCode   string
	Cookie           string // opaque Base64URL text from the referral landing page
	HubSpotContactID string
}

// Program is the referral program whose codes and links a connection shares,
// with what is needed to build message links.
type Program struct {
	ID      string
	Tenant  string
	BaseURL string // Advocate's public host, without a trailing slash
}

// messageMedia pairs the suffix of our HubSpot property with Advocate's medium. The
// vendor's own HubSpot connector exposes these eight.
var messageMedia = []struct{ suffix, medium string }{
	{"email", "EMAIL"},
	{"facebook", "FACEBOOK"},
	{"messenger", "FBMESSENGER"},
	{"whatsapp", "WHATSAPP"},
	{"twitter", "TWITTER"},
	{"line", "LINEMESSENGER"},
	{"linkedin", "LINKEDIN"},
	{"pinterest", "PINTEREST"},
}

// MessageLinks builds the message links of a participant by property name. Advocate
// resolves them from tenant, ids, program and medium (SaaSquatch docs: message
// links), so building them takes no call.
func (pr Program) MessageLinks(id Identity) Properties {
	query := url.Values{
		"accountId":        {id.AccountID},
		"userId":           {id.UserID},
		"programId":        {pr.ID},
		"engagementMedium": {"EMAIL"}, // links that live in a CRM are used in emails
	}.Encode()
	links := make(Properties, len(messageMedia))
	for _, m := range messageMedia {
		links[PropMessageLinkPrefix+m.suffix] = strings.TrimSuffix(pr.BaseURL, "/") +
			"/a/" + url.PathEscape(pr.Tenant) + "/message/redirect/" + m.medium + "?" + query
	}
	return links
}
