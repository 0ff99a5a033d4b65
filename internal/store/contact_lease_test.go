package store_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestLeaseContacts_oneHolderAtATime(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	lease := func(holder string, life time.Duration, ids ...string) []string {
		t.Helper()
		got, err := d.LeaseContacts(t.Context(), d.conn.ID, holder, life, ids...)
		must(t, err)
		slices.Sort(got)
		return got
	}
	for _, step := range []struct {
		name   string
		holder string
		ids    []string
		want   []string
	}{
		{"a page gets contacts that nobody works on", "page", []string{"1", "2"}, []string{"1", "2"}},
		{"a contact's own life waits for the page", "life/2", []string{"2"}, nil},
		{"another page gets the others", "other", []string{"2", "3"}, []string{"3"}},
		{"a second attempt gets its own again", "page", []string{"1", "2"}, []string{"1", "2"}},
	} {
		if diff := cmp.Diff(step.want, lease(step.holder, time.Minute, step.ids...), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
	must(t, d.ReleaseContacts(t.Context(), d.conn.ID, "other", "2")) // not its own
	if got := lease("life/2", time.Minute, "2"); len(got) != 0 {
		t.Errorf("somebody else released %v", got)
	}
	must(t, d.ReleaseContacts(t.Context(), d.conn.ID, "page", "1", "2"))
	if got := lease("life/2", -time.Second, "2"); len(got) != 1 {
		t.Error("a released contact was not free")
	}
	if got := lease("page", time.Minute, "2"); len(got) != 1 {
		t.Error("a lapsed lease was not free")
	}
}

func TestLeaseContacts_holdsAmongConcurrentHolders(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	ids := []string{"1", "2", "3", "4", "5"}
	var (
		work   sync.WaitGroup
		owners [5]atomic.Int64
	)
	for _, holder := range []string{"a", "b", "c", "d", "e", "f"} {
		mine := slices.Clone(ids)
		if holder > "c" {
			slices.Reverse(mine)
		}
		work.Go(func() {
			got, err := d.LeaseContacts(t.Context(), d.conn.ID, holder, time.Minute, mine...)
			if err != nil {
				t.Error(err)
			}
			for _, id := range got {
				owners[slices.Index(ids, id)].Add(1)
			}
		})
	}
	work.Wait()
	for i := range owners {
		if n := owners[i].Load(); n != 1 {
			t.Errorf("contact %s has %d holders", ids[i], n)
		}
	}
}
