package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

// staySmall are the tables that have a few rows for each connection, however
// long it lives. Every other one grows, and no query may read it whole.
var staySmall = map[string]string{
	"connection":              "one row each",
	"budget":                  "one row each",
	"hubspot_token":           "one row each",
	"advocate_subscription":   "one row each",
	"installation":            "one row",
	"trigger_definition":      "as many as somebody writes",
	"trigger_version":         "as many as somebody writes",
	"form_cursor":             "one row for each form that triggers watch",
	"program_switch":          "one row for each change of the program",
	"program_switch_property": "ten rows for each change of the program",
	"mass_wish":               "one row for each mass sync of the last days",
	"connect_intent":          "links that live for a quarter of an hour",
	"schedule_pause":          "three rows each at most",
	"agreement":               "one row each",
	"journal":                 "one row",
	"journal_portal":          "one row each",
	"reconcile":               "one row for each reconcile of the last days",
	"reconcile_count":         "some rows for each reconcile of the last days",
}

// readWhole are the statements that may read a growing table whole, by a part of
// them, and why.
var readWhole = map[string]string{
	"WITH RECURSIVE line": "housekeeping, once a day, follows every merge to its end",
}

// A thousand connections, each with some days of work behind it. The first one
// is the one that the test looks at.
const seedConnections = 1000

