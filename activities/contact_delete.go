package activities

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// deleteParticipant deletes the participant of a contact that is gone. What is
// absent already was deleted by an earlier attempt, or by somebody else.
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

// unmap lets go of a participant that another live contact has, or whose email
// another one has. The participant is told whose it is now. One that has only its
// email is synced, and takes it over unless it has a participant of its own.
func (c *contactSync) unmap(ctx context.Context) (bridge.State, error) {
	s := store.Settlement{State: bridge.StateDeleted, Reason: c.decision.Reason}
	if err := c.releaseParticipant(ctx, c.known.Mapping.Identity()); err != nil {
		return "", err
	}
	if c.emailHolder != nil {
		holder, err := c.ledger.Known(ctx, c.conn.ID, c.emailHolder.ID)
		if err != nil {
			return "", err
		}
		if holder.Mapping != nil {
			s.Parked = []bridge.ParkedItem{*parkedItem(bridge.CauseParticipantLeft, nil)}
		} else if err := c.ledger.RequestResync(ctx, c.conn.ID, c.emailHolder.ID); err != nil {
			return "", err
		}
	}
	return c.end(ctx, bridge.EndedUnmapped, s)
}

// releaseParticipant takes this contact's id off a participant that the contact
// leaves. Another contact that has it takes over.
func (c *contactSync) releaseParticipant(ctx context.Context, id bridge.Identity) error {
	p, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
	if missing(err) {
		return nil
	}
	if err != nil || p.HubSpotContactID != c.in.ContactID {
		return err
	}
	owners, err := c.ledger.ContactsOf(ctx, c.conn.ID, id)
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

// unmapRemoved follows Advocate's staff, who deleted the participant: the contact
// is cleared of our values and unmapped, and a person is told. Nobody is made
// anew: whoever deletes a participant means it. Ids that a person wrote stay.
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
			return bridge.StateMissing, nil // gone since we read it: sync again
		case bridge.Invalid, bridge.Conflict:
			return c.refused(ctx, bridge.ReasonRemoved, err)
		}
		if err != nil {
			return "", err
		}
	}
	return c.end(ctx, bridge.EndedRemoved, store.Settlement{
		State: bridge.StateParked, Reason: bridge.ReasonRemoved, EmailHash: c.emailHash(),
		Parked: []bridge.ParkedItem{*parkedItem(bridge.CauseParticipantGone, nil)},
	})
}

func (c *contactSync) end(ctx context.Context, ending bridge.Ending, s store.Settlement) (bridge.State, error) {
	if err := c.ledger.EndMapping(ctx, c.conn.ID, c.in.ContactID, ending, s); err != nil {
		return "", err
	}
	return s.State, nil
}
