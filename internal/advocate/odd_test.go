package advocate_test

import (
	"strings"
	"testing"

	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/standin/fault"
)

func TestPrograms_oneOddProgramSpoilsNoOther(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	all, err := client(t, s).Programs(t.Context())
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	for name, tt := range map[string]struct {
		edit fault.Edit
		lost int
	}{
		"a number for the id":         {fault.Edit{Path: "data.programs.data.0.id", Value: []byte("47255")}, 0},
		"null for the name":           {fault.Set("data.programs.data.0.name", nil), 0},
		"a list for the name":         {fault.Set("data.programs.data.0.name", []int{1}), 0},
		"a number for the status":     {fault.Set("data.programs.data.0.status", 1), 0},
		"text for the count":          {fault.Set("data.programs.totalCount", "many"), 0},
		"null for the count":          {fault.Set("data.programs.totalCount", nil), 0},
		"an object for the id":        {fault.Set("data.programs.data.0.id", map[string]any{}), 1},
		"null for the program":        {fault.Set("data.programs.data.0", nil), 1},
		"text for the program":        {fault.Set("data.programs.data.0", "x"), 1},
		"text in place of extensions": {fault.Set("extensions", "none"), 0},
		"null in place of errors":     {fault.Set("errors", nil), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			s.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			got, err := client(t, s).Programs(t.Context())
			if err != nil || len(got) != len(all)-tt.lost {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestPrograms_endsAListWhosePagesRepeat(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	s.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Times: -1, Answer: fault.Answer{
		Body: `{"data":{"programs":{"totalCount":1000000,"data":[{"id":"1","name":"a","status":"LIVE"}]}}}`, ContentType: "application/json",
	}, Status: 200})
	if got, err := client(t, s).Programs(t.Context()); bridge.KindOf(err) != bridge.Unavailable || s.Calls(advocatetest.RouteGraphQL) > 2 {
		t.Errorf("%d programs after %d calls: %v", len(got), s.Calls(advocatetest.RouteGraphQL), err)
	}
}

// Somebody of whom nothing can be read is somebody: taken for nobody, a second
// participant would be made.
func TestFind_somebodyOddIsSomebody(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit fault.Edit
		kind bridge.Kind
		n    int
	}{
		"null for one who has the email":    {fault.Set("data.byEmail.data.0", nil), "", 0},
		"a number for an id":                {fault.Edit{Path: "data.byEmail.data.0.id", Value: []byte("42")}, "", 1},
		"null for the name":                 {fault.Set("data.byEmail.data.0.firstName", nil), "", 1},
		"text for one who has the email":    {fault.Set("data.byEmail.data.0", "u"), bridge.Invalid, 0},
		"a list for one who has the email":  {fault.Set("data.byEmail.data.0", []int{}), bridge.Invalid, 0},
		"an empty object for one who has":   {fault.Set("data.byEmail.data.0", map[string]any{}), bridge.Invalid, 0},
		"an object for an id":               {fault.Set("data.byEmail.data.0.accountId", map[string]any{}), bridge.Invalid, 0},
		"no email":                          {fault.Remove("data.byEmail.data.0.email"), bridge.Invalid, 0},
		"no referral code":                  {fault.Remove("data.byEmail.data.0.referralCode"), bridge.Invalid, 0},
		"no share link":                     {fault.Remove("data.byEmail.data.0.direct"), bridge.Invalid, 0},
		"null for the referral code":        {fault.Set("data.byEmail.data.0.referralCode", nil), "", 1},
		"text for the one whose id it is":   {fault.Set("data.byID", "u"), bridge.Invalid, 0},
		"null for all who have the email":   {fault.Set("data.byEmail", nil), bridge.Unavailable, 0},
		"text for all who have the email":   {fault.Set("data.byEmail", "x"), bridge.Unavailable, 0},
		"null for the list of them":         {fault.Set("data.byEmail.data", nil), bridge.Unavailable, 0},
		"an object for the list of them":    {fault.Set("data.byEmail.data", map[string]any{}), bridge.Unavailable, 0},
		"null for everything":               {fault.Set("data", nil), bridge.Unavailable, 0},
		"an error that is no object":        {fault.Set("errors", []any{"boom"}), bridge.Unavailable, 0},
		"an error whose message is a list":  {fault.Set("errors", []any{map[string]any{"message": []int{1}}}), bridge.Unavailable, 0},
		"an error whose status is in words": {fault.Set("extensions", map[string]any{"apiError": map[string]any{"message": "m", "statusCode": "bad", "rsCode": "RS016"}}), bridge.Unavailable, 0},
		"an error that has only its code":   {fault.Set("extensions", map[string]any{"apiError": map[string]any{"rsCode": "RS050", "statusCode": nil}}), bridge.DoNotTrack, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			c := client(t, s)
			if _, err := c.Upsert(t.Context(), change(ada), program); err != nil {
				t.Fatal(err)
			}
			s.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			_, byEmail, err := c.Find(t.Context(), ada, program)
			if bridge.KindOf(err) != tt.kind || err != nil && tt.kind == "" || len(byEmail) != tt.n {
				t.Errorf("found %+v, %v, want %q", byEmail, err, tt.kind)
			}
		})
	}
}

