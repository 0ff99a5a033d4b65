package config

import (
	"fmt"
	"slices"
	"strings"

	"advocatesync/internal/spelling"
)

// Names lists every variable that this program reads itself, also those that
// the connect command takes in place of its flags, and NAME_FILE for each secret.
func Names() []string {
	names := []string{
		"ADMIN_TOKEN",
		"ADVOCATE_API_KEY",
		"ADVOCATE_API_USER",
		"ADVOCATE_BASE_URL",
		"ADVOCATE_PROGRAM_ID",
		"ADVOCATE_TENANT_ALIAS",
		"DATABASE_URL",
		"DELETION_HOLD",
		"ENCRYPTION_KEY",
		"ENCRYPTION_KEY_OLD", "EXPORT_MAX_MB", "EXPORT_PATIENCE",
		"HUBSPOT_ACCESS_TOKEN",
		"HUBSPOT_APP_ID",
		"HUBSPOT_AUTHORIZE_URL",
		"HUBSPOT_BASE_URL",
		"HUBSPOT_CLIENT_ID",
		"HUBSPOT_CLIENT_SECRET",
		"HUBSPOT_CLIENT_SECRET_OLD",
		"HUBSPOT_RATE_PER_10S",
		"IMPACT_ACCOUNT_SID",
		"IMPACT_AUTH_TOKEN",
		"IMPACT_BASE_URL",
		"IMPACT_CONCURRENCY",
		"INFERRED_ERASURE",
		"INSECURE_HOSTS",
		"JOURNAL_INTERVAL",
		"LISTEN_ADDR",
		"LOG_FORMAT",
		"LOG_LEVEL",
		"METRICS_LISTEN_ADDR", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ISSUER", "OIDC_ROLES", "OIDC_ROLE_CLAIM",
		"PUBLIC_URL",
		"RECONCILE_INTERVAL",
		"RECOVERY_KEY", "REPORT_SYNC_INTERVAL",
		"TRACK_INTERVAL",
		"TRUSTED_PROXIES",
		"WORKER_BUILD_ID",
		"WORKER_DEPLOYMENT_NAME",
		"WORKER_LISTEN_ADDR",
		Server,
		Token,
	}
	for _, secret := range Secrets() {
		names = append(names, secret+fileSuffix)
	}
	return names
}

// Misspelt looks through an environment ("NAME=value", as os.Environ returns
// it) for names that are nearly one of ours, which would otherwise leave a
// default in place unnoticed. Each sentence of the answer is a warning, not a
// mistake: the variable may belong to somebody else.
func Misspelt(environ []string) []string {
	var warnings []string
	known := Names()
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(known, name) {
			continue
		}
		for _, ours := range known {
			if spelling.Distance(name, ours) <= 2 {
				warnings = append(warnings, fmt.Sprintf("%s is not a variable of ours; did you mean %s?", name, ours))
			}
		}
	}
	return warnings
}
