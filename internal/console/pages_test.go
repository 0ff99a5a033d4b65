package console_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/net/html"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// path is the address of a page of the site's connection.
func (s *site) path(below string) string { return "/connections/" + s.Connection.ID + below }

// park parks an item of a contact.
func (s *site) park(t *testing.T, contact string, cause bridge.Cause, words string) int64 {
	t.Helper()
	id, err := s.Store.Park(t.Context(), bridge.ParkedItem{
		ConnectionID: s.Connection.ID, ContactID: contact, Cause: cause, Advice: "correct the value, then retry", VendorMessage: words,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestPages_ofAConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.park(t, "101", bridge.CauseRefusedByHubSpot, "the value is too long")
	b := s.signedIn(t, bridge.RoleAdmin)
	if err := s.Store.SampleMinutes(t.Context()); err != nil {
		t.Fatal(err)
	}
	dryRun := b.post(t, s.path("/mass-syncs"), url.Values{"dry_run": {"1"}}).header.Get("Location")
	reconcile := b.post(t, s.path("/reconciles"), url.Values{"dry_run": {"1"}}).header.Get("Location")
	for path, says := range map[string][]string{
		s.path("/numbers?span=day"):           {"Events heard", "<svg class=\"chart\"", "over the last day", "The numbers"},
		s.path("/rules"):                      {"New participant → contact", "No mass sync or dry run has yet counted", "0 contacts have no participant"},
		s.path("/rules/contact_updated?on=1"): {"Turn it on", "0 contacts have no participant"},
		s.path("/program"):                    {"connected", "In place"},
		s.path("/triggers"):                   {"None yet. A new trigger starts"},
		s.path("/triggers/new"):               {"closedwon", "deal.dealstage", "A contact's "},
		s.path("/events?state=error"):         {"No event matches"},
		s.path("/disconnect"):                 {"0 mappings, 1 parked item"},
		"/connect":                            {"Check and connect", "The next page leads to HubSpot"},
		"/erasures":                           {"None yet"},
		"/audit":                              {"Sign in", "Start mass sync"},
		"/tokens":                             {"Make the token", "live"},
		"/":                                   {"1 problem", s.Connection.Tenant, "Records written in the last day", "<svg class=\"chart\""},
		s.path(""):                            {"1 item needs a person", "not compared yet", "Pause all work"},
		s.path("/pause"):                      {"0 mapped contacts are no longer kept in step", "Nothing is lost"},
		s.path("/resume"):                     {"0 events that were kept are processed"},
		s.path("/contacts/101/resync"):        {"1 contact and its participant are read", "that counts as a deletion"},
		dryRun + "/cancel":                    {"Stop the dry run", "Nothing was written"},
		reconcile + "/cancel":                 {"Stop the dry run", "Nothing was repaired"},
		s.path("/contacts"):                   {"neither stored nor logged"},
		s.path("/contacts/101"):               {fmt.Sprintf("https://app.hubspot.com/contacts/%d/record/0-1/101", s.Connection.PortalID), "HubSpot refuses a value", "the value is too long", "Reveal the person"},
		s.path("/contacts/404"):               {"Nothing is known of this contact", "Sync again"},
		s.path("/contacts/101/erase"):         {"1 person will be erased", "cannot be undone"},
		s.path("/problems"):                   {"1 item", "HubSpot refuses a value"},
		s.path("/problems?cause=half_pair"):   {"HubSpot refuses a value"},
		s.path("/problems?cause=refused_by_hubspot"):        {"the value is too long", "Retry all 1"},
		s.path("/problems/ask?all=1&act=discard"):           {"1 item will be given up", "cannot be undone"},
		s.path("/problems/ask?cause=half_pair&act=retry"):   {"0 items will be tried again"},
		s.path("/mass-syncs"):                               {"Dry run 1", "is under way"},
		dryRun:                                              {"A dry run reads and plans", "Pause", "data-live"},
		s.path("/mass-syncs/start"):                         {"No dry run has said"},
		s.path("/reconciles"):                               {"Dry run", "is under way"},
		reconcile:                                           {"finds what differs", "data-live"},
		s.path("/reconciles/start"):                         {"No dry run has said"},
		s.path("/deletions"):                                {"Nothing waits", "need no approval", "Unconfirmed privacy deletions"},
		s.path("/deletions/contacts/ask?all=1&act=approve"): {"0 participants will be deleted", "cannot be undone"},
		s.path("/deletions/erasures/ask?all=1&act=reject"):  {"0 people will not be erased"},
	} {
		t.Run(path, func(t *testing.T) { b.get(t, path).says(t, http.StatusOK, says...) })
	}
}

// An email never gets into an address, a page or the log.
func TestContacts_areFoundByIdPageOrEmail(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Exec(t, `INSERT INTO contact_ledger (connection_id, contact_id, state, email_hash) VALUES ($1, '101', 'mapped', $2)`,
		s.Connection.ID, s.Store.Hasher().Email("ann@shop.example"))
	b := s.signedIn(t, bridge.RoleViewer)
	for name, typed := range map[string]string{
		"an id":                   " 101 ",
		"the address of a page":   "https://app-eu1.hubspot.com/contacts/99/record/0-1/101?interaction=note",
		"an older page":           "https://app.hubspot.com/contacts/99/contact/101/",
		"an email":                "ann@shop.example",
		"an email, written oddly": " Ann@Shop.example ",
	} {
		t.Run(name, func(t *testing.T) {
			if got := b.post(t, s.path("/contacts"), url.Values{"contact": {typed}}).header.Get("Location"); got != s.path("/contacts/101") {
				t.Errorf("leads to %q", got)
			}
		})
	}
	for name, c := range map[string]struct {
		typed, says string
		status      int
	}{
		"an unknown email": {"bea@shop.example", "had this email when we last saw it", http.StatusOK},
		"a name":           {"Ann Archer", "neither a contact", http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) {
			if page := b.post(t, s.path("/contacts"), url.Values{"contact": {c.typed}}).says(t, c.status, c.says); strings.Contains(page.body, c.typed) {
				t.Error("the page repeats what was typed")
			}
		})
	}
	if log := s.Log.String(); strings.Contains(log, "shop.example") || strings.Contains(log, "Archer") {
		t.Errorf("the log says %s", log)
	}
}

// The page of a contact that is not in step says what to do next, and leads there.
func TestContact_saysWhatToDoNext(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleViewer)
	for reason, c := range map[bridge.Reason]struct {
		state bridge.State
		says  []string
	}{
		bridge.ReasonNoEmail:   {bridge.StateAwaitingEmail, []string{"without one it cannot become a participant.", "Give the contact an email in HubSpot"}},
		bridge.ReasonRuleOff:   {bridge.StateNotShared, []string{"because a sharing rule is off.", s.path("/rules") + `">See the sharing rules`}},
		bridge.ReasonGuarded:   {bridge.StateAwaitingApproval, []string{s.path("/deletions") + `">See the deletions that wait`}},
		bridge.ReasonSuspended: {bridge.StateNotShared, []string{s.path("") + `">See the connection`}},
	} {
		s.Exec(t, `INSERT INTO contact_ledger (connection_id, contact_id, state, reason) VALUES ($1, '101', $2, $3)
		 ON CONFLICT (connection_id, contact_id) DO UPDATE SET state = $2, reason = $3`, s.Connection.ID, string(c.state), string(reason))
		b.get(t, s.path("/contacts/101")).says(t, http.StatusOK, c.says...)
	}
}

