package portal

import (
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
)

var (
	code = bridge.PropertyDefinition{Name: bridge.PropReferralCode, Label: "Referral code"}
	link = bridge.PropertyDefinition{Name: bridge.PropShareLink, Label: "Share link"}
)

func TestStandin_propertiesAreArchivedAndCreatedAgain(t *testing.T) {
	withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, _ *hubspottest.Portal) {
		names := []string{code.Name, link.Name}
		if err := p.ArchiveProperties(t.Context(), names); err != nil {
			t.Fatal(err)
		}
		if active, err := p.ActiveProperties(t.Context(), names); err != nil || len(active) != 0 {
			t.Errorf("%v are still there (%v)", active, err)
		}
		if err := p.ArchiveProperty(t.Context(), code.Name); bridge.KindOf(err) != bridge.NotFound {
			t.Errorf("archiving one that is not there: %v", err)
		}
		for range 2 { // the second time they are there
			refused, err := p.CreateProperties(t.Context(), []bridge.PropertyDefinition{code, link})
			if err != nil || len(refused) != 0 {
				t.Errorf("refused %v (%v)", refused, err)
			}
		}
		if active, err := p.ActiveProperties(t.Context(), names); err != nil || !active[code.Name] || !active[link.Name] {
			t.Errorf("only %v are there again (%v)", active, err)
		}
	})
}

func TestStandin_aRefusedPropertyDoesNotKeepTheOthers(t *testing.T) {
	for name, whole := range map[string]bool{"told one by one": false, "refused as a whole": true} {
		t.Run(name, func(t *testing.T) {
			withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				crm.Tune(func(k *hubspottest.Knobs) { k.PropertiesAllOrNothing = whole })
				if err := p.ArchiveProperties(t.Context(), []string{code.Name}); err != nil {
					t.Fatal(err)
				}
				bad := bridge.PropertyDefinition{Name: "Not A Name", Label: "Bad"}
				refused, err := p.CreateProperties(t.Context(), []bridge.PropertyDefinition{link, bad, code})
				if err != nil || len(refused) != 1 || bridge.KindOf(refused[bad.Name]) != bridge.Invalid {
					t.Errorf("refused %v (%v), want the one with the bad name", refused, err)
				}
				if active, err := p.ActiveProperties(t.Context(), []string{code.Name}); err != nil || !active[code.Name] {
					t.Errorf("the good one was not created (%v)", err)
				}
			})
		})
	}
}

func TestStandin_onePropertyInUseIsTold(t *testing.T) {
	withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		crm.Tune(func(k *hubspottest.Knobs) { k.InUse = map[string]int{link.Name: 2} })
		names := []string{code.Name, link.Name}
		if err := p.ArchiveProperties(t.Context(), names); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("archiving all: %v", err)
		}
		if active, err := p.ActiveProperties(t.Context(), names); err != nil || len(active) != 2 {
			t.Errorf("only %v are left (%v)", active, err)
		}
	})
}
