package e2e

import (
	"encoding/base64"
	"strings"
	"testing"
)

// wantNothingPersonal searches all histories, open and closed, everything our
// processes logged, and what they show of themselves.
func (s *system) wantNothingPersonal(t *testing.T, personal []string) {
	t.Helper()
	places := s.histories(t)
	if len(places) == 0 {
		t.Fatal("there are no histories to search")
	}
	for name, text := range places {
		places[name] = name + text + payloads(text)
	}
	places["the logs"] = s.log.String()
	places["the metrics"] = metric(t, s.StarterMetricsURL, "") + metric(t, s.WorkerURL, "")
	for name, text := range places {
		text = strings.ToLower(text)
		for _, value := range personal {
			if strings.Contains(text, strings.ToLower(value)) {
				t.Errorf("%s: mentions %q", name, value)
			}
		}
	}
}

// payloads returns what the base64 texts of a history hide.
func payloads(history string) string {
	var plain strings.Builder
	for text := range strings.SplitSeq(history, `"`) {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			plain.Write(raw)
		}
	}
	return plain.String()
}
