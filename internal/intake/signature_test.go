package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// vector is a signed request. URL is the address that was signed, WireURL the
// one it was sent to where the two differ by decoded escapes.
type vector struct {
	Name      string
	Version   string
	Secret    string
	Method    string
	URL       string
	WireURL   string `json:"wire_url"`
	Body      string
	Timestamp string
	Signature string

	OwnSignature string `json:"own_signature"` // altered: what the altered request would have to carry
	NowMS        int64  `json:"now_ms"`        // window: time of receipt
	Accept       bool   // window
}

type vectors struct{ Genuine, Altered, Window []vector }

func readVectors(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if n := len(v.Genuine) + len(v.Altered) + len(v.Window); n != 37 {
		t.Fatalf("%d vectors, want 37", n)
	}
	return v
}

// signedAt is the moment the vector was signed.
func (v vector) signedAt(t *testing.T) time.Time {
	t.Helper()
	ms, err := strconv.ParseInt(v.Timestamp, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(ms)
}

// received is the request as the server sees it, and the public URL that it
// was sent under.
func (v vector) received(t *testing.T, headers map[string]string) (*http.Request, string) {
	t.Helper()
	wire := v.URL
	if v.WireURL != "" {
		wire = v.WireURL
	}
	u, err := url.Parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	publicURL := u.Scheme + "://" + u.Host
	r := &http.Request{
		Method:     v.Method,
		RequestURI: strings.TrimPrefix(wire, publicURL),
		Header:     http.Header{},
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return r, publicURL
}

func (v vector) verify(t *testing.T, now time.Time, headers map[string]string) error {
	t.Helper()
	r, publicURL := v.received(t, headers)
	check := verifier{secrets: usable(v.Secret), publicURL: publicURL, now: func() time.Time { return now }}
	return check.verify(r, []byte(v.Body))
}

func (v vector) v3Headers() map[string]string {
	headers := map[string]string{signatureHeader: v.Signature}
	if v.Timestamp != "" {
		headers[timestampHeader] = v.Timestamp
	}
	return headers
}

// older computes the first two versions, to prove that those vectors are
// genuine and refused all the same.
func (v vector) older() string {
	plain := v.Secret + v.Body
	if v.Version == "v2" {
		plain = v.Secret + v.Method + v.URL + v.Body
	}
	sum := sha256.Sum256([]byte(plain))
	return hex.EncodeToString(sum[:])
}

func TestVerify_acceptsGenuineRequests(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Genuine {
		if v.Version != "v3" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			if got := sign([]byte(v.Secret), v.Method, v.URL, []byte(v.Body), v.Timestamp); got != v.Signature {
				t.Errorf("sign = %s, want %s", got, v.Signature)
			}
			if err := v.verify(t, v.signedAt(t), v.v3Headers()); err != nil {
				t.Errorf("refused: %v", err)
			}
			if v.WireURL != "" && decodeSelected(v.WireURL) != v.URL {
				t.Errorf("decoded to %s, want %s", decodeSelected(v.WireURL), v.URL)
			}
		})
	}
}

func TestVerify_refusesOlderVersionsThatCouldBeReplayed(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Genuine {
		if v.Version == "v3" {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			if v.older() != v.Signature {
				t.Fatalf("the vector is not genuine: %s", v.older())
			}
			now := time.UnixMilli(1795000000000)
			err := v.verify(t, now, map[string]string{
				"X-HubSpot-Signature":         v.Signature,
				"X-HubSpot-Signature-Version": v.Version,
				timestampHeader:               strconv.FormatInt(now.UnixMilli(), 10),
			})
			if err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestVerify_refusesAlteredRequests(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Altered {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			if err := v.verify(t, v.signedAt(t), v.v3Headers()); err == nil {
				t.Error("accepted with the signature of the original")
			}
			// Its own signature fits: it is the alteration that is refused above.
			v.Signature = v.OwnSignature
			if err := v.verify(t, v.signedAt(t), v.v3Headers()); err != nil {
				t.Errorf("refused with its own signature: %v", err)
			}
		})
	}
}

func TestVerify_acceptsOnlyFreshRequests(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Window {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			err := v.verify(t, time.UnixMilli(v.NowMS), v.v3Headers())
			if (err == nil) != v.Accept {
				t.Errorf("accepted: %t, want %t (%v)", err == nil, v.Accept, err)
			}
		})
	}
}

func TestVerify_refusesTimestampsThatAreNotPlainDigits(t *testing.T) {
	t.Parallel()
	for _, timestamp := range []string{"", " ", "+1795000000000", "-1", "1795000000000.0", "1.795e12", "99999999999999999999"} {
		t.Run(timestamp, func(t *testing.T) {
			t.Parallel()
			v := vector{Secret: "s", Method: http.MethodPost, URL: "https://sync.example.test/x", Timestamp: timestamp}
			v.Signature = sign([]byte("s"), v.Method, v.URL, nil, timestamp)
			if err := v.verify(t, time.UnixMilli(1795000000000), v.v3Headers()); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestVerify_ignoresWhatProxiesSay(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1795000000000)
	forged := vector{Secret: "s", Method: http.MethodPost, URL: "https://other.example.test/x", Timestamp: "1795000000000"}
	headers := map[string]string{
		signatureHeader:     sign([]byte("s"), forged.Method, forged.URL, nil, forged.Timestamp),
		timestampHeader:     forged.Timestamp,
		"X-Forwarded-Host":  "other.example.test",
		"X-Forwarded-Proto": "https",
		"Forwarded":         "host=other.example.test;proto=https",
	}
	r, _ := forged.received(t, headers)
	r.Host = "other.example.test"
	check := verifier{secrets: usable("s"), publicURL: "https://sync.example.test", now: func() time.Time { return now }}
	if err := check.verify(r, nil); err == nil {
		t.Error("accepted a signature for another address")
	}
}

func TestVerify_refusesEverythingWithoutASecret(t *testing.T) {
	t.Parallel()
	v := vector{Method: http.MethodPost, URL: "https://sync.example.test/x", Timestamp: "1795000000000"}
	v.Signature = sign(nil, v.Method, v.URL, nil, v.Timestamp)
	if err := v.verify(t, v.signedAt(t), v.v3Headers()); err == nil {
		t.Error("accepted a signature with the empty key")
	}
}

// While a secret is replaced, HubSpot signs with either.
func TestHandler_takesTwoSecretsWhileOneReplacesTheOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		current, former string
		want            int
	}{
		"the new one alone":                  {testSecret, "", http.StatusOK},
		"HubSpot changed over first":         {testSecret, "before", http.StatusOK},
		"we changed over first":              {"after", testSecret, http.StatusOK},
		"the rotation is over":               {"after", "", http.StatusUnauthorized},
		"neither":                            {"after", "before", http.StatusUnauthorized},
		"no secret at all opens to nobody":   {"", "", http.StatusUnauthorized},
		"an empty former secret is not used": {"after", "", http.StatusUnauthorized},
	} {
		in := newIntake()
		in.verifier.secrets = usable(tt.current, tt.former)
		if got := in.deliver(signed(array(creation), in.clock)).Code; got != tt.want {
			t.Errorf("%s: status %d, want %d", name, got, tt.want)
		}
	}
}
