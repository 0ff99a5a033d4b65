package operator

import (
	"context"
	"fmt"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

// Revealed is one person as both vendors show them now. It goes only to whoever
// asked, and is never stored or logged.
type Revealed struct {
	Contact     *bridge.Contact     // nil: HubSpot does not show it
	Participant *bridge.Participant // nil: there is none by the ids that we know
}

// Field is one fact about a person, side by side.
type Field struct {
	Name     string
	HubSpot  string
	Advocate string
	Differs  bool // both sides should agree, and do not
}

// Fields returns what both vendors show, side by side. Names and emails may differ
// by design: they are not synced once two records are mapped.
func (r Revealed) Fields() []Field {
	c, p := bridge.Contact{}, bridge.Participant{}
	if r.Contact != nil {
		c = *r.Contact
	}
	if r.Participant != nil {
		p = *r.Participant
	}
	fields := []Field{
		{Name: "email", HubSpot: c.Properties[bridge.PropEmail], Advocate: p.Email},
		{Name: "first_name", HubSpot: c.Properties[bridge.PropFirstName], Advocate: p.FirstName},
		{Name: "last_name", HubSpot: c.Properties[bridge.PropLastName], Advocate: p.LastName},
		{Name: "user_id", HubSpot: c.Properties[bridge.PropUserID], Advocate: p.UserID},
		{Name: "account_id", HubSpot: c.Properties[bridge.PropAccountID], Advocate: p.AccountID},
		{Name: "referral_code", HubSpot: c.Properties[bridge.PropReferralCode], Advocate: p.ReferralCode},
		{Name: "share_link", HubSpot: c.Properties[bridge.PropShareLink], Advocate: p.ShareLink},
		{Name: "contact_id", HubSpot: c.ID, Advocate: p.HubSpotContactID},
	}
	both := r.Contact != nil && r.Participant != nil
	for i, f := range fields {
		fields[i].Differs = both && f.HubSpot != f.Advocate
	}
	return fields
}

// Reveal reads a person live from both vendors: the contact, even if it was merged
// into another or is in the recycle bin, and the participant that it is mapped to.
// For an unmapped contact that is the participant that its merge left without a
// contact, or the one that its ids name.
func (o *Operator) Reveal(ctx context.Context, c bridge.Connection, contactID string) (Revealed, error) {
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return Revealed{}, err
	}
	known, err := o.store.Known(ctx, c.ID, contactID)
	if err != nil {
		return Revealed{}, err
	}
	var r Revealed
	if r.Contact, err = readContact(ctx, o.clients(c, credentials).HubSpot, contactID); err != nil {
		return Revealed{}, fmt.Errorf("read contact %s from HubSpot: %w", contactID, err)
	}
	var id bridge.Identity
	switch {
	case known.Mapping != nil:
		id = known.Mapping.Identity()
	case left(known.Former) != nil:
		id = left(known.Former).Identity()
	case r.Contact != nil:
		id = r.Contact.Identity()
	}
	if !id.Complete() {
		return r, nil
	}
	if r.Participant, err = readParticipant(ctx, o.clients(c, credentials).Advocate, id, c.Program); err != nil {
		return Revealed{}, fmt.Errorf("read the participant of contact %s from Advocate: %w", contactID, err)
	}
	return r, nil
}

// left returns the mapping to the participant that the survivor of a merge did not
// take over, or nil.
func left(former []store.FormerMapping) *store.FormerMapping {
	for i, f := range former {
		if f.Ending == bridge.EndedMerged {
			return &former[i]
		}
	}
	return nil
}

func readContact(ctx context.Context, hub *hubspot.Client, id string) (*bridge.Contact, error) {
	found, err := hub.Contact(ctx, id, bridge.ReadProperties())
	if bridge.KindOf(err) == bridge.NotFound {
		found, err = hub.ArchivedContact(ctx, id, bridge.ReadProperties())
	}
	if bridge.KindOf(err) == bridge.NotFound {
		return nil, nil //nolint:nilnil // a contact that nobody shows is an answer, not a failure
	}
	if err != nil {
		return nil, err
	}
	return &bridge.Contact{ID: found.ID, Properties: found.Properties, CreatedAt: found.CreatedAt, Archived: found.Archived}, nil
}

func readParticipant(ctx context.Context, tenant *advocate.Client, id bridge.Identity, programID string) (*bridge.Participant, error) {
	found, err := tenant.Participant(ctx, id.AccountID, id.UserID, programID)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil, nil //nolint:nilnil // no participant is an answer, not a failure
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}
