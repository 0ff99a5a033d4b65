package console

import (
	"regexp"
	"strings"
)

// The operator's sentences name commands, for whoever has a terminal open. A page
// names the page of the console instead.
var (
	hint     = regexp.MustCompile(` \(see "starter [^"]*"\)|[:;,] see "starter [^"]*"(, or)?`)
	toRun    = regexp.MustCompile(`([Rr])un "starter ([a-z-]+)[^"]*"(?:(?:, then| or) "starter [^"]*")*`)
	toUse    = regexp.MustCompile(`with "starter ([a-z-]+)[^"]*"`)
	command  = regexp.MustCompile(`"starter ([a-z-]+)[^"]*"`)
	optional = strings.NewReplacer("with --in-place", "in place", "use --in-place", `choose "In place"`,
		"--hubspot-token (HUBSPOT_ACCESS_TOKEN)", "an access token", "--tenant (ADVOCATE_TENANT_ALIAS)", "the tenant alias",
		"--advocate-user (ADVOCATE_API_USER)", "the user name of the key", "--advocate-key (ADVOCATE_API_KEY)", "the API key",
		"--portal-id", "the portal id", "--impact-account-sid and --impact-auth-token", "the account SID and the auth token of impact.com",
		"pass --abandon-erasures", "have an engineer disconnect with the command")
	// What a vendor refused, as the log spells it, follows the sentence that says it.
	refused = regexp.MustCompile(`: (?:hubspot|advocate|impact)\.[a-z_]+: unauthorized \([^)]*\)`)
)

// places are the pages that do what a family of commands does.
var places = map[string]string{
	"connect": "Connect a portal", "connection": "State", "contact": "Contacts", "deletions": "Deletions", "erase": "Contacts", "erasure": "Erasures",
	"mass-sync": "Mass sync", "parked": "Problems", "program": "Program", "reconcile": "Reconcile", "rules": "Rules", "token": "Tokens", "trigger": "Triggers",
}

// plain is a text with pages of the console instead of commands. Hints at commands
// that only show something are left out.
func plain(text string) string {
	text = refused.ReplaceAllString(text, "")
	text = hint.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasSuffix(found, ", or") { // another way follows
			return found[:1]
		}
		return ""
	})
	text = instead(toRun, text, func(m []string) string {
		return map[string]string{"R": "Go to ", "r": "go to "}[m[1]] + "the page " + places[m[2]]
	})
	text = instead(toUse, text, func(m []string) string { return "on the page " + places[m[1]] })
	text = instead(command, text, func(m []string) string { return "the page " + places[m[1]] })
	return optional.Replace(text)
}

// instead replaces what names a command that a page stands for: the family is the
// pattern's last group.
func instead(pattern *regexp.Regexp, text string, by func(groups []string) string) string {
	return pattern.ReplaceAllStringFunc(text, func(found string) string {
		groups := pattern.FindStringSubmatch(found)
		if _, ok := places[groups[len(groups)-1]]; !ok {
			return found
		}
		return by(groups)
	})
}
