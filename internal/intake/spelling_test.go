package intake

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestVerify_takesTheSameAddressHoweverSpelled(t *testing.T) {
	t.Parallel()
	const public, path = "https://sync.example.com/hooks", "/webhooks/hubspot?a=%2Fb%20c"
	tests := map[string]struct {
		signed string // the address as HubSpot's app has it
		host   string // as the request names it
		ok     bool
	}{
		"as configured":                {public + path, "sync.example.com", true},
		"the host in other letters":    {"https://Sync.Example.COM/hooks" + path, "Sync.Example.COM", true},
		"with the default port":        {"https://sync.example.com:443/hooks" + path, "sync.example.com:443", true},
		"port, and letters, at once":   {"https://SYNC.example.com:443/hooks" + path, "SYNC.example.com", true},
		"with a dot after the host":    {"https://sync.example.com./hooks" + path, "sync.example.com.", true},
		"the host header in capitals":  {"https://sync.example.com/hooks" + path, "SYNC.EXAMPLE.COM", true},
		"the scheme in capitals":       {"HTTPS://sync.example.com/hooks" + path, "sync.example.com", true},
		"escapes in small letters":     {"https://sync.example.com/hooks/webhooks/hubspot?a=%2fb%20c", "sync.example.com", true},
		"some escapes decoded":         {"https://sync.example.com/hooks/webhooks/hubspot?a=/b%20c", "sync.example.com", true},
		"another host":                 {"https://evil.example.com/hooks" + path, "evil.example.com", false},
		"another port":                 {"https://sync.example.com:8443/hooks" + path, "sync.example.com:8443", false},
		"another scheme":               {"http://sync.example.com/hooks" + path, "sync.example.com", false},
		"another path":                 {"https://sync.example.com/hookz" + path, "sync.example.com", false},
		"the path in other letters":    {"https://sync.example.com/Hooks" + path, "sync.example.com", false},
		"another query":                {"https://sync.example.com/hooks/webhooks/hubspot?a=c", "sync.example.com", false},
		"a host that the header names": {"https://evil.example.com/hooks" + path, "sync.example.com", false},
	}
	now := time.Now()
	timestamp := strconv.FormatInt(now.UnixMilli(), 10)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := verifier{secrets: usable("secret"), publicURL: public, now: func() time.Time { return now }}
			r := &http.Request{Method: http.MethodPost, Host: tt.host, RequestURI: path, Header: http.Header{}}
			r.Header.Set(signatureHeader, sign([]byte("secret"), r.Method, tt.signed, []byte("[]"), timestamp))
			r.Header.Set(timestampHeader, timestamp)
			if err := v.verify(r, []byte("[]")); (err == nil) != tt.ok {
				t.Errorf("error %v, want accepted: %t", err, tt.ok)
			}
		})
	}
}

// A host with letters beyond ASCII has two names, and each is the same address.
func TestVerify_takesAnInternationalHostInBothForms(t *testing.T) {
	t.Parallel()
	const unicode, ascii, path = "https://bücher.example", "https://xn--bcher-kva.example", "/webhooks/hubspot"
	for name, tt := range map[string]struct {
		public, signed, host string
		ok                   bool
	}{
		"both in Unicode":                 {unicode, unicode, "xn--bcher-kva.example", true},
		"configured in Unicode":           {unicode, ascii, "xn--bcher-kva.example", true},
		"configured in ASCII":             {ascii, unicode, "xn--bcher-kva.example", true},
		"in capitals":                     {"https://BÜCHER.example", unicode, "xn--bcher-kva.example", true},
		"in ASCII and in capitals":        {unicode, "https://XN--BCHER-KVA.example", "XN--BCHER-KVA.example", true},
		"with the default port":           {unicode, ascii + ":443", "xn--bcher-kva.example", true},
		"with another port":               {unicode + ":8443", ascii + ":8443", "xn--bcher-kva.example:8443", true},
		"another host that looks like it": {unicode, "https://bucher.example", "bucher.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timestamp := strconv.FormatInt(receipt.UnixMilli(), 10)
			v := verifier{secrets: usable("secret"), publicURL: tt.public, now: func() time.Time { return receipt }}
			r := &http.Request{Method: http.MethodPost, Host: tt.host, RequestURI: path, Header: http.Header{}}
			r.Header.Set(signatureHeader, sign([]byte("secret"), r.Method, tt.signed+path, []byte("[]"), timestamp))
			r.Header.Set(timestampHeader, timestamp)
			if err := v.verify(r, []byte("[]")); (err == nil) != tt.ok {
				t.Errorf("error %v, want accepted: %t", err, tt.ok)
			}
		})
	}
}