func TestProblems_areRetriedAndDiscardedOneSomeOrAll(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, contact := range []string{"101", "102", "103"} {
		s.park(t, contact, bridge.CauseRefusedByHubSpot, "")
	}
	s.park(t, "104", bridge.CauseHalfPair, "")
	s.park(t, "105", bridge.CauseUnknownPair, "")
	b := s.signedIn(t, bridge.RoleOperator)
	b.get(t, s.path("/problems/ask?act=retry&id=1&id=2")).says(t, http.StatusOK, "2 items will be tried again", `name="id" value="2"`)
	b.get(t, s.path("/problems/ask?act=retry")).says(t, http.StatusUnprocessableEntity, "Choose at least one item")
	b.submit(t, s.path("/problems/retry"), url.Values{"id": {"1", "999"}}).says(t, http.StatusOK, "1 item is tried again", "1 item was closed already")
	b.submit(t, s.path("/problems/discard"), url.Values{"cause": {"refused_by_hubspot"}}).says(t, http.StatusOK, "2 items were given up")
	b.get(t, s.path("/problems/ask?act=discard&id=4&contact=104")).says(t, http.StatusOK, s.path("/contacts/104"), `name="contact" value="104"`)
	if got := b.post(t, s.path("/problems/discard"), url.Values{"id": {"4"}, "contact": {"104"}}).header.Get("Location"); got != s.path("/contacts/104") {
		t.Errorf("who decides on the page of a contact is led to %s", got)
	}
	b.submit(t, s.path("/problems/discard"), url.Values{"all": {"1"}}).says(t, http.StatusOK, "1 item was given up", "Nothing needs a person")
}

