package store_test

import (
	"errors"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// openWork returns what is open of a connection, by kind.
func (d database) openWork(t *testing.T, connectionID string) map[bridge.Work]bridge.OpenWork {
	t.Helper()
	all, err := d.OpenWork(t.Context(), connectionID)
	must(t, err)
	open := map[bridge.Work]bridge.OpenWork{}
	for _, w := range all {
		open[w.Work] = w
	}
	return open
}

func TestOpenWork_namesEveryKindThatHasNotEnded(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.conn.ID
	d.mustAppend(t, d.event("101", store.EventCreated, 1), d.event("102", store.EventCreated, 2))
	_, err := d.AppendObjectEvents(t.Context(), []store.ObjectEvent{
		{ConnectionID: id, ObjectType: bridge.ObjectDeal, ObjectID: "7", Kind: store.ObjectCreated, OccurredAt: at(1), DedupeKey: "a"},
	})
	must(t, err)
	report, err := d.BeginReport(t.Context(), id, time.Minute)
	must(t, err)
	must(t, d.SetExport(t.Context(), report.ID, "e1", time.Now()))
	mass, _, err := d.BeginMass(t.Context(), id, false)
	must(t, err)
	must(t, d.SetDesired(t.Context(), mass.ID, store.DesiredPaused))
	d.exec(t, `INSERT INTO program_switch (connection_id, from_program, to_program, in_place, mass_sync, state)
		VALUES ($1, 'p1', 'p2', false, false, 'archiving')`, id)
	d.exec(t, `INSERT INTO tracked_event (connection_id, trigger_id, trigger_version, object_type, object_id, property, form, submission,
		occurred_at, order_id, contact_id, candidates, state, reversal, reason, request, receipt, poll_at, sent_at)
		VALUES ($1, 'won', 1, 'deal', '7', '', '', '', now(), 'o1', '101', '{}', 'pending', false, '', 'r', '', NULL, NULL),
		       ($1, 'won', 1, 'deal', '8', '', '', '', now(), 'o2', '101', '{}', 'sent', false, '', NULL, 'r', now(), now())`, id)
	_, err = d.RequestErasure(t.Context(), id, "103", "dpo", at(1))
	must(t, err)
	d.exec(t, "UPDATE inbox SET relayed_at = now() WHERE contact_id = '103'")
	must(t, d.FailErasure(t.Context(), id, "103", errors.New("advocate.delete: unavailable")))
	hourAgo := "now() - interval '1 hour'"
	for _, statement := range []string{
		"UPDATE inbox SET received_at = " + hourAgo, "UPDATE object_inbox SET received_at = " + hourAgo,
		"UPDATE connection SET created_at = " + hourAgo, "UPDATE sync_run SET as_of = NULL, created_at = " + hourAgo,
		"UPDATE erasure SET heard_at = " + hourAgo, "UPDATE program_switch SET created_at = " + hourAgo, "UPDATE tracked_event SET recorded_at = " + hourAgo + ", sent_at = " + hourAgo + " WHERE true",
	} {
		d.exec(t, statement)
	}

	open := d.openWork(t, id)
	want := map[bridge.Work]struct {
		step  bridge.Step
		count int64
	}{
		bridge.WorkHubSpotEvents: {"", 2},
		bridge.WorkTriggerEvents: {"", 1},
		bridge.WorkReport:        {bridge.StepExport, 1},
		bridge.WorkMassSync:      {bridge.StepOperator, 1},
		bridge.WorkProgramSwitch: {"archiving", 1},
		bridge.WorkConversions:   {"", 1},
		bridge.WorkVerdicts:      {"", 1},
		bridge.WorkErasures:      {"", 1},
	}
	if len(open) != len(want) {
		t.Errorf("open: %+v", open)
	}
	for work, w := range want {
		if got := open[work]; got.ConnectionID != id || got.Step != w.step || got.Count != w.count || got.Idle < time.Hour {
			t.Errorf("%s: %+v, want %+v that stands still for an hour", work, got, w)
		}
	}
	if got := open[bridge.WorkErasures].Reason; got != "advocate.delete: unavailable" {
		t.Errorf("the erasure: %q", got)
	}
}

// Between two reports only the next one is due, and it says why the last failed.
func TestOpenWork_aReportThatIsGivenUpAgainAndAgainDoesNotMove(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(t, "UPDATE connection SET created_at = now() - interval '1 hour'")
	for range 2 {
		report, err := d.BeginReport(t.Context(), d.conn.ID, time.Minute)
		must(t, err)
		must(t, d.AbortRun(t.Context(), report.ID, "the export was lost"))
	}
	got := d.openWork(t, d.conn.ID)[bridge.WorkReport]
	if got.Step != bridge.StepStart || got.Idle < time.Hour || got.Reason != "the export was lost" {
		t.Errorf("the report: %+v", got)
	}
	d.exec(t, "UPDATE connection SET report_watermark = now()")
	if got := d.openWork(t, d.conn.ID)[bridge.WorkReport]; got.Idle > time.Minute {
		t.Errorf("after a report ended: %+v", got)
	}
}

func TestOpenWork_tellsConnectionsApart(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	other := connect(t, d.Store, 2002)
	d.mustAppend(t, d.event("101", store.EventCreated, 1))
	if open := d.openWork(t, other.ID); len(open) != 1 || open[bridge.WorkReport].Count != 1 {
		t.Errorf("of the other one: %+v, want its report alone", open)
	}
	all, err := d.OpenWork(t.Context(), "")
	must(t, err)
	if len(all) != 3 {
		t.Errorf("of all: %+v, want two reports and an event", all)
	}
	_, err = d.Disconnect(t.Context(), other.ID)
	must(t, err)
	if open := d.openWork(t, other.ID); len(open) != 0 {
		t.Errorf("of one that is gone: %+v", open)
	}
}
