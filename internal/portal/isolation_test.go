package portal

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
)

func serverError() error {
	return &bridge.Error{Kind: bridge.Unavailable, Op: "test", Status: 500, VendorMessage: "internal error"}
}

// brittle answers batches of numbers as HubSpot does where some records break it.
type brittle struct {
	poison         []int
	down           bool
	sends          int
	taken, refused []int
	refusals       []error
}

func (c *brittle) send(part []int) error {
	c.sends++
	if c.down || slices.ContainsFunc(part, func(n int) bool { return slices.Contains(c.poison, n) }) {
		return serverError()
	}
	c.taken = append(c.taken, part...)
	return nil
}

func (c *brittle) refuse(n int, err error) {
	c.refused, c.refusals = append(c.refused, n), append(c.refusals, err)
}

func numbers(n int) []int {
	batch := make([]int, n)
	for i := range batch {
		batch[i] = i
	}
	return batch
}

func TestIsolation_everyBadRecordEndsAloneAndEveryOtherIsSentOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, batching.Size).Draw(t, "size")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, size-1), 0, min(size, 5), rapid.ID).Draw(t, "bad")
		kind := rapid.SampledFrom([]bridge.Kind{bridge.Invalid, bridge.Conflict, bridge.NotFound}).Draw(t, "kind")
		batch := make([]int, size)
		for i := range batch {
			batch[i] = i
		}

		var accepted, refused []int
		sends := 0
		err := isolate(t.Context(), make(chan struct{}, 1), batch, func(part []int) error {
			sends++
			if slices.ContainsFunc(part, func(n int) bool { return slices.Contains(bad, n) }) {
				return &bridge.Error{Kind: kind, Op: "test"}
			}
			accepted = append(accepted, part...)
			return nil
		}, func(n int, err error) {
			if bridge.KindOf(err) != kind {
				t.Fatalf("record %d refused with %v, want %s", n, err, kind)
			}
			refused = append(refused, n)
		}, nil)
		if err != nil {
			t.Fatal(err)
		}

		slices.Sort(bad)
		good := slices.DeleteFunc(slices.Clone(batch), func(n int) bool { return slices.Contains(bad, n) })
		if !slices.Equal(refused, bad) || !slices.Equal(accepted, good) {
			t.Fatalf("refused %v, want %v; accepted %v", refused, bad, accepted)
		}
		if most := 1 + 2*7*len(bad); sends > most { // seven halvings reach one of a hundred
			t.Fatalf("%d calls for %d bad of %d, want at most %d", sends, len(bad), size, most)
		}
	})
}

func TestIsolation_otherFailuresEndTheBatchUnsplit(t *testing.T) {
	t.Parallel()
	for _, kind := range []bridge.Kind{bridge.Throttled, bridge.Unavailable, bridge.Unauthorized, bridge.Unknown} {
		t.Run(fmt.Sprintf("kind %q", kind), func(t *testing.T) {
			t.Parallel()
			sends, failure := 0, &bridge.Error{Kind: kind, Op: "test"}
			err := isolate(t.Context(), make(chan struct{}, 1), []int{1, 2, 3, 4}, func([]int) error { sends++; return failure },
				func(n int, _ error) { t.Errorf("record %d refused", n) }, nil)
			if !errors.Is(err, failure) || sends != 1 {
				t.Errorf("got %v after %d calls, want the failure after one", err, sends)
			}
		})
	}
}