func TestExports_oneOddJobSpoilsNoOther(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]fault.Edit{
		"a number for the name":        fault.Set("data.0.name", 7),
		"an object for the id":         fault.Set("data.0.id", map[string]any{}),
		"text for the time":            fault.Set("data.0.dateCreated", "soon"),
		"an object for the status":     fault.Set("data.0.status", map[string]any{}),
		"null for the job":             fault.Set("data.0", nil),
		"text for the job":             fault.Set("data.0", "x"),
		"a list for the time it ended": fault.Set("data.1.dateCompleted", []int{}),
		"text for the time it began":   {Path: "data.1.dateCompleted", Value: []byte(`"1794729600000"`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			c := client(t, s)
			for _, job := range []string{"ours", "another"} { // the newest comes first
				if _, err := c.CreateExport(t.Context(), advocate.ExportRequest{Name: job, ProgramID: program}); err != nil {
					t.Fatal(err)
				}
			}
			s.Order(advocatetest.Fault{Route: advocatetest.RouteExportList, Answer: fault.Answer{Alter: []fault.Edit{edit}}})
			if got, err := c.FindExport(t.Context(), "ours"); err != nil || got.Name != "ours" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestExports_anAnswerWithoutAJobIsNoJob(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `null`, `[]`, `{"id":null}`, `{"id":"e","dateCreated":null,"status":"PENDING"}`, `{"id":"e","dateCreated":"soon","status":"PENDING"}`,
		`{"id":"e","dateCreated":1794729600000}`, `{"id":"e","dateCreated":1794729600000,"status":{}}`, `{"id":["e"],"dateCreated":1794729600000,"status":"PENDING"}`,
		`{"id":"e","dateCreated":9e18,"status":"PENDING"}`, `{"id":"e","dateCreated":-1,"status":"PENDING"}`,
	} {
		if got, err := canned(t, 200, body).Export(t.Context(), "e"); bridge.KindOf(err) != bridge.Unavailable {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	for _, body := range []string{`{}`, `null`, `{"data":null}`, `{"data":{}}`, strings.Repeat("[", 20_000)} {
		if got, err := canned(t, 200, body).FindExport(t.Context(), "ours"); bridge.KindOf(err) != bridge.Unavailable {
			t.Errorf("%s: %+v, %v", body[:min(len(body), 40)], got, err)
		}
	}
	for _, body := range []string{`{"id":7,"dateCreated":"1794729600000","status":"PENDING"}`, `{"id":"7","dateCreated":"2026-11-15T08:00:00Z","status":"ODD"}`} {
		if got, err := canned(t, 200, body).Export(t.Context(), "e"); err != nil || got.ID != "7" || got.DateCreated.Year() != 2026 {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}
