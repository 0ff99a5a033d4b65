package workflows_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// batch runs a page of contacts that were just created.
func batch(t *testing.T, s *wiringtest.System, contacts ...string) activities.SyncContactsResult {
	t.Helper()
	in := workflows.ContactBatchInput{ConnectionID: s.Connection.ID}
	for _, id := range contacts {
		in.Contacts = append(in.Contacts, activities.HeardContact{ContactID: id, Hints: created()})
	}
	env := environment(s)
	env.ExecuteWorkflow(workflows.ContactBatchName, in)
	var result activities.SyncContactsResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

func advocateCalls(s *wiringtest.System) int {
	calls := 0
	for _, route := range s.Advocate.Counts() {
		calls += route.Calls
	}
	return calls
}

// deferred relays what the page left to the contacts' own workflows.
func deferred(t *testing.T, s *wiringtest.System) map[string]bridge.Hints {
	t.Helper()
	return putBack(t, s, false)
}

// putBack relays what the page put back into the inbox, which is to go by the page again,
// or not.
func putBack(t *testing.T, s *wiringtest.System, bulk bool) map[string]bridge.Hints {
	t.Helper()
	heard := map[string]bridge.Hints{}
	_, err := s.Store.RelayHints(t.Context(), 1000, func(_ context.Context, batch []store.ContactHints) []error {
		for _, c := range batch {
			if c.Bulk != bulk {
				t.Errorf("contact %s would come back to a page: %v, want %v", c.ContactID, c.Bulk, bulk)
			}
			heard[c.ContactID] = c.Hints
		}
		return make([]error, len(batch))
	})
	if err != nil {
		t.Fatal(err)
	}
	return heard
}

func TestContactBatch_costsAPageOfCalls(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := make([]string, 100)
	for i := range ids {
		if i%4 == 0 {
			s.Join(t, person(i), "Person", fmt.Sprint(i)) // matched, not created
		}
		ids[i] = s.CreateContact(t, map[string]string{"email": person(i), "firstname": "Person", "lastname": fmt.Sprint(i)})
	}
	s.HubSpot.ResetCounts()
	before := advocateCalls(s)
	statements := &storetest.Queries{}
	s.Trace(t, statements)
	statements.Take()

	result := batch(t, s, ids...)

	sent := len(statements.Take())
	if diff := cmp.Diff(activities.SyncContactsResult{Settled: 100}, result); diff != "" {
		t.Error(diff)
	}
	t.Logf("100 contacts: %d statements to the database", sent)
	if sent > 90 {
		t.Errorf("100 contacts cost %d statements, want at most 90: two for each of the 25 who are matched, and some for the page", sent)
	}
	hubspot, advocate := s.HubSpot.Counts().Total, advocateCalls(s)-before
	t.Logf("100 contacts: %d HubSpot and %d Advocate calls", hubspot, advocate)
	if hubspot > 3 || advocate > 3 {
		t.Errorf("100 contacts cost %d HubSpot and %d Advocate calls, want at most 3 each", hubspot, advocate)
	}
	for i, id := range ids {
		s.InStep(t, id, person(i), person(i))
	}
	if heard := deferred(t, s); len(heard) != 0 {
		t.Errorf("left to their own workflows: %v", heard)
	}
}

// The page's mappings are stored all or none: the others' must not be lost with one
// that is refused.
func TestContactBatch_undoesOnlyWhoWasErasedMeanwhile(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := make([]string, 10)
	for i := range ids {
		ids[i] = s.CreateContact(t, map[string]string{"email": person(i)})
	}
	erased := sync.OnceValue(func() error {
		return s.Store.AddTombstone(t.Context(), s.Connection.ID, s.Store.Hasher().Email(person(3)))
	})
	s.Behind(t, func(vendor http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil && bytes.Contains(body, []byte("upsertUsers")) {
				err = erased()
			}
			if err != nil {
				t.Error(err)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			vendor.ServeHTTP(w, r)
		})
	})

	result := batch(t, s, ids...)

	if diff := cmp.Diff(activities.SyncContactsResult{Settled: 10}, result); diff != "" {
		t.Error(diff)
	}
	for i, id := range ids {
		known, err := s.Store.Known(t.Context(), s.Connection.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		want := bridge.StateMapped
		if i == 3 {
			want = bridge.StateErased
		}
		if known.Ledger.State != want || (known.Mapping != nil) != (i != 3) {
			t.Errorf("contact %d is %q, mapped to %v, want %q", i, known.Ledger.State, known.Mapping, want)
		}
	}
}

func TestContactBatch_leavesWhoNeedsTimeToTheirOwnWorkflows(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	fine := s.CreateContact(t, map[string]string{"email": person(1)})
	refused := s.CreateContact(t, map[string]string{"email": person(2), bridge.PropReferredByCode: "NOBODYS"})
	nobody := s.CreateContact(t, map[string]string{"firstname": "No email"})
	busy := s.CreateContact(t, map[string]string{"email": person(3)})
	if _, err := s.Store.LeaseContacts(t.Context(), s.Connection.ID, "contact/of/busy", time.Minute, busy); err != nil {
		t.Fatal(err)
	}
	const unseen = "99999999"

	result := batch(t, s, fine, refused, nobody, busy, unseen)

	if diff := cmp.Diff(activities.SyncContactsResult{Settled: 3, Deferred: 2}, result); diff != "" {
		t.Error(diff)
	}
	s.InStep(t, fine, person(1), person(1))
	s.InStep(t, refused, person(2), person(2)) // without the code, as alone
	if got := s.State(t, nobody); got != bridge.StateAwaitingEmail {
		t.Errorf("the contact without an email is %q", got)
	}
	heard := deferred(t, s)
	for _, id := range []string{busy, unseen} {
		if heard[id].CreatedAt.IsZero() {
			t.Errorf("what was heard of contact %s is lost", id)
		}
	}
	if len(heard) != 2 {
		t.Errorf("%d contacts are left, want 2", len(heard))
	}
}

func TestContactBatch_losesAndDoublesNobodyWhenAVendorFails(t *testing.T) {
	t.Parallel()
	const many = 40
	for name, fail := range map[string]func(s *wiringtest.System){
		"HubSpot is down": func(s *wiringtest.System) { s.HubSpot.FailNext(503, 503, 503, 503, 503, 503, 503, 503) },
		"the answer of HubSpot's write is lost": func(s *wiringtest.System) {
			s.HubSpot.Inject(hubspottest.Fault{Route: "POST /crm/objects/2026-09/contacts/batch/update", Status: 504, After: true})
		},
		"the answer of Advocate's write is lost": func(s *wiringtest.System) {
			s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Contains: "upsertUsers", DropAfter: true})
		},
		"Advocate is down": func(s *wiringtest.System) {
			s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Status: 503, Times: 4})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			var ids []string
			for i := range many {
				ids = append(ids, s.CreateContact(t, map[string]string{"email": person(i)}))
			}
			fail(s)
			// An outage does not turn a page into as many workflows.
			if diff := cmp.Diff(activities.SyncContactsResult{Settled: many}, batch(t, s, ids...)); diff != "" {
				t.Error(diff)
			}
			if heard := deferred(t, s); len(heard) != 0 {
				t.Errorf("left to their own workflows: %v", heard)
			}
			for i, id := range ids {
				s.InStep(t, id, person(i), person(i))
			}
			if got := s.Tenant.Count(); got != many {
				t.Errorf("%d participants, want %d", got, many)
			}
		})
	}
}

