package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestArguments_areTheVersionOrAMistake(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"the version":                   {[]string{"--version"}, 0, "advocatesync dev (commit "},
		"a flag that it does not know":  {[]string{"--port=1"}, 2, `"--port=1"`},
		"a command, as the starter has": {[]string{"serve"}, 2, "takes no arguments"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said bytes.Buffer
			if code := answer(tt.args, &said, &said); code != tt.code || !strings.Contains(said.String(), tt.says) {
				t.Errorf("exit code %d, want %d, and %q in: %s", code, tt.code, tt.says, said.String())
			}
		})
	}
}
