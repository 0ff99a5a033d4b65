// Package config reads the environment into structs, once, before anything
// starts. Every mistake is reported at the same time, by the variable's name
// and with what to do about it; a value is only quoted where it cannot be a
// secret. An empty variable counts as unset, and white space around a value is
// dropped, because secrets kept in files tend to end with a line break. Every
// variable that holds a secret may also be given as NAME_FILE, the path of a file.
//
// Temporal's own variables are not read here but by the SDK's envconfig.
package config

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Common is what every process of ours needs.
type Common struct {
	DatabaseURL   Secret // may hold a password
	EncryptionKey Key    // seals credentials at rest
	OlderKeys     []Key  // open what they sealed until that is sealed anew
	RecoveryKey   *Key   // opens the pepper when EncryptionKey is lost; nil: not given

	PublicURL       string // how HubSpot and browsers reach us, without a trailing slash; the worker does not need it
	HubSpot         HubSpot
	AdvocateBaseURL *url.URL // without a trailing slash
	ImpactBaseURL   *url.URL // without a trailing slash
	InsecureHosts   []string // stand-ins: plain http is good enough for these hosts, and their files are fetched from private addresses

	ImpactConcurrency  int           // calls that one worker may have under way at impact.com
	ReportSyncInterval time.Duration // how often each connection's report is asked for
	TrackInterval      time.Duration // how often forms, verdicts and what waits are looked after
	DeletionHold       time.Duration // how long a deletion waits for what may belong to it
	ReconcileInterval  time.Duration // how often each connection is reconciled
	InferredErasure    string        // "ask" or "erase": what a contact that is gone without a trace means
	ExportPatience     time.Duration // how long an export of Advocate's may take before another one is asked for
	ExportMaxMB        int           // how many MiB of an export are read

	Log Log
}

// MaxExport is how many bytes of an export are read.
func (c Common) MaxExport() int64 { return int64(c.ExportMaxMB) << 20 }

// HubSpot says where HubSpot is and which app of its developer account we are.
type HubSpot struct {
	BaseURL      *url.URL // without a trailing slash
	AuthorizeURL *url.URL // the page where a portal consents to the app
	AppID        int64    // 0: not given, so our own writes cannot be told by their source
	ClientID     string
	ClientSecret Secret // also the key of webhook signatures
	FormerSecret Secret // still accepted on webhooks while ClientSecret takes over; empty: none
	RatePer10s   int    // calls one portal grants us in any 10 seconds
}

// Worker is the configuration of the Temporal worker.
type Worker struct {
	Common
	ListenAddr string // health and metrics

	// DeploymentName and BuildID make the worker a version of a Temporal worker
	// deployment; both are set or neither.
	DeploymentName string
	BuildID        string
}

// Starter is the configuration of "starter serve".
type Starter struct {
	Common
	ListenAddr     string
	MetricsAddr    string         // metrics, details of readiness, profiles
	MetricsNeeded  bool           // somebody set MetricsAddr: without that listener, do not start
	AdminToken     Secret         // opens the admin API until an admin's token exists
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	OIDC           OIDC           // who lets people sign in to the console, besides tokens

	JournalInterval time.Duration // how often HubSpot's journal is asked for news
}

// Remote is the configuration of commands that speak to a server.
type Remote struct {
	Server *url.URL // where its admin API is, without a trailing slash
	Token  Secret   // of the admin API
}

// Server names the variable that has commands speak to a server's admin API. A
// flag may say the same.
const Server = "ADVOCATESYNC_SERVER"

// Token is the variable with the token that such commands show.
const Token = "ADVOCATESYNC_TOKEN"

// LoadRemote reads what a command needs that speaks to a server.
func LoadRemote(getenv func(string) string) (Remote, error) {
	r := newReader(getenv)
	c := Remote{Server: r.vendorURL(Server, "https://sync.example.com"), Token: Secret(r.secret(Token))}
	if c.Token == "" {
		c.Token = Secret(r.secret("ADMIN_TOKEN")) // enough to make the first token
	}
	if c.Token == "" {
		r.requireSecret(Token, "a token of the server's admin API; an admin makes one with \"starter token create\"")
	}
	return c, r.err()
}

// LoadCommand reads what a command needs that does its work itself: no address
// to listen on, no app.
func LoadCommand(getenv func(string) string) (Common, error) {
	r := newReader(getenv)
	c := r.reachable()
	return c, r.err()
}

// LoadRecovery reads what it takes to use a database again whose encryption key is
// lost.
func LoadRecovery(getenv func(string) string) (Common, error) {
	r := newReader(getenv)
	c := r.reachable()
	if c.RecoveryKey == nil {
		r.requireSecret("RECOVERY_KEY", "the key that was shown when the installation was made, or by \"starter keys recovery\"")
	}
	return c, r.err()
}

// LoadLog reads how to log, for commands that need nothing else of ours.
func LoadLog(getenv func(string) string) (Log, error) {
	r := newReader(getenv)
	l := r.log()
	return l, r.err()
}

// LoadWorker reads what the worker needs.
func LoadWorker(getenv func(string) string) (Worker, error) {
	r := newReader(getenv)
	w := Worker{
		Common:     r.common(),
		ListenAddr: r.listenAddr("WORKER_LISTEN_ADDR", ":8081"),

		DeploymentName: r.get("WORKER_DEPLOYMENT_NAME"),
		BuildID:        r.get("WORKER_BUILD_ID"),
	}
	if (w.DeploymentName == "") != (w.BuildID == "") {
		r.mistake("WORKER_DEPLOYMENT_NAME", "and WORKER_BUILD_ID belong together: set both, or neither to run unversioned")
	}
	return w, r.err()
}

