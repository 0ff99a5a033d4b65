package csvscan_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/csvscan"
)

const maxRow = 4096

// scan reads a file to its end.
func scan(t testing.TB, r io.Reader) (header []string, rows []csvscan.Row, err error) {
	t.Helper()
	s := csvscan.New(r, maxRow)
	if header, err = s.Header(); err != nil {
		return nil, nil, err
	}
	for {
		row, err := s.Next()
		if errors.Is(err, io.EOF) {
			return header, rows, nil
		}
		if err != nil {
			return header, rows, err
		}
		rows = append(rows, row)
	}
}

func TestScanner_aBadRowHidesNoOther(t *testing.T) {
	t.Parallel()
	good := func(line int, id string) csvscan.Row {
		return csvscan.Row{Line: line, Fields: []string{id, "x", "y"}}
	}
	bad := func(line int, fault string) csvscan.Row { return csvscan.Row{Line: line, Fault: fault} }
	const stray, text, open = "has a quote in the middle of an unquoted value", "has text behind its closing quote", "has a quote that is never closed"
	long := strings.Repeat("z", maxRow)
	tests := map[string]struct {
		middle string
		want   []csvscan.Row // between row 1 on line 2 and the last row
		last   int           // its line
	}{
		"a quote in the middle of a value":             {"2,5\" pipe,y\n", []csvscan.Row{bad(3, "column 2 "+stray)}, 4},
		"text behind a closing quote":                  {"2,\"x\"x,y\n", []csvscan.Row{bad(3, "column 2 "+text)}, 4},
		"a quote that is never closed":                 {"2,\"x,y\n", []csvscan.Row{bad(3, "column 2 "+open)}, 4},
		"an open quote before quoted rows":             {"2,\"x,y\n\"3\",\"x\",\"y\"\n", []csvscan.Row{bad(3, "column 2 "+text), good(4, "3")}, 5},
		"an open quote that a later quote closes":      {"2,\"x,y\n3,x,\",y\"\n", []csvscan.Row{bad(3, "column 3 "+stray), {Line: 4, Fields: []string{"3", "x", ",y"}}}, 5},
		"an open quote that a stray one closes":        {"2,\"x,y\n3,x,y\n4,x,y\n5,x\",y\n", []csvscan.Row{bad(3, "a quote in it is opened and not closed"), good(4, "3"), good(5, "4"), bad(6, "column 2 "+stray)}, 7},
		"a column too many":                            {"2,x,y,z\n", []csvscan.Row{bad(3, "it has 4 columns instead of 3")}, 4},
		"a column too few":                             {"2,x\n", []csvscan.Row{bad(3, "it has 2 columns instead of 3")}, 4},
		"a footer":                                     {"3 rows\n", []csvscan.Row{bad(3, "it has 1 column instead of 3")}, 4},
		"a column too many over two lines":             {"2,\"x\nx\",y,z\n", []csvscan.Row{bad(3, "it has 4 columns instead of 3")}, 5},
		"a good row over three lines":                  {"2,\"x\r\n\nx\",y\n", []csvscan.Row{{Line: 3, Fields: []string{"2", "x\n\nx", "y"}}}, 6},
		"two bad rows":                                 {"2,\"x,y\n3,\"x,y\n", []csvscan.Row{bad(3, "column 2 "+text), bad(4, "column 2 "+open)}, 5},
		"an unquoted row that is too long":             {"2," + long + ",y\n", []csvscan.Row{bad(3, "it is longer than 4096 bytes")}, 4},
		"a row of many times the longest":              {strings.Repeat(long, 20) + "\n", []csvscan.Row{bad(3, "it is longer than 4096 bytes")}, 4},
		"a quoted row that is too long":                {"2,\"" + long + "\",y\n", []csvscan.Row{bad(3, "column 2 "+open)}, 4},
		"an open quote with more than the longest row": {"2,\"x,y\n" + strings.Repeat("3,x,y\n", 1), []csvscan.Row{bad(3, "column 2 "+open), good(4, "3")}, 5},
		"blank lines":                                  {"\n\r\n\n", nil, 6},
		"carriage returns":                             {"2,x,y\r\n\"3\",\"x\",\"y\"\r\n", []csvscan.Row{good(3, "2"), good(4, "3")}, 5},
	}
	for name, tt := range tests {
		for kind, end := range map[string]string{"with a last line break": "\n", "without a last line break": ""} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				file := "\ufeffid,a,b\n1,x,y\n" + tt.middle + "9,x,y" + end
				want := append(append([]csvscan.Row{good(2, "1")}, tt.want...), good(tt.last, "9"))
				for _, r := range []io.Reader{strings.NewReader(file), iotest.OneByteReader(strings.NewReader(file))} {
					header, rows, err := scan(t, r)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff([]string{"id", "a", "b"}, header); diff != "" {
						t.Error(diff)
					}
					for i := range rows {
						if (rows[i].Raw != "") != (rows[i].Fault != "") || !strings.Contains(file, rows[i].Raw) {
							t.Errorf("line %d begins with %q", rows[i].Line, rows[i].Raw)
						}
						rows[i].Raw = ""
					}
					if diff := cmp.Diff(want, rows); diff != "" {
						t.Error(diff)
					}
				}
			})
		}
	}
}

