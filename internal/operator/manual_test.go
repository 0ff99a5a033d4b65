package operator_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The manual shows the examples; what it shows has to be what the tests apply.
func TestTriggersManual_showsTheExamplesAsTheyAre(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/triggers.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(manual), -1)
	if len(blocks) != len([]string{leadForm, dealWon, companyCustomer}) {
		t.Errorf("the manual shows %d examples", len(blocks))
	}
	for _, name := range []string{leadForm, dealWon, companyCustomer} {
		source := string(example(t, name))
		_, definition, _ := strings.Cut(source, "id: ") // what stands before is a comment
		found := false
		for _, block := range blocks {
			found = found || block[1] == "id: "+definition
		}
		if !found {
			t.Errorf("the manual does not show %s.yaml as it is", name)
		}
	}
}
