package wiring

import (
	"context"

	"advocatesync/activities"
	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
)

// Written counts the successful writes to a connection's vendors.
type Written interface {
	ContactsWritten(connectionID string, n int)
	ParticipantWritten(connectionID string)
}

// countedHubSpot counts the contacts written to HubSpot.
type countedHubSpot struct {
	*portal.Portal

	wrote func(n int)
}

// UpdateContact changes one contact.
func (h countedHubSpot) UpdateContact(ctx context.Context, id string, props bridge.Properties) error {
	err := h.Portal.UpdateContact(ctx, id, props)
	if err == nil {
		h.wrote(1)
	}
	return err
}

// CreateContacts creates contacts.
func (h countedHubSpot) CreateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	results, err := h.Portal.CreateContacts(ctx, lane, writes)
	h.count(results)
	return results, err
}

// UpdateContacts changes contacts.
func (h countedHubSpot) UpdateContacts(ctx context.Context, lane bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	results, err := h.Portal.UpdateContacts(ctx, lane, writes)
	h.count(results)
	return results, err
}

func (h countedHubSpot) count(results map[string]portal.Result) {
	taken := 0
	for _, r := range results {
		if r.Err == nil {
			taken++
		}
	}
	h.wrote(taken)
}

// countedAdvocate counts the participants written to Advocate.
type countedAdvocate struct {
	*advocate.Client

	wrote func()
}

// Upsert creates or changes a participant.
func (a countedAdvocate) Upsert(ctx context.Context, change bridge.ParticipantChange, programID string) (bridge.Participant, error) {
	p, err := a.Client.Upsert(ctx, change, programID)
	a.count(err)
	return p, err
}

// SetContactID writes the contact's id onto a participant.
func (a countedAdvocate) SetContactID(ctx context.Context, id bridge.Identity, contactID string) error {
	err := a.Client.SetContactID(ctx, id, contactID)
	a.count(err)
	return err
}

// Delete deletes a participant.
func (a countedAdvocate) Delete(ctx context.Context, accountID, userID string, doNotTrack bool) error {
	err := a.Client.Delete(ctx, accountID, userID, doNotTrack)
	a.count(err)
	return err
}

func (a countedAdvocate) count(err error) {
	if err == nil {
		a.wrote()
	}
}

var (
	_ activities.HubSpot  = countedHubSpot{}
	_ activities.Advocate = countedAdvocate{}
)
