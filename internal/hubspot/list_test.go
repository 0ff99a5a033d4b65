package hubspot_test

import (
	"fmt"
	"testing"

	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

func TestListContacts_readsEverybodyOnceInTheOrderOfTheirIDs(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	for i := range 250 {
		crm.Put(fmt.Sprint(1001+i), map[string]string{"email": fmt.Sprintf("p%d@example.test", i)})
	}
	for _, id := range []string{"1002", "1100"} {
		if err := crm.Person(9).Archive("contacts", id); err != nil {
			t.Fatal(err)
		}
	}
	for archived, want := range map[bool]int{false: 248, true: 2} {
		last, n, calls := "", 0, 0
		for after := ""; ; calls++ {
			page, err := crm.Client().ListContacts(t.Context(), archived, after, hubspot.MaxBatch, []string{"email"})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page.Contacts {
				if c.ID <= last || c.Archived != archived || c.Properties["email"] == "" {
					t.Errorf("after %s came %+v", last, c)
				}
				last, n = c.ID, n+1
			}
			if after = page.After; after == "" {
				break
			}
		}
		if n != want {
			t.Errorf("archived %t: %d contacts, want %d", archived, n, want)
		}
	}
}

func TestBatchReadArchivedContacts_showsTheRecycleBinAlone(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	crm.Put("102", map[string]string{"email": "b@example.test"})
	if err := crm.Person(9).Archive("contacts", "102"); err != nil {
		t.Fatal(err)
	}
	found, missing, err := crm.Client().BatchReadArchivedContacts(t.Context(), []string{"101", "102", "103"}, []string{"email"})
	if err != nil || len(found) != 1 || !found["102"].Archived || len(missing) != 2 {
		t.Errorf("found %v, missing %v, %v", found, missing, err)
	}
}
