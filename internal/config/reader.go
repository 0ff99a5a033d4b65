package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	mistakes []error
}

func (r *reader) get(name string) string { return strings.TrimSpace(r.getenv(name)) }

func (r *reader) mistake(name, format string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Errorf("  %s %s", name, fmt.Sprintf(format, args...)))
}

// err returns all mistakes as one error with a line for each.
func (r *reader) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	return fmt.Errorf("the environment needs correcting:\n%w", errors.Join(r.mistakes...))
}

// require notes a mistake and returns false if the variable is unset.
func (r *reader) require(name, what string) bool {
	if r.get(name) != "" {
		return true
	}
	r.mistake(name, "is not set: %s", what)
	return false
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
	if !r.require(name, "the key that credentials are sealed with; "+keyRemedy) {
		return Key{}
	}
	return r.key(name, r.get(name))
}

// olderKeys reads keys that only open, apart by commas or white space.
func (r *reader) olderKeys() []Key {
	const name = "ENCRYPTION_KEY_OLD"
	var keys []Key
	for _, text := range strings.FieldsFunc(r.get(name), func(c rune) bool { return c == ',' || unicode.IsSpace(c) }) {
		keys = append(keys, r.key(name, text))
	}
	return keys
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
