package advocate

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// Found is whom a look-up by email found; see Find. Err is about this email alone.
type Found struct {
	ByID    *bridge.Participant
	ByEmail []bridge.Participant
	Err     error
}

// FindAll is Find for several emails in one call, and answers in their order. How
// large a query Advocate takes is not documented, so callers keep to what its
// batches take elsewhere, a hundred. An error is about the call as a whole: nothing
// is known of anybody.
//
// Source: SaaSquatch GraphQL schema, user and users, under an alias for each email
// (GraphQL specification, "Field Alias").
func (c *Client) FindAll(ctx context.Context, emails []string, programID string) ([]Found, error) {
	found := make([]Found, len(emails))
	vars := map[string]any{"program": programID}
	var params, fields strings.Builder
	for i, email := range emails {
		n := strconv.Itoa(i)
		id, filter, err := lookUpBy(email)
		if err != nil {
			found[i].Err = err
			continue
		}
		vars["i"+n], vars["f"+n] = id, filter
		params.WriteString(", $i" + n + ": String!, $f" + n + ": UserFilterInput!")
		fields.WriteString("\n  id" + n + ": user(id: $i" + n + ", accountId: $i" + n + ") { ...participant }" +
			"\n  email" + n + ": users(filter: $f" + n + ", limit: 20) { data { ...participant } }")
	}
	if fields.Len() == 0 {
		return found, nil
	}
	query := "query FindAll($program: ID!" + params.String() + ") {" + fields.String() + "\n}" + participantFields
	var out map[string]json.RawMessage
	if err := c.ofParticipants(ctx, opFind, query, vars, &out); err != nil {
		return nil, err
	}
	for i := range found {
		if n := strconv.Itoa(i); found[i].Err == nil {
			var list userList
			_ = json.Unmarshal(out["email"+n], &list) // what cannot be read leaves no list, which found refuses
			found[i].ByID, found[i].ByEmail, found[i].Err = c.found(out["id"+n], list)
		}
	}
	return found, nil
}

// LookedUp is whom a look-up by ids found: nil if Advocate shows nobody. Err is about
// these ids alone.
type LookedUp struct {
	Participant *bridge.Participant
	Err         error
}

// ParticipantAll looks up to a hundred participants up by their ids in one call, and
// answers in their order. Whom it does not show may be asked for alone, by Participant.
// An error is about the call as a whole: nothing is known of anybody.
//
// Source: SaaSquatch GraphQL schema, user, under an alias for each participant (GraphQL
// specification, "Field Alias").
func (c *Client) ParticipantAll(ctx context.Context, ids []bridge.Identity, programID string) ([]LookedUp, error) {
	vars := map[string]any{"program": programID}
	var params, fields strings.Builder
	for i, id := range ids {
		n := strconv.Itoa(i)
		vars["u"+n], vars["a"+n] = id.UserID, id.AccountID
		params.WriteString(", $u" + n + ": String!, $a" + n + ": String!")
		fields.WriteString("\n  p" + n + ": user(id: $u" + n + ", accountId: $a" + n + ") { ...participant }")
	}
	query := "query ParticipantAll($program: ID!" + params.String() + ") {" + fields.String() + "\n}" + participantFields
	var out map[string]json.RawMessage
	if err := c.ofParticipants(ctx, opGet, query, vars, &out); err != nil {
		return nil, err
	}
	found := make([]LookedUp, len(ids))
	for i := range found {
		raw, told := out["p"+strconv.Itoa(i)]
		if !told { // not null: somebody may be there
			found[i].Err = outbound.Unreadable(opGet, http.StatusOK)
			continue
		}
		found[i].Participant, found[i].Err = c.fromGraph(opGet, raw)
	}
	return found, nil
}

const upsertMutation = `
mutation Upsert($inputs: [UserInput!]!, $program: ID!) {
  upsertUsers(userInputs: $inputs) {
    ...participant
    ... on ApiError { message statusCode rsCode }
  }
}` + participantFields

// Upserted is what became of one change. Err is about this participant alone.
type Upserted struct {
	Participant bridge.Participant
	Err         error
}

// UpsertAll is Upsert for up to a hundred changes in one call, and answers in their
// order: a refused change touches no other. Two changes must not be of one
// participant. An error is about the call as a whole: nobody knows what was done.
//
// Source: SaaSquatch GraphQL schema, upsertUsers.
func (c *Client) UpsertAll(ctx context.Context, changes []bridge.ParticipantChange, programID string) ([]Upserted, error) {
	inputs := make([]any, len(changes))
	for i, change := range changes {
		inputs[i] = c.userInput(change)
	}
	var out struct {
		Results lenient.List[json.RawMessage] `json:"upsertUsers"`
	}
	if err := c.ofParticipants(ctx, opUpsert, upsertMutation, map[string]any{"inputs": inputs, "program": programID}, &out); err != nil {
		return nil, err
	}
	if len(out.Results) != len(changes) { // nobody knows whose answer is missing
		return nil, outbound.Unreadable(opUpsert, http.StatusOK)
	}
	upserted := make([]Upserted, len(changes))
	for i, raw := range out.Results {
		upserted[i].Participant, upserted[i].Err = c.upserted(raw)
	}
	return upserted, nil
}

// upserted reads what became of one change.
func (c *Client) upserted(raw json.RawMessage) (bridge.Participant, error) {
	var refused apiError
	if json.Unmarshal(raw, &refused) == nil && refused.given() {
		err := vendorError(opUpsert, refused.status(), refused)
		err.System = bridge.SystemAdvocate
		return bridge.Participant{}, err
	}
	p, err := c.fromGraph(opUpsert, raw)
	if p == nil && err == nil {
		err = outbound.Unreadable(opUpsert, http.StatusOK)
	}
	if err != nil {
		return bridge.Participant{}, err
	}
	return *p, nil
}
