package store_test

import (
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestFigures_tellHowEveryConnectionStands(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	quiet := connect(t, d.Store, 1002)
	d.hear(t, quiet.ID, bridge.Unauthorized)
	_, err := d.AppendEvents(t.Context(), []store.Event{
		{ConnectionID: d.conn.ID, ContactID: "1", Kind: store.EventCreated, OccurredAt: at(0), DedupeKey: "a"},
		{ConnectionID: d.conn.ID, ContactID: "1", Kind: store.EventUpdated, Property: "email", OccurredAt: at(0), DedupeKey: "b", Echo: true},
	})
	must(t, err)
	_, err = d.Park(t.Context(), bridge.ParkedItem{ConnectionID: d.conn.ID, ContactID: "1", Cause: bridge.CauseHalfPair})
	must(t, err)
	d.exec(t, "UPDATE connection SET report_watermark = now() - interval '90 seconds' WHERE id = $1", d.conn.ID)
	d.exec(t, `INSERT INTO budget (portal_id, granted, paused_until)
		VALUES (1001, ARRAY[now() - interval '11 seconds', now() + interval '1 hour', now() + interval '1 hour'], now() + interval '1 hour')`)
	must(t, d.NoteJournalPortal(t.Context(), 1001, "", false))
	d.exec(t, "UPDATE journal SET read_until = now() - interval '70 seconds'")

	_, err = d.RequestErasure(t.Context(), quiet.ID, "7", "dpo", at(0))
	must(t, err)
	d.exec(t, "UPDATE inbox SET relayed_at = now() WHERE contact_id = '7'")
	d.exec(t, "UPDATE erasure SET heard_at = now() - interval '25 days'")

	all, err := d.ConnectionMetrics(t.Context())
	must(t, err)
	figures := map[string]store.ConnectionMetrics{}
	for _, f := range all {
		figures[f.ConnectionID] = f
	}
	busy := figures[d.conn.ID]
	if !busy.Active || busy.WaitingEvents != 1 || busy.CallsInWindow != 2 || busy.Parked[string(bridge.CauseHalfPair)] != 1 || busy.MassSync {
		t.Errorf("the busy one: %+v", busy)
	}
	if busy.SinceReport < 90*time.Second || busy.SinceReport > 10*time.Minute || busy.PausedFor <= 0 || busy.PausedFor > time.Hour {
		t.Errorf("its times: %v since the report, paused for %v", busy.SinceReport, busy.PausedFor)
	}
	if !busy.JournalRecorded || busy.JournalLag < 70*time.Second || busy.JournalLag > 10*time.Minute || figures[quiet.ID].JournalRecorded {
		t.Errorf("the journal: recorded %t, %v behind", busy.JournalRecorded, busy.JournalLag)
	}
	idle := figures[quiet.ID]
	if len(figures) != 2 || idle.Active || idle.WaitingEvents != 0 || idle.CallsInWindow != 0 || len(idle.Parked) != 0 || idle.PausedFor != 0 {
		t.Errorf("the quiet one: %+v", idle)
	}
	if idle.Erasures != 1 || idle.Erasing < 25*24*time.Hour || busy.Erasures != 0 || busy.Erasing != 0 {
		t.Errorf("erasures: %d since %s, and %d since %s", idle.Erasures, idle.Erasing, busy.Erasures, busy.Erasing)
	}
}
