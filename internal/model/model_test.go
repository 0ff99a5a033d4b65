// Package model tests the product against a simple model of what must be true,
// over random sequences of what people do in HubSpot and in Advocate and of how
// the news of it travels: late, twice, in disorder, and in the middle of the
// product's own work.
//
// The intake, the workflows, the activities, the clients and the database are
// the real ones; the vendors are the strict stand-ins, and time is skipped.
package model

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"advocatesync/internal/store/storetest"
)

// CI lives through the same sequences in every run, so that a failure is the
// change's; longer and other runs are made on demand.
var (
	sequences = flag.Int("model.sequences", 1000, "number of random sequences that TestModel lives through")
	seed      = flag.Uint64("model.seed", 1, "what the sequences are drawn from; 0 draws others in every run")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	storetest.Main(m)
}

// labs is how many sequences are lived side by side.
func labs() int { return runtime.GOMAXPROCS(0) }

// prepare tells rapid how many sequences each lab lives through, and to leave
// the source tree alone and the plans as they are: a failure prints the least
// plan that fails.
func prepare() error {
	n := *sequences
	if testing.Short() {
		n = min(n, 200)
	}
	if err := flag.Set("rapid.checks", fmt.Sprint((n+labs()-1)/labs())); err != nil {
		return err
	}
	if *seed != 0 && flag.Lookup("rapid.seed").Value.String() == "0" {
		if err := flag.Set("rapid.seed", fmt.Sprint(*seed)); err != nil {
			return err
		}
	}
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "1ms"} {
		if err := flag.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func TestModel(t *testing.T) {
	t.Parallel()
	for i := range labs() {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			l, all, interrupted := newLab(t), plans(false), plans(true)
			rapid.Check(t, func(rt *rapid.T) {
				generator := all
				if rapid.Bool().Draw(rt, "interrupted") {
					generator = interrupted
				}
				p := generator.Draw(rt, "plan")
				rule := l.world(rt, p).run(p)
				if rule == "" {
					return
				}
				least := minimise(p, func(p plan) bool { return l.world(silent{rt}, p).run(p) == rule })
				l.world(rt, least).run(least)
				rt.Fatalf("%s:\n%s", rule, least)
			})
		})
	}
}

// silent says nothing of the plans that are tried on the way to the least one.
type silent struct{ reporter }

func (silent) Logf(string, ...any) {}
