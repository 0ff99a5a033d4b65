package store_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/store"
)

// impersonal are the columns that cannot hold or identify a person, by table:
// ids of connections and runs, fixed words, names of fields, and what belongs to
// the installation.
var impersonal = map[string]string{
	"advocate_event":          "connection_id event_id export_id kind",
	"advocate_subscription":   "connection_id endpoint_url reason",
	"agreement":               "connection_id",
	"api_token":               "id role secret_hash",
	"audit_entry":             "actor_kind connection_id operation request_id role token_id",
	"audit_outcome":           "code outcome",
	"budget":                  "granted",
	"connect_intent":          "browser_hash connection_id failure id link_hash state_hash",
	"connection":              "refusals contact_id_field id impact_refusal program status status_reason tenant",
	"connection_hour":         "connection_id lag_counts",
	"connection_minute":       "connection_id lag_counts",
	"console_session":         "token_hash",
	"contact_email":           "connection_id",
	"contact_lease":           "connection_id",
	"contact_decision":        "connection_id reason state",
	"contact_ledger":          "connection_id reason state",
	"due_deletion":            "connection_id kind state",
	"erasure":                 "advocate_answer connection_id hubspot_answer problem source",
	"erasure_block":           "connection_id",
	"erasure_order":           "connection_id order_id",
	"form_cursor":             "connection_id form",
	"form_submission":         "connection_id form",
	"former_mapping":          "connection_id ending",
	"hubspot_token":           "client_id connection_id",
	"inbox":                   "connection_id dedupe_key kind property",
	"installation":            "pepper pepper_recovery",
	"journal":                 "holder read_offset reason state",
	"journal_portal":          "problem",
	"mapping":                 "connection_id",
	"mass_wish":               "wish",
	"merged_contact":          "connection_id",
	"object_inbox":            "connection_id dedupe_key kind object_type property",
	"parked_item":             "advice cause connection_id hints outcome",
	"participant_ledger":      "connection_id",
	"program_switch":          "connection_id from_program reason state to_program",
	"program_switch_property": "name outcome words",
	"receipt_key":             "private_key public_key",
	"reconcile":               "list_after step",
	"reconcile_contact":       "presence",
	"reconcile_count":         "class outcome",
	"reconcile_finding":       "class outcome repair",
	"reconcile_unlisted":      "from_id list to_id",
	"schedule_pause":          "connection_id schedule_id",
	"schema_migration":        "name",
	"staged_participant":      "plan result sender state",
	"sync_run":                "connection_id export_id kind program reason state",
	"tombstone":               "connection_id",
	"tracked_event":           "connection_id form guarded object_type order_id property reason receipt state trigger_id",
	"trigger_definition":      "connection_id trigger_id",
	"trigger_version":         "connection_id schema source trigger_id",
}

// Every column that can hold or identify a person is in the manual, with how long
// it is kept and what deletes it. Whoever adds a column decides which it is: a
// line in docs/security.md, or a word above.
func TestManual_saysHowLongEverythingPersonalIsKept(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/security.md")
	must(t, err)
	_, section, found := strings.Cut(string(page), "## What is kept, and for how long")
	if !found {
		t.Fatal("docs/security.md has no table of what is kept")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z_]+\\.[a-z_]+)`").FindAllStringSubmatch(section, -1) {
		documented[m[1]] = true
	}

	d := newDatabase(t)
	rows, err := d.side.Query(t.Context(), `
SELECT c.table_name, c.column_name
  FROM information_schema.columns c
  JOIN pg_tables p ON p.schemaname = c.table_schema AND p.tablename = c.table_name
 WHERE c.table_schema = 'public' AND c.data_type NOT IN
       ('boolean', 'smallint', 'integer', 'bigint', 'double precision', 'numeric', 'interval', 'date', 'timestamp with time zone')
 ORDER BY 1, 2`)
	must(t, err)
	known := map[string]bool{}
	for rows.Next() {
		var table, column string
		must(t, rows.Scan(&table, &column))
		name := table + "." + column
		known[name] = true
		harmless := slices.Contains(strings.Fields(impersonal[table]), column)
		switch {
		case documented[name] && harmless:
			t.Errorf("%s is both personal and not", name)
		case !documented[name] && !harmless:
			t.Errorf("docs/security.md does not say how long %s is kept", name)
		}
	}
	must(t, rows.Err())
	for name := range documented {
		if !known[name] {
			t.Errorf("docs/security.md tells of %s, which there is not", name)
		}
	}
	for table, columns := range impersonal {
		for column := range strings.FieldsSeq(columns) {
			if !known[table+"."+column] {
				t.Errorf("there is no column %s.%s", table, column)
			}
		}
	}
}

// The credentials of a consent that nobody followed up go a day after it expired,
// also where no other consent is ever asked for.
func TestPurgeIntents_forgetsAbandonedCredentials(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, link := range []string{"abandoned", "under way"} {
		_, err := d.SaveIntent(t.Context(), store.Intent{Tenant: "acme", Program: "p1", Credentials: secrets}, link, time.Hour)
		must(t, err)
	}
	d.exec(t, "UPDATE connect_intent SET expires_at = now() - interval '25 hours' WHERE id = (SELECT min(id) FROM connect_intent)")
	n, err := d.PurgeIntents(t.Context())
	must(t, err)
	var left int
	must(t, d.side.QueryRow(t.Context(), "SELECT count(*) FROM connect_intent").Scan(&left))
	if n != 1 || left != 1 {
		t.Errorf("%d went, %d are left", n, left)
	}
}

// Of each kind one is over and the other is not.
func TestPurge_takesWhatIsOverAndLeavesTheRest(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	past, future := time.Now().Add(-48*time.Hour), time.Now().Add(48*time.Hour)
	const dueSince = "INSERT INTO due_deletion (connection_id, contact_id, state, heard_at, waiting_since) VALUES ($1, $2, $3, $4, $4)"
	tests := map[string]struct {
		table string
		fill  func()
		purge func(context.Context) (int64, error)
		left  int
	}{
		"sessions of the console": {"console_session", func() {
			const insert = "INSERT INTO console_session (token_hash, data, expires_at) VALUES ($1, '', $2)"
			d.exec(t, insert, "over", past)
			d.exec(t, insert, "under way", future)
		}, d.PurgeConsoleSessions, 1},
		"leases of contacts, after a worker died": {"contact_lease", func() {
			const insert = "INSERT INTO contact_lease (connection_id, contact_id, holder, expires_at) VALUES ($1, $2, 'contact/x', $3)"
			d.exec(t, insert, d.conn.ID, "101", past)
			d.exec(t, insert, d.conn.ID, "102", future)
		}, func(ctx context.Context) (int64, error) { return d.PurgeLeases(ctx, time.Now()) }, 1},
		"deletions that were counted; one that waits for a person stays, however long": {"due_deletion", func() {
			d.exec(t, dueSince, d.conn.ID, "101", "done", past)
			d.exec(t, dueSince, d.conn.ID, "102", "waiting", past)
			d.exec(t, dueSince, d.conn.ID, "103", "done", future)
		}, func(ctx context.Context) (int64, error) { return d.PurgeDeletions(ctx, time.Now()) }, 2},
	}
	for name, tt := range tests {
		tt.fill()
		if n, err := tt.purge(t.Context()); err != nil || n != 1 {
			t.Errorf("%s: %d went, %v", name, n, err)
		}
		if left := d.count(t, "SELECT count(*) FROM "+tt.table); left != tt.left {
			t.Errorf("%s: %d are left, want %d", name, left, tt.left)
		}
	}
}
