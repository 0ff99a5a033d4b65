package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// fileSuffix ends the name of a variable that names a file with a secret.
const fileSuffix = "_FILE"

// Secrets lists the variables that may hold a secret. Each may be given as
// NAME_FILE instead.
func Secrets() []string {
	return []string{
		"ADMIN_TOKEN", "ADVOCATE_API_KEY", Token, "DATABASE_URL", "ENCRYPTION_KEY", "ENCRYPTION_KEY_OLD", "RECOVERY_KEY", "HUBSPOT_ACCESS_TOKEN",
		"HUBSPOT_CLIENT_SECRET", "HUBSPOT_CLIENT_SECRET_OLD", "IMPACT_AUTH_TOKEN", "OIDC_CLIENT_SECRET",
	}
}

// Credential reads a secret that a flag may give as well, directly or from the
// file that NAME_FILE names; empty: unset.
func Credential(getenv func(string) string, name string) (string, error) {
	r := newReader(getenv)
	value := r.secret(name)
	return value, r.err()
}

// maxSecret bounds a file with a secret, so that a path to something else is
// noticed.
const maxSecret = 64 << 10

// readFile returns a file's content without the white space around it. Its error
// names the path, which is no secret, and never the content.
func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxSecret) {
		return "", fmt.Errorf("%s is not a file of at most %d bytes", path, maxSecret)
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return "", fmt.Errorf("%s: %w", path, failed.Err)
	}
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(path)
	if err == nil && len(bytes.TrimSpace(content)) == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
	return string(bytes.TrimSpace(content)), err
}