var seeds = []string{
	`INSERT INTO connection (id, portal_id, tenant, program, rule_participant_created, rule_participant_updated, rule_contact_created,
	        rule_contact_updated, share_pii_updates, contact_id_field, credentials)
	 SELECT 'c' || translate(lpad(n::text, 9, '0'), '0123456789', 'abcdefghij'), 100000 + n, 'tenant' || n, 'p1', true, true, true, true, false, 'f', ''
	   FROM generate_series(1, $1::bigint) AS n`,
	`INSERT INTO budget (portal_id) SELECT portal_id FROM connection`,
	`INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, received_at, relayed_at)
	 SELECT id, n, 'updated', 'email', now(), n, false, now() - n * interval '5 hours', CASE WHEN n > 2 OR portal_id % 20 <> 0 THEN now() - n * interval '5 hours' END
	   FROM connection, generate_series(1, 30) AS n`,
	`INSERT INTO object_inbox (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key, received_at, relayed_at)
	 SELECT id, 'deal', n, 'created', '', now(), n, now() - n * interval '8 hours', CASE WHEN n > 2 OR portal_id % 20 <> 0 THEN now() - n * interval '8 hours' END
	   FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO advocate_event (connection_id, event_id, kind, export_id, received_at, handled_at)
	 SELECT id, n, CASE WHEN n % 2 = 0 THEN 'export_completed' ELSE 'participant_created' END, CASE WHEN n % 2 = 0 THEN 'e' || n ELSE '' END,
	        now() - n * interval '8 hours', CASE WHEN n > 1 THEN now() END
	   FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO mapping (connection_id, contact_id, account_id, user_id, by_email)
	 SELECT id, n, 'a' || n, 'u' || n, true FROM connection, generate_series(1, 30) AS n`,
	`INSERT INTO contact_ledger (connection_id, contact_id, state, email_hash, decided_at)
	 SELECT id, n, CASE WHEN n > 30 THEN 'deleted' ELSE 'mapped' END, sha256(n::text::bytea), now() - n * interval '1 day'
	   FROM connection, generate_series(1, 35) AS n`,
	`INSERT INTO participant_ledger (connection_id, identity_hash, row_hash)
	 SELECT id, sha256(n::text::bytea), '' FROM connection, generate_series(1, 30) AS n`,
	`INSERT INTO tombstone (connection_id, key_hash) SELECT id, sha256(n::text::bytea) FROM connection, generate_series(100, 105) AS n`,
	`INSERT INTO contact_email (connection_id, contact_id, email_hash) SELECT id, n, sha256(n::text::bytea) FROM connection, generate_series(1, 10) AS n`,
	`INSERT INTO erasure (connection_id, contact_id, source, occurred_at, verified_at, blocked_at, deleted_at, checked_at, forgotten_at)
	 SELECT id, n, 'hubspot', now(), now(), now(), now(), now(), now() FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO erasure_block (connection_id, contact_id, key_hash) SELECT id, n, sha256(n::text::bytea) FROM connection, generate_series(1, 10) AS n`,
	`INSERT INTO former_mapping (connection_id, contact_id, account_id, user_id, by_email, ending, ended_at)
	 SELECT id, n, 'a' || n, 'u' || n, true, 'deleted', now() - n * interval '1 day' FROM connection, generate_series(31, 40) AS n`,
	`INSERT INTO merged_contact (connection_id, contact_id, heir_id) SELECT id, n, n - 30 FROM connection, generate_series(41, 45) AS n`,
	`INSERT INTO sync_run (connection_id, kind, state, program, since, export_id, exported_at, created_at, finished_at)
	 SELECT id, 'report', CASE WHEN n > 1 THEN 'done' ELSE 'planned' END, 'p1', now(), 'e' || n, now(), now() - n * interval '4 hours', CASE WHEN n > 1 THEN now() - n * interval '4 hours' END
	   FROM connection, generate_series(40, 1, -1) AS n`,
	`INSERT INTO sync_run (connection_id, kind, state, program, exported_at, finished_at)
	 SELECT id, 'mass', 'done', 'p1', now(), now() FROM connection`,
	`INSERT INTO sync_run (connection_id, kind, state, program, exported_at, finished_at)
	 SELECT id, 'reconcile', 'done', 'p1', now(), now() FROM connection`,
	`INSERT INTO reconcile_contact (run_id, contact_id, presence, read_at, contact_hash, half_pair, has_inputs)
	 SELECT r.id, n, 'live', now(), sha256(n::text::bytea), false, false FROM sync_run r, generate_series(1, 20) AS n WHERE r.kind = 'reconcile'`,
	`INSERT INTO reconcile_email (run_id, contact_id, email_hash)
	 SELECT r.id, n, sha256(n::text::bytea) FROM sync_run r, generate_series(1, 20) AS n WHERE r.kind = 'reconcile'`,
	`INSERT INTO reconcile_finding (run_id, class, repair, contact_id)
	 SELECT r.id, 'values_differ', 'write', n FROM sync_run r, generate_series(1, 20) AS n WHERE r.kind = 'reconcile'`,
	`INSERT INTO due_deletion (connection_id, contact_id, state, heard_at, waiting_since)
	 SELECT id, n, CASE WHEN n % 10 = 0 THEN 'waiting' ELSE 'done' END, now() - n * interval '1 hour', CASE WHEN n % 10 = 0 THEN now() END
	   FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO tracked_event (connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission, occurred_at,
	        order_id, contact_id, candidates, state, reversal, reason, receipt, wait_until, poll_at, decided_at)
	 SELECT id, 'won', 1, 'deal', n, '', '', '', now(), 'o' || n, n, '{}', CASE n % 20 WHEN 0 THEN 'sent' WHEN 1 THEN 'skipped' WHEN 2 THEN 'waiting' ELSE 'complete' END,
	        false, '', 'r', now(), now(), CASE WHEN n % 20 NOT IN (0, 2) THEN now() - n * interval '1 day' END
	   FROM connection, generate_series(1, 40) AS n`,
	`INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, cause, advice, words, closed_at, outcome)
	 SELECT id, CASE WHEN n % 2 = 0 THEN n::text ELSE '' END, 'a' || n, 'u' || n, 'rejected', '', '',
	        CASE WHEN n > 2 THEN now() - n * interval '1 day' END, CASE WHEN n > 2 THEN 'resolved' END
	   FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO contact_lease (connection_id, contact_id, holder, expires_at) SELECT id, n, 'w' || n, now() - n * interval '1 hour' FROM connection, generate_series(1, 10) AS n`,
	`INSERT INTO contact_decision (connection_id, contact_id, decided_at, state, reason)
	 SELECT id, n, now() - n * interval '1 hour', 'mapped', '' FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO connection_minute (connection_id, minute, sampled_at, mapped)
	 SELECT id, now() - n * interval '6 hours', now(), 30 FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO connection_hour (connection_id, hour, heard, contacts_written, participants_written, lag_counts, backlog, calls, parked, drift)
	 SELECT id, now() - n * interval '1 hour', 1, 1, 1, '{0,0,0,0,0,0,0,0,0,0,0,0}', 1, 1, 1, 1 FROM connection, generate_series(1, 20) AS n`,
	`INSERT INTO audit_entry (at, actor_kind, actor, token_id, role, operation, connection_id, subject, request_id, remote)
	 SELECT now(), 'token', 'script' || n, 'abcdefghij', 'operator', 'operation' || n, id, 'contact:' || n || portal_id, 'r', '' FROM connection, generate_series(1, 40) AS n`,
	`INSERT INTO audit_outcome (audit_id, at, outcome, code, subject) SELECT id, at, 'done', '', 'run:' || id FROM audit_entry`,
	`INSERT INTO form_cursor (connection_id, form, read_to) SELECT id, 'f1', now() FROM connection`,
	`INSERT INTO form_submission (connection_id, form, submission, submitted_at) SELECT id, 'f1', n, now() FROM connection, generate_series(1, 10) AS n`,
	`INSERT INTO staged_participant (run_id, ordinal, account_id, user_id, email, first_name, last_name, referral_code, share_link,
	        contact_id_hint, row_hash, shared_hash, email_hash, identity_hash, plan, page, state)
	 SELECT r.id, n, 'a' || n, 'u' || n, '', '', '', '', '', '', '', '', sha256(n::text::bytea), sha256(n::text::bytea), 'update', 1 + n / 100, 'planned'
	   FROM sync_run r, generate_series(1, 30) AS n WHERE r.state = 'planned'`,
	`ANALYZE`,
}

