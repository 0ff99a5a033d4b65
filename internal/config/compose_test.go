package config_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"advocatesync/internal/config"
)

// elsewhere are variables that somebody else reads in our processes.
var elsewhere = []string{"TEMPORAL_ADDRESS", "OTEL_EXPORTER_OTLP_ENDPOINT"}

// substitution is ${NAME:-default} or ${NAME:?why it is needed}, the innermost of
// those that are nested.
var substitution = regexp.MustCompile(`\$\{(\w+):([-?])([^{}]*)\}`)

// composed returns the environment that docker-compose.yml gives to a service,
// with what it asks for set.
func composed(t *testing.T, service string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	filled := string(text)
	for substitution.MatchString(filled) {
		filled = substitution.ReplaceAllStringFunc(filled, func(found string) string {
			m := substitution.FindStringSubmatch(found)
			if m[2] == "?" {
				return required[m[1]]
			}
			return m[3]
		})
	}
	var file struct {
		Services map[string]struct {
			Environment map[string]string
		}
	}
	if err := yaml.Unmarshal([]byte(filled), &file); err != nil {
		t.Fatal(err)
	}
	env := file.Services[service].Environment
	if len(env) == 0 {
		t.Fatalf("there is no service %s, or it has no environment", service)
	}
	return env
}

func TestCompose_configuresProcessesThatStart(t *testing.T) {
	t.Parallel()
	worker, starter := composed(t, "worker"), composed(t, "starter")
	if _, err := config.LoadWorker(func(name string) string { return worker[name] }); err != nil {
		t.Errorf("worker: %v", err)
	}
	loaded, err := config.LoadStarter(func(name string) string { return starter[name] })
	if err != nil {
		t.Errorf("starter: %v", err)
	}
	if target := composed(t, "standins")["WEBHOOK_TARGET"]; target != loaded.PublicURL+"/webhooks/hubspot" {
		t.Errorf("the stand-in sends webhooks to %s; signatures are checked against %s", target, loaded.PublicURL)
	}
}

func TestCompose_setsNothingThatNobodyReads(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"worker", "starter"} {
		for name := range composed(t, service) {
			if !slices.Contains(config.Names(), name) && !slices.Contains(elsewhere, name) {
				t.Errorf("%s: nobody reads %s", service, name)
			}
		}
	}
}

// kept are variables that the compose file decides itself, and those of commands,
// which an operator gives to the command alone.
var kept = []string{
	"LISTEN_ADDR", "WORKER_LISTEN_ADDR", config.Server, config.Token,
	"HUBSPOT_ACCESS_TOKEN", "ADVOCATE_TENANT_ALIAS", "ADVOCATE_API_USER", "ADVOCATE_API_KEY", "ADVOCATE_PROGRAM_ID",
	"IMPACT_ACCOUNT_SID", "IMPACT_AUTH_TOKEN",
}

// A variable that the manual describes and the compose file does not pass on does
// nothing, and says nothing.
func TestCompose_passesOnEveryVariable(t *testing.T) {
	t.Parallel()
	passed := maps.Clone(composed(t, "worker"))
	maps.Copy(passed, composed(t, "starter"))
	for _, name := range config.Names() {
		_, file := strings.CutSuffix(name, "_FILE")
		if _, ok := passed[name]; !ok && !file && !slices.Contains(kept, name) {
			t.Errorf("docker-compose.yml does not pass %s on", name)
		}
	}
}

func TestManual_documentsEveryVariable(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range config.Names() {
		if _, ok := strings.CutSuffix(name, "_FILE"); ok {
			name = "NAME_FILE" // one sentence for all secrets
		}
		if !strings.Contains(string(manual), "`"+name+"`") {
			t.Errorf("docs/running.md says nothing of %s", name)
		}
	}
}
