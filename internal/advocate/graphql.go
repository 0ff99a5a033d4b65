package advocate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// graphQL runs one operation. The vendor answers 200 even where it failed: an
// error of its own is under extensions.apiError, anything else has a message
// only.
func (c *Client) graphQL(ctx context.Context, op, query string, variables map[string]any, out any) error {
	return c.tell(ctx, bridge.CapabilityParticipants, c.callGraphQL(ctx, op, query, variables, out))
}

func (c *Client) callGraphQL(ctx context.Context, op, query string, variables map[string]any, out any) error {
	type extensions struct {
		APIError *apiError `json:"apiError"`
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []struct {
			Message    string     `json:"message"`
			Extensions extensions `json:"extensions"`
		} `json:"errors"`
		Extensions extensions `json:"extensions"`
	}
	in := map[string]any{"query": query, "variables": variables}
	if err := c.call(ctx, op, http.MethodPost, "/graphql", in, &answer); err != nil {
		return err
	}
	if len(answer.Errors) == 0 && answer.Extensions.APIError == nil {
		if json.Unmarshal(answer.Data, out) != nil {
			return outbound.Unreadable(op, http.StatusOK)
		}
		return nil
	}
	found := answer.Extensions.APIError
	words := ""
	for _, e := range answer.Errors {
		if found == nil {
			found = e.Extensions.APIError
		}
		if words == "" {
			words = e.Message
		}
	}
	if found != nil {
		return vendorError(op, found.StatusCode, *found)
	}
	// GraphQL specification, "Response format": without data the request itself
	// was refused; with data, even null, something failed on the way.
	kind := bridge.Unavailable
	if answer.Data == nil {
		kind = bridge.Invalid
	}
	return &bridge.Error{Kind: kind, Op: op, Status: http.StatusOK, Code: "GRAPHQL", VendorMessage: words}
}

const participantFields = `
fragment participant on User {
  id accountId email firstName lastName dateCreated customFields
  referralCode(programId: $program)
  direct: shareLink(programId: $program, shareMedium: DIRECT)
  clean: shareLink(programId: $program, useCleanLink: true)
}`

// graphUser is a participant as the fragment above asks for it.
type graphUser struct {
	person
	ReferralCode lenient.Text `json:"referralCode"`
	Direct       lenient.Text `json:"direct"`
	Clean        lenient.Text `json:"clean"`
}

func (c *Client) fromGraph(op string, u graphUser) (bridge.Participant, error) {
	return u.participant(op, c.field, u.ReferralCode, either(u.Direct, u.Clean))
}

const findQuery = `
query Find($id: String!, $filter: UserFilterInput!, $program: ID!) {
  byID: user(id: $id, accountId: $id) { ...participant }
  byEmail: users(filter: $filter, limit: 20) { data { ...participant } }
}` + participantFields

// Find looks for the participant of an email in one call: byID is the one whose
// ids are the email, nil if there is none; byEmail are up to 20 whose email it
// is, byID among them as a rule. Advocate's email field is not unique, and how
// it compares them is not documented, so the email, which must not be empty, is
// asked for as given and under every spelling that Advocate may keep.
//
// Source: SaaSquatch GraphQL schema, user and users.
func (c *Client) Find(ctx context.Context, email, programID string) (byID *bridge.Participant, byEmail []bridge.Participant, err error) {
	spellings := bridge.EmailSpellings(email)
	if len(spellings) == 0 {
		return nil, nil, &bridge.Error{Kind: bridge.Invalid, Op: "advocate.find_participant", Err: errors.New("an email is needed")}
	}
	if given := strings.TrimSpace(email); !slices.Contains(spellings, given) {
		spellings = append(spellings, given)
	}
	filter := map[string]any{"email_eq": spellings[0]}
	if len(spellings) > 1 {
		either := make([]any, len(spellings))
		for i, spelling := range spellings {
			either[i] = map[string]any{"email_eq": spelling}
		}
		filter = map[string]any{"OR": either}
	}
	var out struct {
		ByID    *graphUser `json:"byID"`
		ByEmail struct {
			Data []*graphUser `json:"data"` // items may be null
		} `json:"byEmail"`
	}
	vars := map[string]any{"id": spellings[0], "filter": filter, "program": programID}
	const op = "advocate.find_participant"
	if err := c.graphQL(ctx, op, findQuery, vars, &out); err != nil {
		return nil, nil, err
	}
	if out.ByID != nil {
		p, err := c.fromGraph(op, *out.ByID)
		if err != nil {
			return nil, nil, err
		}
		byID = &p
	}
	for _, u := range out.ByEmail.Data {
		if u == nil {
			continue
		}
		p, err := c.fromGraph(op, *u)
		if err != nil {
			return nil, nil, err
		}
		byEmail = append(byEmail, p)
	}
	return byID, byEmail, nil
}

// ProgramStatus is where a program stands; archived ones are never listed.
type ProgramStatus string

const (
	ProgramLive   ProgramStatus = "LIVE"
	ProgramPaused ProgramStatus = "PAUSED"
)

// Program is a referral program of the tenant.
type Program struct {
	ID     string // in impact.com a number
	Name   string
	Status ProgramStatus
}

const programsQuery = `
query Programs($limit: Int!, $offset: Int!) {
  programs(filter: {status_ne: ARCHIVED, referralsEnabled: true}, limit: $limit, offset: $offset) {
    totalCount
    data { id name status }
  }
}`

// Programs lists the tenant's referral programs that are not archived. It makes
// a call for every 100; being cheap, it also serves to check credentials.
//
// Source: SaaSquatch GraphQL schema, programs (REST has no such listing).
func (c *Client) Programs(ctx context.Context) ([]Program, error) {
	const page = 100
	var programs []Program
	for offset := 0; ; offset += page {
		var out struct {
			Programs struct {
				TotalCount int       `json:"totalCount"`
				Data       []Program `json:"data"`
			} `json:"programs"`
		}
		vars := map[string]any{"limit": page, "offset": offset}
		if err := c.graphQL(ctx, "advocate.list_programs", programsQuery, vars, &out); err != nil {
			return nil, err
		}
		programs = append(programs, out.Programs.Data...)
		if len(out.Programs.Data) == 0 || len(programs) >= out.Programs.TotalCount {
			return programs, nil
		}
	}
}