func TestIsolation_recordsThatBreakHubSpotEndAloneAndTheOthersPass(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(4, batching.Size).Draw(t, "size")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, size-1), 1, 3, rapid.ID).Draw(t, "bad")
		c := &brittle{poison: bad}
		if err := isolate(WithTries(t.Context(), suspectFrom), make(chan struct{}, 1), numbers(size), c.send, c.refuse, nil); err != nil {
			t.Fatal(err)
		}
		slices.Sort(bad)
		slices.Sort(c.refused)
		good := slices.DeleteFunc(numbers(size), func(n int) bool { return slices.Contains(bad, n) })
		if !slices.Equal(c.refused, bad) || !slices.Equal(c.taken, good) {
			t.Fatalf("refused %v, want %v; taken %v", c.refused, bad, c.taken)
		}
		for _, err := range c.refusals {
			var refusal *bridge.Error
			if !errors.As(err, &refusal) || refusal.Kind != bridge.Invalid || refusal.VendorMessage != "internal error" {
				t.Fatalf("refused with %v, want the vendor's words", err)
			}
		}
		if most := 1 + (2*7+triesAlone)*len(bad); c.sends > most {
			t.Fatalf("%d calls for %d bad of %d, want at most %d", c.sends, len(bad), size, most)
		}
	})
}

func TestIsolation_blamesNoRecordForAnOutage(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 5, 100} {
		t.Run(fmt.Sprintf("%d records", size), func(t *testing.T) {
			t.Parallel()
			c := &brittle{down: true}
			err := isolate(WithTries(t.Context(), suspectFrom), make(chan struct{}, 1), numbers(size), c.send, c.refuse, nil)
			if bridge.KindOf(err) != bridge.Unavailable || len(c.refused) != 0 {
				t.Errorf("refused %v with error %v", c.refused, err)
			}
			if most := faultsInRow + triesAlone; c.sends > most {
				t.Errorf("%d calls to a HubSpot that is down, want at most %d", c.sends, most)
			}
		})
	}
}

func TestIsolation_recordsThatFailForAnHourAreGivenUpWithoutAWitness(t *testing.T) {
	t.Parallel()
	c := &brittle{down: true}
	if err := isolate(WithTries(t.Context(), convictFrom), make(chan struct{}, 1), numbers(2), c.send, c.refuse, nil); err != nil || len(c.refused) != 2 {
		t.Errorf("refused %v, error %v", c.refused, err)
	}
}

func TestIsolation_firstTriesAreNotSplit(t *testing.T) {
	t.Parallel()
	c := &brittle{poison: []int{3}}
	err := isolate(WithTries(t.Context(), suspectFrom-1), make(chan struct{}, 1), numbers(10), c.send, c.refuse, nil)
	if bridge.KindOf(err) != bridge.Unavailable || c.sends != 1 {
		t.Errorf("%d calls, error %v", c.sends, err)
	}
}

// A record that travels alone has no other one to show that HubSpot is up.
func TestIsolation_aWitnessTellsAnOutageFromARecord(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		says    error
		refused int
	}{
		"HubSpot answers":              {nil, 1},
		"it says that nobody is there": {&bridge.Error{Kind: bridge.NotFound}, 1},
		"it dislikes the question":     {&bridge.Error{Kind: bridge.Invalid}, 1},
		"it is down":                   {serverError(), 0},
		"it throttles":                 {&bridge.Error{Kind: bridge.Throttled}, 0},
		"nobody reaches it":            {errors.New("odd"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &brittle{down: true}
			err := isolate(WithTries(t.Context(), suspectFrom), make(chan struct{}, 1), numbers(1), c.send, c.refuse, func() error { return tt.says })
			if len(c.refused) != tt.refused || (err == nil) != (tt.refused == 1) {
				t.Errorf("refused %v, error %v", c.refused, err)
			}
		})
	}
}

// More records than count as an outage may break HubSpot side by side.
func TestIsolation_aWitnessTellsAnOutageFromABatchOfBadRecords(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		says    error
		refused int
	}{
		"HubSpot answers": {nil, 100},
		"it is down":      {serverError(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, asked := &brittle{poison: numbers(100)}, 0
			err := isolate(WithTries(t.Context(), suspectFrom), make(chan struct{}, 1), numbers(100), c.send, c.refuse, func() error { asked++; return tt.says })
			if len(c.refused) != tt.refused || (err == nil) != (tt.refused > 0) {
				t.Errorf("%d refused, error %v", len(c.refused), err)
			}
			if most := 1 + c.sends/faultsInRow; asked > most {
				t.Errorf("the witness is asked %d times in %d calls, want at most %d", asked, c.sends, most)
			}
		})
	}
}
