package activities

import (
	"context"
	"errors"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// checkErased asks both vendors again after the deletion, and stores their answers.
// Only Advocate's answer that there is no such participant proves the deletion.
// HubSpot may show the contact again if somebody restored it meanwhile; the receipt
// then says so, and the tombstones keep the person out.
func (c *contactSync) checkErased(ctx context.Context, ids []bridge.Identity) error {
	check := store.ErasureCheck{Identities: len(ids)}
	for _, id := range ids {
		answer, err := c.advocateAnswer(ctx, id)
		if err != nil {
			return err
		}
		if check.Advocate != store.AnswerDoNotTrack {
			check.Advocate = answer
		}
	}
	var err error
	if check.HubSpot, err = c.hubspotAnswer(ctx); err != nil {
		return err
	}
	return c.store.CheckErasure(ctx, c.conn.ID, c.in.ContactID, check)
}

func (c *contactSync) advocateAnswer(ctx context.Context, id bridge.Identity) (store.ErasureAnswer, error) {
	_, err := c.conn.Advocate.Participant(ctx, id.AccountID, id.UserID, c.conn.Sharing.ID)
	if err == nil {
		return "", &bridge.Error{Kind: bridge.Unavailable, Op: "erasure.check", Err: errors.New("Advocate still shows a participant that it deleted")}
	}
	switch bridge.KindOf(err) {
	case bridge.NotFound:
		return store.AnswerNotFound, nil
	case bridge.DoNotTrack:
		return store.AnswerDoNotTrack, nil
	default:
		return "", err
	}
}

func (c *contactSync) hubspotAnswer(ctx context.Context) (store.ErasureAnswer, error) {
	contact, err := c.conn.HubSpot.Trace(ctx, c.in.ContactID)
	switch {
	case bridge.KindOf(err) == bridge.NotFound:
		return store.AnswerNotFound, nil
	case err != nil:
		return "", err
	case contact.ID != c.in.ContactID:
		return store.AnswerMerged, nil
	case contact.Archived:
		return store.AnswerArchived, nil
	default:
		return store.AnswerShown, nil
	}
}
