package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bodies are all that callers may send.
func bodies() []any {
	return []any{
		&ConnectRequest{}, &RuleChanges{}, &ParkedChoice{}, &StartMassSync{}, &StartReconcile{}, &SwitchRequest{},
		&TriggerDefinition{}, &TriggerChanges{}, &TriggerTest{}, &NewToken{}, &DecideDeletions{}, &DeletionGuard{},
		&ExportPerson{}, &PersonToErase{}, &ExportErasures{}, &ReplayErasures{}, &FindContacts{}, &DecideTriggerEvents{},
	}
}

// Whoever adds a body adds it to what is fuzzed.
func TestBodies_areAllFuzzed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			read += strings.Count(string(source), "r.body(&")
		}
	}
	if n := len(bodies()); n != read || n == 0 {
		t.Errorf("%d bodies are read, and %d are fuzzed", read, n)
	}
}

// Whatever a caller sends as a body is read, or refused as a mistake of theirs. What
// is accepted is a JSON object, or nothing.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "null", "[]", "{", `{"email":"ann@shop.example"}`, `{"email":1}`, `{"ids":[1,"2",null]}`, `{"portal_id":1e400}`,
		`{"contact_created":null,"share_pii_updates":"yes"}`, `{"a":` + strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 201),
		"{\"email\":\"\\u0000\\ud800\"}", "\xff\xfe{}", `{"email":"a","email":"b"}`, strings.Repeat(" ", maxBody+1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, in := range bodies() {
			sent := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
			sent.Header.Set("Content-Type", "application/json")
			sent.Body = http.MaxBytesReader(httptest.NewRecorder(), sent.Body, maxBody)
			r := newRequest(sent)
			r.body(in)
			var object map[string]json.RawMessage
			if r.err() == nil && body != "" && json.Unmarshal([]byte(body), &object) != nil {
				t.Errorf("%T took %q", in, body)
			}
		}
	})
}
