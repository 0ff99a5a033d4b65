package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

// Every secret that the system is given, or is handed out by HubSpot, is looked
// for in everything that it says or keeps: logs, histories, answers, complaints,
// metrics, and the database.
func TestSecrets_areNowhereInClear(t *testing.T) {
	s := start(t, stack.Options{})
	static := s.addSecond(t, secondToken)
	static.connect(t)
	ann := static.create(t, "ann@other.example")
	eventually(t, patience, "the static portal's contact has its code", func() bool { return static.back(ann) })
	secrets := map[string]string{
		"static HubSpot token":   secondToken,
		"Advocate key":           "other-tenants-key",
		"impact.com token":       "other-auth-token",
		"HubSpot client secret":  hubspottest.DefaultClientSecret,
		"a wrong HubSpot token":  "canary-wrong-token",
		"a wrong Advocate key":   "canary-wrong-key",
		"encryption key":         s.variable(t, "ENCRYPTION_KEY"),
		"admin token":            s.variable(t, "ADMIN_TOKEN"),
		"encryption key, in hex": hex.EncodeToString(s.decoded(t, "ENCRYPTION_KEY")),
	}
	said := &strings.Builder{} // what commands print and complain of
	run := func(env []string, args ...string) {
		out, err := s.Command(t.Context(), env, args...)
		fmt.Fprintln(said, out, err)
	}
	// The portal consents in place of its token, and is refused a while.
	o := &second{system: s, portal: static.portal, tenant: static.tenant, env: static.env}
	o.consent(t, "--connection", static.id)
	db, err := s.Store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tokens, err := db.Tokens(t.Context(), static.id)
	if err != nil {
		t.Fatal(err)
	}
	secrets["access token"], secrets["refresh token"] = tokens.Access, tokens.Refresh
	bob := o.create(t, "bob@other.example")
	eventually(t, patience, "the consenting portal's contact has its code", func() bool { return o.back(bob) })
	wrong := slices.Concat(o.env, []string{"HUBSPOT_ACCESS_TOKEN=canary-wrong-token"})
	run(wrong, "connect", "--json")
	run(append(wrong, "ADVOCATE_API_KEY=canary-wrong-key"), "connect", "--json")
	run(append(o.env, "ADVOCATE_API_KEY=canary-wrong-key"), "connect")
	s.HubSpot.RevokeTokens(secondPortal)
	o.create(t, "eve@other.example")
	eventually(t, patience, "the connection is unauthorized", func() bool {
		status, _ := o.status(t)
		return status == "unauthorized"
	})
	for _, line := range []string{"connection list", "connection show", "connection pause", "connection resume", "rules get",
		"program list", "parked list", "mass-sync start --dry-run", "mass-sync status", "keys rotate", "connection disconnect --yes"} {
		args := strings.Fields(line)
		if args[1] != "list" && args[0] != "keys" || args[0] == "program" || args[0] == "parked" {
			args = append(args, "--connection", static.id)
		}
		run(nil, append(args, "--json")...)
	}

	places := s.histories(t)
	for name, text := range places {
		places[name] = text + payloads(text)
	}
	places["the logs"] = s.log.String()
	places["what commands say"] = said.String()
	places["the starter's metrics"] = visit(t, http.DefaultClient, http.MethodGet, s.StarterMetricsURL+"/metrics", nil)
	places["the worker's metrics"] = visit(t, http.DefaultClient, http.MethodGet, s.WorkerURL+"/metrics", nil)
	places["the database"] = s.dump(t)
	for place, text := range places {
		for what, secret := range secrets {
			for form, value := range map[string]string{
				"": secret, " in base64": base64.StdEncoding.EncodeToString([]byte(secret)), " in hex": hex.EncodeToString([]byte(secret)),
			} {
				if strings.Contains(text, value) {
					t.Errorf("%s: the %s%s is there", place, what, form)
				}
			}
		}
	}
	// What is searched is what there is.
	if !strings.Contains(places["the database"], static.id) || !strings.Contains(places["the logs"], static.id) || len(places) < 8 {
		t.Error("the search looks at the wrong places")
	}
	if !strings.Contains(said.String(), "refuses the credentials") {
		t.Errorf("nothing was refused:\n%s", said)
	}
}

var variablePattern = regexp.MustCompile(`(?m)^export ([A-Z_]+)='(.*)'$`)

// variable is what our processes have in their environment.
func (s *system) variable(t *testing.T, name string) string {
	t.Helper()
	file, err := os.ReadFile(s.EnvFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range variablePattern.FindAllStringSubmatch(string(file), -1) {
		if found[1] == name {
			return found[2]
		}
	}
	t.Fatalf("no variable %s", name)
	return ""
}

func (s *system) decoded(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s.variable(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// dump returns every table as text.
func (s *system) dump(t *testing.T) string {
	t.Helper()
	db, err := pgx.Connect(t.Context(), s.DatabaseURL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	rows, err := db.Query(t.Context(), "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range tables {
		var text string
		if err := db.QueryRow(t.Context(), "SELECT coalesce(string_agg(x::text, E'\n'), '') FROM "+table+" x").Scan(&text); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&all, table, text)
	}
	return all.String()
}
