package api

import (
	"context"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// ExportPerson names a person by a contact's id or by email. It is personal.
type ExportPerson struct {
	ContactID string `json:"contact_id,omitempty"`
	Email     string `json:"email,omitempty"`
}

// PersonExport is all that we and both vendors hold about a person. It is personal.
type PersonExport struct {
	Contacts     []ExportedContact     `json:"contacts"`
	Participants []ExportedParticipant `json:"participants"`
}

// ExportedContact is one contact of the person.
type ExportedContact struct {
	ContactID     string            `json:"contact_id"`
	HubSpot       map[string]string `json:"hubspot,omitempty"` // every property with a value; left out: HubSpot does not show it
	InRecycleBin  bool              `json:"in_recycle_bin"`
	Here          Contact           `json:"here"`
	Mappings      []ExportedMapping `json:"mappings"` // also former ones
	TrackedEvents []TrackedEvent    `json:"tracked_events"`
}

// ExportedMapping names a participant.
type ExportedMapping struct {
	AccountID string `json:"account_id"`
	UserID    string `json:"user_id"`
}

// ExportedParticipant is what Advocate holds about the person, as far as we read it.
type ExportedParticipant struct {
	AccountID    string    `json:"account_id"`
	UserID       string    `json:"user_id"`
	Email        string    `json:"email"`
	FirstName    string    `json:"first_name"`
	LastName     string    `json:"last_name"`
	ReferralCode string    `json:"referral_code"`
	ShareLink    string    `json:"share_link"`
	ContactID    string    `json:"contact_id"`
	CreatedAt    time.Time `json:"created_at,omitzero"`
}

func personExportOf(p operator.PersonExport) PersonExport {
	return PersonExport{Contacts: collect(p.Contacts, exportedContactOf), Participants: collect(p.Participants, exportedParticipantOf)}
}

func exportedContactOf(c operator.ExportedContact) ExportedContact {
	e := ExportedContact{
		ContactID: c.ContactID, Here: contactOf(c.ContactStatus),
		Mappings:      collect(c.Mappings, func(id bridge.Identity) ExportedMapping { return ExportedMapping(id) }),
		TrackedEvents: collect(c.Tracked, trackedOf),
	}
	if c.HubSpot == nil {
		return e
	}
	e.InRecycleBin, e.HubSpot = c.HubSpot.Archived, map[string]string{}
	for name, value := range c.HubSpot.Properties {
		if value != "" {
			e.HubSpot[name] = value
		}
	}
	return e
}

func exportedParticipantOf(p bridge.Participant) ExportedParticipant {
	return ExportedParticipant{
		AccountID: p.AccountID, UserID: p.UserID, Email: p.Email, FirstName: p.FirstName, LastName: p.LastName,
		ReferralCode: p.ReferralCode, ShareLink: p.ShareLink, ContactID: p.HubSpotContactID, CreatedAt: utc(p.DateCreated),
	}
}

func (h *Handler) exportPerson(r *request) (any, error) {
	var in ExportPerson
	r.body(&in)
	if in.ContactID != "" {
		if err := operator.CheckContactID(in.ContactID); err != nil {
			r.mistake("contact_id", "%s", err)
		}
	}
	if (in.ContactID == "") == (in.Email == "") {
		r.mistake("", "name the person by either contact_id or email")
	}
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	export, err := h.operator.ExportPerson(r.Context(), c, in.ContactID, in.Email)
	return personExportOf(export), err
}

// subject names the contacts that were exported, for the audit log.
func (p PersonExport) subject() string {
	if len(p.Contacts) == 0 {
		return ""
	}
	var ids []string
	for _, c := range p.Contacts {
		ids = append(ids, c.ContactID)
	}
	return "contact:" + strings.Join(ids, ",")
}

// ExportPerson reads all that we and both vendors hold about a person.
func (c *Client) ExportPerson(ctx context.Context, connection string, p ExportPerson) (PersonExport, error) {
	return send[PersonExport](ctx, c, call{operation: "exportPerson", path: []string{connection}, in: p})
}