func TestRules_sayWhomTheyTouchAndChange(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Exec(t, `INSERT INTO contact_ledger (connection_id, contact_id, state, reason) VALUES ($1, '1', 'not_shared', 'rule_off'), ($1, '2', 'not_shared', 'rule_off')`, s.Connection.ID)
	b := s.signedIn(t, bridge.RoleOperator)
	b.submit(t, s.path("/rules/contact_updated"), nil).says(t, http.StatusOK, "is off")
	b.get(t, s.path("/rules/contact_updated?on=1")).says(t, http.StatusOK, "2 contacts have no participant")
	b.submit(t, s.path("/rules/contact_updated"), url.Values{"on": {"1"}}).says(t, http.StatusOK, "is on")
	if c, err := s.Operator.Connection(t.Context(), s.Connection.ID); err != nil || !c.Rules.ContactUpdated {
		t.Errorf("%v, %v", c.Rules, err)
	}
}

// A page tells the latest events; a link leads to all.
func TestContact_tellsAllEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Exec(t, `INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo)
	 SELECT $1, '101', 'updated', 'field' || n, now() - n * interval '1 minute', n, false FROM generate_series(1, 130) AS n`, s.Connection.ID)
	b := s.signedIn(t, bridge.RoleViewer)
	entries := func(p shown) int { return strings.Count(p.body, "<b>HubSpot</b>") }
	if n := entries(b.get(t, s.path("/contacts/101")).says(t, http.StatusOK, ">All events<")); n != 20 {
		t.Errorf("the page tells %d events, want the latest 20", n)
	}
	first := b.get(t, s.path("/contacts/101?page=")).says(t, http.StatusOK, "Next page")
	next := regexp.MustCompile(`href="(\?page=\d+)"`).FindStringSubmatch(first.body)
	if len(next) == 0 || entries(first) != 100 {
		t.Fatalf("%d events, and %v leads on", entries(first), next)
	}
	if n := entries(b.get(t, s.path("/contacts/101"+next[1])).says(t, http.StatusOK)); n != 30 {
		t.Errorf("the last page tells %d events, want 30", n)
	}
}

