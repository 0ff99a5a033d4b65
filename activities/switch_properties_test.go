package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// settings is a portal's properties page, for what the stand-in does not do.
type settings struct {
	contactProperties
	archived map[string]bool

	inUse  []string // not to be archived
	silent bool     // archiving all says yes and leaves out those in use
	dumb   bool     // a refusal to archive all names nobody
	eager  bool     // a refusal to archive all has archived some
	fail   error    // archiving all ends with it
	broken string   // archiving it, alone or with others, ends with a 500
	calls  int      // of archiving one
}

func (s *settings) ActiveProperties(_ context.Context, names []string) (map[string]bool, error) {
	active := map[string]bool{}
	for _, name := range names {
		if !s.archived[name] {
			active[name] = true
		}
	}
	return active, nil
}

func (s *settings) ArchiveProperties(_ context.Context, names []string) error {
	if s.fail != nil {
		return s.fail
	}
	if slices.Contains(names, s.broken) {
		return errBroken
	}
	if len(s.inUse) > 0 && !s.silent && !s.eager {
		return s.refusal(s.inUse[0])
	}
	for _, name := range names {
		if slices.Contains(s.inUse, name) {
			if s.eager {
				return s.refusal(name)
			}
			continue
		}
		s.archived[name] = true
	}
	return nil
}

func (s *settings) ArchiveProperty(_ context.Context, name string) error {
	s.calls++
	if name == s.broken {
		return errBroken
	}
	if slices.Contains(s.inUse, name) {
		s.dumb = false
		return s.refusal(name)
	}
	s.archived[name] = true
	return nil
}

func (s *settings) refusal(name string) error {
	e := &bridge.Error{Kind: bridge.Invalid, Code: "IN_USE", VendorMessage: fmt.Sprintf("Property '%s' is used in 3 places.", name)}
	if s.dumb {
		e.VendorMessage = "Something is in use."
	}
	return e
}

var errBroken = &bridge.Error{Kind: bridge.Unavailable, Status: 500, VendorMessage: "internal error"}

// outcomesOf counts what became of the properties.
func outcomesOf(r propertyRemoval) map[store.PropertyOutcome]int {
	counts := map[store.PropertyOutcome]int{}
	for _, p := range r.outcomes() {
		counts[p.Outcome]++
	}
	return counts
}

func TestRemoval(t *testing.T) {
	t.Parallel()
	const all = 10
	line, linkedin := bridge.PropMessageLinkPrefix+"line", bridge.PropMessageLinkPrefix+"linkedin"
	type counts = map[store.PropertyOutcome]int
	tests := map[string]struct {
		settings settings
		want     counts
		blocked  []string
	}{
		"nothing in the way": {
			settings{}, counts{store.PropertyArchived: all}, nil},
		"one in use is named, and no other is touched": {
			settings{inUse: []string{linkedin}}, counts{store.PropertyInUse: 1, store.PropertyKept: all - 1}, []string{linkedin}},
		"a name that another one begins with": {
			settings{inUse: []string{line}}, counts{store.PropertyInUse: 1, store.PropertyKept: all - 1}, []string{line}},
		"one in use that the refusal does not name is found one by one": {
			settings{inUse: []string{linkedin, line}, dumb: true}, counts{store.PropertyInUse: 2, store.PropertyArchived: all - 2}, []string{line, linkedin}},
		"one that was left out without a word": {
			settings{inUse: []string{line}, silent: true}, counts{store.PropertyInUse: 1, store.PropertyArchived: all - 1}, []string{line}},
		"a refusal after some were archived": {
			settings{inUse: []string{linkedin}, eager: true}, counts{store.PropertyInUse: 1, store.PropertyArchived: 8, store.PropertyKept: 1}, []string{linkedin}},
		"a permission that lacks": {
			settings{fail: &bridge.Error{Kind: bridge.Unauthorized, Code: "MISSING_SCOPES"}}, counts{store.PropertyInUse: all}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.settings.archived = map[string]bool{}
			r := propertyRemoval{hubspot: &tt.settings, blocked: map[string]string{}}
			if err := r.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, outcomesOf(r)); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			for _, name := range tt.blocked {
				if r.blocked[name] == "" {
					t.Errorf("%s does not count as in use: %v", name, r.blocked)
				}
			}
		})
	}
}

// HubSpot may fail for ever on one property, and nobody writes to contacts while a
// switch tries to remove it.
func TestRemoval_givesUpAPropertyThatHubSpotFailsOn(t *testing.T) {
	t.Parallel()
	s := settings{archived: map[string]bool{}, broken: bridge.PropShareLink}
	r := propertyRemoval{hubspot: &s, blocked: map[string]string{}, tries: removalTries - 1}
	if err := r.run(t.Context()); bridge.KindOf(err) != bridge.Unavailable {
		t.Fatalf("error %v, want one that is tried again", err)
	}
	r.tries++
	if err := r.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.blocked) != 1 || r.blocked[bridge.PropShareLink] != "internal error" {
		t.Errorf("blocked: %v", r.blocked)
	}
	down := settings{archived: map[string]bool{}, fail: &bridge.Error{Kind: bridge.Unavailable}} // no answer at all
	r = propertyRemoval{hubspot: &down, blocked: map[string]string{}, tries: 10 * removalTries}
	if err := r.run(t.Context()); bridge.KindOf(err) != bridge.Unavailable {
		t.Errorf("error %v while HubSpot is away", err)
	}
}

func TestRemoval_goesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := settings{archived: map[string]bool{bridge.PropShareLink: true}, fail: &bridge.Error{Kind: bridge.Unavailable}}
	r := propertyRemoval{hubspot: &s, blocked: map[string]string{}}
	if err := r.run(t.Context()); bridge.KindOf(err) != bridge.Unavailable {
		t.Fatalf("error %v, want one that is tried again", err)
	}
	s.fail = nil
	for range 2 {
		if err := r.run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.left) != 0 || len(r.blocked) != 0 || s.calls != 0 {
		t.Errorf("left %v, blocked %v, %d single calls", r.left, r.blocked, s.calls)
	}
}

func TestRemoval_doesNotGiveUpHalfWayForPermissions(t *testing.T) {
	t.Parallel()
	refusal := errors.Join(&bridge.Error{Kind: bridge.Unauthorized})
	s := &withdrawn{settings: settings{archived: map[string]bool{}}, refusal: refusal}
	r := propertyRemoval{hubspot: s, blocked: map[string]string{}}
	if err := r.run(t.Context()); bridge.KindOf(err) != bridge.Unauthorized || len(r.blocked) != 0 {
		t.Errorf("error %v, blocked %v: what is removed could not be created again either", err, r.blocked)
	}
}

// withdrawn archives one property before it refuses the credentials.
type withdrawn struct {
	settings
	refusal error
}

func (w *withdrawn) ArchiveProperties(_ context.Context, names []string) error {
	w.archived[names[0]] = true
	return w.refusal
}
