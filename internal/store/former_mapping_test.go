package store_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// formerly returns what became of a contact's mappings, by participant.
func (d database) formerly(t *testing.T, contact string) map[string]bridge.Ending {
	t.Helper()
	endings := map[string]bridge.Ending{}
	for _, f := range d.known(t, contact).Former {
		endings[f.UserID] = f.Ending
	}
	return endings
}

func (d database) end(t *testing.T, contact string, ending bridge.Ending) {
	t.Helper()
	must(t, d.EndMapping(t.Context(), d.conn.ID, contact, ending, store.Settlement{State: bridge.StateDeleted, Reason: bridge.ReasonDeleted}))
}

func TestEndMapping_remembersForARestore(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "ann"), ByEmail: true, SentHash: []byte("s"), EmailHash: []byte("e"),
		ParticipantEmailHash: []byte("their e")}))
	must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateParked, WrittenHash: []byte("w"),
		Parked: []bridge.ParkedItem{{Cause: bridge.CauseHalfPair}}}))
	d.link(t, "102", "ann")
	for range 2 { // running twice is harmless
		d.end(t, "101", bridge.EndedDeleted)
		want := store.Known{
			Former:    []store.FormerMapping{{Mapping: d.mapping("101", "ann"), ByEmail: true, EmailHash: []byte("their e"), Ending: bridge.EndedDeleted}},
			Ledger:    bridge.Ledger{State: bridge.StateDeleted, Reason: bridge.ReasonDeleted},
			EmailHash: []byte("e"),
			WriteSeq:  1,
		}
		got := d.known(t, "101")
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(bridge.Ledger{}, "DecidedAt"), cmpopts.IgnoreFields(store.FormerMapping{}, "EndedAt")); diff != "" {
			t.Error(diff)
		}
		if age := time.Since(got.Former[0].EndedAt); age > time.Hour || age < -time.Hour {
			t.Errorf("ended at %v", got.Former[0].EndedAt)
		}
	}
	if open := d.openItems(t); len(open) != 0 {
		t.Errorf("open items %v", open)
	}
	if d.mappedTo(t, "102") != "u-ann" {
		t.Error("another contact lost its participant")
	}

	// The contact comes back and gets a participant again.
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("101", "new"), ByEmail: true}))
	if k := d.known(t, "101"); k.Former != nil || k.Mapping == nil || !k.ByEmail || k.Ledger.State != bridge.StateMapped {
		t.Errorf("after the restore: %+v", k)
	}
}

func TestEndMapping_withoutOneOnlySettles(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Settle(t.Context(), d.conn.ID, "101", store.Settlement{State: bridge.StateDoNotTrack, SentHash: []byte("refused"),
		Parked: []bridge.ParkedItem{{Cause: bridge.CauseHalfPair}}}))
	must(t, d.EndMapping(t.Context(), d.conn.ID, "101", bridge.EndedMerged, store.Settlement{State: bridge.StateMergedAway, EmailHash: []byte("e"),
		Parked: []bridge.ParkedItem{{Cause: bridge.CauseParticipantLeft}}}))
	k := d.known(t, "101")
	if k.Former != nil || k.Ledger.State != bridge.StateMergedAway || string(k.Ledger.SentHash) != "refused" || string(k.EmailHash) != "e" {
		t.Errorf("known %+v", k)
	}
	if diff := cmp.Diff(map[string]bridge.Cause{"101": bridge.CauseParticipantLeft}, d.openItems(t)); diff != "" {
		t.Error(diff)
	}
}

func TestEndMapping_refusesAnUnknownEnding(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "101", "ann")
	wantKind(t, d.EndMapping(t.Context(), d.conn.ID, "101", "lost", store.Settlement{}), bridge.Invalid)
	if d.mappedTo(t, "101") == "" {
		t.Error("unmapped all the same")
	}
}