func TestTriggers_areEditedWithMistakesAtTheirPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleOperator)
	wrong := "id: won\r\nobject: deal\r\nevent: {type: property_changed, property: dealstge}\r\nwhen: deal.dealstage ==\r\n"
	b.post(t, s.path("/triggers"), url.Values{"source": {wrong}}).says(t, http.StatusUnprocessableEntity,
		`class="wrong"`, "Nothing was changed", "dealstge", `aria-invalid="true"`)
	right := "id: won\r\nobject: deal\r\nevent: {type: property_changed, property: dealstage}\r\nwhen: deal.dealstage == \"closedwon\"\r\n" +
		"conversion:\r\n  campaign_id: 47255\r\n  action_tracker_id: 30101\r\n  fields: {Amount: = deal.amount, CurrencyCode: EUR}\r\n"
	b.submit(t, s.path("/triggers"), url.Values{"source": {right}}).says(t, http.StatusOK, "Version 1 counts from now on", "closedwon")
	b.get(t, s.path("/triggers/won/enable")).says(t, http.StatusOK, "0 changes that matched it are on record", "Turn it off")
	b.submit(t, s.path("/triggers/won/enable"), nil).says(t, http.StatusOK, "The trigger is off", "enable?on=1")
	b.get(t, s.path("/triggers/won/enable?on=1")).says(t, http.StatusOK, "Turn it on", "not made up for")
	b.get(t, s.path("/events")).says(t, http.StatusOK, s.path("/triggers")+`" aria-current="page"`)
	deal, err := s.Portal.Person(1).Create("deals", map[string]string{"dealstage": "closedwon", "amount": "12"})
	if err != nil {
		t.Fatal(err)
	}
	b.post(t, s.path("/triggers/won/test"), url.Values{"object": {deal}}).says(t, http.StatusOK, "What it makes of deal "+deal)
}

// Nothing failed, and whoever believes so asks a second time.
func TestProgram_switchThatNoWorkerHasTakenYetIsRequested(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleOperator)
	b.submit(t, s.path("/program/switches"), url.Values{"program": {"48001"}, "way": {"in_place"}}).says(t, http.StatusOK, "The switch is requested", "In place")
}

func TestTokens_secretIsShownOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleAdmin)
	b.post(t, "/tokens", url.Values{"name": {"Marie"}, "role": {"operator"}}).says(t, http.StatusOK, "adv_", "shown this once")
	if page := b.get(t, "/tokens").says(t, http.StatusOK, "Marie"); strings.Contains(page.body, "adv_") {
		t.Error("the secret is shown again")
	}
	b.post(t, "/tokens", url.Values{"name": {"Marie"}, "role": {"operator"}}).says(t, http.StatusUnprocessableEntity, "choose another name")
	b.post(t, "/tokens", url.Values{"name": {"<b>"}, "role": {"king"}}).says(t, http.StatusUnprocessableEntity, "must be letters", "must be one of")
	tokens, err := s.Access.Tokens(t.Context())
	if err != nil || tokens[0].Name != "Marie" {
		t.Fatal(tokens, err)
	}
	b.get(t, "/tokens/"+tokens[0].ID+"/revoke").says(t, http.StatusOK, "1 token", "Marie")
	b.submit(t, "/tokens/"+tokens[0].ID+"/revoke", nil).says(t, http.StatusOK, "opens nothing any more", "revoked")
}

func TestConnect_throughTheBrowserOrWithAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleAdmin)
	form := url.Values{"tenant": {advocatetest.DefaultAlias}, "advocate_key": {"wrong"}, "program": {wiringtest.Program}, "portal": {"x"}}
	page := b.post(t, "/connect", form).says(t, http.StatusUnprocessableEntity, "in digits", advocatetest.DefaultAlias)
	if strings.Contains(page.body, "wrong") {
		t.Error("the page repeats the key")
	}
	form.Set("portal", "")
	b.post(t, "/connect", form).says(t, http.StatusUnprocessableEntity, "Nothing was connected", "check the tenant alias, the user name of the key and the API key.")
	form.Set("advocate_key", advocatetest.DefaultKey)
	b.submit(t, "/connect", form).says(t, http.StatusOK, "HubSpot waits for your consent", "/oauth/hubspot/start?intent=", "data-live")
	form.Set("hubspot_token", hubspottest.DefaultToken)
	b.submit(t, "/connect", form).says(t, http.StatusOK, "Connected. The first report runs within a minute")
}