// planNode is a node of a plan, as EXPLAIN (FORMAT JSON) tells of it.
type planNode struct {
	Type      string     `json:"Node Type"`
	Relation  string     `json:"Relation Name"`
	Index     string     `json:"Index Name"`
	IndexCond string     `json:"Index Cond"`
	Plans     []planNode `json:"Plans"`
}

// wholeReads are the nodes of a plan that read all of a growing table, or all of
// an index over one. Partial indexes are as small as their condition makes them.
func (n planNode) wholeReads(partial map[string]bool, limited bool) []string {
	var found []string
	limited = limited || n.Type == "Limit"
	switch {
	case staySmall[n.Relation] != "":
	case n.Type == "Seq Scan":
		found = append(found, "all of "+n.Relation)
	case strings.Contains(n.Type, "Index") && n.Index != "" && n.IndexCond == "" && !partial[n.Index] && !limited:
		found = append(found, "all of index "+n.Index)
	}
	for _, child := range n.Plans {
		found = append(found, child.wholeReads(partial, limited)...)
	}
	return found
}

func (d database) plan(t *testing.T, q storetest.Query) planNode {
	t.Helper()
	var raw string
	if err := d.side.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+q.SQL, q.Args...).Scan(&raw); err != nil {
		t.Fatalf("explain %s: %v", q.SQL, err)
	}
	var plans []struct{ Plan planNode }
	must(t, json.Unmarshal([]byte(raw), &plans))
	return plans[0].Plan
}

