package store_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestSaveConnection_newOneKeepsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	given := bridge.Connection{PortalID: 42, Tenant: "acme", Program: "p1",
		Rules: bridge.Rules{ContactCreated: true}, SharePIIUpdates: true, ContactIDField: "crm_id"}

	saved, err := d.SaveConnection(t.Context(), given, secrets)
	must(t, err)
	want := given
	want.ID, want.CreatedAt, want.Status = saved.ID, saved.CreatedAt, bridge.StatusActive
	if diff := cmp.Diff(want, saved); diff != "" {
		t.Error(diff)
	}
	if len(saved.ID) != 10 || saved.ID[0] != 'c' {
		t.Errorf("id %q", saved.ID)
	}
	for name, read := range map[string]func() (bridge.Connection, error){
		"by id":     func() (bridge.Connection, error) { return d.Connection(t.Context(), saved.ID) },
		"by portal": func() (bridge.Connection, error) { return d.ConnectionByPortal(t.Context(), 42) },
	} {
		got, err := read()
		must(t, err)
		if diff := cmp.Diff(saved, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	all, err := d.Connections(t.Context())
	must(t, err)
	if diff := cmp.Diff([]bridge.Connection{d.conn, saved}, all); diff != "" {
		t.Error(diff)
	}
}

func TestSaveConnection_againKeepsIDRulesAndField(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	changed, err := d.ChangeRules(t.Context(), d.conn.ID, bridge.RuleChanges{
		ParticipantCreated: new(false), ParticipantUpdated: new(false), ContactCreated: new(false), SharePIIUpdates: new(true),
	})
	must(t, err)
	if want := (bridge.Rules{ContactUpdated: true}); changed.Rules != want || !changed.SharePIIUpdates {
		t.Errorf("changed to %+v, want what was not named as it was", changed)
	}
	d.hear(t, d.conn.ID, bridge.Unauthorized)

	got, err := d.SaveConnection(t.Context(),
		bridge.Connection{PortalID: d.conn.PortalID, Tenant: d.conn.Tenant, Program: "p2", Rules: bridge.DefaultRules}, secrets)
	must(t, err)
	want := d.conn
	want.Rules, want.SharePIIUpdates = bridge.Rules{ContactUpdated: true}, true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is known of a portal's people is about its tenant's participants.
func TestSaveConnection_refusesAnotherTenantUntilThePortalIsDisconnected(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	moved := bridge.Connection{PortalID: d.conn.PortalID, Tenant: "other", Program: "p2", Rules: bridge.DefaultRules}
	_, err := d.SaveConnection(t.Context(), moved, secrets)
	wantKind(t, err, bridge.Conflict)
	now, err := d.Connection(t.Context(), d.conn.ID)
	must(t, err)
	if diff := cmp.Diff(d.conn, now); diff != "" {
		t.Errorf("the refused connection changed:\n%s", diff)
	}
	_, err = d.Disconnect(t.Context(), d.conn.ID)
	must(t, err)
	got, err := d.SaveConnection(t.Context(), moved, secrets)
	must(t, err)
	if got.ID != d.conn.ID || got.Tenant != "other" || got.Program != "p2" {
		t.Errorf("connected %+v", got)
	}
}

func TestSaveConnection_leavesTheProgramOfATenantAlone(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	got, err := d.SaveConnection(t.Context(),
		bridge.Connection{PortalID: d.conn.PortalID, Tenant: d.conn.Tenant, Program: "p2", Rules: bridge.DefaultRules}, secrets)
	must(t, err)
	if got.Program != d.conn.Program {
		t.Errorf("program %s; only a switch may change it, because contacts carry its values", got.Program)
	}
}

func TestCredentials_revisionGrowsOnlyWithAChange(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	changed := secrets
	changed.HubSpotToken = "pat-2"
	for _, step := range []struct {
		save     store.Credentials
		revision int
	}{{secrets, 1}, {changed, 2}, {changed, 2}, {secrets, 3}} {
		_, err := d.SaveConnection(t.Context(), d.conn, step.save)
		must(t, err)
		got, revision, err := d.Credentials(t.Context(), d.conn.ID)
		must(t, err)
		if got != step.save || revision != step.revision {
			t.Errorf("revision %d, want %d; same credentials: %t", revision, step.revision, got == step.save)
		}
	}
}

func TestCredentials_areNotReadableInTheDatabase(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	if n := d.count(t, "SELECT count(*) FROM connection WHERE position('pat-1'::bytea IN credentials) > 0"); n != 0 {
		t.Error("the token is stored as it is")
	}
	// Moved to another connection, they do not open.
	other := connect(t, d.Store, 77)
	d.exec(t, "UPDATE connection SET credentials = (SELECT credentials FROM connection WHERE id = $1) WHERE id = $2", d.conn.ID, other.ID)
	if _, _, err := d.Credentials(t.Context(), other.ID); err == nil {
		t.Error("opened credentials of another connection")
	}
}

func TestCredentials_neverPrint(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	fmt.Fprintf(&out, "%v %+v %#v %s", secrets, secrets, secrets, struct{ C store.Credentials }{secrets})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("connected", "credentials", secrets)
	slog.New(slog.NewTextHandler(&out, nil)).Info("connected", "credentials", secrets)
	if strings.Contains(out.String(), "pat-1") || strings.Contains(out.String(), "LIVE_1") {
		t.Errorf("printed: %s", out.String())
	}
	if text, err := json.Marshal(secrets); err == nil {
		t.Errorf("marshalled: %s", text)
	}
}

func TestConnection_unknownIsNotFound(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, err := d.Connection(t.Context(), "cnobody")
	wantKind(t, err, bridge.NotFound)
	_, err = d.ConnectionByPortal(t.Context(), 5)
	wantKind(t, err, bridge.NotFound)
	_, _, err = d.Credentials(t.Context(), "cnobody")
	wantKind(t, err, bridge.NotFound)
	_, err = d.ChangeRules(t.Context(), "cnobody", bridge.RuleChanges{})
	wantKind(t, err, bridge.NotFound)
	_, _, err = d.RecordAnswer(t.Context(), "cnobody", bridge.Answer{})
	wantKind(t, err, bridge.NotFound)
}

func TestSaveConnection_atOnceMakesOneConnection(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ids := make(chan string)
	const callers = 8
	for range callers {
		go func() {
			c, err := d.SaveConnection(t.Context(), bridge.Connection{PortalID: 9, Tenant: "acme", Program: "p1"}, secrets)
			if err != nil {
				t.Error(err)
			}
			ids <- c.ID
		}()
	}
	first := <-ids
	for range callers - 1 {
		if id := <-ids; id != first {
			t.Errorf("two connections for one portal: %s and %s", first, id)
		}
	}
}

func TestSaveConnection_refusalTellsNoValues(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, err := d.SaveConnection(t.Context(), bridge.Connection{PortalID: -1, Tenant: "acme-secret", Program: "p1"}, secrets)
	wantKind(t, err, bridge.Invalid)
	if err != nil && strings.Contains(err.Error(), "acme-secret") {
		t.Error(err)
	}
}
