package console

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzForms has a browser send anything as a form: what is chosen is what can be, and
// survives the page that asks once more; nothing leads to another site.
func FuzzForms(f *testing.F) {
	for _, form := range []string{
		"id=1&id=2", "id=0", "id=-1", "id=9223372036854775808", "id=1&cause=unreachable&all=1", "cause=%00", "all=1", "", "%zz", "id", "a;b",
		"contact=501", "contact=501&contact=502&all=1", "contact=", "program=47255&way=in_place&mass_sync=1", "next=/connections", "next=//other.example",
		"next=/%5Cother.example", "next=https://other.example", "next=/%09/other.example", "next=/..//other.example", "next=%2F%2Fother.example", "next=/@other.example",
	} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form string) {
		values, _ := url.ParseQuery(form) // as net/http does, which keeps what it could read
		if choice, err := chosen(values); err == nil {
			again := url.Values{}
			for _, hidden := range fieldsOf(choice) {
				again.Add(hidden.Name, hidden.Value)
			}
			same, err := chosen(again)
			if err != nil || same.All != choice.All || same.Cause != choice.Cause || len(same.IDs) != len(choice.IDs) {
				t.Errorf("%+v is asked about as %+v: %v", choice, same, err)
			}
			for _, id := range choice.IDs {
				if id < 1 {
					t.Errorf("chosen: item %d", id)
				}
			}
		}
		if contacts, err := chosenContacts(values); err == nil && len(contacts) == 0 && values.Get("all") == "" {
			t.Error("nobody was chosen, and all are meant")
		}
		next := localPath(values.Get("next"))
		to, err := (&url.URL{Scheme: "https", Host: "console.example", Path: "/sign-in"}).Parse(next)
		if err != nil || to.Host != "console.example" || to.Scheme != "https" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
			t.Errorf("%q leads to %v", next, to)
		}
	})
}