// explained is a plan for people.
func (d database) explained(t *testing.T, q storetest.Query) string {
	t.Helper()
	rows, err := d.side.Query(t.Context(), "EXPLAIN "+q.SQL, q.Args...)
	must(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return strings.Join(lines, "\n")
}

func explainable(sql string) bool {
	verb, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
	return slices.Contains([]string{"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}, strings.ToUpper(strings.TrimSpace(verb)))
}

func (d database) partialIndexes(t *testing.T) map[string]bool {
	t.Helper()
	rows, err := d.side.Query(t.Context(), "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL")
	must(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	partial := map[string]bool{}
	for _, name := range names {
		partial[name] = true
	}
	return partial
}

// Whatever runs often, or over all connections, or while others wait for it.
func TestNoQueryReadsAGrowingTableWhole(t *testing.T) {
	t.Parallel()
	opened, dsn := storetest.NewWithDSN(t)
	d := newSide(t, opened, dsn)
	for _, seed := range seeds {
		if strings.Contains(seed, "$1") {
			d.exec(t, seed, seedConnections)
		} else {
			d.exec(t, seed)
		}
	}
	traced := &storetest.Queries{}
	var err error
	d.Store, err = store.Open(t.Context(), dsn, storetest.Sealer(t), store.Traced(traced))
	must(t, err)
	t.Cleanup(d.Store.Close)
	all, err := d.Connections(t.Context())
	must(t, err)
	d.conn = all[0]
	partial := d.partialIndexes(t)

	calls := d.calls(t)
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		traced.Take()
		if err := calls[name](t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, q := range traced.Take() {
			if !explainable(q.SQL) || excused(q.SQL) {
				continue
			}
			if found := d.plan(t, q).wholeReads(partial, false); len(found) > 0 {
				t.Errorf("%s reads %s\n%s\n%s", name, strings.Join(found, ", "), q.SQL, d.explained(t, q))
			}
		}
	}
}

func excused(sql string) bool {
	for part := range readWhole {
		if strings.Contains(sql, part) {
			return true
		}
	}
	return false
}

// calls are what the test looks at, by name.
func (d database) calls(t *testing.T) map[string]func(context.Context) error {
	t.Helper()
	var (
		id      = d.conn.ID
		weekAgo = time.Now().Add(-7 * 24 * time.Hour)
		quarter = time.Now().Add(-90 * 24 * time.Hour)
		run     = int64(d.count(t, "SELECT id FROM sync_run WHERE connection_id = $1 AND state = 'planned'", id))
		item    = int64(d.count(t, "SELECT id FROM parked_item WHERE connection_id = $1 AND contact_id = '' AND closed_at IS NULL", id))
		event   = int64(d.count(t, "SELECT min(id) FROM tracked_event WHERE connection_id = $1 AND state = 'sent'", id))
		person  = bridge.Identity{AccountID: "a5", UserID: "u5"}
		hashes  = [][]byte{d.Hasher().Identity(person), d.Hasher().ContactID("5")}
	)
	return map[string]func(context.Context) error{
		"metrics":          func(ctx context.Context) error { return second(d.ConnectionMetrics(ctx)) },
		"health":           func(ctx context.Context) error { return second(d.ConnectionHealth(ctx, id)) },
		"open work":        func(ctx context.Context) error { return second(d.OpenWork(ctx, "")) },
		"open work of one": func(ctx context.Context) error { return second(d.OpenWork(ctx, id)) },
		"agreement":        func(ctx context.Context) error { return second(d.DriftLeft(ctx, id)) },
		"inbox lag":        func(ctx context.Context) error { return second(d.InboxLag(ctx)) },
		"objects' lag":     func(ctx context.Context) error { return second(d.ObjectInboxLag(ctx)) },
		"relay":            func(ctx context.Context) error { return second(d.RelayHints(ctx, 100, new(all).send)) },
		"relay live":       func(ctx context.Context) error { return second(d.RelayLive(ctx, 100, new(all).send)) },
		"purge inbox":      func(ctx context.Context) error { return second(d.PurgeInbox(ctx, weekAgo)) },
		"purge objects":    func(ctx context.Context) error { return second(d.PurgeObjectInbox(ctx, weekAgo)) },
		"relay objects": func(ctx context.Context) error {
			return second(d.RelayObjects(ctx, 100, func(_ context.Context, batch []store.ObjectHints) []error { return make([]error, len(batch)) }))
		},
		"reports awaited":       func(ctx context.Context) error { return second(d.AwaitingReport(ctx, time.Minute)) },
		"exports ready":         func(ctx context.Context) error { return second(d.ReadyExports(ctx, time.Minute)) },
		"purge Advocate events": func(ctx context.Context) error { return second(d.PurgeAdvocateEvents(ctx, weekAgo)) },
		"subscription":          func(ctx context.Context) error { return second(d.AdvocateSubscription(ctx, id)) },
		"due retries":           func(ctx context.Context) error { return second(d.DueRetries(ctx, 1000)) },
		"forget written":        func(ctx context.Context) error { return d.ForgetWritten(ctx, d.conn.PortalID) },
		"begin a report":        func(ctx context.Context) error { return second(d.BeginReport(ctx, id, time.Minute)) },
		"mass sync status":      func(ctx context.Context) error { return second(d.MassProgress(ctx, id, 0)) },
		"mass sync under way":   func(ctx context.Context) error { return second(d.UnfinishedMass(ctx, id)) },
		"prediction": func(ctx context.Context) error {
			_, _, err := d.Prediction(ctx, store.Run{ID: run, ConnectionID: id, ProgramID: "p1"})
			return err
		},
		"purge runs":        func(ctx context.Context) error { return second(d.PurgeRuns(ctx, weekAgo)) },
		"purge parked":      func(ctx context.Context) error { return second(d.PurgeParked(ctx, quarter)) },
		"purge tracked":     func(ctx context.Context) error { return second(d.PurgeTracked(ctx, quarter)) },
		"purge former":      func(ctx context.Context) error { return second(d.PurgeFormer(ctx, quarter)) },
		"parked list":       func(ctx context.Context) error { return second(d.ParkedPage(ctx, id, "", 0, 100)) },
		"parked of a cause": func(ctx context.Context) error { return second(d.ParkedPage(ctx, id, bridge.CauseHalfPair, 0, 100)) },
		"causes of parked":  func(ctx context.Context) error { return second(d.ParkedCauses(ctx, id)) },
		"contacts by email": func(ctx context.Context) error { return second(d.ContactsByEmail(ctx, id, "ann@shop.example")) },
		"rule effects":      func(ctx context.Context) error { return second(d.RuleEffects(ctx, id)) },
		"sample a minute":   d.SampleMinutes,
		"decisions":         func(ctx context.Context) error { return second(d.Decisions(ctx, id, "5", 20)) },
		"purge decisions":   func(ctx context.Context) error { return second(d.PurgeDecisions(ctx, weekAgo)) },
		"numbers": func(ctx context.Context) error {
			return second(d.Numbers(ctx, id, time.Now().Add(-time.Hour), time.Minute))
		},
		"numbers of a fortnight": func(ctx context.Context) error {
			return second(d.Numbers(ctx, id, time.Now().Add(-24*time.Hour), 4*time.Hour))
		},
		"latest runs":      func(ctx context.Context) error { return second(d.LatestRuns(ctx, id, store.RunMass, 10)) },
		"parked of one":    func(ctx context.Context) error { return second(d.OpenParked(ctx, id, "2")) },
		"history":          func(ctx context.Context) error { return second(d.ContactHistory(ctx, id, "5", 0, 100)) },
		"would disconnect": func(ctx context.Context) error { return second(d.WouldForget(ctx, id)) },
		"known":            func(ctx context.Context) error { return second(d.Known(ctx, id, "5")) },
		"contacts of one":  func(ctx context.Context) error { return second(d.ContactsOf(ctx, id, person)) },
		"shared with":      func(ctx context.Context) error { return second(d.SharedWith(ctx, id, "5")) },
		"mapped to":        func(ctx context.Context) error { return second(d.MappedTo(ctx, id, []string{"5", "6"})) },
		"erased":           func(ctx context.Context) error { return second(d.Erased(ctx, id, hashes...)) },
		"blocked":          func(ctx context.Context) error { return second(d.Blocked(ctx, id, hashes...)) },
		"with emails":      func(ctx context.Context) error { return second(d.WithEmails(ctx, id, hashes)) },
		"hear an erasure": func(ctx context.Context) error {
			return second(d.AppendEvents(ctx, []store.Event{{ConnectionID: id, ContactID: "7", Kind: store.EventErased, OccurredAt: time.Now(), DedupeKey: "erased 7"}}))
		},
		"lift an erasure": func(ctx context.Context) error { return d.LiftErasure(ctx, id, "7") },
		"survivors":       func(ctx context.Context) error { return second(d.Survivors(ctx, id, "42")) },
		"merged into":     func(ctx context.Context) error { return second(d.MergedInto(ctx, id, "12")) },
		"settle": func(ctx context.Context) error {
			return d.Settle(ctx, id, "5", store.Settlement{State: bridge.StateMapped})
		},
		"known of a page":   func(ctx context.Context) error { return second(d.KnownAll(ctx, id, page(7)...)) },
		"blocked of a page": func(ctx context.Context) error { return second(d.Blocks(ctx, id, hashes[:1], hashes[1:])) },
		"link a page": func(ctx context.Context) error {
			var links []store.Linking
			for _, contact := range page(200) {
				links = append(links, store.Linking{Mapping: bridge.Mapping{ConnectionID: id, ContactID: contact, AccountID: "a" + contact, UserID: "u" + contact}})
			}
			return d.LinkAll(ctx, id, links)
		},
		"settle a page": func(ctx context.Context) error {
			outs := map[string]store.Settlement{}
			for _, contact := range page(400) {
				outs[contact] = store.Settlement{State: bridge.StateMapped, WrittenHash: []byte("w"), KnownSeq: new(int64), KeepWarnings: true}
			}
			return d.SettleAll(ctx, id, outs)
		},
		"retry contacts": func(ctx context.Context) error {
			return second(d.RetryContacts(ctx, id, []int64{item + 1}, time.Now()))
		},
		"audit log": func(ctx context.Context) error { return second(d.AuditLog(ctx, store.AuditFilter{}, 0, 100)) },
		"audit log of one": func(ctx context.Context) error {
			return second(d.AuditLog(ctx, store.AuditFilter{ConnectionID: id}, 0, 100))
		},
		"audit log of nobody": func(ctx context.Context) error {
			return second(d.AuditLog(ctx, store.AuditFilter{Actor: "nobody"}, 0, 100))
		},
		"audit log of nothing": func(ctx context.Context) error {
			return second(d.AuditLog(ctx, store.AuditFilter{Operation: "none"}, 0, 100))
		},
		"audit log of a subject": func(ctx context.Context) error {
			return second(d.AuditLog(ctx, store.AuditFilter{Subject: "contact:404"}, 0, 100))
		},
		"tracked list": func(ctx context.Context) error { return second(d.TrackedEvents(ctx, id, store.TrackedFilter{})) },
		"tracked of a state": func(ctx context.Context) error {
			return second(d.TrackedEvents(ctx, id, store.TrackedFilter{States: []store.TrackedState{store.TrackedError}}))
		},
		"tracked of a trigger": func(ctx context.Context) error {
			return second(d.TrackedEvents(ctx, id, store.TrackedFilter{TriggerID: "none"}))
		},
		"tracked of one": func(ctx context.Context) error { return second(d.TrackedOf(ctx, id, bridge.ObjectDeal, "5")) },
		"verdicts due":   func(ctx context.Context) error { return second(d.DueVerdicts(ctx, id, 100)) },
		"wake waiting":   func(ctx context.Context) error { return second(d.WakeWaiting(ctx, id)) },
		"tracked open":   func(ctx context.Context) error { return second(d.OpenTracked(ctx, id)) },
		"postpone":       func(ctx context.Context) error { return d.PostponeVerdicts(ctx, id, time.Hour) },
		"end tracked": func(ctx context.Context) error {
			return d.EndTracked(ctx, event, store.TrackedEnd{State: store.TrackedComplete})
		},
		"retry tracked":   func(ctx context.Context) error { return second(d.RetryTracked(ctx, id, []int64{item})) },
		"page of a run":   func(ctx context.Context) error { return second(d.Page(ctx, run, 1)) },
		"begin a page":    func(ctx context.Context) error { return d.MarkSending(ctx, run, 1, "attempt", true) },
		"fence a page":    func(ctx context.Context) error { return refused(d.StillSending(ctx, run, 1, "attempt")) },
		"open pages":      func(ctx context.Context) error { return second(d.OpenPages(ctx, run, 1, 10)) },
		"z abort a run":   func(ctx context.Context) error { return d.AbortRun(ctx, run, "") },
		"z disconnecting": func(ctx context.Context) error { return second(d.Disconnect(ctx, id)) },
	}
}

// page are the ids of a page of contacts, the first of which is given.
func page(from int) []string {
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = fmt.Sprint(from + i)
	}
	return ids
}

// refused drops the answer of a call that is to wait.
func refused(err error) error {
	if bridge.KindOf(err) == bridge.Pending {
		return nil
	}
	return err
}

// second drops a call's result.
func second[T any](_ T, err error) error { return err }

// Deleting a row looks for those that refer to it; without an index that reads
// the other table whole, once for each row.
func TestEveryForeignKeyHasAnIndex(t *testing.T) {
	t.Parallel()
	s, dsn := storetest.NewWithDSN(t)
	d := newSide(t, s, dsn)
	rows, err := d.side.Query(t.Context(), `
SELECT c.conrelid::regclass::text, c.conname
  FROM pg_constraint c
 WHERE c.contype = 'f'
   AND NOT EXISTS (SELECT 1 FROM pg_index i
                    WHERE i.indrelid = c.conrelid
                      AND (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey
                      AND (i.indpred IS NULL
                           OR pg_get_expr(i.indpred, i.indrelid) = '(' || (SELECT attname FROM pg_attribute
                                WHERE attrelid = c.conrelid AND attnum = c.conkey[1]) || ' IS NOT NULL)'))
 ORDER BY 1, 2`)
	must(t, err)
	type key struct{ Table, Constraint string }
	missing, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	must(t, err)
	for _, k := range missing {
		t.Errorf("%s: no index for %s", k.Table, k.Constraint)
	}
	if n := d.count(t, "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"); n == 0 {
		t.Error("there are no foreign keys to look at: ", fmt.Sprint(n))
	}
}
