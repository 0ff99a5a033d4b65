package console

import (
	"slices"
	"strings"
	"testing"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
)

// The audit log names what people did as they would, whatever the API calls it.
func TestOperationWords_areASentenceStart(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]string{
		"startMassSync": "Start mass sync", "signIn": "Sign in", "retryParked": "Retry parked", "planErasePerson": "See whom an erasure reaches", "connect": "Connect a portal",
	} {
		if got := operationWords(operation); got != want {
			t.Errorf("%s is %q, want %q", operation, got, want)
		}
	}
	all := api.AuditedOperations()
	for operation := range planned {
		if !slices.Contains(all, operation) {
			t.Errorf("there is no operation %s", operation)
		}
	}
	for _, operation := range all {
		if words := operationWords(operation); strings.ToLower(words[1:]) != words[1:] && !strings.Contains(words, "Advocate") {
			t.Errorf("%s is %q", operation, words)
		}
	}
}

func TestSubjectOf_leadsToThePage(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]struct{ words, page string }{
		"contact:101": {"contact 101", "/connections/c1/contacts/101"}, "erasure:7": {"erasure 7", "/erasures/7"}, "erasure:7,8": {"erasure 7,8", "/erasures"}, "connection:c1": {"connection c1", "/connections/c1"},
		"run:42": {"run 42", ""}, "": {"", ""}, "token:abc": {"token abc", ""},
	} {
		view, page := subjectOf("c1", subject), ""
		if len(view.Path) > 0 {
			page = (&pages{}).href(view.Path...)
		}
		if view.Text != want.words || page != want.page {
			t.Errorf("%s: %q, %q", subject, view.Text, page)
		}
	}
}

// A difference is told in words, never by its code.
func TestDriftViews_tellEveryClassInWords(t *testing.T) {
	t.Parallel()
	for _, class := range bridge.Classes() {
		if classWords[class] == "" {
			t.Errorf("the class %s has no words", class)
		}
	}
	for _, outcome := range []bridge.DriftOutcome{bridge.DriftRepaired, bridge.DriftParked, bridge.DriftGuarded, bridge.DriftWaiting, bridge.DriftForetold} {
		if driftWords[outcome] == "" {
			t.Errorf("the outcome %s has no words", outcome)
		}
	}
}
