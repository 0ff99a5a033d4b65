package advocate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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

// ofParticipants runs an operation about some people. Before a refusal accuses the
// tenant, an operation about nobody is asked for: Advocate answers that in its own
// words.
func (c *Client) ofParticipants(ctx context.Context, op, query string, variables map[string]any, out any) error {
	err := outbound.OfOneCall(c.callGraphQL(ctx, op, query, variables, out), func() error {
		return c.callGraphQL(ctx, op, programsQuery, map[string]any{"limit": 1, "offset": 0}, &struct{}{})
	})
	return c.tell(ctx, bridge.CapabilityParticipants, err)
}

func (c *Client) callGraphQL(ctx context.Context, op, query string, variables map[string]any, out any) error {
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors lenient.List[struct {
			Message    lenient.Text `json:"message"`
			Extensions extensions   `json:"extensions"`
		}] `json:"errors"`
		Extensions extensions `json:"extensions"`
	}
	in := map[string]any{"query": query, "variables": variables}
	if err := c.call(ctx, op, http.MethodPost, "/graphql", in, &answer); err != nil {
		return err
	}
	if len(answer.Errors) == 0 && answer.Extensions.apiError() == nil {
		if json.Unmarshal(answer.Data, out) != nil {
			return outbound.Unreadable(op, http.StatusOK)
		}
		return nil
	}
	found := answer.Extensions.apiError()
	words := ""
	for _, e := range answer.Errors {
		if found == nil {
			found = e.Extensions.apiError()
		}
		words = cmp.Or(words, e.Message.String())
	}
	if found != nil {
		return vendorError(op, found.status(), *found)
	}
	// GraphQL specification, "Response format": without data the request itself
	// was refused; with data, even null, something failed on the way.
	kind := bridge.Unavailable
	if answer.Data == nil {
		kind = bridge.Invalid
	}
	return &bridge.Error{Kind: kind, Op: op, Status: http.StatusOK, Code: "GRAPHQL", VendorMessage: words}
}

// extensions is where an answer of GraphQL holds an error of the API.
type extensions lenient.Map[apiError]

// UnmarshalJSON never fails.
func (e *extensions) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(raw, (*lenient.Map[apiError])(e))
}

func (e extensions) apiError() *apiError {
	if found := e.Values["apiError"]; found.given() {
		return &found
	}
	return nil
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

// complete checks that everything that was asked for is there. GraphQL says null where
// there is none: a code that is not named at all is no reason to clear a contact's.
func (u graphUser) complete(op string) error {
	if !u.Email.Told() || !u.ReferralCode.Told() || !u.Direct.Told() || !u.Clean.Told() {
		return unreadable(op, "email, referral code or share link")
	}
	return nil
}

// fromGraph reads one participant of an answer; null and nothing are none. What is
// no participant at all is one that cannot be read: somebody is there.
func (c *Client) fromGraph(op string, raw json.RawMessage) (*bridge.Participant, error) {
	var u *graphUser
	if len(raw) > 0 && json.Unmarshal(raw, &u) != nil {
		u = &graphUser{}
	}
	if u == nil {
		return nil, nil //nolint:nilnil // nobody is there
	}
	if err := u.complete(op); err != nil {
		return nil, err
	}
	p, err := u.participant(op, c.field, u.ReferralCode, either(u.Direct, u.Clean))
	return &p, err
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
	id, filter, err := lookUpBy(email)
	if err != nil {
		return nil, nil, err
	}
	var out struct {
		ByID    json.RawMessage `json:"byID"`
		ByEmail userList        `json:"byEmail"`
	}
	vars := map[string]any{"id": id, "filter": filter, "program": programID}
	if err := c.ofParticipants(ctx, opFind, findQuery, vars, &out); err != nil {
		return nil, nil, err
	}
	return c.found(out.ByID, out.ByEmail)
}

const opFind = "advocate.find_participant"

// lookUpBy says how Advocate is asked for an email: by the ids that are the email,
// and by a filter.
func lookUpBy(email string) (id string, filter map[string]any, err error) {
	spellings := bridge.EmailSpellings(email)
	if len(spellings) == 0 {
		return "", nil, &bridge.Error{Kind: bridge.Invalid, Op: opFind, Err: errors.New("an email is needed")}
	}
	if given := strings.TrimSpace(email); !slices.Contains(spellings, given) {
		spellings = append(spellings, given)
	}
	if len(spellings) == 1 {
		return spellings[0], map[string]any{"email_eq": spellings[0]}, nil
	}
	either := make([]any, len(spellings))
	for i, spelling := range spellings {
		either[i] = map[string]any{"email_eq": spelling}
	}
	return spellings[0], map[string]any{"OR": either}, nil
}

// userList is a page of participants.
type userList struct {
	Data lenient.List[json.RawMessage] `json:"data"` // items may be null
}

// found reads the two parts of a look-up's answer.
func (c *Client) found(rawByID json.RawMessage, list userList) (byID *bridge.Participant, byEmail []bridge.Participant, err error) {
	if list.Data == nil { // not an empty list: somebody may have the email
		return nil, nil, outbound.Unreadable(opFind, http.StatusOK)
	}
	if byID, err = c.fromGraph(opFind, rawByID); err != nil {
		return nil, nil, err
	}
	for _, raw := range list.Data {
		switch p, err := c.fromGraph(opFind, raw); {
		case err != nil:
			return nil, nil, err
		case p != nil:
			byEmail = append(byEmail, *p)
		}
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

// mostPrograms bounds the list of a tenant's programs.
const mostPrograms = 5000

// Programs lists the tenant's referral programs that are not archived. One whose id
// cannot be read is left out: nobody can choose it. It makes a call for every 100;
// being cheap, it also serves to check credentials.
//
// Source: SaaSquatch GraphQL schema, programs (REST has no such listing).
func (c *Client) Programs(ctx context.Context) ([]Program, error) {
	const op, page = "advocate.list_programs", 100
	var programs []Program
	seen := map[string]bool{}
	for offset := 0; offset < mostPrograms; {
		var out struct {
			Programs struct {
				TotalCount lenient.Text                `json:"totalCount"`
				Data       lenient.List[programAnswer] `json:"data"`
			} `json:"programs"`
		}
		vars := map[string]any{"limit": page, "offset": offset}
		if err := c.graphQL(ctx, op, programsQuery, vars, &out); err != nil {
			return nil, err
		}
		if out.Programs.Data == nil { // not an empty list: there may be some
			return nil, outbound.Unreadable(op, http.StatusOK)
		}
		for _, one := range out.Programs.Data {
			id, ok := one.ID.ID()
			if !ok || id == "" {
				continue
			}
			if seen[id] {
				return nil, &bridge.Error{Kind: bridge.Unavailable, Op: op, Code: "PAGING", Err: errors.New("the list's pages repeat")}
			}
			seen[id] = true
			programs = append(programs, Program{ID: id, Name: one.Name.String(), Status: ProgramStatus(one.Status.String())})
		}
		offset += len(out.Programs.Data)
		if total, err := strconv.Atoi(out.Programs.TotalCount.String()); len(out.Programs.Data) == 0 || err == nil && offset >= total {
			return programs, nil
		}
	}
	return nil, &bridge.Error{Kind: bridge.Invalid, Op: op, Code: "PAGING", Err: fmt.Errorf("the tenant has more than %d programs", mostPrograms)}
}

type programAnswer struct {
	ID     lenient.Text `json:"id"`
	Name   lenient.Text `json:"name"`
	Status lenient.Text `json:"status"`
}
