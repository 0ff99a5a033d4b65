package bridge_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"advocatesync/internal/bridge"
)

// The constants are read from the source, so that a cause cannot be forgotten here.
func TestCause_hasADescriptionAndAdvice(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "parked.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	causes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if named, is := spec.Type.(*ast.Ident); !is || named.Name != "Cause" {
			return true
		}
		literal, is := spec.Values[0].(*ast.BasicLit)
		if !is {
			t.Fatalf("%s is no literal", spec.Names[0].Name)
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		causes++
		if c := bridge.Cause(text); c.Description() == "" || c.Advice() == "" {
			t.Errorf("%s: description %q, advice %q; want both", spec.Names[0].Name, c.Description(), c.Advice())
		}
		return true
	})
	if causes == 0 {
		t.Error("parked.go declares no cause")
	}
}
