package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func (d database) applyTrigger(t *testing.T, source string, enabled *bool) (store.Trigger, bool) {
	t.Helper()
	applied, changed, err := d.ApplyTrigger(t.Context(), store.Trigger{
		ConnectionID: d.conn.ID, ID: "deal-won", Source: source, Schema: []byte(`{"deal": {"amount": "number"}}`),
	}, enabled)
	must(t, err)
	return applied, changed
}

func TestApplyTrigger_keepsEveryVersion(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	first, changed := d.applyTrigger(t, "id: deal-won", nil)
	if first.Version != 1 || !first.Enabled || !changed {
		t.Errorf("the first is %+v, changed %t", first, changed)
	}
	if again, changed := d.applyTrigger(t, "id: deal-won", nil); changed || again.Version != 1 {
		t.Errorf("the same again is %+v, changed %t", again, changed)
	}
	if second, changed := d.applyTrigger(t, "id: deal-won # now with a comment", nil); !changed || second.Version != 2 {
		t.Errorf("another text is %+v, changed %t", second, changed)
	}
	all, err := d.TriggerVersions(t.Context(), d.conn.ID, "deal-won")
	must(t, err)
	var sources []string
	for _, v := range all {
		sources = append(sources, v.Source)
	}
	if diff := cmp.Diff([]string{"id: deal-won # now with a comment", "id: deal-won"}, sources); diff != "" {
		t.Error(diff)
	}
}

func TestApplyTrigger_countsOnceThePropertiesChangeTheirTypes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.applyTrigger(t, "id: deal-won", nil)
	again, changed, err := d.ApplyTrigger(t.Context(), store.Trigger{
		ConnectionID: d.conn.ID, ID: "deal-won", Source: "id: deal-won", Schema: []byte(`{"deal": {"amount": "string"}}`),
	}, nil)
	must(t, err)
	if !changed || again.Version != 2 {
		t.Errorf("got %+v, changed %t", again, changed)
	}
}

func TestEnableTrigger_outlastsAnApply(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.applyTrigger(t, "id: deal-won", nil)
	must(t, d.EnableTrigger(t.Context(), d.conn.ID, "deal-won", false))
	if got, _ := d.applyTrigger(t, "id: deal-won # edited", nil); got.Enabled {
		t.Error("an edited trigger is enabled, though nobody said so")
	}
	on := true
	if got, changed := d.applyTrigger(t, "id: deal-won # edited", &on); !got.Enabled || changed {
		t.Errorf("got %+v, changed %t", got, changed)
	}
	wantKind(t, d.EnableTrigger(t.Context(), d.conn.ID, "nobody", true), bridge.NotFound)
}

func TestTriggers_belongToTheirConnection(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.applyTrigger(t, "id: deal-won", nil)
	other := connect(t, d.Store, 1002)
	if found, err := d.Triggers(t.Context(), other.ID); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
	_, err := d.Trigger(t.Context(), other.ID, "deal-won")
	wantKind(t, err, bridge.NotFound)
	if found, err := d.Triggers(t.Context(), d.conn.ID); err != nil || len(found) != 1 || found[0].ID != "deal-won" {
		t.Errorf("got %v, %v", found, err)
	}
}
