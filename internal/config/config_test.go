package config_test

import (
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/config"
)

// required is the least environment that every process accepts.
var required = map[string]string{
	"DATABASE_URL":          "postgres://sync:pw@db:5432/advocatesync",
	"ENCRYPTION_KEY":        "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	"ADMIN_TOKEN":           "0123456789abcdef",
	"HUBSPOT_APP_ID":        "3300221",
	"HUBSPOT_CLIENT_SECRET": "client-secret",
}

// with returns required with the changes laid over it.
func with(changes map[string]string) func(string) string {
	env := maps.Clone(required)
	maps.Copy(env, changes)
	return func(name string) string { return env[name] }
}

// address is a URL that ends without a slash.
func address(raw string) *url.URL {
	scheme, rest, _ := strings.Cut(raw, "://")
	host, path, found := strings.Cut(rest, "/")
	if found {
		path = "/" + path
	}
	return &url.URL{Scheme: scheme, Host: host, Path: path}
}

func TestLoad_defaultsMakeALaptopWork(t *testing.T) {
	t.Parallel()
	common := config.Common{
		DatabaseURL:   "postgres://sync:pw@db:5432/advocatesync",
		EncryptionKey: config.Key([]byte("0123456789abcdef0123456789abcdef")),
		PublicURL:     "http://localhost:8080",
		HubSpot: config.HubSpot{
			BaseURL: address("https://api.hubapi.com"), AuthorizeURL: address("https://app.hubspot.com/oauth/authorize"),
			AppID: 3300221, ClientSecret: "client-secret", RatePer10s: 110,
		},
		AdvocateBaseURL:    address("https://app.referralsaasquatch.com"),
		ImpactBaseURL:      address("https://api.impact.com"),
		ImpactConcurrency:  4,
		ReportSyncInterval: time.Minute,
		TrackInterval:      time.Minute,
		DeletionHold:       time.Minute,
		ReconcileInterval:  24 * time.Hour,
		InferredErasure:    "ask",
		ExportPatience:     time.Hour,
		ExportMaxMB:        8192,
	}

	command, err := config.LoadCommand(with(nil))
	if diff := cmp.Diff(common, command); err != nil || diff != "" {
		t.Errorf("LoadCommand: %v (-want +got)\n%s", err, diff)
	}
	common.PublicURL = ""
	worker, err := config.LoadWorker(with(nil))
	if diff := cmp.Diff(config.Worker{Common: common, ListenAddr: ":8081"}, worker); err != nil || diff != "" {
		t.Errorf("LoadWorker: %v (-want +got)\n%s", err, diff)
	}
	common.PublicURL = "http://localhost:8080"
	starter, err := config.LoadStarter(with(nil))
	want := config.Starter{
		Common: common, ListenAddr: ":8080", MetricsAddr: "127.0.0.1:9464", AdminToken: "0123456789abcdef",
		JournalInterval: 15 * time.Second,
	}
	if diff := cmp.Diff(want, starter); err != nil || diff != "" {
		t.Errorf("LoadStarter: %v (-want +got)\n%s", err, diff)
	}
}

