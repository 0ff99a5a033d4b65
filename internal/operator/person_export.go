package operator

import (
	"context"
	"fmt"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

// PersonExport is everything that we and both vendors hold about one person, read
// live. It goes only to whoever asked, and is never stored or logged.
type PersonExport struct {
	Contacts     []ExportedContact
	Participants []bridge.Participant
}

// ExportedContact is one contact of the person.
type ExportedContact struct {
	ContactStatus // what we hold, besides keyed hashes

	HubSpot  *bridge.Contact // with every property that has a value; nil: HubSpot does not show it
	Mappings []bridge.Identity
	Tracked  []store.TrackedEvent // events of triggers whose customer it is
}

// ExportPerson reads everything about the person of a contact, or of an email. It
// finds all contacts and participants with one of the person's emails. If there is
// none, it returns a refusal of kind not_found.
func (o *Operator) ExportPerson(ctx context.Context, c bridge.Connection, contactID, email string) (PersonExport, error) {
	var export PersonExport
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return export, err
	}
	clients := o.clients(c, credentials)
	ids, emails, err := o.contactsToExport(ctx, c, clients.HubSpot, contactID, email)
	if err != nil {
		return export, err
	}
	names, err := propertyNames(ctx, clients.HubSpot)
	if err != nil {
		return export, err
	}
	person := foundPerson{emails: emails}
	for _, id := range ids {
		contact, err := o.exportContact(ctx, c, clients.HubSpot, id, names)
		if err != nil {
			return export, err
		}
		export.Contacts = append(export.Contacts, contact)
		for _, mapped := range contact.Mappings {
			p, err := readParticipant(ctx, clients.Advocate, mapped, c.Program)
			if err != nil {
				return export, fmt.Errorf("read a participant of contact %s: %w", id, err)
			}
			if p != nil {
				person.add(*p)
			}
		}
	}
	if err := person.findByEmails(ctx, clients.Advocate, c.Program); err != nil {
		return export, err
	}
	export.Participants = person.participants
	if len(export.Contacts) == 0 && len(export.Participants) == 0 {
		return export, refuse(bridge.NotFound, "nobody_found", "neither HubSpot nor Advocate shows anybody with this email, and nothing is known of them here")
	}
	return export, nil
}

// contactsToExport returns the contacts of the person, ascending, and the person's
// emails.
func (o *Operator) contactsToExport(ctx context.Context, c bridge.Connection, hub *hubspot.Client, contactID, email string) (ids, emails []string, err error) {
	if contactID != "" {
		ids = append(ids, contactID)
		shown, err := readContact(ctx, hub, contactID)
		if err != nil {
			return nil, nil, fmt.Errorf("read contact %s from HubSpot: %w", contactID, err)
		}
		if shown != nil {
			email = shown.Email()
		}
	} else if _, err := normalPerson(store.Person{Email: email}); err != nil {
		return nil, nil, err
	}
	if email = bridge.NormalEmail(email); email == "" {
		return ids, nil, nil
	}
	shown, _, err := hub.BatchReadContactsByEmail(ctx, []string{email}, bridge.ReadProperties())
	if err != nil {
		return nil, nil, fmt.Errorf("look the person up in HubSpot: %w", err)
	}
	for _, contact := range shown {
		ids = append(ids, contact.ID)
	}
	known, err := o.store.ContactsByEmail(ctx, c.ID, email)
	if err != nil {
		return nil, nil, err
	}
	ids = append(ids, known...)
	slices.Sort(ids)
	return slices.Compact(ids), []string{email}, nil
}

func propertyNames(ctx context.Context, hub *hubspot.Client) (names []string, err error) {
	properties, err := hub.ObjectProperties(ctx, bridge.ObjectContact)
	if err != nil {
		return nil, fmt.Errorf("list the properties of contacts: %w", err)
	}
	for _, p := range properties {
		names = append(names, p.Name)
	}
	return names, nil
}

func (o *Operator) exportContact(ctx context.Context, c bridge.Connection, hub *hubspot.Client, id string, names []string) (e ExportedContact, err error) {
	e.ContactStatus, err = o.Contact(ctx, c.ID, id)
	if err != nil && bridge.KindOf(err) != bridge.NotFound {
		return e, err
	}
	known, err := o.store.Known(ctx, c.ID, id)
	if err != nil {
		return e, err
	}
	if known.Mapping != nil {
		e.Mappings = append(e.Mappings, known.Mapping.Identity())
	}
	for _, f := range known.Former {
		e.Mappings = append(e.Mappings, f.Identity())
	}
	if e.Tracked, err = o.store.TrackedEvents(ctx, c.ID, store.TrackedFilter{ContactID: id}); err != nil {
		return e, err
	}
	e.HubSpot, err = everyProperty(ctx, hub, id, names)
	return e, err
}

// everyProperty reads all properties of a contact, which may be in the recycle bin.
func everyProperty(ctx context.Context, hub *hubspot.Client, id string, names []string) (*bridge.Contact, error) {
	found, _, err := hub.BatchReadContacts(ctx, []string{id}, names)
	if err == nil && len(found) == 0 {
		found, _, err = hub.BatchReadArchivedContacts(ctx, []string{id}, names)
	}
	if err != nil {
		return nil, fmt.Errorf("read contact %s from HubSpot: %w", id, err)
	}
	contact, shown := found[id]
	if !shown {
		return nil, nil //nolint:nilnil // a contact that nobody shows is an answer, not a failure
	}
	if contact.Err != nil {
		return nil, fmt.Errorf("read contact %s from HubSpot: %w", id, contact.Err)
	}
	return &bridge.Contact{ID: contact.ID, Properties: contact.Properties, CreatedAt: contact.CreatedAt, Archived: contact.Archived}, nil
}