func TestErasure_fromTheContactToTheReceipt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RolePrivacy)
	b.submit(t, s.path("/contacts/987654321/erase"), nil).says(t, http.StatusOK, "The erasure has begun", "Heard", "not yet")
	b.get(t, "/erasures?open=1").says(t, http.StatusOK, "987654321")
	b.get(t, "/erasures/1/receipt").says(t, http.StatusConflict)
	shown := s.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	b.post(t, s.path("/contacts/"+shown+"/erase"), nil).says(t, http.StatusConflict, "Not now")
}

func TestReveal_isOnRecord(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.CreateContact(t, map[string]string{"email": "ann@shop.example", "firstname": "Annika"})
	b := s.signedIn(t, bridge.RolePrivacy)
	b.post(t, s.path("/contacts/"+id+"/reveal"), nil).says(t, http.StatusOK, "Annika", "The audit log records that you looked")
	entries, err := s.Access.AuditLog(t.Context(), store.AuditFilter{Operation: "revealContact"}, 0, 10)
	if err != nil || len(entries) != 1 || entries[0].Subject != "contact:"+id || entries[0].Outcome.Result != store.AuditDone {
		t.Errorf("on record: %v, %v", entries, err)
	}
}

// inline lists what of a page the policy forbids: images and scripts that are not
// ours, and attributes that hold a style or a script.
func inline(t *testing.T, body string) (found []string) {
	t.Helper()
	for tokens := html.NewTokenizer(strings.NewReader(body)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			if !errors.Is(tokens.Err(), io.EOF) {
				t.Fatal(tokens.Err())
			}
			return found
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			ours := slices.ContainsFunc(token.Attr, func(a html.Attribute) bool { return a.Key == "src" && strings.HasPrefix(a.Val, "/static/") })
			if slices.Contains([]string{"img", "script", "iframe", "object", "style"}, token.Data) && !ours {
				found = append(found, token.String())
			}
			for _, a := range token.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
					found = append(found, token.String())
				}
			}
		default:
		}
	}
}

// canary is what would be markup, an attribute or a script if a page did not write it
// as text.
const canary = `"><script src=x>'<img onerror=alert(1)>`

