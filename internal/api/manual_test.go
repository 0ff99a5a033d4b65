package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/api"
	"advocatesync/internal/api/apitest"
)

// The manual's examples, in order. An answer that it shows has to have the
// fields, and the kinds of values, of the real one.
func TestManual_examplesWork(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.park(t, "101", "102")
	server := apitest.Checked(t, api.InProcess(apitest.NewHandler(b.Operator, b.Store, discard)))

	var answer []byte
	examples := 0
	for _, block := range regexp.MustCompile("(?s)```(http|json)\n(.*?)```").FindAllStringSubmatch(string(manual), -1) {
		text := strings.ReplaceAll(block[2], "{connection}", b.connection)
		if block[1] == "http" {
			examples++
			answer = b.ask(t, server, text)
			continue
		}
		if diff := cmp.Diff(shape(t, []byte(text)), shape(t, answer)); diff != "" {
			t.Errorf("(-manual +answer)\n%s", diff)
		}
	}
	if examples == 0 {
		t.Error("the manual has no examples")
	}
}

// ask sends a request as the manual writes it down.
func (b bench) ask(t *testing.T, server http.RoundTripper, text string) []byte {
	t.Helper()
	line, body, _ := strings.Cut(text, "\n")
	method, path, _ := strings.Cut(line, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, "http://in-process"+path, strings.NewReader(strings.TrimSpace(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apitest.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := server.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// shape lists a document's fields with the kinds of their values.
func shape(t *testing.T, document []byte) []string {
	t.Helper()
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	fields := map[string]bool{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, child := range v {
				walk(path+"."+name, child)
			}
		case []any:
			for _, child := range v {
				walk(path+"[]", child)
			}
		default:
			fields[fmt.Sprintf("%s %T", path, value)] = true
		}
	}
	walk("", value)
	return slices.Sorted(maps.Keys(fields))
}
