package hubspot_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

const (
	batchCreate = "POST /crm/objects/2026-09/contacts/batch/create"
	batchUpdate = "POST /crm/objects/2026-09/contacts/batch/update"
	batchRead   = "POST /crm/objects/2026-09/contacts/batch/read"
)

func TestContact_readsByID(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "Ada@Example.test", "firstname": "Ada"})
	got, err := crm.Client().Contact(context.Background(), "101", []string{"email", "lastname"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"email": "ada@example.test"}
	for _, always := range []string{"createdate", "hs_object_id", "lastmodifieddate"} {
		delete(got.Properties, always)
	}
	if diff := cmp.Diff(want, got.Properties); diff != "" {
		t.Error(diff)
	}
	if got.ID != "101" || got.Archived || got.CreatedAt.IsZero() {
		t.Errorf("got %+v", got)
	}
}

func TestContact_afterMergeAnswersTheSurvivor(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	crm.Put("102", map[string]string{"email": "b@example.test", "phone": "1"})
	survivor, err := crm.Person(9).Merge("contacts", "101", "102")
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []string{"101", "102"} {
		got, err := crm.Client().Contact(context.Background(), old, []string{"email", "phone", "hs_additional_emails"})
		if err != nil || got.ID != survivor || survivor == old {
			t.Errorf("contact %s: got %+v, %v; survivor %s", old, got, err, survivor)
		}
		if got.Properties["phone"] != "1" || got.Properties["hs_additional_emails"] != "b@example.test" {
			t.Errorf("values not joined: %v", got.Properties)
		}
	}
	found, missing, err := crm.Client().BatchReadContacts(context.Background(), []string{"101", "102"}, nil)
	if err != nil || len(found) != 0 || len(missing) != 2 {
		t.Errorf("batch read follows merges: %v %v %v", found, missing, err)
	}
}

func TestContact_archived(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	crm.Put("101", map[string]string{"email": "a@example.test"})
	if err := crm.Person(9).Archive("contacts", "101"); err != nil {
		t.Fatal(err)
	}
	if _, err := crm.Client().Contact(ctx, "101", nil); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("live read of an archived contact: %v", err)
	}
	got, err := crm.Client().ArchivedContact(ctx, "101", []string{"email"})
	if err != nil || !got.Archived {
		t.Errorf("archived read: %+v, %v", got, err)
	}
	if err := crm.Person(9).Erase("101"); err != nil {
		t.Fatal(err)
	}
	if _, err := crm.Client().ArchivedContact(ctx, "101", nil); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("archived read of an erased contact: %v", err)
	}
}

func TestBatchReadContactsByEmail_findsPrimaryAndAdditional(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test", "hs_additional_emails": "old@example.test"})
	found, missing, err := crm.Client().BatchReadContactsByEmail(context.Background(),
		[]string{"OLD@example.test", "a@example.test", "A@example.test ", "nobody@example.test"}, []string{"firstname"})
	if err != nil {
		t.Fatal(err)
	}
	if found["old@example.test"].ID != "101" || found["a@example.test"].ID != "101" || len(found) != 2 {
		t.Errorf("found %v", found)
	}
	if diff := cmp.Diff([]string{"nobody@example.test"}, missing); diff != "" {
		t.Error(diff)
	}
}

