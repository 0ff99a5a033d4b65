package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// reader collects values and what is wrong with them.
type reader struct {
	getenv   func(string) string
	secrets  map[string]string // those that were read, by name
	mistakes []error
}

func newReader(getenv func(string) string) *reader {
	return &reader{getenv: getenv, secrets: map[string]string{}}
}

func (r *reader) get(name string) string { return strings.TrimSpace(r.getenv(name)) }

// secret reads a variable that may hold a secret: its value, or the path of a
// file with the value in NAME_FILE, as orchestrators mount secrets. It is read
// once, so that each mistake is told once.
func (r *reader) secret(name string) string {
	value, known := r.secrets[name]
	if !known {
		value = r.readSecret(name)
		r.secrets[name] = value
	}
	return value
}

func (r *reader) readSecret(name string) string {
	value, path := r.get(name), r.get(name+fileSuffix)
	switch {
	case path == "":
		return value
	case value != "":
		r.mistake(name, "and %s%s are both set: keep one of them", name, fileSuffix)
		return ""
	}
	content, err := readFile(path)
	if err != nil {
		r.mistake(name+fileSuffix, "names a file that cannot be used: %s", err)
	}
	return content
}

func (r *reader) mistake(name, format string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Errorf("  %s %s", name, fmt.Sprintf(format, args...)))
}

// err returns all mistakes as one error with a line for each.
func (r *reader) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	return fmt.Errorf("correct the environment:\n%w", errors.Join(r.mistakes...))
}

// require notes a mistake if the variable is unset.
func (r *reader) require(name, what string) {
	if r.get(name) == "" {
		r.mistake(name, "is not set: %s", what)
	}
}

// requireSecret is require for a variable that may hold a secret, and returns
// its value; empty: there is a mistake.
func (r *reader) requireSecret(name, what string) string {
	if r.get(name+fileSuffix) == "" {
		r.require(name, what)
	}
	return r.secret(name)
}

// baseURL reads the address that paths are appended to. A trailing slash says
// the same as none, so it is dropped rather than refused.
func (r *reader) baseURL(name, fallback string) *url.URL {
	value := r.get(name)
	if value == "" {
		value = fallback
	}
	u, err := url.Parse(strings.TrimRight(value, "/"))
	if err != nil {
		r.mistake(name, "is not a URL; write one such as %s", fallback)
		return &url.URL{}
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		r.mistake(name, "needs http:// or https:// and a host, such as %s", fallback)
	case u.User != nil:
		r.mistake(name, "must not carry a user or a password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(value, "#"):
		r.mistake(name, "must end with the host or a path: remove everything from the ? or # on")
	}
	return u
}

// vendorURL is baseURL for a server that is sent secrets: plain http is for this
// machine, and for hosts that INSECURE_HOSTS names.
func (r *reader) vendorURL(name, fallback string) *url.URL {
	u := r.baseURL(name, fallback)
	if u.Scheme == "http" && !loopback(u.Hostname()) && !slices.Contains(r.insecureHosts(), u.Hostname()) {
		r.mistake(name, "must begin with https://, because secrets go there; "+
			"for a stand-in on a network of your own, name its host in INSECURE_HOSTS")
	}
	return u
}

// insecureHosts reads host names apart by commas or white space.
func (r *reader) insecureHosts() []string { return fields(r.get("INSECURE_HOSTS")) }

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.Unmap().IsLoopback()
}

// networks reads addresses and networks in CIDR notation, apart by commas or
// white space.
func (r *reader) networks(name string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range fields(r.get(name)) {
		network, err := netip.ParsePrefix(text)
		if single, bare := netip.ParseAddr(text); bare == nil {
			network, err = single.Prefix(single.BitLen())
		}
		if err != nil {
			r.mistake(name, "must list addresses or networks such as 10.0.0.0/8, separated by commas; %q is neither", text)
			continue
		}
		all = append(all, network.Masked())
	}
	return all
}

// fields splits a list; nil: it is empty.
func fields(text string) []string {
	if text == "" {
		return nil
	}
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
}

func (r *reader) listenAddr(name, fallback string) string {
	value := r.get(name)
	if value == "" {
		return fallback
	}
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		r.mistake(name, "is not an address to listen on; write host:port, or %s for every interface", fallback)
		return value
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		r.mistake(name, "needs a port from 0 to 65535 after the colon, such as %s", fallback)
	}
	return value
}

func (r *reader) integer(name string, fallback, low, high int) int {
	value := r.get(name)
	if value == "" {
		return fallback
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		r.mistake(name, "must be a whole number from %d to %d", low, high)
	}
	return n
}

func (r *reader) duration(name string, fallback, low, high time.Duration) time.Duration {
	value := r.get(name)
	if value == "" {
		return fallback
	}
	d, err := time.ParseDuration(value)
	if _, number := strconv.ParseFloat(value, 64); err != nil && number == nil {
		r.mistake(name, "has no unit; write %ss for seconds or %sm for minutes", value, value)
		return fallback
	}
	if err != nil || d < low || d > high {
		r.mistake(name, "must be a duration from %v to %v, such as 30s", low, high)
	}
	return d
}

// choice reads one of a few words, the first of which is the default.
func (r *reader) choice(name string, words ...string) string {
	value := r.get(name)
	if value == "" {
		return words[0]
	}
	if !slices.Contains(words, value) {
		r.mistake(name, "must be one of: %s", strings.Join(words, ", "))
	}
	return value
}

func (r *reader) logLevel() slog.Level {
	var level slog.Level
	// The four words are slog's own names, so that this cannot fail for them.
	if err := level.UnmarshalText([]byte(r.choice("LOG_LEVEL", "info", "debug", "warn", "error"))); err != nil {
		return slog.LevelInfo
	}
	return level
}

const keyRemedy = "make one with: openssl rand -base64 32"

func (r *reader) encryptionKey() Key {
	const name = "ENCRYPTION_KEY"
	text := r.requireSecret(name, "the key that credentials are sealed with; "+keyRemedy)
	if text == "" {
		return Key{}
	}
	return r.key(name, text)
}

// olderKeys reads keys that only open, separated by commas or white space.
func (r *reader) olderKeys() []Key {
	const name = "ENCRYPTION_KEY_OLD"
	var keys []Key
	for _, text := range fields(r.secret(name)) {
		keys = append(keys, r.key(name, text))
	}
	return keys
}

// recoveryKey reads the key that opens the pepper when the encryption key is lost.
func (r *reader) recoveryKey() *Key {
	const name = "RECOVERY_KEY"
	text := r.secret(name)
	if text == "" {
		return nil
	}
	key := r.key(name, text)
	return &key
}

func (r *reader) key(name, text string) Key {
	raw, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		r.mistake(name, "is not base64; %s", keyRemedy)
	case len(raw) != len(Key{}):
		r.mistake(name, "holds %d bytes instead of %d; %s", len(raw), len(Key{}), keyRemedy)
	default:
		return Key(raw)
	}
	return Key{}
}
