package advocatetest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

func TestAccess(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	missing := map[string]any{"message": "Missing or invalid tenant alias.", "statusCode": 404.0, "apiErrorCode": "TENANT_NOT_FOUND", "rsCode": "RS045"}
	tests := map[string]struct {
		alias, user, key string
		auth             bool
		status           int
		body             map[string]any // nil: any
	}{
		"the key with an empty user":         {advocatetest.DefaultAlias, "", advocatetest.DefaultKey, true, 200, nil},
		"account SID and token":              {advocatetest.DefaultAlias, advocatetest.DefaultAccountSID, advocatetest.DefaultAuthToken, true, 200, nil},
		"the key with the wrong user":        {advocatetest.DefaultAlias, advocatetest.DefaultAccountSID, advocatetest.DefaultKey, true, 401, nil},
		"a wrong key":                        {advocatetest.DefaultAlias, "", "LIVE_other", true, 401, nil},
		"an unknown tenant":                  {"nobody", "", advocatetest.DefaultKey, true, 404, missing},
		"no credentials look like no tenant": {advocatetest.DefaultAlias, "", "", false, 404, missing},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := caller{t: t, base: s.URL, user: tt.user, key: tt.key}
			r := c.raw(http.MethodPost, s.URL+"/api/v1/"+tt.alias+"/graphql", map[string]any{"query": "{ programs { totalCount } }"}, tt.auth)
			if r.status != tt.status {
				t.Fatalf("got %d: %s", r.status, r.body)
			}
			if tt.body != nil {
				if diff := cmp.Diff(tt.body, r.decode(t)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestGraphQL_programsCanBeFilteredAndPaged(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	got := c.graphql(`{ programs(filter: {status_ne: ARCHIVED, referralsEnabled: true}, limit: 2, offset: 1) { totalCount count data { id status } } }`, nil)
	want := map[string]any{"totalCount": 3.0, "count": 2.0, "data": []any{
		map[string]any{"id": "48001", "status": "LIVE"}, map[string]any{"id": "46100", "status": "PAUSED"},
	}}
	if diff := cmp.Diff(want, at(got, "data", "programs")); diff != "" {
		t.Error(diff)
	}
}

func TestGraphQL_usersAreFoundByIDsAndByEmail(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	c.put(ada, map[string]any{"email": ada, "firstName": "Ada", "customFields": map[string]any{"hubspot_contact_id": "151"}})
	c.put("work@example.org", map[string]any{"email": ada})
	got := c.graphql(`query($email: String!, $program: ID!) {
		user(id: $email, accountId: $email) { id customFields referralCode(programId: $program)
			link: shareLink(programId: $program, shareMedium: DIRECT)
			message: messageLink(programId: $program, shareMedium: WHATSAPP, engagementMedium: EMAIL) }
		users(filter: {email_eq: $email}) { totalCount data { id } }
		absent: user(id: "x", accountId: "x") { id }
	}`, map[string]any{"email": ada, "program": "47255"})
	id := s.Tenant("").StoredID(ada)
	if at(got, "data", "user", "id") != id || at(got, "data", "user", "customFields", "hubspot_contact_id") != "151" {
		t.Errorf("user: %v", at(got, "data", "user"))
	}
	if link, _ := at(got, "data", "user", "message").(string); !strings.Contains(link, "/message/redirect/WHATSAPP?accountId="+id) {
		t.Errorf("message link %q", link)
	}
	if n := at(got, "data", "users", "totalCount"); n != 2.0 {
		t.Errorf("%v users by email, want 2", n)
	}
	if at(got, "data", "absent") != nil || got["errors"] != nil {
		t.Errorf("an absent user is null without an error: %v", got)
	}
}

func TestGraphQL_faultsComeWithStatus200(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	for name, tt := range map[string]struct {
		query  string
		vars   map[string]any
		rsCode any
	}{
		"an unknown field":     {`{ users { data { dateModified } } }`, nil, nil},
		"a missing variable":   {`query($a: String!) { user(id: $a, accountId: $a) { id } }`, nil, nil},
		"a limit that is high": {`{ users(limit: 101) { count } }`, nil, nil},
		"a refused user":       {`mutation { upsertUser(userInput: {id: "a", accountId: "a", email: "bad"}) { id } }`, nil, "RS023"},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.graphql(tt.query, tt.vars)
			errs, _ := got["errors"].([]any)
			if len(errs) == 0 {
				t.Fatalf("no errors: %v", got)
			}
			if rs := at(got, "extensions", "apiError", "rsCode"); rs != tt.rsCode {
				t.Errorf("rsCode %v, want %v", rs, tt.rsCode)
			}
		})
	}
}

func TestGraphQL_upsertUsersAnswersItemByItem(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	got := c.graphql(`mutation($in: [UserInput!]!) { upsertUsers(userInputs: $in) { __typename ... on User { email customFields } ... on ApiError { statusCode rsCode } } }`,
		map[string]any{"in": []any{
			map[string]any{"id": ada, "accountId": ada, "email": ada, "customFields": map[string]any{"n": 1}, "referredByCodes": []string{}},
			map[string]any{"id": "b", "accountId": "b", "email": "bad"},
		}})
	want := []any{
		map[string]any{"__typename": "User", "email": ada, "customFields": map[string]any{"n": 1.0}},
		map[string]any{"__typename": "ApiError", "statusCode": 400.0, "rsCode": "RS023"},
	}
	if diff := cmp.Diff(want, at(got, "data", "upsertUsers")); diff != "" {
		t.Errorf("%s\n%v", diff, got)
	}
}

func TestGraphQL_doNotTrackIdentifiers(t *testing.T) {
	t.Parallel()
	c := call(t, advocatetest.New(t))
	c.put(ada, nil)
	vars := map[string]any{"id": ada}
	got := c.graphql(`mutation($id: String!) { deleteUser(id: $id, accountId: $id, doNotTrack: true) }`, vars)
	if at(got, "data", "deleteUser") != true {
		t.Fatalf("delete: %v", got)
	}
	got = c.graphql(`query($id: String!) { calculateUserDoNotTrackIdentifierHash(id: $id, accountId: $id) userDoNotTrackIdentifiers { totalCount data { hash } } }`, vars)
	hash := at(got, "data", "calculateUserDoNotTrackIdentifierHash")
	if diff := cmp.Diff([]any{map[string]any{"hash": hash}}, at(got, "data", "userDoNotTrackIdentifiers", "data")); diff != "" {
		t.Error(diff)
	}
	got = c.graphql(`mutation($id: String!) { deleteUserDoNotTrackIdentifier(id: $id, accountId: $id) { deletedCount } }`, vars)
	if n := at(got, "data", "deleteUserDoNotTrackIdentifier", "deletedCount"); n != 1.0 {
		t.Errorf("unlocked %v", n)
	}
	if r := c.put(ada, nil); r.status != http.StatusOK {
		t.Errorf("still locked: %d", r.status)
	}
}
