package browser_test

import (
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/console/consoletest"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// scene is the console of an installation that people have worked with: one
// connection with something of every kind that a page can show, and one that has
// just been made.
type scene struct {
	*consoletest.Site

	fresh  string // the connection on which nothing has happened yet
	person string // a contact that both vendors know
	deal   string // a deal that is won

	dryRun, massSync, reconcile int64 // runs that have ended
	erasure, openErasure        int64
	programSwitch               int64
}

// The portal and the tenant on which nothing has happened yet.
const (
	freshPortal = 4711002
	freshToken  = "pat-eu1-fresh"
	freshTenant = "fresh"
	freshKey    = "LIVE_fresh"
)

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Site: consoletest.New(t)}
	s.addFreshConnection(t)
	s.addPeople(t)
	s.addProblems(t)
	s.addRuns(t)
	s.addErasures(t)
	s.addTriggers(t)
	s.addTime(t)
	return s
}

// path is the address of a page of the connection that has seen something.
func (s *scene) path(below string) string { return "/connections/" + s.Connection.ID + below }

// row runs a statement about the connection, which is its first argument.
func (s *scene) row(t *testing.T, statement string, args ...any) {
	t.Helper()
	s.Exec(t, statement, append([]any{s.Connection.ID}, args...)...)
}

