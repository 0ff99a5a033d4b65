package startup

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// An outage of a vendor fails every activity: the log must not grow with the number
// of events that wait.
func TestSampled_logsNoLineForEveryFailure(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	log := slog.New(sampled(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}), func() time.Time { return now }))
	const events = 1000
	for i := range events {
		log.With("workflow", i).Error("Activity error.", "attempt", i)
		log.Debug("Activity started.")
	}
	log.Warn("Another message.")
	if n := strings.Count(logged.String(), "Activity error."); n != logBurst {
		t.Errorf("%d lines for %d failures, want %d", n, events, logBurst)
	}
	if n := strings.Count(logged.String(), "Activity started."); n != events {
		t.Errorf("%d lines of a lower level, want all %d", n, events)
	}
	if !strings.Contains(logged.String(), "Another message.") {
		t.Error("a message pays for another one")
	}
	now = now.Add(logEvery)
	log.WithGroup("g").Error("Activity error.")
	if want := fmt.Sprintf("not_logged=%d", events-logBurst); !strings.Contains(logged.String(), want) && !strings.Contains(logged.String(), "g."+want) {
		t.Errorf("the log does not tell how many it left out:\n%s", logged.String())
	}
}