func TestLink_remembersWhatTheEmailLedTo(t *testing.T) {
	t.Parallel()
	type step struct {
		participant string
		byEmail     bool
	}
	tests := map[string]struct {
		steps   []step
		byEmail bool
		former  map[string]bridge.Ending
	}{
		"mapped by email":                       {[]step{{"ann", true}}, true, nil},
		"mapped by ids":                         {[]step{{"ann", false}}, false, nil},
		"ids that say what the email says":      {[]step{{"ann", true}, {"ann", false}}, true, nil},
		"an email that says what ids said":      {[]step{{"ann", false}, {"ann", true}}, true, nil},
		"re-mapped from what the email led to":  {[]step{{"ann", true}, {"bob", false}}, false, map[string]bridge.Ending{"u-ann": store.EndedRemapped}},
		"re-mapped from what somebody wrote":    {[]step{{"ann", false}, {"bob", false}}, false, nil},
		"another email, another participant":    {[]step{{"ann", true}, {"bob", true}}, true, map[string]bridge.Ending{"u-ann": store.EndedRemapped}},
		"re-mapped and back":                    {[]step{{"ann", true}, {"bob", false}, {"ann", false}}, false, nil},
		"re-mapped twice":                       {[]step{{"ann", true}, {"bob", true}, {"eve", false}}, false, map[string]bridge.Ending{"u-ann": store.EndedRemapped, "u-bob": store.EndedRemapped}},
		"linked again after it was re-mapped":   {[]step{{"ann", true}, {"bob", false}, {"bob", false}}, false, map[string]bridge.Ending{"u-ann": store.EndedRemapped}},
		"by email again what was by email once": {[]step{{"ann", true}, {"bob", true}, {"ann", true}}, true, map[string]bridge.Ending{"u-bob": store.EndedRemapped}},
	}
	d := newDatabase(t)
	for contact, tt := range tests { // each is a contact of its own
		for _, s := range tt.steps {
			d.relink(t, store.Linking{Mapping: d.mapping(contact, s.participant), ByEmail: s.byEmail})
		}
		if diff := cmp.Diff(tt.former, d.formerly(t, contact), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", contact, diff)
		}
		if k := d.known(t, contact); k.ByEmail != tt.byEmail {
			t.Errorf("%s: by email: %t, want %t", contact, k.ByEmail, tt.byEmail)
		}
	}
}

func TestLink_remembersTheParticipantsEmail(t *testing.T) {
	t.Parallel()
	type step struct {
		participant, email string
		byEmail            bool
	}
	tests := map[string]struct {
		steps        []step
		want, former string
	}{
		"the one that led to it, not a later one": {[]step{{"ann", "old", true}, {"ann", "new", true}}, "old", ""},
		"the one that led to it, not the first":   {[]step{{"ann", "old", false}, {"ann", "new", true}}, "new", ""},
		"the one it had when ids led to it":       {[]step{{"ann", "old", false}, {"ann", "new", false}}, "old", ""},
		"the first one it had":                    {[]step{{"ann", "", false}, {"ann", "new", false}}, "new", ""},
		"the other participant's, once re-mapped": {[]step{{"ann", "ann", true}, {"bob", "bob", false}}, "bob", "ann"},
		"none of another one's that has no email": {[]step{{"ann", "ann", true}, {"bob", "", false}}, "", "ann"},
	}
	d := newDatabase(t)
	for contact, tt := range tests { // each is a contact of its own
		for _, s := range tt.steps {
			l := store.Linking{Mapping: d.mapping(contact, s.participant), ByEmail: s.byEmail}
			if s.email != "" {
				l.ParticipantEmailHash = []byte(s.email)
			}
			d.relink(t, l)
		}
		k, former := d.known(t, contact), ""
		if len(k.Former) > 0 {
			former = string(k.Former[0].EmailHash)
		}
		if string(k.ParticipantEmailHash) != tt.want || former != tt.former {
			t.Errorf("%s: %q, formerly %q; want %q, %q", contact, k.ParticipantEmailHash, former, tt.want, tt.former)
		}
	}
}

func TestLink_endsADeletionAndNothingElse(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "101", "ann")
	d.link(t, "101", "bob") // ann: remapped
	d.end(t, "101", bridge.EndedDeleted)
	d.link(t, "102", "bob")
	d.end(t, "102", bridge.EndedDeleted) // another contact
	if diff := cmp.Diff(map[string]bridge.Ending{"u-ann": store.EndedRemapped, "u-bob": bridge.EndedDeleted}, d.formerly(t, "101")); diff != "" {
		t.Error(diff)
	}
	d.link(t, "101", "eve")
	if diff := cmp.Diff(map[string]bridge.Ending{"u-ann": store.EndedRemapped}, d.formerly(t, "101")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bridge.Ending{"u-bob": bridge.EndedDeleted}, d.formerly(t, "102")); diff != "" {
		t.Error(diff)
	}
}