func TestContactBatch_ofAPausedConnectionGoesBackToTheInbox(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	s.Exec(t, "UPDATE connection SET paused_at = now()")

	if diff := cmp.Diff(activities.SyncContactsResult{Deferred: 1}, batch(t, s, id)); diff != "" {
		t.Error(diff)
	}
	s.Exec(t, "UPDATE connection SET paused_at = NULL")
	if heard := putBack(t, s, true); heard[id].CreatedAt.IsZero() {
		t.Error("what was heard is lost")
	}
}

// Pages of a large import meet at the vendors. None of them tears another apart.
func TestContactBatch_pagesThatMeetCostNoMoreCalls(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const pages, size = 4, 100
	var batches *activities.ContactBatches
	for _, a := range s.Activities() {
		if b, is := a.(*activities.ContactBatches); is {
			batches = b
		}
	}
	in := make([]activities.SyncContactsInput, pages)
	for i := range pages * size {
		id := s.CreateContact(t, map[string]string{"email": person(i)})
		page := &in[i%pages]
		page.ConnectionID = s.Connection.ID
		page.Contacts = append(page.Contacts, activities.HeardContact{ContactID: id, Hints: created()})
	}
	s.HubSpot.ResetCounts()
	before := advocateCalls(s)

	var work sync.WaitGroup
	for _, page := range in {
		work.Go(func() {
			result, err := batches.SyncContacts(t.Context(), page)
			if err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(activities.SyncContactsResult{Settled: size}, result); diff != "" {
				t.Error(diff)
			}
		})
	}
	work.Wait()

	hubspot, advocate := s.HubSpot.Counts().Total, advocateCalls(s)-before
	t.Logf("%d contacts in %d pages: %d HubSpot and %d Advocate calls", pages*size, pages, hubspot, advocate)
	if most := 2*pages + 2; hubspot > most || advocate > most { // two for a page; torn apart, they took twelve
		t.Errorf("%d contacts cost %d HubSpot and %d Advocate calls, want at most %d each", pages*size, hubspot, advocate, most)
	}
	if got := s.Tenant.Count(); got != pages*size {
		t.Errorf("%d participants, want %d", got, pages*size)
	}
}

