package activities

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// deleteParticipant deletes the participant of a contact that is gone. What is
// absent already was deleted by an earlier attempt, or by somebody else.
func (c *contactSync) deleteParticipant(ctx context.Context) (bridge.State, error) {
	m := c.known.Mapping
	err := c.conn.Advocate.Delete(ctx, m.AccountID, m.UserID, false)
	if err != nil && bridge.KindOf(err) != bridge.NotFound {
		return "", err
	}
	return c.end(ctx, bridge.EndedDeleted, store.Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonDeleted})
}

// unmap lets go of a participant that another live contact has.
func (c *contactSync) unmap(ctx context.Context) (bridge.State, error) {
	return c.end(ctx, bridge.EndedUnmapped, store.Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonShared})
}

func (c *contactSync) end(ctx context.Context, ending bridge.Ending, s store.Settlement) (bridge.State, error) {
	if err := c.ledger.EndMapping(ctx, c.conn.ID, c.in.ContactID, ending, s); err != nil {
		return "", err
	}
	return s.State, nil
}
