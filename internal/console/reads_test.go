package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store/storetest"
)

// planNode is a node of a plan that was carried out.
type planNode struct {
	Relation string     `json:"Relation Name"`
	Index    string     `json:"Index Name"`
	Rows     float64    `json:"Actual Rows"`
	Loops    float64    `json:"Actual Loops"`
	Removed  float64    `json:"Rows Removed by Filter"`
	Plans    []planNode `json:"Plans"`
}

// read is how many rows of tables and indexes the node and those below it read.
func (n planNode) read() int {
	rows := 0.0
	if n.Relation != "" || n.Index != "" {
		rows = (n.Rows + n.Removed) * n.Loops
	}
	total := int(rows)
	for _, child := range n.Plans {
		total += child.read()
	}
	return total
}

func rowsRead(t *testing.T, db *pgx.Conn, q storetest.Query) int {
	t.Helper()
	var raw string
	if err := db.QueryRow(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+q.SQL, q.Args...).Scan(&raw); err != nil {
		t.Fatalf("explain %s: %v", q.SQL, err)
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(raw), &plans); err != nil {
		t.Fatal(err)
	}
	return plans[0].Plan.read()
}

// However much there is, a page reads what it shows, and counts no further than it
// takes to know that something is many. Its HTML is small, too.
func TestPages_readFewRowsAndAreSmall(t *testing.T) {
	t.Parallel()
	const (
		contacts  = 60_000
		mostRows  = 40_000 // ten thousand of each kind that is counted
		mostBytes = 100 << 10
	)
	s := newSite(t)
	s.grow(t, contacts)
	if err := s.Store.SampleMinutes(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := s.signedIn(t, bridge.RoleAdmin)
	var traced storetest.Queries
	s.Trace(t, &traced)
	s.Access = operator.NewAccess(s.Store, "", time.Now)
	handler, db := s.Handler(t, s.URL), s.Database(t)
	for _, path := range s.everyPage() {
		traced.Take()
		w := b.serve(t, handler, path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		rows, most, slowest := 0, -1, ""
		for _, q := range traced.Take() {
			if verb := strings.ToUpper(strings.Fields(q.SQL)[0]); verb != "SELECT" && verb != "WITH" {
				continue
			}
			n := rowsRead(t, db, q)
			if rows += n; n > most {
				most, slowest = n, q.SQL
			}
		}
		t.Logf("%-65s %6d rows %6.1f KB", path, rows, float64(w.Body.Len())/1024)
		if rows > mostRows {
			t.Errorf("%s reads %d rows, want %d at most; %d by\n%s", path, rows, mostRows, most, slowest)
		}
		if w.Body.Len() > mostBytes {
			t.Errorf("%s is %d bytes, want %d at most", path, w.Body.Len(), mostBytes)
		}
	}
}
