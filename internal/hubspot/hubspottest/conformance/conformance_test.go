// Package conformance_test lets HubSpot's official npm client loose on the
// stand-in. It needs node, npm and, once, the npm registry; without them it is
// skipped, except under CI=true.
package conformance_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"advocatesync/internal/hubspot/hubspottest"
)

func TestOfficialClient_findsNothingOdd(t *testing.T) {
	if testing.Short() {
		t.Skip("installs npm packages")
	}
	npm, node := program(t, "npm"), program(t, "node")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()

	script, err := filepath.Abs("conformance.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := packages(ctx, t, npm)

	knobs := hubspottest.DefaultKnobs()
	knobs.Limits = hubspottest.Unlimited()
	host := hubspottest.NewHost(hubspottest.WithPortal(hubspottest.PortalConfig{
		ID: hubspottest.DefaultPortalID, Token: hubspottest.DefaultToken, Knobs: &knobs}))
	defer host.Close()
	srv := httptest.NewServer(host)
	defer srv.Close()
	out, err := start(ctx, dir, []string{
		"HUBSPOT_URL=" + srv.URL,
		"HUBSPOT_TOKEN=" + hubspottest.DefaultToken,
		"HUBSPOT_KEY=" + hubspottest.DefaultClientSecret,
		"HUBSPOT_CLIENT_ID=" + hubspottest.DefaultClientID,
		"HUBSPOT_CLIENT_SECRET=" + hubspottest.DefaultClientSecret,
		fmt.Sprintf("HUBSPOT_APP=%d", hubspottest.DefaultAppID),
	}, node, script)
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// packages installs the client into the user's cache, once per version, and
// returns the directory.
func packages(ctx context.Context, t *testing.T, npm string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "advocatesync")
	sum, files := sha256.New(), map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		if files[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		sum.Write(files[name])
	}
	ready := filepath.Join(cache, fmt.Sprintf("hubspot-client-%x", sum.Sum(nil)[:6]))
	if _, err := os.Stat(ready); err == nil {
		return ready
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	making, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(making)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(making, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := start(ctx, making, nil, npm, "ci", "--prefer-offline", "--loglevel=error"); err != nil {
		missing(t, "the packages cannot be installed: %v\n%s", err, out)
	}
	// Another run may have been faster; its packages are as good.
	if err := os.Rename(making, ready); err != nil {
		if _, gone := os.Stat(ready); gone != nil {
			t.Fatal(err)
		}
	}
	return ready
}

// program finds an executable.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%v", err)
	}
	return path
}

// missing ends the test: a laptop may lack node or the network, CI may not.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func start(ctx context.Context, dir string, env []string, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	return cmd.CombinedOutput()
}
