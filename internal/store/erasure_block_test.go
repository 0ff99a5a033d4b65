package store_test

import (
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// block tells how the keys by which a person could come back are blocked: email,
// another email, participant.
func (d database) blocks(t *testing.T, name string) [3]store.Block {
	t.Helper()
	var got [3]store.Block
	for i, key := range [][]byte{
		d.Hasher().Email(name + "@example.com"), d.Hasher().Email(name + "@home.example"), d.Hasher().Identity(person(name).Identity()),
	} {
		var err error
		got[i], err = d.Blocked(t.Context(), d.conn.ID, key)
		must(t, err)
	}
	return got
}

func allKeys(b store.Block) [3]store.Block { return [3]store.Block{b, b, b} }

// knows has the product know a contact with two emails and a participant.
func (d database) knows(t *testing.T, contact, name string) {
	t.Helper()
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping(contact, name), ByEmail: true, EmailHash: d.Hasher().Email(name + "@example.com")}))
	must(t, d.Settle(t.Context(), d.conn.ID, contact, store.Settlement{
		State: bridge.StateMapped, EmailHash: d.Hasher().Email(name + "@example.com"), OtherEmails: [][]byte{d.Hasher().Email(name + "@home.example")},
	}))
}

// Whoever tells of a privacy deletion, the person is blocked with the very row that
// records it, or at the latest before any vendor is asked.
func TestErasure_blocksThePersonAtOnce(t *testing.T) {
	t.Parallel()
	hear := func(t *testing.T, d database, contact string) {
		_, err := d.AppendEvents(t.Context(), []store.Event{d.erased(contact, "told of "+contact)})
		must(t, err)
	}
	tests := map[string]struct {
		tell func(t *testing.T, d database)
		want [3]store.Block
	}{
		"a webhook": {func(t *testing.T, d database) { hear(t, d, "101") }, allKeys(store.Provisional)},
		"an operator": {func(t *testing.T, d database) {
			_, err := d.RequestErasure(t.Context(), d.conn.ID, "101", "dpo", at(1))
			must(t, err)
		}, allKeys(store.Provisional)},
		"a request of our own, once the contact's life begins": {func(t *testing.T, d database) {
			must(t, d.RequestSync(t.Context(), d.conn.ID, store.SyncRequest{ContactID: "101", Hints: bridge.Hints{ErasedAt: at(1)}}))
			must(t, d.BlockErasure(t.Context(), d.conn.ID, "101"))
		}, allKeys(store.Provisional)},
		"the survivor's, of a contact that was merged into it": {func(t *testing.T, d database) {
			must(t, d.AddMerge(t.Context(), d.conn.ID, "101", "102"))
			hear(t, d, "102")
		}, allKeys(store.Provisional)},
		"what is heard of another contact": {func(t *testing.T, d database) { hear(t, d, "103") }, allKeys(store.Unblocked)},
		"a deletion":                       {func(t *testing.T, d database) { d.mustAppend(t, d.event("101", store.EventDeleted, 1)) }, allKeys(store.Unblocked)},
		"one that is not borne out": {func(t *testing.T, d database) {
			hear(t, d, "101")
			must(t, d.LiftErasure(t.Context(), d.conn.ID, "101"))
		}, allKeys(store.Unblocked)},
		"the same delivery once more, after it was not borne out": {func(t *testing.T, d database) {
			hear(t, d, "101")
			must(t, d.LiftErasure(t.Context(), d.conn.ID, "101"))
			hear(t, d, "101")
		}, allKeys(store.Unblocked)},
		"two of one person, of which one is not borne out": {func(t *testing.T, d database) {
			must(t, d.AddMerge(t.Context(), d.conn.ID, "101", "102"))
			hear(t, d, "101")
			hear(t, d, "102")
			must(t, d.LiftErasure(t.Context(), d.conn.ID, "101"))
		}, allKeys(store.Provisional)},
		"one that is carried out": {func(t *testing.T, d database) {
			hear(t, d, "101")
			d.erase(t, "101", "ann")
		}, allKeys(store.Lasting)},
		"one that is not borne out, of a person who was erased before": {func(t *testing.T, d database) {
			must(t, d.AddMerge(t.Context(), d.conn.ID, "101", "102"))
			hear(t, d, "101")
			hear(t, d, "102")
			d.erase(t, "101", "ann")
			must(t, d.LiftErasure(t.Context(), d.conn.ID, "102"))
		}, allKeys(store.Lasting)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.knows(t, "101", "ann")
			tt.tell(t, d)
			if got := d.blocks(t, "ann"); got != tt.want {
				t.Errorf("email, other email, participant: %v, want %v", got, tt.want)
			}
			for _, e := range d.erasures(t, true) {
				if e.BlockedAt.IsZero() {
					t.Errorf("the record does not say that the person is blocked: %+v", e)
				}
			}
		})
	}
}

// What was written before the person was blocked is recorded: the erasure finds it.
func TestErasure_provisionalBlockKeepsNothingFromBeingRecorded(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.knows(t, "101", "ann")
	d.mustAppend(t, d.erased("101", "told"))

	d.link(t, "102", "ann")

	d.erase(t, "101", "ann")
	if known := d.known(t, "102"); known.Mapping != nil || known.Ledger.State != bridge.StateParked {
		t.Errorf("a contact that shares the participant: %+v", known)
	}
}

// The report is asked again for whom a block kept out that was not borne out.
func TestLiftErasure_rewindsTheReport(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.knows(t, "101", "ann")
	d.mustAppend(t, d.erased("101", "told"))
	d.finishAll(t, d.planned(t, person("bob")), store.ResultCreated)
	must(t, d.LiftErasure(t.Context(), d.conn.ID, "101"))

	if n := d.count(t, `
SELECT count(*) FROM connection c JOIN erasure e ON e.connection_id = c.id WHERE c.report_watermark > e.blocked_at`); n != 0 {
		t.Error("the next report leaves out what changed while the person was blocked")
	}
}
