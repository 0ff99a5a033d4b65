package activities

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// deleteParticipant deletes the participant of a contact that is gone. A
// participant that does not exist any more was deleted by an earlier attempt, or by
// somebody else.
func (c *contactSync) deleteParticipant(ctx context.Context) (bridge.State, error) {
	if admitted, err := c.admitDeletion(ctx); err != nil {
		return "", err
	} else if !admitted {
		return c.awaitApproval(ctx)
	}
	m := c.known.Mapping
	err := c.conn.Advocate.Delete(ctx, m.AccountID, m.UserID, false)
	if err != nil && bridge.KindOf(err) != bridge.NotFound {
		return "", err
	}
	return c.end(ctx, bridge.EndedDeleted, store.Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonDeleted})
}

// unmap ends the mapping to a participant that another live contact is mapped to,
// or whose email another live contact has. The participant's contact id is set to
// the other contact. A contact that only has the email is synced, and takes the
// participant over unless it has one of its own.
func (c *contactSync) unmap(ctx context.Context) (bridge.State, error) {
	s := store.Settlement{State: bridge.StateDeleted, Reason: c.decision.Reason}
	if err := c.releaseParticipant(ctx, c.known.Mapping.Identity()); err != nil {
		return "", err
	}
	if c.emailHolder != nil {
		holder, err := c.store.Known(ctx, c.conn.ID, c.emailHolder.ID)
		if err != nil {
			return "", err
		}
		if holder.Mapping != nil {
			s.Parked = []bridge.ParkedItem{*parkedItem(bridge.CauseParticipantLeft, nil)}
		} else if err := c.store.RequestResync(ctx, c.conn.ID, c.emailHolder.ID); err != nil {
			return "", err
		}
	}
	return c.end(ctx, bridge.EndedUnmapped, s)
}

// releaseParticipant removes this contact's id from a participant that the contact
// leaves, or replaces it with that of another contact mapped to the participant.
func (c *contactSync) releaseParticipant(ctx context.Context, id bridge.Identity) error {
	p, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
	if missing(err) {
		return nil
	}
	if err != nil || p.HubSpotContactID != c.in.ContactID {
		return err
	}
	owners, err := c.store.ContactsOf(ctx, c.conn.ID, id)
	if err != nil {
		return err
	}
	next := ""
	for _, owner := range owners {
		if owner != c.in.ContactID {
			next = owner
		}
	}
	return c.conn.Advocate.SetContactID(ctx, p.Identity(), next)
}

// unmapRemoved handles a participant that Advocate's staff deleted: it clears our
// values from the contact, unmaps it, and parks an item. It creates no new
// participant, because the deletion was deliberate. Ids that a person wrote on the
// contact stay.
func (c *contactSync) unmapRemoved(ctx context.Context) (bridge.State, error) {
	id, cleared := c.known.Mapping.Identity(), bridge.Properties{}
	for name, value := range c.contact.Shared() {
		ours := name != bridge.PropUserID && name != bridge.PropAccountID || value == id.UserID || value == id.AccountID
		if value != "" && ours {
			cleared[name] = ""
		}
	}
	if len(cleared) > 0 {
		err := c.conn.HubSpot.UpdateContact(ctx, c.in.ContactID, cleared)
		switch bridge.KindOf(err) {
		case bridge.NotFound:
			return bridge.StateMissing, nil // gone since we read it: the workflow syncs again
		case bridge.Invalid, bridge.Conflict:
			return c.refused(ctx, bridge.ReasonRemoved, err)
		}
		if err != nil {
			return "", err
		}
	}
	return c.end(ctx, bridge.EndedRemoved, store.Settlement{
		State: bridge.StateParked, Reason: bridge.ReasonRemoved, EmailHash: c.emailHash(), OtherEmails: c.newOtherEmails(),
		Parked: []bridge.ParkedItem{*parkedItem(bridge.CauseParticipantGone, nil)},
	})
}

func (c *contactSync) end(ctx context.Context, ending bridge.Ending, s store.Settlement) (bridge.State, error) {
	if err := c.store.EndMapping(ctx, c.conn.ID, c.in.ContactID, ending, s); err != nil {
		return "", err
	}
	return s.State, nil
}
