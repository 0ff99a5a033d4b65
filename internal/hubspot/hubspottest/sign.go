package hubspottest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// decoded are the escapes HubSpot resolves in the URI before it signs; all
// others stay (HubSpot docs: validating requests, v3).
var decoded = strings.NewReplacer(
	"%3A", ":", "%2F", "/", "%3F", "?", "%40", "@", "%21", "!", "%24", "$",
	"%27", "'", "%28", "(", "%29", ")", "%2A", "*", "%2C", ",", "%3B", ";",
)

// SignV3 is the X-HubSpot-Signature-v3 of a request: base64 of the HMAC-SHA256
// over method, URI, body and the timestamp in milliseconds.
func SignV3(secret, method, uri string, body []byte, timestamp string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(method + decoded.Replace(uri)))
	mac.Write(body)
	mac.Write([]byte(timestamp))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// SignV1 is the older X-HubSpot-Signature, hex of the SHA-256 over secret and body.
func SignV1(secret string, body []byte) string {
	sum := sha256.New()
	sum.Write([]byte(secret))
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// Sign sets both signatures, as HubSpot sends both on webhooks.
func Sign(r *http.Request, secret string, body []byte, now time.Time) {
	timestamp := strconv.FormatInt(now.UnixMilli(), 10)
	r.Header.Set("X-Hubspot-Signature", SignV1(secret, body))
	r.Header.Set("X-Hubspot-Signature-Version", "v1")
	r.Header.Set("X-Hubspot-Request-Timestamp", timestamp)
	r.Header.Set("X-Hubspot-Signature-V3", SignV3(secret, r.Method, r.URL.String(), body, timestamp))
}
