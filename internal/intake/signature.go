package intake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// Headers of HubSpot's third signature version, the only one accepted: the older
// ones are sent as well, but have no time and could be replayed for ever (HubSpot
// docs: validating requests).
const (
	signatureHeader = "X-HubSpot-Signature-v3"
	timestampHeader = "X-HubSpot-Request-Timestamp" // milliseconds since 1970
)

const (
	maxAge    = 5 * time.Minute // HubSpot docs: reject what is older
	maxFuture = time.Minute     // clocks differ
)

// Why a request is refused. The sender gets these texts.
var (
	errUnsigned     = errors.New("the headers " + signatureHeader + " and " + timestampHeader + " are required")
	errBadTimestamp = errors.New(timestampHeader + " must be milliseconds since 1970, digits only")
	errStale        = errors.New("the request is older than five minutes")
	errEarly        = errors.New("the request's time lies in the future")
	errBadSignature = errors.New("the signature does not match the body, this server's public URL and the app's client secret")
)

// verifier checks that requests come from HubSpot and are for our app.
type verifier struct {
	secrets   [][]byte // any of them may have signed
	publicURL string   // no trailing slash
	now       func() time.Time
}

// usable returns the secrets that are not empty: anybody can sign with an empty
// key.
func usable(secrets ...string) [][]byte {
	var keys [][]byte
	for _, secret := range secrets {
		if secret != "" {
			keys = append(keys, []byte(secret))
		}
	}
	return keys
}

// verify returns nil if the request with this body was signed with one of our secrets
// and is fresh. The signed address is the configured public URL plus the path and
// query as received, in any of its spellings; proxy headers are ignored, since
// anybody can send them.
func (v *verifier) verify(r *http.Request, body []byte) error {
	received, timestamp := r.Header.Get(signatureHeader), r.Header.Get(timestampHeader)
	if received == "" || timestamp == "" {
		return errUnsigned
	}
	if err := v.fresh(timestamp); err != nil {
		return err
	}
	for _, form := range spellings(v.publicURL, r.Host, r.RequestURI) {
		for _, secret := range v.secrets {
			if hmac.Equal([]byte(received), []byte(sign(secret, r.Method, form, body, timestamp))) {
				return nil
			}
		}
	}
	return errBadSignature
}

// spellings returns the forms in which one address may be configured in HubSpot's
// app, and thus signed: the letter case of scheme and host, a host in Unicode or in
// ASCII (punycode), the default port, a dot after the host, the case of escapes. The
// Host header counts only if it is the public URL's host: it shows the sender's
// spelling.
//
// HubSpot's guide says to decode some escapes of the address first, its official
// clients decode none, so either form may match.
func spellings(publicURL, host, requestURI string) []string {
	bases := []string{publicURL}
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		port := defaultPort[strings.ToLower(u.Scheme)]
		bare := func(host string) string { return strings.TrimSuffix(strings.TrimSuffix(host, ":"+port), ".") }
		ours := bare(u.Host)
		names := []string{ours, strings.ToLower(ours), inASCII(ours), inUnicode(ours)}
		if strings.EqualFold(inASCII(bare(host)), inASCII(ours)) {
			names = append(names, bare(host))
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			for _, spelled := range []string{name, name + ":" + port, name + "."} {
				for _, scheme := range []string{strings.ToLower(u.Scheme), strings.ToUpper(u.Scheme)} {
					bases = append(bases, scheme+"://"+spelled+u.EscapedPath())
				}
			}
		}
	}
	var all []string
	for _, base := range bases {
		for _, uri := range []string{requestURI, escapes.ReplaceAllStringFunc(requestURI, strings.ToUpper), escapes.ReplaceAllStringFunc(requestURI, strings.ToLower)} {
			all = append(all, base+uri, decodeSelected(base+uri))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// inASCII and inUnicode are the two forms of an international host name, in small
// letters; what is no such name stays as it is.
func inASCII(host string) string { return converted(host, idna.Lookup.ToASCII) }

func inUnicode(host string) string { return converted(host, idna.Lookup.ToUnicode) }

func converted(host string, convert func(string) (string, error)) string {
	name, _, _ := strings.Cut(host, ":")
	if other, err := convert(name); err == nil {
		return other + host[len(name):]
	}
	return host
}

var (
	defaultPort = map[string]string{"http": "80", "https": "443"}
	escapes     = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

func (v *verifier) fresh(timestamp string) error {
	if strings.Trim(timestamp, "0123456789") != "" {
		return errBadTimestamp
	}
	ms, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errBadTimestamp
	}
	now := v.now().UnixMilli()
	switch {
	case ms < now-maxAge.Milliseconds():
		return errStale
	case ms > now+maxFuture.Milliseconds():
		return errEarly
	default:
		return nil
	}
}

// sign computes a signature of the third version: base64 of HMAC-SHA256 over the
// concatenated method, address, body and timestamp.
func sign(secret []byte, method, uri string, body []byte, timestamp string) string {
	mac := hmac.New(sha256.New, secret)
	for _, part := range [][]byte{[]byte(method), []byte(uri), body, []byte(timestamp)} {
		mac.Write(part)
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// selected decodes the twelve escapes that HubSpot's guide says to decode. It lists
// upper-case digits only; we assume that lower-case ones count too.
var selected = strings.NewReplacer(
	"%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%3F", "?", "%3f", "?", "%40", "@", "%21", "!", "%24", "$",
	"%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2a", "*", "%2C", ",", "%2c", ",", "%3B", ";", "%3b", ";",
)

func decodeSelected(uri string) string { return selected.Replace(uri) }
