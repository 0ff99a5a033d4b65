package deploy

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

// secrets are what the compose file has no defaults for.
var secrets = map[string]string{
	"ENCRYPTION_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	"ADMIN_TOKEN":    "0123456789abcdef",

	"POSTGRES_PASSWORD":     "from-the-environment",
	"HUBSPOT_CLIENT_SECRET": "from-the-environment-too",
}

func compose(t *testing.T, env map[string]string, profiles ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{root + "/docker-compose.yml"}, cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	options.Environment = maps.Clone(env) // compose adds to it
	return options.LoadProject(t.Context())
}

func mustCompose(t *testing.T, env map[string]string, profiles ...string) *types.Project {
	t.Helper()
	project, err := compose(t, env, profiles...)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose_startsTheWholeSystemAndTheStandInsOnRequest(t *testing.T) {
	t.Parallel()
	want := []string{"postgres", "starter", "temporal", "worker"}
	if got := slices.Sorted(slices.Values(mustCompose(t, secrets).ServiceNames())); !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
	want = []string{"postgres", "standins", "starter", "temporal", "worker"}
	if got := slices.Sorted(slices.Values(mustCompose(t, secrets, "standins").ServiceNames())); !slices.Equal(got, want) {
		t.Errorf("with stand-ins: services %v, want %v", got, want)
	}
}

func TestCompose_asksForSecretsByName(t *testing.T) {
	t.Parallel()
	for name := range secrets {
		env := maps.Clone(secrets)
		delete(env, name)
		if _, err := compose(t, env); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// What the file itself says can be read by everybody who has it.
func TestCompose_holdsNoSecretOfItsOwn(t *testing.T) {
	t.Parallel()
	secret := regexp.MustCompile(`PASSWORD|SECRET|TOKEN|KEY|DATABASE_URL`)
	for name, service := range mustCompose(t, secrets, "standins").Services {
		for variable, value := range service.Environment {
			if value == nil || *value == "" || !secret.MatchString(variable) {
				continue
			}
			if !slices.ContainsFunc(slices.Collect(maps.Values(secrets)), func(given string) bool { return strings.Contains(*value, given) }) {
				t.Errorf("%s: %s has a value that nobody gave", name, variable)
			}
		}
	}
}

// One who starts it to have a look has not thought of a firewall.
func TestCompose_publishesNothingBeyondThisMachine(t *testing.T) {
	t.Parallel()
	for name, service := range mustCompose(t, secrets, "standins").Services {
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %d is published on %q", name, port.Target, port.HostIP)
			}
		}
	}
}

func TestCompose_startsWhatDiesAgain(t *testing.T) {
	t.Parallel()
	for name, service := range mustCompose(t, secrets, "standins").Services {
		if service.Restart != types.RestartPolicyUnlessStopped {
			t.Errorf("%s: restart %q", name, service.Restart)
		}
	}
}

var pinned = regexp.MustCompile(`^[a-z0-9/.-]+:v?\d+\.\d+(\.\d+)?([.-][\w.-]+)?$`)

func TestCompose_pinsImagesAndGivesProcessesNoMoreThanTheyNeed(t *testing.T) {
	t.Parallel()
	for name, service := range mustCompose(t, secrets, "standins").Services {
		if service.Build == nil {
			if !pinned.MatchString(service.Image) {
				t.Errorf("%s: the image %q is not pinned", name, service.Image)
			}
			continue
		}
		if !service.ReadOnly || !slices.Contains(service.CapDrop, "ALL") || service.Privileged || service.User != "" {
			t.Errorf("%s may do more than it needs", name)
		}
		if _, ok := stages(t)[service.Build.Target]; !ok {
			t.Errorf("%s: the Dockerfile has no stage %q", name, service.Build.Target)
		}
	}
}