func TestKnown_theLatestFormerMappingFirst(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, name := range []string{"bob", "ann", "eve", "ida"} {
		d.link(t, "101", name)
	}
	var got []string
	for _, f := range d.known(t, "101").Former {
		got = append(got, f.UserID)
	}
	if diff := cmp.Diff([]string{"u-eve", "u-ann", "u-bob"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSettle_remembersTheEmailOfTheUnmapped(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, email := range []string{"e1", "", "e2", ""} {
		s := store.Settlement{State: bridge.StateNotShared}
		if email != "" {
			s.EmailHash = []byte(email)
		}
		must(t, d.Settle(t.Context(), d.conn.ID, "101", s))
	}
	if got := d.known(t, "101").EmailHash; string(got) != "e2" {
		t.Errorf("email %q", got)
	}
}

func TestMoveMapping_followsAMerge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		from, to string // participants before
		moved    bool
		after    string // the survivor's
		former   map[string]bridge.Ending
	}{
		"the survivor takes the participant over": {"ann", "", true, "u-ann", nil},
		"the survivor keeps its own":              {"ann", "bob", false, "u-bob", map[string]bridge.Ending{"u-ann": bridge.EndedMerged}},
		"they shared it before":                   {"ann", "ann", false, "u-ann", nil},
		"the other had none":                      {"", "bob", false, "u-bob", nil},
		"neither has one":                         {"", "", false, "", nil},
	}
	d := newDatabase(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := name+"/from", name+"/to"
			for contact, participant := range map[string]string{from: tt.from, to: tt.to} {
				if participant == "" {
					continue
				}
				must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping(contact, participant), ByEmail: true,
					SentHash: []byte("s"), EmailHash: []byte("e " + contact)}))
			}
			for i := range 2 { // running twice is harmless
				moved, err := d.MoveMapping(t.Context(), d.conn.ID, from, to)
				must(t, err)
				if want := tt.moved && i == 0; moved != want {
					t.Errorf("moved: %t, want %t", moved, want)
				}
				if got := d.mappedTo(t, to); got != tt.after {
					t.Errorf("the survivor has %q, want %q", got, tt.after)
				}
				if got := d.mappedTo(t, from); got != "" {
					t.Errorf("the other still has %q", got)
				}
				if diff := cmp.Diff(tt.former, d.formerly(t, from), cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
			}
			k := d.known(t, to)
			if tt.moved && (!k.ByEmail || k.Ledger.State != bridge.StateMapped || k.Ledger.SentHash != nil || string(k.EmailHash) != "e "+from) {
				t.Errorf("the survivor: %+v", k)
			}
		})
	}
}

func TestMoveMapping_comparesTheSurvivorAnew(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "501", "ann")
	must(t, d.Settle(t.Context(), d.conn.ID, "700", store.Settlement{State: bridge.StateNotShared, AwaitedAsNew: true,
		SentHash: []byte("s"), WrittenHash: []byte("w"), EmailHash: []byte("e700")}))
	moved, err := d.MoveMapping(t.Context(), d.conn.ID, "501", "700")
	must(t, err)
	k := d.known(t, "700")
	if !moved || k.Ledger.SentHash != nil || k.Ledger.WrittenHash != nil || string(k.EmailHash) != "e700" || k.Ledger.Reason != bridge.ReasonMerged {
		t.Errorf("moved %t, known %+v", moved, k)
	}
}

func TestMoveMapping_tellsTheSurvivorHowTheOtherCameToItsParticipant(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("501", "ann"), ByEmail: true}))
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("700", "ann")})) // by the ids it took over
	_, err := d.MoveMapping(t.Context(), d.conn.ID, "501", "700")
	must(t, err)
	if k := d.known(t, "700"); !k.ByEmail {
		t.Errorf("the survivor: %+v", k)
	}
}

func TestMoveMapping_refusesErasedPeople(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	h := d.Hasher()
	for name, key := range map[string][]byte{
		"survivor":    h.ContactID("survivor/to"),
		"other":       h.ContactID("other/from"),
		"participant": h.Identity(person("participant").Identity()),
	} {
		from, to := name+"/from", name+"/to"
		d.link(t, from, name)
		must(t, d.AddTombstone(t.Context(), d.conn.ID, key))
		_, err := d.MoveMapping(t.Context(), d.conn.ID, from, to)
		wantKind(t, err, bridge.DoNotTrack)
		if d.mappedTo(t, to) != "" || d.mappedTo(t, from) == "" {
			t.Errorf("%s: changed all the same", name)
		}
	}
}

