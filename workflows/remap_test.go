package workflows_test

import (
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// The report may come between a person's edit of the ids and our hearing of it.
func TestReportSync_doesNotUndoAReMappingThatIsOnItsWay(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	other := s.Join(t, "office@shop.example", "Shop", "Office")
	if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, "ANNROCKS"); err != nil {
		t.Fatal(err)
	}
	s.EditContact(t, id, map[string]string{bridge.PropUserID: other.ID, bridge.PropAccountID: other.AccountID})

	report(t, s)
	live(t, s, id, updated())

	s.InStep(t, id, other.AccountID, other.ID)
}