func TestLoadStarter_takesEveryVariable(t *testing.T) {
	t.Parallel()
	got, err := config.LoadStarter(with(map[string]string{
		"DATABASE_URL":              "host=/run/postgresql dbname=sync",
		"ENCRYPTION_KEY":            " MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n",
		"ENCRYPTION_KEY_OLD":        "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=, MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"ADMIN_TOKEN":               "a token of some length\n",
		"PUBLIC_URL":                "https://sync.example.test/advocate/",
		"LISTEN_ADDR":               "127.0.0.1:0",
		"HUBSPOT_BASE_URL":          "http://127.0.0.1:9001/",
		"HUBSPOT_AUTHORIZE_URL":     "http://127.0.0.1:9001/oauth/authorize",
		"ADVOCATE_BASE_URL":         "http://127.0.0.1:9002",
		"IMPACT_BASE_URL":           "http://127.0.0.1:9003",
		"HUBSPOT_APP_ID":            "12345678901",
		"HUBSPOT_CLIENT_ID":         "id",
		"HUBSPOT_CLIENT_SECRET":     "other",
		"HUBSPOT_CLIENT_SECRET_OLD": "before",
		"METRICS_LISTEN_ADDR":       ":9464",
		"OIDC_ISSUER":               "https://login.example.test/realm/",
		"OIDC_CLIENT_ID":            "console",
		"OIDC_CLIENT_SECRET":        "secret",
		"OIDC_ROLE_CLAIM":           "groups",
		"OIDC_ROLES":                "it=admin, marketing=operator",
		"TRUSTED_PROXIES":           "10.1.2.3/8, 192.0.2.7 2001:db8::/32",
		"INSECURE_HOSTS":            "standins, other.internal",
		"HUBSPOT_RATE_PER_10S":      "190",
		"REPORT_SYNC_INTERVAL":      "2s",
		"TRACK_INTERVAL":            "3s",
		"IMPACT_CONCURRENCY":        "7",
		"DELETION_HOLD":             "0s",
		"JOURNAL_INTERVAL":          "5s",
		"RECONCILE_INTERVAL":        "6h",
		"INFERRED_ERASURE":          "erase",
		"EXPORT_PATIENCE":           "30m",
		"EXPORT_MAX_MB":             "100",
		"LOG_FORMAT":                "json",
		"LOG_LEVEL":                 "debug",
	}))
	want := config.Starter{
		Common: config.Common{
			DatabaseURL:   "host=/run/postgresql dbname=sync",
			EncryptionKey: config.Key([]byte("0123456789abcdef0123456789abcdef")),
			OlderKeys: []config.Key{
				config.Key([]byte("abcdefghijklmnopqrstuvwxyzabcdef")), config.Key([]byte("0123456789abcdef0123456789abcdef")),
			},
			PublicURL: "https://sync.example.test/advocate",
			HubSpot: config.HubSpot{
				BaseURL: address("http://127.0.0.1:9001"), AuthorizeURL: address("http://127.0.0.1:9001/oauth/authorize"),
				AppID: 12345678901, ClientID: "id", ClientSecret: "other", FormerSecret: "before", RatePer10s: 190,
			},
			AdvocateBaseURL:    address("http://127.0.0.1:9002"),
			ImpactBaseURL:      address("http://127.0.0.1:9003"),
			InsecureHosts:      []string{"standins", "other.internal"},
			ImpactConcurrency:  7,
			ReportSyncInterval: 2 * time.Second,
			TrackInterval:      3 * time.Second,
			ReconcileInterval:  6 * time.Hour,
			InferredErasure:    "erase",
			ExportPatience:     30 * time.Minute,
			ExportMaxMB:        100,
			Log:                config.Log{JSON: true, Level: slog.LevelDebug},
		},
		ListenAddr: "127.0.0.1:0", MetricsAddr: ":9464", MetricsNeeded: true, AdminToken: "a token of some length",
		OIDC: config.OIDC{
			Issuer: "https://login.example.test/realm/", ClientID: "console", ClientSecret: "secret", RoleClaim: "groups",
			Roles: []config.OIDCRole{{Value: "it", Role: "admin"}, {Value: "marketing", Role: "operator"}},
		},
		TrustedProxies:  []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")},
		JournalInterval: 5 * time.Second,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); err != nil || diff != "" {
		t.Errorf("LoadStarter: %v (-want +got)\n%s", err, diff)
	}
}

