package e2e

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// somebody is a person who will be erased, with everything by which we could be
// said to know them.
type somebody struct {
	email, first, last string
	contact            string // the contact's id: the one thing that may stay
	former             advocatetest.User
	now                advocatetest.User
}

// secrets are the person's data, in every form that ever went through us.
func (p somebody) secrets() []string {
	all := []string{p.email, p.first, p.last}
	for _, u := range []advocatetest.User{p.former, p.now} {
		link := u.ShareLinks[stack.Program]
		all = append(all, u.ID, u.AccountID, u.ReferralCodes[stack.Program], link[strings.LastIndex(link, "/")+1:])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A privacy deletion, before, with and long after an ordinary one: afterwards
// nothing of the person is left in any table or on any other surface; and nothing
// brings the person back. Histories, logs, metrics and traces never had anything.
func TestErasureLeavesNothingBehind(t *testing.T) {
	traces, address := collect(t)
	o := &watched{operating: &operating{system: start(t, stack.Options{ReportInterval: time.Second, Collector: address})}, traces: traces}
	before := o.person(t, "zephyrine.quux@privacy.example", "Zephyrine", "Quuxworth")
	with := o.person(t, "balthazar.frob@privacy.example", "Balthazar", "Frobisher")
	after := o.person(t, "wilhelmina.xyzzy@privacy.example", "Wilhelmina", "Xyzzyton")
	people := []*somebody{&before, &with, &after}
	bystander := o.shares(t, &before)
	o.parksForEach(t, people)
	o.changesCodes(t, people)
	o.quiet(t)
	o.wantKnown(t, people)

	user := o.portal.Person(1)
	if err := user.Archive("contacts", after.contact); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the deletion is carried out", func() bool { return o.state(t, after.contact) == "deleted" })
	for _, erase := range []func() error{
		func() error { return user.Erase(before.contact) },
		func() error { return user.Archive("contacts", with.contact) },
		func() error { return user.Erase(with.contact) },
		func() error { return user.Erase(after.contact) },
	} {
		if err := erase(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range people {
		eventually(t, patience, "the person is erased", func() bool { return o.state(t, p.contact) == "erased" })
	}
	o.quiet(t)
	o.reports(t, 2)

	o.wantForgotten(t, people)
	if o.state(t, bystander) != "parked" || answer[shown](t, o.operating, "contact show "+bystander).Mapped {
		t.Error("the contact that shared the participant was not told about, or is still mapped")
	}
	t.Run("they do not come back", func(t *testing.T) { o.staysAway(t, &before, &with) })
	o.wantForgotten(t, people)
}

// person makes somebody in HubSpot and waits until they are in step.
func (o *operating) person(t *testing.T, email, first, last string) somebody {
	t.Helper()
	p := somebody{email: email, first: first, last: last}
	p.contact = o.createContact(t, map[string]string{
		"email": email, "firstname": first, "lastname": last, bridge.PropReferralCookie: "not a cookie of " + last + "!",
	})
	eventually(t, patience, "the person is in step", func() bool { return o.inStep(p.contact, email) })
	p.former, _ = o.tenant.User(email, email)
	p.now = p.former
	return p
}

// shares maps another contact to the person's participant, by hand.
func (o *operating) shares(t *testing.T, p *somebody) string {
	t.Helper()
	id := o.createContact(t, map[string]string{"email": "bystander@shop.example"})
	eventually(t, patience, "the bystander is in step", func() bool { return o.inStep(id, "bystander@shop.example") })
	o.editContact(t, id, map[string]string{bridge.PropUserID: p.now.ID, bridge.PropAccountID: p.now.AccountID})
	eventually(t, patience, "the bystander shares the participant", func() bool { return o.inStep(id, p.email) })
	return id
}

// parksForEach lets every person's contact, and a participant with their email,
// be parked with the vendors' words.
func (o *operating) parksForEach(t *testing.T, people []*somebody) {
	t.Helper()
	for _, p := range people {
		o.parked(t, bridge.CauseCookieDropped, p.contact)
		// The contact with this email is another participant's already.
		id := strings.ToLower(p.last) + "-second-account"
		if _, err := o.tenant.Put(advocatetest.User{ID: id, AccountID: id, Email: p.email, FirstName: p.first, LastName: p.last}); err != nil {
			t.Fatal(err)
		}
	}
	// The participant that the bystander left for another is one more of them.
	eventually(t, patience, "the participants are parked", func() bool {
		parked := slices.DeleteFunc(answer[[]item](t, o, "parked list"), func(i item) bool { return i.Cause != string(bridge.CauseTakenContact) })
		return len(parked) == len(people)+1
	})
}

// changesCodes has a report carry something of every person.
func (o *operating) changesCodes(t *testing.T, people []*somebody) {
	t.Helper()
	for _, p := range people {
		changed, err := o.tenant.ChangeCode(p.email, p.email, stack.Program, strings.ToUpper(p.last)+"ROCKS")
		if err != nil {
			t.Fatal(err)
		}
		p.now = changed
		eventually(t, patience, "the new code is on the contact", func() bool { return o.inStep(p.contact, p.email) })
	}
}

func (o *operating) state(t *testing.T, contact string) string {
	t.Helper()
	return answer[shown](t, o, "contact show "+contact).State
}

// reports waits for reports that began after this call.
func (o *operating) reports(t *testing.T, n int64) {
	t.Helper()
	const ended = "WorkflowType = 'ReportSync' AND ExecutionStatus = 'Completed'"
	target := o.count(t, ended) + n + 1 // one may be under way
	eventually(t, patience, "reports have run", func() bool { return o.count(t, ended) >= target })
}

// staysAway has one person fill in a form in HubSpot, and another one join in
// Advocate under an id of theirs.
func (o *operating) staysAway(t *testing.T, filler, joiner *somebody) {
	form, err := o.portal.DefineForm(hubspottest.Form{Name: "Newsletter", Fields: []string{"email", "firstname"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.portal.SubmitForm(form, map[string]string{"email": filler.email, "firstname": filler.first}, "https://shop.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := o.tenant.Put(advocatetest.User{ID: "member-4711", AccountID: "member-4711", Email: joiner.email, FirstName: joiner.first}); err != nil {
		t.Fatal(err)
	}
	again := o.contactOf(filler.email)
	if again == "" || again == filler.contact {
		t.Fatalf("HubSpot's form made contact %q", again)
	}
	eventually(t, patience, "the new contact is seen as erased", func() bool {
		out, code, _ := o.starter(t, "contact show "+again+" --json")
		return code == 0 && strings.Contains(out, `"erased"`)
	})
	o.quiet(t)
	o.reports(t, 2)

	if _, made := o.tenant.User(filler.email, filler.email); made {
		t.Error("a participant was made for an erased person")
	}
	if props := o.properties(again); props[bridge.PropUserID] != "" || props[bridge.PropReferralCode] != "" {
		t.Error("the erased person's new contact was mapped")
	}
	if made := o.contactOf(joiner.email); made != "" {
		t.Error("a contact was made for an erased person")
	}
}

// wantKnown proves that the search can find what it searches for: while people
// are mapped the database holds their participants' ids, and histories and logs
// can be read at all.
// watched is a system whose traces are kept, too.
type watched struct {
	*operating
	traces *collector
}

// surfaces are where a person could be named, besides the tables, and what each says
// for certain: a search that finds not even that looks at the wrong place. Nobody is
// ever named on those that are clean.
var surfaces = map[string]struct {
	says  string // in lower case; empty: a contact's id
	clean bool
	later bool // says it once somebody is erased
}{
	"the histories":         {clean: true},
	"the logs":              {says: "worker", clean: true},
	"the starter's metrics": {says: "advocatesync_", clean: true},
	"the worker's metrics":  {says: "advocatesync_", clean: true},
	"the traces":            {says: "runactivity:synccontact", clean: true},
	"the audit log":         {says: "connect", clean: true},
	"the erasures":          {later: true},
	"the receipts":          {later: true},
	"the erasures' export":  {later: true},
}

// wantSearched makes sure that the search finds what there is, and nobody where nobody
// may ever be named.
func (o *watched) wantSearched(t *testing.T, people []*somebody, erased bool) map[string]string {
	t.Helper()
	eventually(t, patience, "the collector has the traces", func() bool { return strings.Contains(o.traces.text(), "RunActivity:SyncContact") })
	places := o.places(t)
	for name, text := range places {
		surface, known := surfaces[name]
		if !known && !strings.HasPrefix(name, "the table ") {
			t.Errorf("nobody says what %s holds for certain", name)
		}
		if known && (!surface.later || erased) && !mentions(text, cmp.Or(surface.says, people[0].contact)) {
			t.Errorf("the search does not find what %s says for certain", name)
		}
		for _, p := range people {
			for _, secret := range p.secrets() {
				if surface.clean && mentions(text, secret) {
					t.Errorf("%s: names %q", name, secret)
				}
			}
		}
	}
	for name := range surfaces {
		if _, searched := places[name]; !searched {
			t.Errorf("%s is not searched", name)
		}
	}
	return places
}

func (o *watched) wantKnown(t *testing.T, people []*somebody) {
	t.Helper()
	places := o.wantSearched(t, people, false)
	for _, p := range people {
		if !mentions(places["the table mapping"], p.now.ID) {
			t.Error("the search does not find a mapped participant's id in the database")
		}
	}
}

func (o *watched) wantForgotten(t *testing.T, people []*somebody) {
	t.Helper()
	places := o.wantSearched(t, people, true)
	for _, p := range people {
		for _, secret := range p.secrets() {
			for name, text := range places {
				if mentions(text, secret) {
					t.Errorf("%s: %q of an erased person is left", name, secret)
				}
			}
		}
	}
}

// mentions searches for a value as it is, and as bytes are shown.
func mentions(text, value string) bool {
	return strings.Contains(text, strings.ToLower(value)) ||
		strings.Contains(text, hex.EncodeToString([]byte(value))) ||
		strings.Contains(text, strings.ToLower(base64.StdEncoding.EncodeToString([]byte(value))))
}

// places is everything that we keep, as text in lower case.
func (o *watched) places(t *testing.T) map[string]string {
	t.Helper()
	var histories strings.Builder
	for name, text := range o.histories(t) {
		histories.WriteString(name + text + payloads(text))
	}
	places := map[string]string{
		"the histories":         histories.String(),
		"the logs":              o.log.String(),
		"the starter's metrics": visit(t, http.DefaultClient, http.MethodGet, o.StarterMetricsURL+"/metrics", nil),
		"the worker's metrics":  visit(t, http.DefaultClient, http.MethodGet, o.WorkerURL+"/metrics", nil),
		"the traces":            o.traces.text(),
		"the audit log":         o.said(t, "audit list --json"),
		"the erasures":          o.said(t, "erasure list --json"),
		"the receipts":          o.receipts(t),
		"the erasures' export":  payloadsOfJWS(t, o.said(t, "erasure export")),
	}
	for table, rows := range o.tables(t) {
		places["the table "+table] = rows
	}
	for name, text := range places {
		places[name] = strings.ToLower(text)
	}
	return places
}

// said is what a command prints.
func (o *operating) said(t *testing.T, line string) string {
	t.Helper()
	out, code, said := o.starter(t, line)
	if code != 0 {
		t.Fatalf("starter %s: %s", line, said)
	}
	return out
}

// receipts are what the receipts of all erasures that are done say.
func (o *operating) receipts(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, e := range answer[[]struct {
		ID   int64  `json:"erasure_id"`
		Step string `json:"step"`
	}](t, o, "erasure list") {
		if e.Step == "forgotten" {
			all.WriteString(payloadsOfJWS(t, o.said(t, "erasure receipt "+strconv.FormatInt(e.ID, 10))))
		}
	}
	return all.String()
}

// payloadsOfJWS are what signed documents in compact form say.
func payloadsOfJWS(t *testing.T, documents string) string {
	t.Helper()
	var all strings.Builder
	for _, document := range strings.Fields(documents) {
		parts := strings.Split(document, ".")
		if len(parts) != 3 {
			t.Fatalf("no JWS: %s", document)
		}
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		all.Write(payload)
	}
	return all.String()
}

// tables returns every row of every table of ours as text.
func (o *operating) tables(t *testing.T) map[string]string {
	t.Helper()
	db, err := pgx.Connect(t.Context(), o.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	strs := func(query string) []string {
		rows, err := db.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	tables := map[string]string{}
	for _, table := range strs("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") {
		rows := strs("SELECT t::text FROM " + pgx.Identifier{table}.Sanitize() + " AS t")
		tables[table] = strings.Join(rows, "\n")
	}
	return tables
}
