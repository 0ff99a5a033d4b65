package advocatetest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// referrer is a referral that an upsert asks for.
type referrer struct {
	owner   *user
	program int
	code    string
}

// referrers reads who referred the user: explicit codes come before those in
// the cookie (impact.com Advocate docs, attribution priority).
func (t *Tenant) referrers(in userInput, k Knobs) ([]referrer, *apiError) {
	var out []referrer
	for _, code := range in.ReferredByCodes {
		owner, program := t.owner(code)
		if owner == nil {
			if k.IgnoreUnknownCodes {
				continue
			}
			return nil, refuse(k, "RS034", "Referral code %s is invalid", code)
		}
		out = append(out, referrer{owner, program, code})
	}
	if in.Cookies == nil {
		return out, nil
	}
	codes, ok := cookieCodes(*in.Cookies, t.cfg.Alias, t.host.millis())
	if !ok {
		return nil, refuse(k, "RS052", "Cookie value %s is invalid", *in.Cookies)
	}
	for _, code := range codes {
		if owner, program := t.owner(code); owner != nil {
			out = append(out, referrer{owner, program, code})
		}
	}
	return out, nil
}

// attribute records referrals: one per account and program, the first wins, and
// nobody refers themselves.
func (t *Tenant) attribute(u *user, referrers []referrer) {
	for _, r := range referrers {
		program := t.programs[r.program].ID
		if r.owner.accountID == u.accountID || u.detail().unreferable || t.referred(u.accountID, program) {
			continue
		}
		d := u.grow()
		d.referredBy = append(d.referredBy, programText{program, r.code})
	}
}

func (t *Tenant) referred(accountID, program string) bool {
	for u := range t.people.inAccount(accountID) {
		for _, r := range u.detail().referredBy {
			if r.program == program {
				return true
			}
		}
	}
	return false
}

// cookieCodes reads the codes for a tenant out of a referral cookie: Base64URL
// of JSON, by domain, by "{alias}_CODE". Codes past their codesExp (seconds)
// are left out. An unreadable cookie is not ok.
func cookieCodes(cookie, alias string, nowMillis int64) (codes []string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(cookie, "="))
	if err != nil {
		return nil, false
	}
	var domains map[string]map[string]struct {
		Codes    map[string]string `json:"codes"`
		CodesExp map[string]int64  `json:"codesExp"`
	}
	if json.Unmarshal(raw, &domains) != nil || domains == nil {
		return nil, false
	}
	for _, entries := range domains {
		entry := entries[alias+"_CODE"]
		for _, code := range entry.Codes {
			if exp, limited := entry.CodesExp[code]; !limited || exp*1000 > nowMillis {
				codes = append(codes, code)
			}
		}
	}
	return codes, true
}

// Cookie makes a referral cookie as the vendor's landing-page script would, for
// code in a program of this tenant.
func (t *Tenant) Cookie(program, code string) string {
	raw, err := json.Marshal(map[string]any{
		"app.referralsaasquatch.com": map[string]any{
			t.cfg.Alias + "_CODE": map[string]any{"codes": map[string]string{program: code}},
		},
	})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
