package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func (d database) mapping(contact, participant string) bridge.Mapping {
	return bridge.Mapping{ConnectionID: d.conn.ID, ContactID: contact, AccountID: "a-" + participant, UserID: "u-" + participant}
}

// relink links a contact, knowing what it is mapped to.
func (d database) relink(t *testing.T, l store.Linking) {
	t.Helper()
	if m := d.known(t, l.Mapping.ContactID).Mapping; m != nil {
		l.Replaces = m.Identity()
	}
	must(t, d.Link(t.Context(), l))
}

// link maps a contact to a participant that its own email led to.
func (d database) link(t *testing.T, contact, participant string) {
	t.Helper()
	d.relink(t, store.Linking{Mapping: d.mapping(contact, participant), ByEmail: true})
}

func (d database) known(t *testing.T, contact string) store.Known {
	t.Helper()
	k, err := d.Known(t.Context(), d.conn.ID, contact)
	must(t, err)
	return k
}

// openItems returns cause by subject of everything that is parked.
func (d database) openItems(t *testing.T) map[string]bridge.Cause {
	t.Helper()
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	open := map[string]bridge.Cause{}
	for _, item := range items {
		open[item.ContactID+item.UserID] = item.Cause
	}
	return open
}

func TestKnown_nothingOfAContactNeverSeen(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	if diff := cmp.Diff(store.Known{}, d.known(t, "101")); diff != "" {
		t.Error(diff)
	}
}

func TestLink_leavesAMappingThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	tests := map[string]bridge.Identity{"decided when there was none": {}, "decided when there was another": person("eve").Identity()}
	for name, replaces := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			d.link(t, "101", "ann")
			err := d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "bob"), Replaces: replaces, EmailHash: []byte("e")})
			wantKind(t, err, bridge.Pending)
			if k := d.known(t, "101"); d.mappedTo(t, "101") != "u-ann" || k.Former != nil || k.EmailHash != nil {
				t.Errorf("changed all the same: %+v", k)
			}
		})
	}
}

func TestLink_replacesTheMapping(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	first, second := d.mapping("101", "ann"), d.mapping("101", "bob")
	must(t, d.Link(t.Context(), store.Linking{Mapping: first, SentHash: []byte("sent 1")}))
	replacing := store.Linking{Mapping: second, Replaces: first.Identity()}
	must(t, d.Link(t.Context(), replacing))
	must(t, d.Link(t.Context(), replacing)) // running twice is harmless

	k := d.known(t, "101")
	if k.Mapping == nil || *k.Mapping != second {
		t.Errorf("mapped to %v, want %v", k.Mapping, second)
	}
	if k.Ledger.State != bridge.StateMapped || string(k.Ledger.SentHash) != "sent 1" {
		t.Errorf("ledger %+v", k.Ledger)
	}
}

func TestLink_contactsMayShareAParticipant(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "102", "ann")
	d.link(t, "101", "ann")
	d.link(t, "103", "bob")
	got, err := d.ContactsOf(t.Context(), d.conn.ID, d.mapping("", "ann").Identity())
	must(t, err)
	if diff := cmp.Diff([]string{"101", "102"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLink_erasedPersonIsRefused(t *testing.T) {
	t.Parallel()
	m := bridge.Mapping{ContactID: "101", AccountID: "a", UserID: "u"}
	tests := map[string]struct {
		key     func(d database) []byte
		refused bool
	}{
		"erased by contact id":      {func(d database) []byte { return d.Hasher().ContactID("101") }, true},
		"erased by identity":        {func(d database) []byte { return d.Hasher().Identity(m.Identity()) }, true},
		"somebody else was erased":  {func(d database) []byte { return d.Hasher().ContactID("102") }, false},
		"an email of the same text": {func(d database) []byte { return d.Hasher().Email("101") }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t)
			m := m
			m.ConnectionID = d.conn.ID
			must(t, d.AddTombstone(t.Context(), d.conn.ID, tt.key(d)))
			err := d.Link(t.Context(), store.Linking{Mapping: m, SentHash: []byte("sent")})
			if !tt.refused {
				must(t, err)
				return
			}
			wantKind(t, err, bridge.DoNotTrack)
			k := d.known(t, "101")
			if k.Mapping != nil || k.Ledger.SentHash != nil {
				t.Errorf("changed all the same: %+v", k)
			}
		})
	}
}

