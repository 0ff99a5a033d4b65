package operator

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// constants returns the values of all constants of a type that a file declares.
func constants(t *testing.T, file, typ string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typ {
			return true
		}
		for _, v := range spec.Values {
			if literal, ok := v.(*ast.BasicLit); ok {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, value)
			}
		}
		return true
	})
	if len(values) == 0 {
		t.Fatalf("%s declares no %s", file, typ)
	}
	return values
}

// An operator never meets a word that only the code understands.
func TestWords_areThereForEverything(t *testing.T) {
	t.Parallel()
	const decisions = "../bridge/contact_state.go"
	for _, state := range constants(t, decisions, "State") {
		if stateDescriptions[bridge.State(state)] == "" {
			t.Errorf("the state %q has no words", state)
		}
	}
	// The causes for which a contact's life parks what it gives up.
	given := []string{"", string(bridge.CauseUnreachable), string(bridge.CauseNotReadable)}
	for _, reason := range slices.Concat(constants(t, decisions, "Reason"), given) {
		if reasonDescriptions[bridge.Reason(reason)] == "" {
			t.Errorf("the reason %q has no words", reason)
		}
	}
	for _, kind := range constants(t, "../store/inbox.go", "EventKind") {
		if kindDescriptions[store.EventKind(kind)] == "" {
			t.Errorf("the event %q has no words", kind)
		}
	}
}

func TestWords_nameNothingThatIsGone(t *testing.T) {
	t.Parallel()
	const decisions = "../bridge/contact_state.go"
	reasons := append(constants(t, decisions, "Reason"), "", string(bridge.CauseUnreachable))
	for reason := range maps.Keys(reasonDescriptions) {
		if !slices.Contains(reasons, string(reason)) {
			t.Errorf("no decision has the reason %q", reason)
		}
	}
}
