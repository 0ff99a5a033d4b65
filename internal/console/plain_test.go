package console

import "testing"

func TestPlain_namesPagesInsteadOfCommands(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a sharing rule is off (see "starter rules get")`:                                                     "a sharing rule is off",
		`there is no token "x": see "starter token list"`:                                                     `there is no token "x"`,
		`a mass sync is under way: let it end, or cancel it with "starter mass-sync cancel"`:                  `a mass sync is under way: let it end, or cancel it on the page Mass sync`,
		`mass sync 7 is under way: see "starter mass-sync status", or end it with "starter mass-sync cancel"`: `mass sync 7 is under way: end it on the page Mass sync`,
		`Run "starter deletions show", then "starter deletions approve" or "starter deletions reject".`:       `Go to the page Deletions.`,
		`Run "starter contact show ID" for a contact; Temporal's UI shows more.`:                              `Go to the page Contacts for a contact; Temporal's UI shows more.`,
		`erase the person with "starter erase --contact"; otherwise discard`:                                  `erase the person on the page Contacts; otherwise discard`,
		`the connection has no account: run "starter connect" once more with --impact-account-sid`:            `the connection has no account: go to the page Connect a portal once more with --impact-account-sid`,
		`the properties are in use; or switch with --in-place, which keeps them`:                              `the properties are in use; or switch in place, which keeps them`,
		`restart "starter serve"`: `restart "starter serve"`,
		`check --advocate-key (ADVOCATE_API_KEY): advocate.list_programs: unauthorized (status 401, UNAUTHORIZED)`: `check the API key`,
	} {
		if got := plain(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
