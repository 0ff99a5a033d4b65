package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/hubspot/hubspottest"
)

// Vendors are both stand-ins as people reach them from outside: by address,
// through their admin APIs.
type Vendors struct{ HubSpot, Advocate string }

// seedChunk is how many records go to a stand-in at a time.
const seedChunk = 5000

func (v Vendors) seedParticipants(ctx context.Context, all []advocatetest.User) error {
	for some := range slices.Chunk(all, seedChunk) {
		if err := ask(ctx, http.MethodPost, v.tenant()+"/seed", some, nil); err != nil {
			return err
		}
	}
	return nil
}

func (v Vendors) seedContacts(ctx context.Context, all []hubspottest.Record) error {
	for some := range slices.Chunk(all, seedChunk) {
		if err := ask(ctx, http.MethodPost, v.contacts()+"/seed", map[string]any{"records": some}, nil); err != nil {
			return err
		}
	}
	return nil
}

// CreateContact makes a contact as a person does, and returns its id.
func (v Vendors) CreateContact(ctx context.Context, props map[string]string) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := ask(ctx, http.MethodPost, v.contacts(), map[string]any{"properties": props}, &made)
	return made.ID, err
}

// ImportContact makes a contact as an import does, one of many, and returns its id.
func (v Vendors) ImportContact(ctx context.Context, props map[string]string) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := ask(ctx, http.MethodPost, v.contacts(), map[string]any{"properties": props, "source": "IMPORT"}, &made)
	return made.ID, err
}

// ContactsAfter returns up to limit contacts with ids above one.
func (v Vendors) ContactsAfter(ctx context.Context, id string, limit int) ([]hubspottest.Record, error) {
	var found []hubspottest.Record
	err := ask(ctx, http.MethodGet, fmt.Sprintf("%s?after=%s&limit=%d", v.contacts(), id, limit), nil, &found)
	return found, err
}

// ContactByEmail returns the contact with an email; false if there is none.
func (v Vendors) ContactByEmail(ctx context.Context, email string) (hubspottest.Record, bool, error) {
	found, err := v.ContactsAfter(ctx, "0", lookedThrough)
	for _, record := range found {
		if record.Properties["email"] == email && !record.Archived {
			return record, true, err
		}
	}
	return hubspottest.Record{}, false, err
}

// lookedThrough is how many contacts there may be for them to be found by email.
const lookedThrough = 1000

// ArchiveContact moves a contact to the recycle bin, as a person does.
func (v Vendors) ArchiveContact(ctx context.Context, id string) error {
	return ask(ctx, http.MethodDelete, v.contacts()+"/"+id, nil, nil)
}

// RestoreContact takes a contact out of the recycle bin.
func (v Vendors) RestoreContact(ctx context.Context, id string) error {
	return ask(ctx, http.MethodPost, v.contacts()+"/"+id+"/restore", nil, nil)
}

// EraseContact deletes a contact for privacy.
func (v Vendors) EraseContact(ctx context.Context, id string) error {
	return ask(ctx, http.MethodPost, v.contacts()+"/"+id+"/gdpr-delete", nil, nil)
}

// Join makes somebody a participant, as the program's page does.
func (v Vendors) Join(ctx context.Context, email, firstName string) error {
	return ask(ctx, http.MethodPost, v.tenant()+"/join", map[string]any{"email": email, "first_name": firstName}, nil)
}

// ParticipantByEmail returns the participant with an email; false if there is none.
func (v Vendors) ParticipantByEmail(ctx context.Context, email string) (advocatetest.User, bool, error) {
	var page struct {
		Users []advocatetest.User `json:"users"`
	}
	err := ask(ctx, http.MethodGet, fmt.Sprintf("%s/users?limit=%d", v.tenant(), lookedThrough), nil, &page)
	for _, user := range page.Users {
		if user.Email == email {
			return user, true, err
		}
	}
	return advocatetest.User{}, false, err
}

func (v Vendors) tenant() string { return v.Advocate + "/_admin/" + advocatetest.DefaultAlias }

func (v Vendors) contacts() string { return v.HubSpot + "/_admin/portals/default/objects/contacts" }

// Traffic is what HubSpot was asked, and how its contacts were written.
type Traffic struct {
	hubspottest.Counts
	hubspottest.WriteCounts
}

// Traffic returns what HubSpot was asked, and how its contacts were written,
// since the last Reset.
func (v Vendors) Traffic(ctx context.Context) (Traffic, error) {
	var t Traffic
	if err := ask(ctx, http.MethodGet, v.HubSpot+"/_admin/counters", nil, &t.Counts); err != nil {
		return t, err
	}
	var portal struct {
		Writes hubspottest.WriteCounts `json:"writes"`
	}
	err := ask(ctx, http.MethodGet, v.HubSpot+"/_admin/portals/default", nil, &portal)
	t.WriteCounts = portal.Writes
	return t, err
}

// Reset starts counting anew.
func (v Vendors) Reset(ctx context.Context) error {
	return ask(ctx, http.MethodDelete, v.HubSpot+"/_admin/counters", nil, nil)
}

// RepeatWithin has HubSpot spread the ten repetitions of a webhook that was not taken
// over a time; its own is a day.
func (v Vendors) RepeatWithin(ctx context.Context, t time.Duration) error {
	knobs := map[string]any{"retry_within": t.String()}
	return ask(ctx, http.MethodPatch, v.HubSpot+"/_admin/webhooks", map[string]any{"knobs": knobs}, nil)
}

// LiftLimits lets HubSpot take any number of calls.
func (v Vendors) LiftLimits(ctx context.Context) error {
	return ask(ctx, http.MethodPatch, v.HubSpot+"/_admin/portals/default/knobs", map[string]any{"limits": hubspottest.Unlimited()}, nil)
}

// ask makes one call to a stand-in's admin API.
func ask(ctx context.Context, method, url string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.200s", method, url, resp.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
