package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func audited(operation, subject string) store.AuditEntry {
	return store.AuditEntry{
		Caller:    bridge.Caller{Kind: bridge.CallerToken, Name: "marketing", TokenID: "abcdefghij", Role: bridge.RoleOperator},
		Operation: operation, ConnectionID: "cabcdefghi", Subject: subject, RequestID: "r1", Remote: "192.0.2.7",
	}
}

// The product's own database user owns the tables; it is the one who tries.
func TestAuditLog_isAppendOnlyForTheProductsOwnUser(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id, err := d.BeginAudit(t.Context(), audited("revealContact", "contact:101"))
	must(t, err)
	must(t, d.EndAudit(t.Context(), id, store.AuditOutcome{Result: store.AuditDone}))
	for name, statement := range map[string]string{
		"an entry is changed":                      "UPDATE audit_entry SET actor = 'nobody'",
		"an entry gets another age":                "UPDATE audit_entry SET at = 'epoch'",
		"an entry is deleted":                      "DELETE FROM audit_entry",
		"the entries are emptied":                  "TRUNCATE audit_entry CASCADE",
		"an outcome is changed":                    "UPDATE audit_outcome SET outcome = 'refused', code = 'x'",
		"an outcome is deleted":                    "DELETE FROM audit_outcome",
		"the outcomes are emptied":                 "TRUNCATE audit_outcome",
		"an entry moves by way of a conflict":      "INSERT INTO audit_entry OVERRIDING SYSTEM VALUE SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE SET actor = 'nobody'",
		"an outcome is replaced by way of a merge": "MERGE INTO audit_outcome o USING audit_entry e ON e.id = o.audit_id WHEN MATCHED THEN DELETE",
	} {
		if _, err := d.side.Exec(t.Context(), statement); err == nil {
			t.Errorf("%s: nothing refused it", name)
		}
	}
	log, err := d.AuditLog(t.Context(), store.AuditFilter{}, 0, 10)
	must(t, err)
	want := audited("revealContact", "contact:101")
	want.ID, want.Outcome.Result = id, store.AuditDone
	times := cmpopts.IgnoreTypes(time.Time{})
	if diff := cmp.Diff([]store.AuditEntry{want}, log, times); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAuditLog_isStampedByTheDatabase(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.exec(t, `
INSERT INTO audit_entry (at, actor_kind, actor, token_id, role, operation, connection_id, subject, request_id, remote)
VALUES ('epoch', 'local', 'root', '', 'admin', 'disconnect', '', '', 'r', '')`)
	log, err := d.AuditLog(t.Context(), store.AuditFilter{}, 0, 10)
	must(t, err)
	if len(log) != 1 || log[0].At.Year() == 1970 {
		t.Errorf("an entry was written back into the past: %+v", log)
	}
}

func TestAuditLog_goesAfter400Days(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for range 3 {
		id, err := d.BeginAudit(t.Context(), audited("changeRules", ""))
		must(t, err)
		must(t, d.EndAudit(t.Context(), id, store.AuditOutcome{Result: store.AuditDone}))
	}
	// What only a superuser can do: age them.
	d.exec(t, "ALTER TABLE audit_entry DISABLE TRIGGER append_only")
	d.exec(t, "ALTER TABLE audit_outcome DISABLE TRIGGER append_only")
	d.exec(t, "UPDATE audit_entry SET at = clock_timestamp() - interval '401 days' WHERE id = 1")
	d.exec(t, "UPDATE audit_outcome SET at = clock_timestamp() - interval '401 days' WHERE audit_id = 1")
	d.exec(t, "UPDATE audit_entry SET at = clock_timestamp() - interval '399 days' WHERE id = 2")
	d.exec(t, "ALTER TABLE audit_entry ENABLE TRIGGER append_only")
	d.exec(t, "ALTER TABLE audit_outcome ENABLE TRIGGER append_only")

	n, err := d.PurgeAudit(t.Context())
	must(t, err)
	log, err := d.AuditLog(t.Context(), store.AuditFilter{}, 0, 10)
	must(t, err)
	if n != 1 || len(log) != 2 || log[1].ID != 2 {
		t.Errorf("%d were deleted; left are %+v", n, log)
	}
}

func TestAuditLog_holdsIDsAlone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for subject, taken := range map[string]bool{
		"":                         true,
		"contact:101":              true,
		"item:5,7,9 run:12":        true,
		"trigger:deal-won":         true,
		"run:latest":               true,
		"contact:ann@shop.example": false,
		"Ann":                      false,
		"contact:":                 false,
		"contact:101 ":             false,
	} {
		_, err := d.BeginAudit(t.Context(), audited("resyncContact", subject))
		if (err == nil) != taken {
			t.Errorf("%q: %v", subject, err)
		}
	}
}

func TestAuditLog_isFoundByWhatItTellsOf(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	first, err := d.BeginAudit(t.Context(), audited("startMassSync", ""))
	must(t, err)
	must(t, d.EndAudit(t.Context(), first, store.AuditOutcome{Result: store.AuditDone, Subject: "run:12"}))
	other := audited("discardParked", "item:5 item:12")
	other.ConnectionID, other.Caller = "cotherother", bridge.Caller{Kind: bridge.CallerLocal, Name: "root", Role: bridge.RoleAdmin}
	second, err := d.BeginAudit(t.Context(), other)
	must(t, err)
	must(t, d.EndAudit(t.Context(), second, store.AuditOutcome{Result: store.AuditRefused, Code: "not_found"}))
	// The first end counts: a late one changes nothing.
	must(t, d.EndAudit(t.Context(), second, store.AuditOutcome{Result: store.AuditDone}))
	third, err := d.BeginAudit(t.Context(), audited("revealContact", "contact:101"))
	must(t, err)

	for name, tt := range map[string]struct {
		filter store.AuditFilter
		before int64
		limit  int
		want   []int64
	}{
		"all, the latest first":      {store.AuditFilter{}, 0, 10, []int64{third, second, first}},
		"the first page":             {store.AuditFilter{}, 0, 2, []int64{third, second}},
		"the next page":              {store.AuditFilter{}, second, 2, []int64{first}},
		"of a connection":            {store.AuditFilter{ConnectionID: "cotherother"}, 0, 10, []int64{second}},
		"of somebody":                {store.AuditFilter{Actor: "marketing"}, 0, 10, []int64{third, first}},
		"of an operation":            {store.AuditFilter{Operation: "discardParked"}, 0, 10, []int64{second}},
		"about somebody":             {store.AuditFilter{Subject: "contact:101"}, 0, 10, []int64{third}},
		"about one of several":       {store.AuditFilter{Subject: "item:12"}, 0, 10, []int64{second}},
		"about what came of it":      {store.AuditFilter{Subject: "run:12"}, 0, 10, []int64{first}},
		"since a time after the end": {store.AuditFilter{Since: time.Now().Add(time.Hour)}, 0, 10, nil},
	} {
		log, err := d.AuditLog(t.Context(), tt.filter, tt.before, tt.limit)
		must(t, err)
		var got []int64
		for _, e := range log {
			got = append(got, e.ID)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	log, err := d.AuditLog(t.Context(), store.AuditFilter{Operation: "discardParked"}, 0, 1)
	must(t, err)
	if o := log[0].Outcome; o.Result != store.AuditRefused || o.Code != "not_found" {
		t.Errorf("a later end counts: %+v", o)
	}
	if log, err := d.AuditLog(t.Context(), store.AuditFilter{Operation: "revealContact"}, 0, 1); err != nil || log[0].Outcome.Result != store.AuditOpen {
		t.Errorf("%+v, %v; want an entry without an end", log, err)
	}
}
