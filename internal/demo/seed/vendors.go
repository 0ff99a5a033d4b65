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
		if err := ask(ctx, http.MethodPost, v.Advocate+"/_admin/"+advocatetest.DefaultAlias+"/seed", some, nil); err != nil {
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

// ContactsAfter returns up to limit contacts with ids above one.
func (v Vendors) ContactsAfter(ctx context.Context, id string, limit int) ([]hubspottest.Record, error) {
	var found []hubspottest.Record
	err := ask(ctx, http.MethodGet, fmt.Sprintf("%s?after=%s&limit=%d", v.contacts(), id, limit), nil, &found)
	return found, err
}

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