func TestMoveMapping_refusesAContactOntoItself(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "501", "ann")
	_, err := d.MoveMapping(t.Context(), d.conn.ID, "501", "501")
	wantKind(t, err, bridge.Invalid)
	if d.mappedTo(t, "501") == "" {
		t.Error("unmapped all the same")
	}
}

func TestMoveMapping_twoMergesAtOnceKeepOne(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.link(t, "501", "ann")
	d.link(t, "502", "bob")
	results := make(chan bool)
	for _, from := range []string{"501", "502"} {
		go func() {
			moved, err := d.MoveMapping(t.Context(), d.conn.ID, from, "700")
			if err != nil {
				t.Error(err)
			}
			results <- moved
		}()
	}
	if first, second := <-results, <-results; first == second {
		t.Errorf("moved: %t and %t", first, second)
	}
	if n := d.count(t, "SELECT count(*) FROM mapping"); n != 1 {
		t.Errorf("%d mappings, want the survivor's", n)
	}
	if n := d.count(t, "SELECT count(*) FROM former_mapping WHERE ending = 'merged'"); n != 1 {
		t.Errorf("%d former mappings, want the other's", n)
	}
}

func TestSharedWith(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	other := d
	other.conn = connect(t, d.Store, 2002)
	other.link(t, "101", "ann")
	for _, contact := range []string{"103", "101", "102"} {
		d.link(t, contact, "ann")
	}
	d.link(t, "104", "bob")
	for contact, want := range map[string][]string{"101": {"102", "103"}, "102": {"101", "103"}, "104": nil, "999": nil} {
		got, err := d.SharedWith(t.Context(), d.conn.ID, contact)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("contact %s shares with %v, want %v", contact, got, want)
		}
	}
}

func TestPurgeFormer_forgetsAfterAWhile(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	const ago = "now() - interval '91 days'"
	gone := func(contact, name string) {
		must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping(contact, name), ByEmail: true, EmailHash: []byte("e" + contact)}))
		d.end(t, contact, bridge.EndedDeleted)
	}
	gone("old", "ann")
	gone("both", "bob")
	d.exec(t, "UPDATE former_mapping SET ended_at = "+ago)
	d.exec(t, "UPDATE contact_ledger SET decided_at = "+ago)
	gone("young", "eve")
	d.exec(t, "INSERT INTO former_mapping (connection_id, contact_id, account_id, user_id, by_email, ending) VALUES ($1, 'both', 'a', 'u', true, 'merged')", d.conn.ID)
	// Never mapped, and gone just as long.
	must(t, d.Settle(t.Context(), d.conn.ID, "unmapped", store.Settlement{State: bridge.StateDeleted, EmailHash: []byte("eunmapped")}))
	// Was mapped to somebody else long ago, and lives.
	d.link(t, "live", "ida")
	d.relink(t, store.Linking{Mapping: d.mapping("live", "joe"), EmailHash: []byte("elive")})
	d.exec(t, "UPDATE former_mapping SET ended_at = "+ago+" WHERE contact_id = 'live'")
	d.exec(t, "UPDATE contact_ledger SET decided_at = "+ago+" WHERE contact_id IN ('live', 'unmapped')")

	n, err := d.PurgeFormer(t.Context(), time.Now().Add(-90*24*time.Hour))
	must(t, err)
	if n != 3 {
		t.Errorf("purged %d, want 3", n)
	}
	for contact, want := range map[string]struct {
		former int
		email  string
	}{"old": {0, ""}, "both": {1, "eboth"}, "young": {1, "eyoung"}, "unmapped": {0, ""}, "live": {0, "elive"}} {
		k := d.known(t, contact)
		if len(k.Former) != want.former || string(k.EmailHash) != want.email {
			t.Errorf("contact %s: %d former mappings and email %q, want %d and %q", contact, len(k.Former), k.EmailHash, want.former, want.email)
		}
	}
}