func TestTombstone_belongsToOneConnection(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	other := connect(t, d.Store, 2002)
	email, contact := d.Hasher().Email("ann@example.com"), d.Hasher().ContactID("101")
	must(t, d.AddTombstone(t.Context(), d.conn.ID, email, contact))
	must(t, d.AddTombstone(t.Context(), d.conn.ID, email)) // again

	for _, tt := range []struct {
		connection string
		hashes     [][]byte
		want       bool
	}{
		{d.conn.ID, [][]byte{email}, true},
		{d.conn.ID, [][]byte{d.Hasher().Email("bob@example.com"), contact}, true},
		{d.conn.ID, [][]byte{d.Hasher().Email("bob@example.com")}, false},
		{d.conn.ID, nil, false},
		{other.ID, [][]byte{email, contact}, false},
	} {
		got, err := d.Erased(t.Context(), tt.connection, tt.hashes...)
		must(t, err)
		if got != tt.want {
			t.Errorf("erased %t, want %t", got, tt.want)
		}
	}
	if !d.known(t, "101").Erased || d.known(t, "102").Erased {
		t.Error("Known does not tell who was erased")
	}
}

func TestLink_neverOutlivesAnErasureAtTheSameTime(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	linked := make(chan error)
	m := d.mapping("101", "ann")
	go func() { linked <- d.Link(t.Context(), store.Linking{Mapping: m}) }()
	must(t, d.AddTombstone(t.Context(), d.conn.ID, d.Hasher().ContactID("101")))
	// From here on the mapping is there for the erasure to find, or never comes.
	mapped := d.known(t, "101").Mapping != nil
	if err := <-linked; (err == nil) != mapped {
		t.Errorf("mapped when the tombstone stood: %t, link: %v", mapped, err)
	}
}

func TestSettle_keepsHashesItWasNotGiven(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	steps := []struct {
		settle store.Settlement
		want   bridge.Ledger
	}{
		{store.Settlement{State: bridge.StateAwaitingEmail, Reason: bridge.ReasonNoEmail, AwaitedAsNew: true},
			bridge.Ledger{State: bridge.StateAwaitingEmail, Reason: bridge.ReasonNoEmail, AwaitedAsNew: true}},
		{store.Settlement{State: bridge.StateMapped, Reason: bridge.ReasonContactCreated, SentHash: []byte("s1"), WrittenHash: []byte("w1"), Program: "p1"},
			bridge.Ledger{State: bridge.StateMapped, Reason: bridge.ReasonContactCreated, SentHash: []byte("s1"), WrittenHash: []byte("w1")}},
		{store.Settlement{State: bridge.StateMapped, Reason: bridge.ReasonInputsChanged, SentHash: []byte("s2")},
			bridge.Ledger{State: bridge.StateMapped, Reason: bridge.ReasonInputsChanged, SentHash: []byte("s2"), WrittenHash: []byte("w1")}},
	}
	for _, step := range steps {
		for range 2 { // each may run twice
			must(t, d.Settle(t.Context(), d.conn.ID, "101", step.settle))
		}
		got := d.known(t, "101").Ledger
		if got.DecidedAt.IsZero() {
			t.Error("no time of the decision")
		}
		if diff := cmp.Diff(step.want, got, cmpopts.IgnoreFields(bridge.Ledger{}, "DecidedAt")); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSettle_speaksForTheWholeContact(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	settle := func(contact string, parked []bridge.ParkedItem) {
		t.Helper()
		must(t, d.Settle(t.Context(), d.conn.ID, contact, store.Settlement{State: bridge.StateParked, Parked: parked}))
	}
	steps := []struct {
		contact string
		parked  []bridge.ParkedItem
		want    map[string]bridge.Cause
	}{
		{"101", []bridge.ParkedItem{{Cause: bridge.CauseHalfPair}}, map[string]bridge.Cause{"101": bridge.CauseHalfPair}},
		{"102", []bridge.ParkedItem{{Cause: bridge.CauseHalfPair}}, map[string]bridge.Cause{"101": bridge.CauseHalfPair, "102": bridge.CauseHalfPair}},
		{"101", []bridge.ParkedItem{{Cause: bridge.CauseUnknownPair}}, map[string]bridge.Cause{"101": bridge.CauseUnknownPair, "102": bridge.CauseHalfPair}},
		{"101", nil, map[string]bridge.Cause{"102": bridge.CauseHalfPair}},
		{"101", nil, map[string]bridge.Cause{"102": bridge.CauseHalfPair}},
	}
	for _, step := range steps {
		settle(step.contact, step.parked)
		if diff := cmp.Diff(step.want, d.openItems(t)); diff != "" {
			t.Error(diff)
		}
	}
	if n := d.count(t, "SELECT count(*) FROM parked_item WHERE contact_id = '101' AND outcome = 'resolved' AND closed_at IS NOT NULL"); n != 2 {
		t.Errorf("%d items closed as resolved, want 2", n)
	}
}

func TestSettle_refusesAnUnknownState(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	wantKind(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: "lost"}), bridge.Invalid)
	wantKind(t, d.Settle(t.Context(), "caaaaaaaaa", "101", store.Settlement{}), bridge.NotFound)
}