func TestBatchCreateContacts_reportsEachInput(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "taken@example.test", "hs_additional_emails": "also@example.test"})
	got, err := crm.Client().BatchCreateContacts(context.Background(), []hubspot.ContactInput{
		{TraceID: "new", Properties: map[string]string{"email": "New@example.test"}},
		{TraceID: "taken", Properties: map[string]string{"email": "TAKEN@example.test"}},
		{TraceID: "also", Properties: map[string]string{"email": "also@example.test"}},
		{TraceID: "bad", Properties: map[string]string{"email": "not an email"}},
		{TraceID: "unknown", Properties: map[string]string{"email": "x@example.test", "no_such_property": "1"}},
		{TraceID: "empty", Properties: map[string]string{"phone": "1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Err != nil || got[0].Contact.Properties["email"] != "new@example.test" {
		t.Errorf("new: %+v", got[0])
	}
	for i := 1; i <= 2; i++ {
		if id, ok := hubspot.ExistingID(got[i].Err); !ok || id != "101" {
			t.Errorf("%s: %v", got[i].TraceID, got[i].Err)
		}
	}
	codes := map[string]string{"bad": "INVALID_EMAIL", "unknown": "PROPERTY_DOESNT_EXIST", "empty": "VALIDATION_ERROR"}
	for _, r := range got[3:] {
		var e *bridge.Error
		if !errors.As(r.Err, &e) || e.Kind != bridge.Invalid || e.Code != codes[r.TraceID] || r.Contact != nil {
			t.Errorf("%s: %v", r.TraceID, r.Err)
		}
	}
}

func TestBatchUpdateContacts_joinsShuffledResults(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	var in []hubspot.ContactInput
	for i := range 50 {
		id := string(rune('a'+i%26)) + string(rune('a'+i/26))
		crm.Put(itoa(100+i), map[string]string{"email": id + "@example.test"})
		in = append(in, hubspot.ContactInput{ID: itoa(100 + i), Properties: map[string]string{"firstname": id}})
	}
	in = append(in, hubspot.ContactInput{ID: "999", Properties: map[string]string{"firstname": "x"}})
	got, err := crm.Client().BatchUpdateContacts(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got[:50] {
		if r.Err != nil || r.Contact.ID != in[i].ID || r.Contact.Properties["firstname"] != in[i].Properties["firstname"] {
			t.Fatalf("input %d got %+v", i, r)
		}
	}
	if bridge.KindOf(got[50].Err) != bridge.NotFound {
		t.Errorf("unknown id: %v", got[50].Err)
	}
}

func TestBatch_refusedAsAWhole(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	crm.Put("101", map[string]string{"email": "a@example.test"})
	tests := map[string]func(*hubspot.Client) error{
		"two inputs with one email": func(c *hubspot.Client) error {
			_, err := c.BatchCreateContacts(ctx, []hubspot.ContactInput{
				{Properties: map[string]string{"email": "b@example.test"}},
				{Properties: map[string]string{"email": "B@example.test"}},
			})
			return err
		},
		"two inputs with one id": func(c *hubspot.Client) error {
			_, err := c.BatchUpdateContacts(ctx, []hubspot.ContactInput{
				{ID: "101", Properties: map[string]string{"firstname": "x"}},
				{ID: "101", Properties: map[string]string{"firstname": "y"}},
			})
			return err
		},
		"more than 100 inputs": func(c *hubspot.Client) error {
			_, err := c.BatchCreateContacts(ctx, make([]hubspot.ContactInput, 101))
			return err
		},
		"more than 100 ids": func(c *hubspot.Client) error {
			var ids []string
			for i := range 101 {
				ids = append(ids, itoa(i+1))
			}
			_, _, err := c.BatchReadContacts(ctx, ids, nil)
			return err
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			if err := call(crm.Client()); bridge.KindOf(err) != bridge.Invalid {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, made := crm.ContactByEmail("b@example.test"); made {
		t.Error("a refused batch created a contact")
	}
}

func TestBatch_emptyMakesNoCall(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	c := crm.Client()
	_, err1 := c.BatchCreateContacts(ctx, nil)
	_, err2 := c.BatchUpdateContacts(ctx, nil)
	_, _, err3 := c.BatchReadContacts(ctx, nil, nil)
	if err := errors.Join(err1, err2, err3); err != nil || crm.Host().Counts().Total != 0 {
		t.Errorf("%v, %d calls", err, crm.Host().Counts().Total)
	}
}

func TestBatchUpdateContacts_lostAnswerCanBeRepeated(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	crm.Put("101", map[string]string{"email": "a@example.test"})
	in := []hubspot.ContactInput{{ID: "101", Properties: map[string]string{"firstname": "Ada"}}}
	crm.Inject(hubspottest.Fault{Route: batchUpdate, Status: 504, After: true})
	if _, err := crm.Client().BatchUpdateContacts(ctx, in); bridge.KindOf(err) != bridge.Unavailable {
		t.Fatalf("lost answer: %v", err)
	}
	if crm.Get("101")["firstname"] != "Ada" {
		t.Fatal("the write was not carried out")
	}
	if got, err := crm.Client().BatchUpdateContacts(ctx, in); err != nil || got[0].Err != nil {
		t.Fatalf("repeat: %v %v", got, err)
	}
	if w := crm.Writes(); w != (hubspottest.WriteCounts{Writes: 2, Repeats: 1}) {
		t.Errorf("writes %+v", w)
	}
}

func TestBatchReadContacts_newContactIsNotVisibleAtOnce(t *testing.T) {
	t.Parallel()
	crm, ctx := hubspottest.New(t), context.Background()
	crm.Tune(func(k *hubspottest.Knobs) { k.ReadLagReads = 1 })
	id, err := crm.Person(9).Create("contacts", map[string]string{"email": "a@example.test"})
	if err != nil {
		t.Fatal(err)
	}
	_, missing, err := crm.Client().BatchReadContacts(ctx, []string{id}, nil)
	if err != nil || !slices.Contains(missing, id) {
		t.Errorf("first read: missing %v, %v", missing, err)
	}
	found, _, err := crm.Client().BatchReadContacts(ctx, []string{id}, nil)
	if err != nil || found[id].ID != id {
		t.Errorf("second read: %v, %v", found, err)
	}
}
