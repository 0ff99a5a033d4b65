package main

import (
	"bytes"
	"strings"
	"testing"
)

// command runs a command line on a machine where nothing is configured.
func command(t *testing.T, a *app, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	a.out, a.log = &out, &out
	a.getenv = func(string) string { return "" }
	err := run(t.Context(), args, a)
	if err == nil {
		return 0, out.String()
	}
	return exitCode(err), out.String() + err.Error()
}

func TestExitCodes_tellAWrongCommandLineFromAFailure(t *testing.T) {
	t.Parallel()
	const done, failed, wrong = 0, 1, 2
	tests := map[string]struct {
		line string
		code int
		says string
	}{
		"help":                                {"--help", done, "contact"},
		"the version":                         {"version", done, "advocatesync dev (commit "},
		"the version for scripts":             {"version --json", done, `"version": "dev"`},
		"help of a family":                    {"parked --help", done, "discard"},
		"an unknown command":                  {"frobnicate", wrong, "frobnicate"},
		"an unknown command of a family":      {"contact frobnicate", wrong, "frobnicate"},
		"a family alone":                      {"contact", wrong, "resync"},
		"an unknown flag":                     {"contact show 101 --frobnicate", wrong, "frobnicate"},
		"a flag's value of the wrong kind":    {"contact resync 101 --wait=soon", wrong, "soon"},
		"a contact that is not a number":      {"contact show ann@shop.example", wrong, "is a number"},
		"no contact":                          {"contact resync", wrong, "name one contact"},
		"two contacts":                        {"contact show 101 102", wrong, "name one contact"},
		"items that are no numbers, all told": {"parked retry x 1 -- -5", wrong, `"-5"`},
		"no items":                            {"parked retry", wrong, "--all"},
		"items and all":                       {"parked retry 1 --all", wrong, "--all"},
		"nothing to discard":                  {"parked discard", wrong, "name the items"},
		"a discard with nobody to ask":        {"parked discard 1", wrong, "--yes"},
		"a definition from nowhere":           {"trigger apply", wrong, "-f FILE"},
		"a definition that is not there":      {"trigger apply -f nowhere.yaml", wrong, "nowhere.yaml"},
		"a trial on nothing":                  {"trigger test deal-won", wrong, "--object"},
		"a trial of nothing":                  {"trigger test --object 1", wrong, "name one trigger"},
		"no trigger":                          {"trigger disable", wrong, "name one trigger"},
		"a connect without its inputs":        {"connect", wrong, "--advocate-key"},
		"an installation without settings":    {"contact show 101", failed, "DATABASE_URL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, said := command(t, &app{}, strings.Fields(tt.line)...)
			if code != tt.code || !strings.Contains(said, tt.says) {
				t.Errorf("starter %s: exit code %d, want %d, and %q in:\n%s", tt.line, code, tt.code, tt.says, said)
			}
		})
	}
}

func TestDiscard_asksAPersonFirst(t *testing.T) {
	t.Parallel()
	const wentOn, stopped = "DATABASE_URL", "nothing was changed"
	for answer, want := range map[string]string{
		"y\n": wentOn, "YES\n": wentOn, "y": wentOn, "n\n": stopped, "\n": stopped, "": stopped, "yesterday\n": stopped,
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			code, said := command(t, &app{in: strings.NewReader(answer), interactive: true}, "parked", "discard", "1", "2")
			if !strings.HasPrefix(said, "Give up item 1, 2? [y/N]") || !strings.Contains(said, want) || code != 1 {
				t.Errorf("exit code %d:\n%s", code, said)
			}
		})
	}
}
