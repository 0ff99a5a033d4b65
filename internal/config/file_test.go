package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"advocatesync/internal/config"
)

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What a process asks for by name comes from a file as well, whichever secret
// it is.
func TestSecrets_mayAllBeFiles(t *testing.T) {
	t.Parallel()
	env := map[string]string{"HUBSPOT_APP_ID": "3300221"}
	asked := map[string]bool{}
	values := map[string]string{
		"DATABASE_URL":              "postgres://sync:from-a-file@db/x",
		"ENCRYPTION_KEY":            required["ENCRYPTION_KEY"],
		"ENCRYPTION_KEY_OLD":        "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=",
		"ADMIN_TOKEN":               "admin-token-from-a-file",
		"HUBSPOT_CLIENT_SECRET":     "secret-from-a-file",
		"HUBSPOT_CLIENT_SECRET_OLD": "old-secret-from-a-file",
	}
	for name, value := range values {
		env[name+"_FILE"] = secretFile(t, " "+value+"\n")
	}
	getenv := func(name string) string {
		asked[name] = true
		return env[name]
	}
	got, err := config.LoadStarter(getenv)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.DatabaseURL) != values["DATABASE_URL"] || got.EncryptionKey != config.Key([]byte("0123456789abcdef0123456789abcdef")) ||
		len(got.OlderKeys) != 1 || string(got.AdminToken) != values["ADMIN_TOKEN"] ||
		string(got.HubSpot.ClientSecret) != values["HUBSPOT_CLIENT_SECRET"] || string(got.HubSpot.FormerSecret) != values["HUBSPOT_CLIENT_SECRET_OLD"] {
		t.Error("a file does not give what the variable would")
	}
	for _, name := range []string{config.Token, "ADVOCATE_API_KEY", "HUBSPOT_ACCESS_TOKEN", "IMPACT_AUTH_TOKEN"} {
		value, err := config.Credential(func(asked string) string {
			return map[string]string{name + "_FILE": env["ADMIN_TOKEN_FILE"]}[asked]
		}, name)
		if err != nil || value != values["ADMIN_TOKEN"] {
			t.Errorf("%s: %v", name, err)
		}
		asked[name+"_FILE"] = true
	}
	for _, name := range config.Secrets() {
		if !asked[name+"_FILE"] {
			t.Errorf("nobody asks for %s_FILE", name)
		}
	}
}

func TestSecretFiles_sayWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		env  map[string]string
		want string
	}{
		"both are given":         {map[string]string{"ADMIN_TOKEN_FILE": secretFile(t, "pw-x pw-x pw-x pw-x")}, "ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set"},
		"there is no file":       {map[string]string{"ADMIN_TOKEN": "", "ADMIN_TOKEN_FILE": filepath.Join(dir, "none")}, "no such file"},
		"it is a directory":      {map[string]string{"ADMIN_TOKEN": "", "ADMIN_TOKEN_FILE": dir}, "is not a file"},
		"it is empty":            {map[string]string{"ADMIN_TOKEN": "", "ADMIN_TOKEN_FILE": secretFile(t, " \n")}, "is empty"},
		"it is much too large":   {map[string]string{"ADMIN_TOKEN": "", "ADMIN_TOKEN_FILE": secretFile(t, strings.Repeat("x", 65<<10))}, "at most 65536 bytes"},
		"its content is a wrong": {map[string]string{"ENCRYPTION_KEY": "", "ENCRYPTION_KEY_FILE": secretFile(t, "pw-x")}, "ENCRYPTION_KEY is not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadStarter(with(tt.env))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Count(err.Error(), "\n") != 1 || strings.Contains(err.Error(), "pw-x") {
				t.Errorf("%v, want one mistake with %q", err, tt.want)
			}
		})
	}
}
