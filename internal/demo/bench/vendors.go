package main

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

// vendors are both stand-ins as people, and the bench, reach them from outside.
type vendors struct{ hubspot, advocate string }

// seedChunk is how many records go to a stand-in at a time.
const seedChunk = 5000

func (v vendors) seedParticipants(ctx context.Context, all []advocatetest.User) error {
	for some := range slices.Chunk(all, seedChunk) {
		if err := ask(ctx, http.MethodPost, v.advocate+"/_admin/"+advocatetest.DefaultAlias+"/seed", some, nil); err != nil {
			return err
		}
	}
	return nil
}

func (v vendors) seedContacts(ctx context.Context, all []hubspottest.Record) error {
	for some := range slices.Chunk(all, seedChunk) {
		if err := ask(ctx, http.MethodPost, v.contacts()+"/seed", map[string]any{"records": some}, nil); err != nil {
			return err
		}
	}
	return nil
}

// createContact makes a contact as a person does, and returns its id.
func (v vendors) createContact(ctx context.Context, props map[string]string) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := ask(ctx, http.MethodPost, v.contacts(), map[string]any{"properties": props}, &made)
	return made.ID, err
}

// contactsAfter returns up to limit contacts with ids above one.
func (v vendors) contactsAfter(ctx context.Context, id string, limit int) ([]hubspottest.Record, error) {
	var found []hubspottest.Record
	err := ask(ctx, http.MethodGet, fmt.Sprintf("%s?after=%s&limit=%d", v.contacts(), id, limit), nil, &found)
	return found, err
}

func (v vendors) contacts() string { return v.hubspot + "/_admin/portals/default/objects/contacts" }

// traffic is what HubSpot was asked since the last reset.
type traffic struct {
	hubspottest.Counts
	hubspottest.WriteCounts
}

func (v vendors) traffic(ctx context.Context) (traffic, error) {
	var t traffic
	if err := ask(ctx, http.MethodGet, v.hubspot+"/_admin/counters", nil, &t.Counts); err != nil {
		return t, err
	}
	var portal struct {
		Writes hubspottest.WriteCounts `json:"writes"`
	}
	err := ask(ctx, http.MethodGet, v.hubspot+"/_admin/portals/default", nil, &portal)
	t.WriteCounts = portal.Writes
	return t, err
}

func (v vendors) reset(ctx context.Context) error {
	return ask(ctx, http.MethodDelete, v.hubspot+"/_admin/counters", nil, nil)
}

// liftLimits lets HubSpot take any number of calls.
func (v vendors) liftLimits(ctx context.Context) error {
	return ask(ctx, http.MethodPatch, v.hubspot+"/_admin/portals/default/knobs", map[string]any{"limits": hubspottest.Unlimited()}, nil)
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
