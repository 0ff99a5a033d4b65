package store_test

import (
	"errors"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func (d database) erased(contact, key string) store.Event {
	return store.Event{ConnectionID: d.conn.ID, ContactID: contact, Kind: store.EventErased, OccurredAt: at(1), DedupeKey: key}
}

func (d database) erasures(t *testing.T, open bool) []store.ErasureRecord {
	t.Helper()
	all, err := d.Erasures(t.Context(), d.conn.ID, open, 0, 100)
	must(t, err)
	return all
}

// An erasure is there from the first word of it, whichever way the word comes.
func TestErasure_isRecordedWithWhateverTellsOfIt(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tell func(t *testing.T, d database) error
		want []store.ErasureSource // of contact 101
	}{
		"a webhook": {func(t *testing.T, d database) error {
			_, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", "a")})
			return err
		}, []store.ErasureSource{store.ErasureByHubSpot}},
		"a webhook that comes twice, and one of another app": {func(t *testing.T, d database) error {
			for _, key := range []string{"a", "a", "b"} {
				if _, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", key)}); err != nil {
					return err
				}
			}
			return nil
		}, []store.ErasureSource{store.ErasureByHubSpot}},
		"one delivery with several of it": {func(t *testing.T, d database) error {
			_, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", "a"), d.erased("101", "b")})
			return err
		}, []store.ErasureSource{store.ErasureByHubSpot}},
		"a request of our own": {func(t *testing.T, d database) error {
			return d.RequestSync(t.Context(), d.conn.ID, store.SyncRequest{ContactID: "101", Hints: bridge.Hints{ErasedAt: at(1)}})
		}, []store.ErasureSource{store.ErasureByRequest}},
		"an operator": {func(t *testing.T, d database) error {
			_, err := d.RequestErasure(t.Context(), d.conn.ID, "101", "dpo", at(1))
			return err
		}, []store.ErasureSource{store.ErasureByOperator}},
		"an operator after a webhook": {func(t *testing.T, d database) error {
			if _, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", "a")}); err != nil {
				return err
			}
			e, err := d.RequestErasure(t.Context(), d.conn.ID, "101", "dpo", at(1))
			if e.Source != store.ErasureByHubSpot {
				t.Errorf("the answer is another erasure: %+v", e)
			}
			return err
		}, []store.ErasureSource{store.ErasureByHubSpot}},
		"a deletion is none": {func(t *testing.T, d database) error {
			e := d.erased("101", "a")
			e.Kind = store.EventDeleted
			_, err := d.AppendEvents(t.Context(), []store.Event{e})
			return err
		}, nil},
		"a delivery that cannot be stored": {func(t *testing.T, d database) error {
			if _, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", "a"), d.erased("", "b")}); err == nil {
				t.Error("stored an event of nobody")
			}
			return nil
		}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			must(t, tt.tell(t, d))
			all := d.erasures(t, true)
			if len(all) != len(tt.want) {
				t.Fatalf("%d erasures, want %d: %+v", len(all), len(tt.want), all)
			}
			for i, e := range all {
				if e.Source != tt.want[i] || e.ContactID != "101" || e.HeardAt.IsZero() || !e.OccurredAt.Equal(at(1)) || !e.Open() {
					t.Errorf("%+v, want the source %s", e, tt.want[i])
				}
			}
		})
	}
}

func TestErasure_remembersEachStepAndWhatIsInItsWay(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", "a"), d.erased("102", "b")})
	must(t, err)
	must(t, d.StepErasure(t.Context(), d.conn.ID, "101", store.ErasureVerified))
	first := d.erasures(t, true)[1]
	for range 2 {
		must(t, d.FailErasure(t.Context(), d.conn.ID, "101", errors.New("advocate.delete: unavailable (status 503)")))
		must(t, d.StepErasure(t.Context(), d.conn.ID, "101", store.ErasureVerified)) // a second run
	}
	e := d.erasures(t, true)[1]
	if e.ContactID != "101" || !e.VerifiedAt.Equal(first.VerifiedAt) || e.VerifiedAt.IsZero() || e.Attempts != 2 ||
		e.Problem != "advocate.delete: unavailable (status 503)" || e.TriedAt.IsZero() || !e.DeletedAt.IsZero() {
		t.Errorf("%+v", e)
	}
	erasure := d.erasure("101", "ann")
	erasure.Deleted = 1
	_, err = d.Erase(t.Context(), erasure)
	must(t, err)
	done, err := d.Erasure(t.Context(), e.ID)
	must(t, err)
	if done.Open() || done.Participants != 1 || done.Contacts != 1 || done.Problem != "" || done.Attempts != 2 || done.CheckedAt.IsZero() {
		t.Errorf("%+v", done)
	}
	if open := d.erasures(t, true); len(open) != 1 || open[0].ContactID != "102" || open[0].Attempts != 0 {
		t.Errorf("another contact's erasure went with it: %+v", open)
	}
	_, err = d.Erasure(t.Context(), 999)
	wantKind(t, err, bridge.NotFound)
}

// What HubSpot does not bear out ends as doubted; the next word of it is a new
// erasure.
func TestErasure_endsAsDoubtedAndMayBeHeardAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", "a")})
	must(t, err)
	must(t, d.LiftErasure(t.Context(), d.conn.ID, "101"))
	if all := d.erasures(t, false); len(all) != 1 || all[0].Open() || all[0].DoubtedAt.IsZero() {
		t.Errorf("%+v", all)
	}
	_, err = d.AppendEvents(t.Context(), []store.Event{d.erased("101", "b")})
	must(t, err)
	if open := d.erasures(t, true); len(open) != 1 {
		t.Errorf("%+v", open)
	}
}

// Deliveries that tell of the same people in different orders must not wait for
// each other in a circle.
func TestErasure_isRecordedByDeliveriesThatCross(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const each = 20
	done := make(chan error, 2)
	for _, side := range []string{"a", "b"} {
		go func() {
			for i := range each {
				events := []store.Event{d.erased("101", side+"x"+string(rune('a'+i))), d.erased("102", side+"y"+string(rune('a'+i)))}
				if side == "b" {
					events[0].ContactID, events[1].ContactID = "102", "101"
				}
				if _, err := d.AppendEvents(t.Context(), events); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if open := d.erasures(t, true); len(open) != 2 {
		t.Errorf("%+v", open)
	}
}

func TestDisconnect_keepsTheRecordsOfErasures(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	_, err := d.AppendEvents(t.Context(), []store.Event{d.erased("101", "a")})
	must(t, err)
	_, err = d.Disconnect(t.Context(), d.conn.ID)
	must(t, err)
	if all := d.erasures(t, false); len(all) != 1 || time.Since(all[0].HeardAt) < 0 {
		t.Errorf("%+v", all)
	}
}