func TestScanner_openQuoteCostsOneRowHoweverLongTheFile(t *testing.T) {
	t.Parallel()
	const n = 10_000
	file := "id,a\n1,\"x\n" + strings.Repeat("2,x\n", n)
	_, rows, err := scan(t, strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != n+1 || rows[0].Fault == "" || rows[n].Line != n+2 {
		t.Fatalf("%d rows, the first %+v, the last %+v", len(rows), rows[0], rows[len(rows)-1])
	}
	for _, row := range rows[1:] {
		if row.Fault != "" {
			t.Fatalf("line %d: %s", row.Line, row.Fault)
		}
	}
}

func TestScanner_unusableFiles(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	tests := map[string]struct {
		file io.Reader
		want string
	}{
		"empty":                     {strings.NewReader(""), csvscan.ErrNoHeader.Error()},
		"only blank lines":          {strings.NewReader("\n\r\n"), csvscan.ErrNoHeader.Error()},
		"a header with an open end": {strings.NewReader("id,\"a\n1,x\n"), "the header is no row: column 2 has a quote that is never closed"},
		"broken off in the header":  {io.MultiReader(strings.NewReader("id,"), iotest.ErrReader(broken)), broken.Error()},
		"broken off in a row":       {io.MultiReader(strings.NewReader("id,a\n1,x\n2,"), iotest.ErrReader(broken)), broken.Error()},
		"broken off in a quote":     {io.MultiReader(strings.NewReader("id,a\n1,x\n2,\"x"), iotest.ErrReader(broken)), broken.Error()},
		"broken off in a long row":  {io.MultiReader(strings.NewReader("id,a\n1,"+strings.Repeat("x", 2*maxRow)), iotest.ErrReader(broken)), broken.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := scan(t, tt.file); err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// Whatever one row is replaced with, all others arrive, and the damage is
// reported with the line it is on.
func TestScanner_randomDamage(t *testing.T) {
	t.Parallel()
	const seeds, width, n = 3000, 5, 12
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 1))
		var file bytes.Buffer
		line, damaged := 2, random.IntN(n)
		var want []csvscan.Row
		writer := csv.NewWriter(&file)
		write := func(fields []string) {
			if err := writer.Write(fields); err != nil {
				t.Fatal(err)
			}
			writer.Flush()
		}
		write([]string{"c1", "c2", "c3", "c4", "c5"})
		for i := range n {
			if i == damaged {
				fmt.Fprintf(&file, "%s\n", damage(random))
				line++
				continue
			}
			fields := make([]string, width)
			for c := range fields {
				fields[c] = fmt.Sprintf("v%d.%d%s", i, c, []string{"", "", "", " \"quoted\"", ", comma", "\nline"}[random.IntN(6)])
			}
			write(fields)
			want = append(want, csvscan.Row{Line: line, Fields: fields})
			line += 1 + strings.Count(strings.Join(fields, ""), "\n")
		}
		_, rows, err := scan(t, &file)
		if err != nil {
			t.Fatal(err)
		}
		var got []csvscan.Row
		bad := 0
		for _, row := range rows {
			if row.Fault == "" {
				got = append(got, row)
			} else {
				bad++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || bad != 1 {
			t.Fatalf("seed %d: %d bad rows, good rows (-want +got):\n%s", seed, bad, diff)
		}
	}
}

// damage is a line that is no row of five columns.
func damage(random *rand.Rand) string {
	const alphabet = "ab\"\",x "
	for {
		line := make([]byte, 1+random.IntN(12))
		for i := range line {
			line[i] = alphabet[random.IntN(len(alphabet))]
		}
		if fields, err := csv.NewReader(bytes.NewReader(line)).Read(); err != nil && !errors.Is(err, io.EOF) || err == nil && len(fields) != 5 {
			return string(line)
		}
	}
}

// A file that encoding/csv reads is read alike; any other one comes to an end.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		"id,a\n1,x\n", "id,a\r\n\"1\",\"x \"\"y\"\"\"\r\n", "\ufeffid\n1", "id,a\n1,\"x\n2,y\n", "a\"b\n", "id,a\n\n\"\n\",\n", "id\n\r", "id,a\n,\r",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		header, rows, err := scan(t, strings.NewReader(file))
		reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(file, "\ufeff")))
		want, csvErr := reader.ReadAll()
		if len(file) >= maxRow || strings.Count(file, ",") >= 2 {
			return // a row may be too long, or look as if it swallowed others
		}
		if csvErr != nil || len(want) == 0 {
			if csvErr != nil && err == nil && len(rows) > 0 && !hasFault(rows) {
				t.Errorf("read without a fault what encoding/csv refuses: %v", csvErr)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got := [][]string{header}
		for _, row := range rows {
			got = append(got, row.Fields)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("encoding/csv (-) and we (+) differ:\n%s", diff)
		}
	})
}

func hasFault(rows []csvscan.Row) bool {
	for _, row := range rows {
		if row.Fault != "" {
			return true
		}
	}
	return false
}
