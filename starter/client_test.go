package main

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"advocatesync/internal/api/apitest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/config"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

var discard = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { storetest.Main(m) }

// laptop is a machine from where an operator reaches a server, and nothing
// else: no database, no Temporal.
type laptop struct {
	*wiringtest.System
	env map[string]string
}

func newLaptop(t *testing.T) *laptop {
	t.Helper()
	s := wiringtest.New(t)
	server := httptest.NewServer(apitest.NewHandler(s.Operator, discard))
	t.Cleanup(server.Close)
	return &laptop{System: s, env: map[string]string{config.Server: server.URL, "ADMIN_TOKEN": apitest.Token}}
}

// starter runs a command line and tells its exit code, its result and what it
// said besides.
func (l *laptop) starter(t *testing.T, line string) (code int, out, said string) {
	t.Helper()
	var result, log bytes.Buffer
	a := &app{getenv: func(name string) string { return l.env[name] }, out: &result, log: &log}
	if err := run(t.Context(), strings.Fields(line), a); err != nil {
		return exitCode(err), result.String(), log.String() + err.Error()
	}
	return 0, result.String(), log.String()
}

func TestCommands_workFromALaptop(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	const done, failed = 0, 1
	for _, step := range []struct {
		line string
		code int
		says string
	}{
		{"connection list", done, l.Connection.ID},
		{"connection show --json", done, `"connection_id": "` + l.Connection.ID + `"`},
		{"connection show --connection cnobody", failed, "there is no connection"},
		{"rules set --contact-created=false --share-pii-updates", done, "off"},
		{"rules get --json", done, `"contact_created": false`},
	} {
		code, out, said := l.starter(t, step.line)
		if code != step.code || !strings.Contains(out+said, step.says) {
			t.Errorf("starter %s: exit code %d, want %d, and %q in:\n%s%s", step.line, code, step.code, step.says, out, said)
		}
	}
	c, err := l.Store.Connection(t.Context(), l.Connection.ID)
	want := bridge.Rules{ParticipantCreated: true, ParticipantUpdated: true, ContactUpdated: true}
	if err != nil || c.Rules != want || !c.SharePIIUpdates {
		t.Errorf("%+v, %v; only what was named ought to change", c, err)
	}
}

func TestServer_isNamedByAFlagBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	server := l.env[config.Server]
	l.env[config.Server] = "http://127.0.0.1:1" // nobody is there
	if code, _, said := l.starter(t, "rules get"); code != 1 || !strings.Contains(said, "http://127.0.0.1:1") {
		t.Errorf("exit code %d, said %q", code, said)
	}
	if code, _, said := l.starter(t, "rules get --server "+server+"/"); code != 0 {
		t.Errorf("exit code %d, said %q", code, said)
	}
}

func TestServer_needsAnAddressAndTheToken(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	tests := map[string]struct {
		server, token string
		says          []string
	}{
		"neither is right, both are told": {"sync.example.com", "", []string{config.Server, "https://", "ADMIN_TOKEN"}},
		"a wrong token":                   {l.env[config.Server], "a-token-that-is-wrong", []string{"check ADMIN_TOKEN"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := laptop{env: map[string]string{config.Server: tt.server, "ADMIN_TOKEN": tt.token}}
			code, _, said := other.starter(t, "connection list")
			for _, want := range tt.says {
				if code != 1 || !strings.Contains(said, want) {
					t.Errorf("exit code %d, and %q is not in:\n%s", code, want, said)
				}
			}
		})
	}
}
