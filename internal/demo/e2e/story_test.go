package e2e

import (
	"os"
	"testing"
	"time"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/demo/story"
)

// The demo's story holds, and leaves nothing personal in Temporal or the logs.
func TestStory(t *testing.T) {
	const interval = 2 * time.Second
	s := start(t, stack.Options{ReportInterval: interval})
	if err := story.Tell(t.Context(), os.Stdout, s.Stack, interval); err != nil {
		t.Fatal(err)
	}
	s.quiet(t)
	s.wantNothingPersonal(t, story.PersonalData(s.Stack))
}