// LoadStarter reads what "starter serve" needs. Beyond the common part it asks
// for the app's id and client secret: without them no webhook could be
// verified and our own writes would come back as somebody else's.
func LoadStarter(getenv func(string) string) (Starter, error) {
	r := newReader(getenv)
	s := Starter{
		Common:         r.reachable(),
		ListenAddr:     r.listenAddr("LISTEN_ADDR", ":8080"),
		MetricsAddr:    r.listenAddr("METRICS_LISTEN_ADDR", "127.0.0.1:9464"),
		MetricsNeeded:  r.get("METRICS_LISTEN_ADDR") != "",
		AdminToken:     r.adminToken(),
		TrustedProxies: r.networks("TRUSTED_PROXIES"),
		OIDC:           r.oidc(),
		// Together with the head start that webhooks get, within a minute.
		JournalInterval: r.duration("JOURNAL_INTERVAL", 15*time.Second, time.Second, 45*time.Second),
	}
	r.require("HUBSPOT_APP_ID", "the app's id as its page in HubSpot's developer account shows it")
	r.requireSecret("HUBSPOT_CLIENT_SECRET", "the app's client secret; HubSpot signs webhooks with it")
	return s, r.err()
}

// reachable is what those need who tell others how to reach us.
func (r *reader) reachable() Common {
	c := r.common()
	c.PublicURL = r.baseURL("PUBLIC_URL", "http://localhost:8080").String()
	return c
}

func (r *reader) common() Common {
	return Common{
		DatabaseURL:   r.databaseURL(),
		EncryptionKey: r.encryptionKey(),
		OlderKeys:     r.olderKeys(),
		RecoveryKey:   r.recoveryKey(),
		HubSpot: HubSpot{
			BaseURL:      r.vendorURL("HUBSPOT_BASE_URL", "https://api.hubapi.com"),
			AuthorizeURL: r.vendorURL("HUBSPOT_AUTHORIZE_URL", "https://app.hubspot.com/oauth/authorize"),
			AppID:        r.appID(),
			ClientID:     r.get("HUBSPOT_CLIENT_ID"),
			ClientSecret: Secret(r.secret("HUBSPOT_CLIENT_SECRET")),
			FormerSecret: Secret(r.secret("HUBSPOT_CLIENT_SECRET_OLD")),
			// HubSpot grants 100 to 250 by plan; more is for stand-ins.
			RatePer10s: r.integer("HUBSPOT_RATE_PER_10S", 110, 1, 100_000),
		},
		AdvocateBaseURL:    r.vendorURL("ADVOCATE_BASE_URL", "https://app.referralsaasquatch.com"),
		ImpactBaseURL:      r.vendorURL("IMPACT_BASE_URL", "https://api.impact.com"),
		InsecureHosts:      r.insecureHosts(),
		ImpactConcurrency:  r.integer("IMPACT_CONCURRENCY", 4, 1, 100),
		ReportSyncInterval: r.duration("REPORT_SYNC_INTERVAL", time.Minute, time.Second, 24*time.Hour),
		TrackInterval:      r.duration("TRACK_INTERVAL", time.Minute, time.Second, 24*time.Hour),
		DeletionHold:       r.duration("DELETION_HOLD", time.Minute, 0, time.Hour),
		ReconcileInterval:  r.duration("RECONCILE_INTERVAL", 24*time.Hour, time.Minute, 30*24*time.Hour),
		InferredErasure:    r.choice("INFERRED_ERASURE", "ask", "erase"),
		ExportPatience:     r.duration("EXPORT_PATIENCE", time.Hour, 10*time.Second, 24*time.Hour),
		ExportMaxMB:        r.integer("EXPORT_MAX_MB", 8192, 1, 1<<20),
		Log:                r.log(),
	}
}

func (r *reader) log() Log {
	return Log{JSON: r.choice("LOG_FORMAT", "text", "json") == "json", Level: r.logLevel()}
}

func (r *reader) databaseURL() Secret {
	const name = "DATABASE_URL"
	const example = "such as postgres://user:password@localhost:5432/advocatesync"
	value := r.requireSecret(name, "the PostgreSQL database to use, "+example)
	if value == "" {
		return ""
	}
	scheme, _, isURL := strings.Cut(value, "://")
	switch {
	case isURL && scheme != "postgres" && scheme != "postgresql":
		r.mistake(name, "is not a PostgreSQL URL; write one %s", example)
	case !isURL && !strings.Contains(value, "="):
		r.mistake(name, "has no scheme; write a URL %s", example)
	}
	return Secret(value)
}

func (r *reader) appID() int64 {
	const name = "HUBSPOT_APP_ID"
	value := r.get(name)
	if value == "" {
		return 0
	}
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil || id <= 0 {
		r.mistake(name, "must be the app's number, digits only")
	}
	return id
}

func (r *reader) adminToken() Secret {
	const name, shortest = "ADMIN_TOKEN", 16
	value := r.requireSecret(name, "it opens the admin API until an admin's token is made; make one with: openssl rand -hex 32")
	if value != "" && len(value) < shortest {
		r.mistake(name, "is shorter than %d characters; make one with: openssl rand -hex 32", shortest)
	}
	return Secret(value)
}
