package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The glossary of decision 50 is only worth something while the code speaks it.
func TestTheCodeSpeaksTheGlossary(t *testing.T) {
	t.Parallel()
	declared, used := identifiers(t)
	terms := 0
	for _, row := range glossary(t) {
		terms++
		for _, name := range quoted(row[2]) {
			if !declared[name] {
				t.Errorf("%s: nothing is called %s", row[0], name)
			}
		}
		for _, name := range quoted(row[3]) {
			if at := used[name]; at != "" {
				t.Errorf("%s: %s is not our word for it (%s)", row[0], name, at)
			}
		}
	}
	if terms < 15 {
		t.Errorf("the glossary has %d terms", terms)
	}
}

// The specification's words are in the glossary, whatever else is.
func TestTheGlossaryHasTheProductsWords(t *testing.T) {
	t.Parallel()
	has := map[string]bool{}
	for _, row := range glossary(t) {
		has[row[0]] = true
	}
	for _, term := range []string{
		"Connection", "Contact", "Participant", "Program", "Mapping", "Tombstone", "Sharing rules", "Report sync",
		"Mass sync", "Program switch", "Parked item", "Trigger",
	} {
		if !has[term] {
			t.Errorf("the glossary does not say what %q means", term)
		}
	}
}

// glossary are the rows of the table: term, meaning, in the code, not.
func glossary(t *testing.T) [][]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/decisions/0050-glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || strings.HasPrefix(cells[0], "--") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if cells[0] != "Term" {
			rows = append(rows, cells)
		}
	}
	return rows
}

var backticks = regexp.MustCompile("`([^`]+)`")

func quoted(cell string) []string {
	var names []string
	for _, m := range backticks.FindAllStringSubmatch(cell, -1) {
		names = append(names, m[1])
	}
	return names
}

// identifiers are all names that production code declares, and where each name
// is used.
func identifiers(t *testing.T) (declared map[string]bool, used map[string]string) {
	t.Helper()
	declared, used = map[string]bool{}, map[string]string{}
	const root = "../.."
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || standIn(d.Name())):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				declared[n.Name.Name] = true
			case *ast.TypeSpec:
				declared[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, id := range n.Names {
					declared[id.Name] = true
				}
			case *ast.Field:
				for _, id := range n.Names {
					declared[id.Name] = true
				}
			case *ast.Ident:
				used[n.Name] = files.Position(n.Pos()).String()
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return declared, used
}