// Whatever a vendor, a contact or a stranger can fill is text on a page, never markup:
// live answers, what was typed, and every text of the database that takes it.
func TestPages_showMarkupAsText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.grow(t, 3000)
	id := s.CreateContact(t, map[string]string{"email": "ann@shop.example", "firstname": canary, "lastname": canary})
	s.park(t, id, bridge.CauseRefusedByHubSpot, canary)
	property := hubspottest.Property{Name: "hostile", Label: canary, GroupName: "dealinformation", Type: "enumeration", FieldType: "select",
		Options: []hubspottest.PropertyOption{{Label: canary, Value: canary}}}
	if err := s.Portal.DefineProperty("deals", property); err != nil {
		t.Fatal(err)
	}
	if err := s.Tenant.SetProgram(advocatetest.Program{ID: "48001", Name: canary, Status: "LIVE"}); err != nil {
		t.Fatal(err)
	}
	b := s.signedIn(t, bridge.RoleAdmin)
	trigger := "id: won\nobject: deal\ndescription: " + strconv.Quote(canary) + "\nevent: {type: property_changed, property: dealstage}\n" +
		"when: deal.dealstage == \"closedwon\"\nconversion:\n  campaign_id: 47255\n  action_tracker_id: 30101\n  fields: {Amount: = deal.amount, CurrencyCode: EUR}\n"
	b.submit(t, s.path("/triggers"), url.Values{"source": {trigger}})
	dryRun := b.post(t, s.path("/mass-syncs"), url.Values{"dry_run": {"1"}}).header.Get("Location")
	reconcile := b.post(t, s.path("/reconciles"), url.Values{"dry_run": {"1"}}).header.Get("Location")
	pages := map[string]shown{
		"the programs": b.get(t, s.path("/program")), "a switch": b.get(t, s.path("/program/plan?program=48001&way=in_place")),
		"the editor": b.get(t, s.path("/triggers/new")), "a trigger": b.get(t, s.path("/triggers/won")), "its text": b.get(t, s.path("/triggers/won/edit")),
		"a person":               b.post(t, s.path("/contacts/"+id+"/reveal"), nil),
		"a name that is refused": b.post(t, "/tokens", url.Values{"name": {canary}, "role": {canary}}),
		"a form that is refused": b.post(t, "/connect", url.Values{"tenant": {canary}, "program": {canary}, "portal": {canary}}),
		"a text with mistakes":   b.post(t, s.path("/triggers"), url.Values{"source": {canary}}),
		"a wrong token":          b.post(t, "/sign-in", url.Values{"token": {canary}, "next": {"/" + canary}}),
		"nobody to erase":        b.post(t, s.path("/person/plan"), url.Values{"email": {canary}}),
		"a person to erase":      b.post(t, s.path("/person/plan"), url.Values{"email": {canary + "@shop.example"}}),
		"nobody to export":       b.post(t, s.path("/person/export"), url.Values{"email": {canary}}),
	}
	for _, name := range []string{"the programs", "the editor", "a trigger", "its text", "a person", "a person to erase"} {
		if !strings.Contains(pages[name].body, "&lt;script src=x") {
			t.Errorf("%s: the canary is not shown at all", name)
		}
	}
	spoiled := s.spoil(t)
	for _, path := range append(s.everyPage(),
		s.path("/contacts/"+id), s.path("/contacts/17"), s.path("/problems?cause=refused_by_hubspot"), s.path("/triggers/won"), dryRun, reconcile, "/erasures/1", "/erasures/2",
		"/audit?actor="+url.QueryEscape(canary), s.path("/events?trigger="+url.QueryEscape(canary)), s.path("/problems?cause="+url.QueryEscape(canary)), "/"+url.PathEscape(canary),
		"/sign-in?next=/"+url.QueryEscape(canary), "/connections/"+url.PathEscape(canary)) {
		pages[path] = b.get(t, path)
	}
	var escaped int
	for name, page := range pages {
		escaped += strings.Count(page.body, "&lt;script src=x")
		for _, wrong := range inline(t, page.body) {
			t.Errorf("%s has %s:\n%s", name, wrong, page.body)
		}
	}
	t.Logf("%d columns hold the canary, and pages show it %d times", spoiled, escaped)
	if spoiled < 30 || escaped < 100 {
		t.Errorf("%d columns hold the canary, and pages show it %d times: want many", spoiled, escaped)
	}
}