func TestLoadStarter_saysWhatToDo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, value string
		want        string // part of the message
	}{
		"database missing":                  {"DATABASE_URL", "", "is not set"},
		"blank counts as unset":             {"DATABASE_URL", " \n", "is not set"},
		"database of another make":          {"DATABASE_URL", "mysql://u:pw-x@h/db", "not a PostgreSQL URL"},
		"database without scheme":           {"DATABASE_URL", "localhost:5432", "has no scheme"},
		"key missing":                       {"ENCRYPTION_KEY", "", "openssl rand -base64 32"},
		"key not base64":                    {"ENCRYPTION_KEY", "pw-x!", "is not base64"},
		"key in hex is too long":            {"ENCRYPTION_KEY", strings.Repeat("0f", 32), "48 bytes instead of 32"},
		"admin token missing":               {"ADMIN_TOKEN", "", "is not set"},
		"admin token easily guessed":        {"ADMIN_TOKEN", "pw-x", "shorter than 16"},
		"app id missing":                    {"HUBSPOT_APP_ID", "", "is not set"},
		"app id is not a number":            {"HUBSPOT_APP_ID", "my-app", "digits only"},
		"app id is negative":                {"HUBSPOT_APP_ID", "-1", "digits only"},
		"client secret missing":             {"HUBSPOT_CLIENT_SECRET", "", "is not set"},
		"rate of zero":                      {"HUBSPOT_RATE_PER_10S", "0", "from 1 to 100000"},
		"rate with a unit":                  {"HUBSPOT_RATE_PER_10S", "110/10s", "whole number"},
		"public URL without scheme":         {"PUBLIC_URL", "sync.example.test", "needs http:// or https://"},
		"public URL is only host and port":  {"PUBLIC_URL", "localhost:8080", "needs http:// or https://"},
		"public URL with query":             {"PUBLIC_URL", "https://sync.example.test/?a=1", "remove everything from the ?"},
		"public URL with empty query":       {"PUBLIC_URL", "https://sync.example.test?", "remove everything from the ?"},
		"public URL with fragment":          {"PUBLIC_URL", "https://sync.example.test/#", "remove everything from the ?"},
		"vendor URL with credentials":       {"HUBSPOT_BASE_URL", "https://u:pw-x@api.example.test", "must not carry"},
		"vendor URL that does not parse":    {"ADVOCATE_BASE_URL", "https://exa mple", "is not a URL"},
		"plain http to a vendor":            {"HUBSPOT_BASE_URL", "http://api.example.test", "must begin with https://"},
		"plain http to a private address":   {"ADVOCATE_BASE_URL", "http://10.0.0.7:9090", "INSECURE_HOSTS"},
		"plain http to a lookalike":         {"IMPACT_BASE_URL", "http://127.0.0.1.example.test", "must begin with https://"},
		"plain http to the consent page":    {"HUBSPOT_AUTHORIZE_URL", "http://app.example.test", "must begin with https://"},
		"proxies that are no network":       {"TRUSTED_PROXIES", "10.0.0.0/8, proxy.internal", "proxy.internal"},
		"roles that there are not":          {"OIDC_ROLES", "marketing=king", "pairs such as"},
		"metrics address without a port":    {"METRICS_LISTEN_ADDR", "9464", "host:port"},
		"vendor URL without host":           {"IMPACT_BASE_URL", "https:///v1", "and a host"},
		"listening port without colon":      {"LISTEN_ADDR", "8080", "host:port, or :8080"},
		"listening port too high":           {"LISTEN_ADDR", ":80800", "0 to 65535"},
		"interval without unit":             {"REPORT_SYNC_INTERVAL", "60", "60s for seconds"},
		"interval too short":                {"REPORT_SYNC_INTERVAL", "200ms", "from 1s to 24h0m0s"},
		"interval in words":                 {"REPORT_SYNC_INTERVAL", "a minute", "such as 30s"},
		"hold is negative":                  {"DELETION_HOLD", "-1s", "from 0s to 1h0m0s"},
		"log format of another kind":        {"LOG_FORMAT", "xml", "one of: text, json"},
		"log level of another kind":         {"LOG_LEVEL", "verbose", "one of: info, debug, warn, error"},
		"trailing slashes hide no mistakes": {"HUBSPOT_BASE_URL", "api.example.test/", "needs http:// or https://"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadStarter(with(map[string]string{tt.name: tt.value}))
			if err == nil {
				t.Fatal("accepted")
			}
			msg := err.Error()
			if !strings.Contains(msg, tt.name) || !strings.Contains(msg, tt.want) {
				t.Errorf("message %q, want %s and %q in it", msg, tt.name, tt.want)
			}
			if strings.Contains(msg, "pw-x") {
				t.Errorf("message %q quotes the value", msg)
			}
			if got := strings.Count(msg, "\n"); got != 1 {
				t.Errorf("message %q has %d mistakes, want 1", msg, got)
			}
		})
	}
}

