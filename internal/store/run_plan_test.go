package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// plans returns plan and result by participant, or by row where that is blank.
func (d database) plans(t *testing.T, run store.Run) map[string]string {
	t.Helper()
	rows, err := d.side.Query(t.Context(),
		"SELECT coalesce(nullif(user_id, ''), 'row ' || ordinal), plan || coalesce(' ' || result, '') FROM staged_participant WHERE run_id = $1", run.ID)
	must(t, err)
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var user, plan string
		must(t, rows.Scan(&user, &plan))
		got[user] = plan
	}
	must(t, rows.Err())
	return got
}

// wrote links a contact to a participant and notes that HubSpot has its fields.
func (d database) wrote(t *testing.T, contact, name string) {
	t.Helper()
	d.link(t, contact, name)
	must(t, d.Settle(t.Context(), d.conn.ID, contact, store.Settlement{State: bridge.StateMapped,
		WrittenHash: d.Hasher().Properties(bridge.SharedProperties(person(name), program)), Program: program.ID}))
}

func TestPlanRun_decidesByWhatWeKnow(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	// Handled in an earlier report, and then one row changed. It is not new any
	// more, although it was created not long ago.
	changed := person("changed")
	changed.DateCreated = at(31)
	d.finishAll(t, d.planned(t, person("seen"), changed), store.ResultParked)
	changed.LastName = "Other"

	nobody := person("nobody")
	nobody.Email = "  "
	young := person("young")
	young.DateCreated = at(31) // after the last report
	d.wrote(t, "101", "synced")
	d.wrote(t, "102", "half")
	d.link(t, "103", "half") // a second contact, never written
	d.wrote(t, "104", "outdated")
	outdated := person("outdated")
	outdated.ReferralCode = "NEW"
	d.wrote(t, "105", "erased2")
	must(t, d.AddTombstone(t.Context(), d.conn.ID, d.Hasher().Email("erased1@example.com"), d.Hasher().Identity(person("erased2").Identity())))

	people := []bridge.Participant{person("seen"), changed, nobody, young, person("old"), person("synced"), person("half"),
		outdated, person("erased1"), person("erased2")}
	known := map[string]string{
		"u-nobody": "no_email no_email", "u-synced": "unchanged unchanged", "u-half": "update", "u-outdated": "update",
		"row 9": "blocked blocked", "row 10": "blocked blocked", // the erased ones
	}
	tests := map[string]struct {
		rules    bridge.Rules
		fullPass bool
		want     map[string]string
	}{
		"report, all rules on": {bridge.DefaultRules, false, map[string]string{
			"u-seen": "unchanged unchanged", "u-changed": "match_or_create", "u-young": "match_or_create", "u-old": "match_or_create"}},
		"report, only new participants": {bridge.Rules{ParticipantCreated: true}, false, map[string]string{
			"u-seen": "unchanged unchanged", "u-changed": "blocked blocked", "u-young": "match_or_create", "u-old": "blocked blocked",
			"u-nobody": "blocked blocked"}},
		"report, only updated participants": {bridge.Rules{ParticipantUpdated: true}, false, map[string]string{
			"u-seen": "unchanged unchanged", "u-changed": "match_or_create", "u-young": "blocked blocked", "u-old": "match_or_create"}},
		"mass sync, only new participants": {bridge.Rules{ParticipantCreated: true}, true, map[string]string{
			"u-seen": "match_or_create", "u-changed": "match_or_create", "u-young": "match_or_create", "u-old": "match_or_create"}},
		"mass sync, only updated participants": {bridge.Rules{ParticipantUpdated: true}, true, map[string]string{
			"u-seen": "blocked blocked", "u-changed": "blocked blocked", "u-young": "blocked blocked", "u-old": "blocked blocked",
			"u-nobody": "blocked blocked"}},
	}
	for name, tt := range tests { // one after the other: a connection has one report at a time
		d.setRules(t, tt.rules)
		d.exec(t, "UPDATE connection SET report_watermark = $1", at(30).Add(time.Minute)) // the overlap takes the minute back
		run := d.staged(t, people...)
		counts, err := d.PlanRun(t.Context(), run.ID, tt.fullPass)
		must(t, err)
		want := map[string]string{}
		for _, part := range []map[string]string{known, tt.want} {
			for user, plan := range part {
				want[user] = plan
			}
		}
		if diff := cmp.Diff(want, d.plans(t, run)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(tally(want), counts); diff != "" {
			t.Errorf("%s: counts: %s", name, diff)
		}
		must(t, d.AbortRun(t.Context(), run.ID, "test"))
	}
}

func tally(plans map[string]string) store.Counts {
	c := store.Counts{Total: int64(len(plans))}
	for _, plan := range plans {
		switch plan {
		case "update":
			c.ToUpdate++
		case "match_or_create":
			c.ToMatchOrCreate++
		case "unchanged unchanged":
			c.Unchanged++
		case "blocked blocked":
			c.Blocked++
		case "no_email no_email":
			c.NoEmail++
		}
	}
	return c
}

func TestPlanRun_pagesAreFullAndOfOnePlan(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.requested(t)
	const people = 50_000 // ten chunks
	n, err := d.Stage(t.Context(), run.ID, program, manyPeople(people))
	must(t, err)
	if n != people {
		t.Fatalf("staged %d", n)
	}
	// Every third participant has a contact.
	d.exec(t, `INSERT INTO mapping (connection_id, contact_id, account_id, user_id)
SELECT $1, ordinal::text, account_id, user_id FROM staged_participant WHERE ordinal % 3 = 0`, d.conn.ID)
	counts, err := d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	if want := (store.Counts{Total: people, ToUpdate: people / 3, ToMatchOrCreate: people - people/3}); counts != want {
		t.Errorf("counts %+v, want %+v", counts, want)
	}
	pages, err := d.Pages(t.Context(), run.ID)
	must(t, err)
	if want := 167 + 112; pages != want {
		t.Errorf("%d pages, want %d", pages, want)
	}
	const perPage = "SELECT min(plan) AS plan, count(*) AS n, count(DISTINCT plan) AS plans FROM staged_participant GROUP BY page"
	const full = "CASE plan WHEN 'update' THEN 100 ELSE 300 END"
	if n := d.count(t, "SELECT count(*) FROM ("+perPage+") p WHERE n > "+full+" OR plans > 1"); n != 0 {
		t.Errorf("%d pages have too many rows or more than one plan", n)
	}
	if n := d.count(t, "SELECT count(*) FROM ("+perPage+") p WHERE n < "+full); n > 2 {
		t.Errorf("%d pages are not full, want one per plan at most", n)
	}
	if n := d.count(t, "SELECT count(DISTINCT page) FROM staged_participant WHERE page BETWEEN 1 AND $1", pages); n != pages {
		t.Errorf("pages have gaps: %d of %d", n, pages)
	}
}

func TestPlanRun_secondRunChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("bob"))
	must(t, d.MarkSending(t.Context(), run.ID, 1, "attempt", true))
	d.setRules(t, bridge.Rules{})
	counts, err := d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	if counts.ToMatchOrCreate != 2 {
		t.Errorf("counts %+v", counts)
	}
	if rows := d.page(t, run, 1); len(rows) != 2 || !rows[0].Sending {
		t.Errorf("rows %+v", rows)
	}
}

func TestPlanRun_brokenOffStartsAfresh(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.staged(t, person("ann"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.PlanRun(ctx, run.ID, true); err == nil {
		t.Fatal("planned without a connection")
	}
	if got := d.state(t, run); got != store.RunStaged {
		t.Fatalf("state %s", got)
	}
	counts, err := d.PlanRun(t.Context(), run.ID, true)
	must(t, err)
	if counts.ToMatchOrCreate != 1 {
		t.Errorf("counts %+v", counts)
	}
}

func (d database) setRules(t *testing.T, rules bridge.Rules) {
	t.Helper()
	_, err := d.ChangeRules(t.Context(), d.conn.ID, bridge.RuleChanges{
		ParticipantCreated: &rules.ParticipantCreated, ParticipantUpdated: &rules.ParticipantUpdated,
		ContactCreated: &rules.ContactCreated, ContactUpdated: &rules.ContactUpdated,
	})
	must(t, err)
}