// A bulk edit of mapped contacts, and the second attempt at a page whose first one broke
// off half-way, ask Advocate for every participant.
func TestContactBatch_updatesAPageOfContactsInThreeCalls(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(s *wiringtest.System)
		calls  int // of each vendor, at most
	}{
		"at once": {func(*wiringtest.System) {}, 3},
		"HubSpot fails on the write-back once": {func(s *wiringtest.System) {
			s.HubSpot.Inject(hubspottest.Fault{Route: "POST /crm/objects/2026-09/contacts/batch/update", Status: 503})
		}, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			referrer := s.Join(t, "ben@shop.example", "Ben", "Baker")
			in := workflows.ContactBatchInput{ConnectionID: s.Connection.ID}
			for _, id := range mappedByReport(t, s, 100) {
				s.EditContact(t, id, map[string]string{
					bridge.PropReferredByCode: referrer.ReferralCodes[wiringtest.Program],
					bridge.PropReferralCode:   "OVERWRITTEN",
				})
				in.Contacts = append(in.Contacts, activities.HeardContact{ContactID: id, Hints: updated()})
			}
			tt.before(s)
			s.HubSpot.ResetCounts()
			before := advocateCalls(s)

			env := environment(s)
			env.ExecuteWorkflow(workflows.ContactBatchName, in)

			var result activities.SyncContactsResult
			if err := env.GetWorkflowResult(&result); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(activities.SyncContactsResult{Settled: 100}, result); diff != "" {
				t.Error(diff)
			}
			hubspot, advocate := s.HubSpot.Counts().Total, advocateCalls(s)-before
			t.Logf("%d HubSpot and %d Advocate calls", hubspot, advocate)
			if hubspot > tt.calls || advocate > tt.calls {
				t.Errorf("100 updates cost %d HubSpot and %d Advocate calls, want at most %d each", hubspot, advocate, tt.calls)
			}
			for i, c := range in.Contacts {
				s.InStep(t, c.ContactID, person(i), person(i))
			}
		})
	}
}