func (s *scene) addFreshConnection(t *testing.T) {
	t.Helper()
	s.HubSpot.AddPortal(hubspottest.PortalConfig{ID: freshPortal, Token: freshToken})
	tenant := advocatetest.DefaultTenant()
	tenant.Alias, tenant.Key = freshTenant, freshKey
	if _, err := s.Advocate.AddTenant(tenant); err != nil {
		t.Fatal(err)
	}
	c, err := s.Operator.Connect(t.Context(), operator.ConnectInput{
		Tenant: freshTenant, Program: s.Connection.Program,
		Credentials: store.Credentials{HubSpotToken: freshToken, AdvocateKey: freshKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.fresh = c.ID
}

// addPeople maps 240 contacts. One of them is really there.
func (s *scene) addPeople(t *testing.T) {
	t.Helper()
	ann := s.Join(t, "ann@shop.example", "Ann", "Archer")
	s.person = s.CreateContact(t, map[string]string{"email": "ann@shop.example", "firstname": "Ann", "lastname": "Archer"})
	s.row(t, `INSERT INTO mapping (connection_id, contact_id, account_id, user_id, email_hash) VALUES ($1, $2, $3, $4, $5)`,
		s.person, ann.AccountID, ann.ID, s.Store.Hasher().Email("ann@shop.example"))
	s.row(t, `INSERT INTO contact_ledger (connection_id, contact_id, state, email_hash) VALUES ($1, $2, 'mapped', $3)`, s.person, s.Store.Hasher().Email("ann@shop.example"))
	s.row(t, `INSERT INTO mapping (connection_id, contact_id, account_id, user_id) SELECT $1, 20000 + n, 'a' || n, 'u' || n FROM generate_series(1, 240) AS n`)
	s.row(t, `INSERT INTO contact_ledger (connection_id, contact_id, state) SELECT $1, 20000 + n, 'mapped' FROM generate_series(1, 240) AS n`)
	for _, heard := range []struct{ kind, property, ago string }{
		{"created", "", "3 hours"}, {"updated", "email", "2 hours"}, {"updated", bridge.PropReferredByCode, "20 minutes"},
	} {
		s.row(t, `INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, received_at, relayed_at, dedupe_key, echo)
		 VALUES ($1, $2, $3, $4, now() - $5::interval, now() - $5::interval, now() - $5::interval, $5, false)`, s.person, heard.kind, heard.property, heard.ago)
	}
	s.row(t, `INSERT INTO contact_decision (connection_id, contact_id, decided_at, state, reason)
	 VALUES ($1, $2, now() - interval '3 hours', 'awaiting_email', 'no_email'), ($1, $2, now() - interval '2 hours', 'mapped', '')`, s.person)
	s.row(t, `UPDATE connection SET report_watermark = now() - interval '40 seconds' WHERE id = $1`)
	s.row(t, `INSERT INTO agreement (connection_id, agreed_at, pairs, repaired, left_to_people) VALUES ($1, now() - interval '5 hours', 241, 2, 3)`)
}

// addProblems parks items, and has deletions wait.
func (s *scene) addProblems(t *testing.T) {
	t.Helper()
	for _, item := range []struct {
		contact string
		cause   bridge.Cause
		words   string
	}{
		{s.person, bridge.CauseCodeDropped, "the referral code NOSUCHCODE does not exist in this program"},
		{"20002", bridge.CauseCodeDropped, "the referral code MISTYPED does not exist in this program"},
		{"20003", bridge.CauseHalfPair, ""},
		{"20004", bridge.CauseHalfPair, ""},
		{"20005", bridge.CauseUnknownPair, ""},
		{"20006", bridge.CauseRefusedByHubSpot, `Property values were not valid: [{"isValid":false,"message":"website https://a-long-address.example/with/no/place/to/break/anywhere/in/it is not valid","error":"INVALID_URL","name":"website"}]`},
	} {
		if _, err := s.Store.Park(t.Context(), bridge.ParkedItem{
			ConnectionID: s.Connection.ID, ContactID: item.contact, Cause: item.cause, VendorMessage: item.words,
			Advice: "correct the value in HubSpot, then retry",
		}); err != nil {
			t.Fatal(err)
		}
	}
	s.row(t, `INSERT INTO due_deletion (connection_id, contact_id, state, kind, heard_at, waiting_since)
	 SELECT $1, 20100 + n, 'waiting', CASE WHEN n <= 14 THEN 'deletion' ELSE 'inferred' END, now(), now() - interval '30 minutes' FROM generate_series(1, 17) AS n`)
}

// addRuns adds what has run: a dry run, the mass sync after it, a reconcile, and a
// switch of the program.
func (s *scene) addRuns(t *testing.T) {
	t.Helper()
	s.dryRun, s.massSync, s.reconcile, s.programSwitch = 9001, 9002, 9003, 1
	s.row(t, `INSERT INTO sync_run (id, connection_id, kind, state, program, exported_at, total, created, matched, updated, unchanged, blocked, parked,
	   hubspot_calls, advocate_calls, dry_run, created_at, finished_at)
	 OVERRIDING SYSTEM VALUE VALUES
	 ($2, $1, 'mass', 'done', '47255', now(), 360, 200, 120, 20, 14, 4, 2, 9, 1, true, now() - interval '3 days', now() - interval '3 days' + interval '20 seconds'),
	 ($3, $1, 'mass', 'done', '47255', now(), 360, 199, 121, 20, 14, 4, 2, 14, 40, false, now() - interval '2 days', now() - interval '2 days' + interval '95 seconds'),
	 ($4, $1, 'reconcile', 'done', '47255', now(), 241, 0, 0, 2, 236, 0, 3, 12, 3, false, now() - interval '5 hours', now() - interval '5 hours' + interval '31 seconds')`,
		s.dryRun, s.massSync, s.reconcile)
	s.Exec(t, `SELECT setval(pg_get_serial_sequence('sync_run', 'id'), 9003)`)
	s.Exec(t, `INSERT INTO reconcile (run_id, step, contacts, pairs) VALUES ($1, 'compared', 264, 241)`, s.reconcile)
	s.Exec(t, `INSERT INTO reconcile_count (run_id, class, outcome, n) VALUES ($1, 'contact_values', 'repaired', 2), ($1, 'ids_edited', 'parked', 3)`, s.reconcile)
	s.row(t, `INSERT INTO program_switch (id, connection_id, from_program, to_program, in_place, mass_sync, state, created_at, connected_at, finished_at, refresh_run)
	 OVERRIDING SYSTEM VALUE VALUES ($2, $1, '48001', '47255', true, false, 'done', now() - interval '9 days', now() - interval '9 days', now() - interval '9 days', $3)`,
		s.programSwitch, s.massSync)
	s.Exec(t, `SELECT setval(pg_get_serial_sequence('program_switch', 'id'), 1)`)
	s.Exec(t, `INSERT INTO program_switch_property (switch_id, name, outcome, words) VALUES ($1, $2, 'kept', ''), ($1, $3, 'in_use', 'The property is used in 2 lists')`,
		s.programSwitch, bridge.PropReferralCode, bridge.PropShareLink)
}

// addErasures adds one erasure that is done, one that is held up, and one that was
// not done.
func (s *scene) addErasures(t *testing.T) {
	t.Helper()
	s.erasure, s.openErasure = 1, 2
	s.row(t, `INSERT INTO erasure (id, connection_id, contact_id, source, requested_by, occurred_at, heard_at, verified_at, blocked_at, deleted_at, checked_at, forgotten_at, doubted_at,
	   participants, contacts, attempts, problem, tried_at, hubspot_answer, advocate_answer, advocate_asked)
	 OVERRIDING SYSTEM VALUE VALUES
	 (1, $1, '20201', 'hubspot', '', now() - interval '1 day', now() - interval '1 day', now(), now(), now(), now(), now(), NULL, 1, 1, 0, '', NULL, 'not_found', 'do_not_track', 1),
	 (2, $1, '20202', 'operator', 'marie', now() - interval '2 hours', now() - interval '2 hours', now(), now(), NULL, NULL, NULL, NULL, 0, 0, 4, 'Advocate answered 503', now(), '', '', 0),
	 (3, $1, '20203', 'hubspot', '', now() - interval '3 hours', now() - interval '3 hours', NULL, now(), NULL, NULL, NULL, now(), 0, 0, 0, '', NULL, 'shown', '', 0)`)
	s.Exec(t, `SELECT setval(pg_get_serial_sequence('erasure', 'id'), 3)`)
}

// wonDeals is a trigger that people would write.
const wonDeals = `id: won
object: deal
event: {type: property_changed, property: dealstage}
when: deal.dealstage == "closedwon"
conversion:
  campaign_id: 47255
  action_tracker_id: 30101
  fields: {Amount: = deal.amount, CurrencyCode: EUR}
`

// addTriggers applies a trigger, with events of which some wait for a person.
func (s *scene) addTriggers(t *testing.T) {
	t.Helper()
	var err error
	if s.deal, err = s.Portal.Person(1).Create("deals", map[string]string{"dealname": "Twelve lamps", "dealstage": "closedwon", "amount": "1200"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Operator.ApplyTrigger(t.Context(), s.Connection, []byte(wonDeals)); err != nil {
		t.Fatal(err)
	}
	s.row(t, `INSERT INTO tracked_event (connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission, occurred_at, order_id,
	   contact_id, candidates, state, reversal, reason, words, receipt, guarded, held_at, wait_until)
	 SELECT $1, 'won', 1, 'deal', 31000 + n, 'dealstage', '', '', now() - n * interval '7 minutes', 'hs-4711001-' || (31000 + n),
	   20000 + n, ARRAY['x'], CASE WHEN n <= 3 THEN 'awaiting_approval' WHEN n <= 5 THEN 'skipped' ELSE 'complete' END, false,
	   CASE WHEN n BETWEEN 4 AND 5 THEN 'skipped by an operator' ELSE '' END, '', '', CASE WHEN n <= 2 THEN 'import' WHEN n = 3 THEN 'at_once' END, now(), NULL
	 FROM generate_series(1, 60) AS n`)
}

// addTime adds a day of minutes to plot, some hands in the audit log, and tokens.
func (s *scene) addTime(t *testing.T) {
	t.Helper()
	s.row(t, `INSERT INTO connection_minute (connection_id, minute, sampled_at, heard, contacts_written, participants_written, backlog, calls, parked, drift)
	 SELECT $1, date_trunc('minute', now()) - n * interval '1 minute', now(), (12 + 9 * sin(n / 60.0))::int, (8 + 6 * sin(n / 60.0))::int, (3 + 2 * cos(n / 45.0))::int,
	   greatest(0, (6 * sin(n / 200.0))::int), (30 + 25 * sin(n / 60.0))::int, 6, 3 FROM generate_series(1, 1440) AS n`)
	for i, operation := range []string{"startMassSync", "retryParked", "pauseConnection", "resumeConnection", "revealContact"} {
		s.row(t, `WITH e AS (INSERT INTO audit_entry (at, actor_kind, actor, token_id, role, operation, connection_id, subject, request_id, remote)
		   VALUES (now() - $2 * interval '11 minutes', 'person', 'marie', '', 'operator', $3, $1, 'contact:20001', 'a1b2c3d4e5f6a7b8', '192.0.2.17') RETURNING id)
		 INSERT INTO audit_outcome (audit_id, at, outcome, code, subject) SELECT id, now(), 'done', '', '' FROM e`, i, operation)
	}
	s.Token(t, bridge.RoleViewer)
}