func TestLoad_reportsAllMistakesTogether(t *testing.T) {
	t.Parallel()
	_, err := config.LoadStarter(func(name string) string {
		return map[string]string{"PUBLIC_URL": "nowhere", "DELETION_HOLD": "60"}[name]
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, name := range []string{"DATABASE_URL", "ENCRYPTION_KEY", "PUBLIC_URL", "DELETION_HOLD",
		"ADMIN_TOKEN", "HUBSPOT_APP_ID", "HUBSPOT_CLIENT_SECRET"} {
		if strings.Count(err.Error(), "\n  "+name+" ") != 1 {
			t.Errorf("message does not have one line for %s:\n%v", name, err)
		}
	}
}

func TestLoad_asksOnlyForWhatIsUsed(t *testing.T) {
	t.Parallel()
	getenv := with(map[string]string{
		"ADMIN_TOKEN": "", "HUBSPOT_APP_ID": "", "HUBSPOT_CLIENT_SECRET": "", "PUBLIC_URL": "nonsense",
	})
	if _, err := config.LoadWorker(getenv); err != nil {
		t.Errorf("LoadWorker: %v", err)
	}
	getenv = with(map[string]string{"ADMIN_TOKEN": "", "HUBSPOT_APP_ID": "", "HUBSPOT_CLIENT_SECRET": ""})
	if _, err := config.LoadCommand(getenv); err != nil {
		t.Errorf("LoadCommand: %v", err)
	}
}

func TestLoadRemote_asksForAnAddressAndTheToken(t *testing.T) {
	t.Parallel()
	env := map[string]string{config.Server: "https://sync.example.com/", "ADMIN_TOKEN": "0123456789abcdef"}
	got, err := config.LoadRemote(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	want := config.Remote{Server: address("https://sync.example.com"), Token: "0123456789abcdef"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	env = map[string]string{config.Server: "sync.example.com"}
	_, err = config.LoadRemote(func(name string) string { return env[name] })
	for _, name := range []string{config.Server, config.Token} {
		if err == nil || !strings.Contains(err.Error(), "\n  "+name+" ") {
			t.Errorf("message does not have a line for %s:\n%v", name, err)
		}
	}
}

func TestPlainHTTP_isForThisMachineAndNamedHosts(t *testing.T) {
	t.Parallel()
	for address, insecure := range map[string]string{
		"http://localhost:9090": "", "http://127.0.0.9": "", "http://[::1]:9090": "", "http://hub.localhost": "",
		"http://standins:9090": "other standins", "https://api.example.test": "",
	} {
		for _, name := range []string{"HUBSPOT_BASE_URL", "HUBSPOT_AUTHORIZE_URL", "ADVOCATE_BASE_URL", "IMPACT_BASE_URL"} {
			if _, err := config.LoadWorker(with(map[string]string{name: address, "INSECURE_HOSTS": insecure})); err != nil {
				t.Errorf("%s=%s: %v", name, address, err)
			}
		}
		if _, err := config.LoadRemote(with(map[string]string{config.Server: address, "INSECURE_HOSTS": insecure})); err != nil {
			t.Errorf("%s=%s: %v", config.Server, address, err)
		}
	}
	if _, err := config.LoadRemote(with(map[string]string{config.Server: "http://sync.example.test"})); err == nil {
		t.Error("a token would cross a network in clear")
	}
}

func TestLoadRemote_takesItsOwnTokenFirst(t *testing.T) {
	t.Parallel()
	got, err := config.LoadRemote(with(map[string]string{config.Server: "https://sync.example.com", config.Token: "adv_mine"}))
	if err != nil || got.Token != "adv_mine" {
		t.Errorf("%v", err)
	}
}

func TestLoadWorker_takesADeploymentWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		name, build string
		wrong       bool
	}{
		"neither":      {"", "", false},
		"both":         {"advocate-sync", "b42", false},
		"only a name":  {"advocate-sync", "", true},
		"only a build": {"", "b42", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := config.LoadWorker(with(map[string]string{"WORKER_DEPLOYMENT_NAME": tt.name, "WORKER_BUILD_ID": tt.build}))
			if tt.wrong != (err != nil) {
				t.Fatalf("LoadWorker: %v", err)
			}
			if !tt.wrong && (w.DeploymentName != tt.name || w.BuildID != tt.build) {
				t.Errorf("deployment = %s, %s", w.DeploymentName, w.BuildID)
			}
		})
	}
}

func TestLoadStarter_oidcIsWholeOrAbsent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		want []string // in the message
	}{
		"an issuer alone":       {map[string]string{"OIDC_ISSUER": "https://login.example.test"}, []string{"OIDC_CLIENT_ID is not set", "OIDC_CLIENT_SECRET is not set"}},
		"an issuer without TLS": {map[string]string{"OIDC_ISSUER": "http://login.example.test", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"}, []string{"OIDC_ISSUER must be the issuer's https address"}},
		"no issuer":             {map[string]string{"OIDC_CLIENT_ID": "a"}, []string{"OIDC_ISSUER is not set"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadStarter(with(c.env))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message %q, want %q in it", err, want)
				}
			}
		})
	}
}