func TestPurgeFormer_keepsWhoLivesOnUnderAnotherID(t *testing.T) {
	t.Parallel()
	states := map[string]struct {
		state bridge.State
		kept  bool
	}{
		"mapped": {bridge.StateMapped, true}, "never looked at": {"", true}, "deleted": {bridge.StateDeleted, false},
	}
	d := newDatabase(t)
	for name, tt := range states {
		merged, between, survivor := name+"/merged", name+"/between", name+"/survivor"
		must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping(merged, merged), ByEmail: true}))
		must(t, d.EndMapping(t.Context(), d.conn.ID, merged, bridge.EndedMerged,
			store.Settlement{State: bridge.StateMergedAway, EmailHash: []byte("e")}))
		must(t, d.Settle(t.Context(), d.conn.ID, between, store.Settlement{State: bridge.StateMergedAway}))
		must(t, d.AddMerge(t.Context(), d.conn.ID, merged, between))
		must(t, d.AddMerge(t.Context(), d.conn.ID, between, survivor))
		if tt.state != "" {
			must(t, d.Settle(t.Context(), d.conn.ID, survivor, store.Settlement{State: tt.state}))
		}
	}
	d.exec(t, "UPDATE former_mapping SET ended_at = now() - interval '91 days'")
	d.exec(t, "UPDATE contact_ledger SET decided_at = now() - interval '91 days'")

	n, err := d.PurgeFormer(t.Context(), time.Now().Add(-90*24*time.Hour))
	must(t, err)
	if n != 1 {
		t.Errorf("purged %d, want 1", n)
	}
	for name, tt := range states {
		k := d.known(t, name+"/merged")
		if kept := len(k.Former) == 1 && k.EmailHash != nil; kept != tt.kept {
			t.Errorf("survivor %s: kept %t, want %t (%+v)", name, kept, tt.kept, k)
		}
	}
}

// A row of an export that was taken before we deleted the participant must not
// make the contact again.
func TestPlanRun_leavesOutTheDeleted(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	dated := func(name string, created time.Time) bridge.Participant {
		p := person(name)
		p.DateCreated = created
		return p
	}
	for _, name := range []string{"gone", "undated", "again", "shared", "unmapped"} {
		d.link(t, name, name)
		ending := bridge.EndedDeleted
		if name == "unmapped" {
			ending = bridge.EndedUnmapped
		}
		d.end(t, name, ending)
	}
	d.link(t, "102", "shared")
	people := []bridge.Participant{dated("gone", at(0)), dated("undated", time.Time{}), dated("again", time.Now().Add(time.Hour)),
		dated("shared", at(0)), dated("unmapped", at(0))}
	run := d.planned(t, people...)
	want := map[string]string{"u-gone": "blocked blocked", "u-undated": "blocked blocked",
		"u-again": "match_or_create", "u-shared": "update", "u-unmapped": "match_or_create"}
	if diff := cmp.Diff(want, d.plans(t, run)); diff != "" {
		t.Error(diff)
	}
}

func TestPage_leavesOutWhoWasDeletedSince(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	run := d.planned(t, person("ann"), person("bob"), person("eve"))
	for contact, name := range map[string]string{"101": "ann", "102": "bob"} {
		d.link(t, contact, name)
		d.end(t, contact, bridge.EndedDeleted)
	}
	d.link(t, "103", "bob") // another contact has bob
	var got []string
	for _, row := range d.page(t, run, 1) {
		got = append(got, row.Participant.UserID+" "+string(row.Plan))
	}
	if diff := cmp.Diff([]string{"u-bob update", "u-eve match_or_create"}, got); diff != "" {
		t.Error(diff)
	}
	if counts := d.finishAll(t, run, store.ResultUpdated); counts.Blocked != 1 {
		t.Errorf("counts %+v", counts)
	}
}

func TestFinishPage_mapsByEmail(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	must(t, d.Link(t.Context(), store.Linking{Mapping: d.mapping("102", "bob"), EmailHash: []byte("own")}))
	d.link(t, "101", "old")
	d.end(t, "101", bridge.EndedDeleted)
	run := d.planned(t, person("ann"), person("bob"))
	for page, contact := range []string{"101", "102"} {
		must(t, d.FinishPage(t.Context(), run.ID, page+1, []store.RowResult{
			{Ordinal: int64(page) + 1, Result: store.ResultMatched, Contacts: []store.RowContact{{ContactID: contact}}}}))
	}
	if k := d.known(t, "101"); !k.ByEmail || !bytes.Equal(k.EmailHash, d.Hasher().Email("ann@example.com")) || k.Former != nil {
		t.Errorf("newly mapped: %+v", k)
	}
	if k := d.known(t, "102"); k.ByEmail || string(k.EmailHash) != "own" {
		t.Errorf("mapped before: %+v", k)
	}
}
