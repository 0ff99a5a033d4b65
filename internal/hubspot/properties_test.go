package hubspot_test

import (
	"context"
	"errors"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

func codeProperty(name string) hubspot.Property {
	return hubspot.Property{Name: name, Label: name, GroupName: "impact_advocate", Type: "string", FieldType: "text"}
}

func TestProperties_firstInstall(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	c := crm.Client()
	if err := c.CreateGroup(ctx, "impact_advocate", "impact.com Advocate"); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateGroup(ctx, "impact_advocate", "impact.com Advocate"); bridge.KindOf(err) != bridge.Conflict {
		t.Errorf("second group: %v", err)
	}
	got, err := c.CreateProperties(ctx, []hubspot.Property{codeProperty("code_a"), codeProperty("code_b")})
	if err != nil || got[0].Err != nil || got[1].Err != nil {
		t.Fatal(got, err)
	}
	again, err := c.CreateProperties(ctx, []hubspot.Property{codeProperty("code_c"), codeProperty("code_a"), codeProperty("Bad Name")})
	if err != nil {
		t.Fatal(err)
	}
	if again[0].Err != nil || bridge.KindOf(again[1].Err) != bridge.Conflict || bridge.KindOf(again[2].Err) != bridge.Invalid {
		t.Errorf("got %v", again)
	}
	found, err := c.ReadProperties(ctx, []string{"code_a", "code_x", "code_c"})
	if err != nil || len(found) != 2 || found[0].GroupName != "impact_advocate" {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestCreateProperties_refusedAsAWhole(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	crm.Tune(func(k *hubspottest.Knobs) { k.PropertiesAllOrNothing = true })
	crm.Define("code_a")
	p, q := codeProperty("code_a"), codeProperty("code_b")
	p.GroupName, q.GroupName = "contactinformation", "contactinformation"
	if _, err := crm.Client().CreateProperties(ctx, []hubspot.Property{q, p}); bridge.KindOf(err) != bridge.Conflict {
		t.Errorf("got %v", err)
	}
	if _, made := crm.Property("contacts", "code_b"); made {
		t.Error("a refused batch made a property")
	}
}

func TestProperties_archiveAndRestore(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]bool{"old values come back": true, "old values are gone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm, ctx := hubspottest.New(t), context.Background()
			crm.Tune(func(k *hubspottest.Knobs) { k.KeepValues = keep })
			crm.Define("code_a")
			crm.Put("101", map[string]string{"email": "a@example.test", "code_a": "ANN1"})
			c := crm.Client()
			if err := c.ArchiveProperties(ctx, []string{"code_a", "never_was"}); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Contact(ctx, "101", []string{"code_a"}); err != nil || got.Properties["code_a"] != "" {
				t.Fatalf("value of an archived property: %v, %v", got.Properties, err)
			}
			p := codeProperty("code_a")
			p.GroupName = "contactinformation"
			if got, err := c.CreateProperties(ctx, []hubspot.Property{p}); err != nil || got[0].Err != nil {
				t.Fatal(got, err)
			}
			got, err := c.Contact(ctx, "101", []string{"code_a"})
			if err != nil || (got.Properties["code_a"] == "ANN1") != keep {
				t.Errorf("after re-creation: %v, %v", got.Properties, err)
			}
		})
	}
}

func TestArchiveProperties_inUse(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	crm.Define("code_a", "code_b")
	crm.Tune(func(k *hubspottest.Knobs) { k.InUse = map[string]int{"code_a": 3} })
	c := crm.Client()
	err := c.ArchiveProperties(ctx, []string{"code_b", "code_a"})
	var e *bridge.Error
	if !errors.As(err, &e) || e.Kind != bridge.Invalid || e.Code != "CANNOT_DELETE_PROPERTY_IN_USE" {
		t.Errorf("got %v", err)
	}
	if err := c.ArchiveProperty(ctx, "code_b"); err != nil {
		t.Errorf("the one not in use: %v", err)
	}
	if err := c.ArchiveProperty(ctx, "code_b"); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("again: %v", err)
	}
}

func TestAccountDetails_namesThePortal(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	got, err := crm.Client().AccountDetails(context.Background())
	if err != nil || got.PortalID != hubspottest.DefaultPortalID || got.TimeZone == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}