// spoil writes the canary into every column of text that takes it, but for those by
// which pages find their rows. It returns how many those are.
func (s *site) spoil(t *testing.T) (columns int) {
	t.Helper()
	db := s.Database(t)
	rows, err := db.Query(t.Context(), `
SELECT c.table_name, c.column_name
  FROM information_schema.columns c
  JOIN pg_tables p ON p.schemaname = c.table_schema AND p.tablename = c.table_name
 WHERE c.table_schema = 'public' AND c.data_type = 'text'
   AND c.table_name NOT IN ('console_session', 'schema_migration', 'installation', 'audit_outcome')
   AND c.column_name NOT IN ('connection_id', 'contact_id', 'trigger_id', 'cause')
 ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	type column struct{ Table, Name string }
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		t.Fatal(err)
	}
	s.Exec(t, "ALTER TABLE audit_entry DISABLE TRIGGER append_only") // by the database's owner
	for _, c := range all {
		name := pgx.Identifier{c.Name}.Sanitize()
		// The row's place keeps what has to be unique apart.
		tag, err := db.Exec(t.Context(), "UPDATE "+pgx.Identifier{c.Table}.Sanitize()+" SET "+name+" = $1 || replace(ctid::text, ',', '.')", canary)
		if refused, is := errors.AsType[*pgconn.PgError](err); is && strings.HasPrefix(refused.Code, "23") {
			continue // a constraint keeps it out
		}
		if err != nil {
			t.Fatalf("%s.%s: %v", c.Table, c.Name, err)
		}
		if tag.RowsAffected() > 0 {
			columns++
		}
	}
	return columns
}

// Both ways say in numbers what they change, and the one that breaks things says so.
func TestProgram_saysWhatASwitchBreaks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleOperator)
	b.get(t, s.path("/program/plan?program=48001&way=in_place")).says(t, http.StatusOK, "10 properties will be kept", "the values of 0 contacts will be replaced")
	b.get(t, s.path("/program/plan?program=48001")).says(t, http.StatusOK, "10 properties will be removed from HubSpot", "Switch in place to keep them")
	b.get(t, s.path("/program/plan?program=1")).says(t, http.StatusUnprocessableEntity, "has no program", "choose one of")
	b.get(t, s.path("/program/plan")).says(t, http.StatusUnprocessableEntity, "Choose a program")
}

func TestDeletions_areKeptOrDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, contact := range []string{"9001", "9002", "9003"} {
		s.Exec(t, `INSERT INTO due_deletion (connection_id, contact_id, state, heard_at, waiting_since) VALUES ($1, $2, 'waiting', now(), now())`, s.Connection.ID, contact)
	}
	b := s.signedIn(t, bridge.RoleOperator)
	b.get(t, s.path("/deletions")).says(t, http.StatusOK, "3 deletions wait", "9002", "Keep all 3")
	b.get(t, s.path("/deletions/contacts/ask?contact=9001&act=reject")).says(t, http.StatusOK, "1 participant will stay", `value="9001"`)
	b.submit(t, s.path("/deletions/contacts/reject"), url.Values{"contact": {"9001"}}).says(t, http.StatusOK, "1 participant will stay in Advocate", "2 deletions wait")
	b.submit(t, s.path("/deletions/contacts/approve"), url.Values{"all": {"1"}}).says(t, http.StatusOK, "2 participants will be deleted within a minute")
	b.submit(t, s.path("/deletions/contacts/guard"), url.Values{"guard": {"7"}}).says(t, http.StatusOK, "more than 7 are due")
}

// An empty installation shows the way to a synced portal.
func TestOverview_ofAnEmptyInstallationShowsTheWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleAdmin)
	b.submit(t, s.path("/disconnect"), nil).says(t, http.StatusOK, "Disconnected", "Nothing is connected yet", `href="/connect"`, "Run a mass sync")
	s.signedIn(t, bridge.RoleViewer).get(t, "/").says(t, http.StatusOK, "Ask an admin to do it")
}

// Below a prefix that a proxy takes off, every link, form and file has it.
func TestPages_workBelowAPrefix(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	cookies := s.signedIn(t, bridge.RoleAdmin).client.Jar
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	handler := s.Handler(t, s.URL+"/sync")
	address := regexp.MustCompile(`(?:href|action|src|data-live)="(/[^"]*)"`)
	for _, path := range []string{"/", s.path(""), s.path("/problems"), s.path("/mass-syncs"), s.path("/rules"), s.path("/deletions"), s.path("/triggers/new"), "/connect", "/tokens", "/erasures"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		for _, cookie := range cookies.Cookies(at) {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		found := address.FindAllStringSubmatch(w.Body.String(), -1)
		if w.Code != http.StatusOK || len(found) < 5 {
			t.Errorf("%s: %d, %d addresses", path, w.Code, len(found))
		}
		for _, m := range found {
			if !strings.HasPrefix(m[1], "/sync/") {
				t.Errorf("%s leads to %s", path, m[1])
			}
		}
	}
}

// The first page that somebody opens takes less than 100 KB, files included.
func TestConsole_firstLoadIsSmall(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleAdmin)
	total := 0
	for _, path := range []string{"/", "/static/console.css", "/static/console.js", "/static/icon.svg"} {
		total += len(b.get(t, path).says(t, http.StatusOK).body)
	}
	t.Logf("%.1f KB", float64(total)/1024)
	if total > 100<<10 {
		t.Errorf("the first load takes %d bytes", total)
	}
}
