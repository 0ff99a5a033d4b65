package advocatetest

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
)

// openUser is the vendor's OpenUser object. It needs host.mu.
func (t *Tenant) openUser(u *user) map[string]any {
	d := u.detail()
	out := map[string]any{
		"id": u.id, "accountId": u.accountID,
		"firstName": nullable(u.firstName), "lastName": nullable(u.lastName), "email": nullable(u.email),
		"imageUrl": d.imageURL, "cookieId": nil, "locale": nullable(d.locale), "countryCode": nullable(d.country),
		"referable": !d.unreferable, "firstSeenIP": nil, "lastSeenIP": nil, "dateCreated": u.created,
		"referralCodes": t.referralCodes(u), "programShareLinks": t.programShareLinks(u),
		"customFields": customMap(u), "segments": list(d.segments), "referredByCodes": referredBy(d),
	}
	if d.blocked != 0 {
		out["dateBlocked"] = d.blocked
	}
	return out
}

// plainUser is the older User object: flat, with an MD5 of the email, without
// the maps by program.
func (t *Tenant) plainUser(u *user) map[string]any {
	out := t.openUser(u)
	delete(out, "programShareLinks")
	delete(out, "referralCodes")
	out["emailHash"] = emailHash(u.email)
	return out
}

// webhookUser is the data of user.created.
func (t *Tenant) webhookUser(u *user) map[string]any {
	out := t.openUser(u)
	out["emailHash"] = emailHash(u.email)
	return out
}

func (t *Tenant) referralCodes(u *user) map[string]string {
	out := map[string]string{}
	for i, p := range t.programs {
		if code := t.code(u, i); code != "" {
			out[p.ID] = code
		}
	}
	return out
}

// programShareLinks covers at most ten active programs (SaaSquatch GraphQL SDL:
// "up to 10 active programs").
func (t *Tenant) programShareLinks(u *user) map[string]any {
	out := map[string]any{}
	for i, p := range t.programs {
		if p.Status != Live || t.code(u, i) == "" || len(out) == 10 {
			continue
		}
		links := map[string]any{"cleanShareLink": t.cleanLink(u, i)}
		for _, engagement := range []string{"UNKNOWN", "EMAIL", "MOBILE"} {
			links[engagement] = map[string]string{"DIRECT": t.shareLink(u, i, engagement, "DIRECT")}
		}
		out[p.ID] = links
	}
	return out
}

// shareURLs is every link of one program, or those of one medium.
func (t *Tenant) shareURLs(u *user, program int, engagement, share string) map[string]any {
	out := map[string]any{"cleanShareLink": t.cleanLink(u, program)}
	for e, byShare := range mediumCodes {
		if engagement != "" && engagement != e {
			continue
		}
		links := map[string]string{}
		for s := range byShare {
			if share == "" || share == s {
				links[s] = t.shareLink(u, program, e, s)
			}
		}
		out[e] = links
	}
	return out
}

func customMap(u *user) map[string]any {
	out := make(map[string]any, len(u.fields))
	for _, f := range u.fields {
		out[f.key] = f.value
	}
	return out
}

func referredBy(d *details) []string {
	out := make([]string, 0, len(d.referredBy))
	for _, r := range d.referredBy {
		out = append(out, r.text)
	}
	return out
}

func emailHash(email string) any {
	if email == "" {
		return nil
	}
	sum := md5.Sum([]byte(strings.ToLower(email)))
	return hex.EncodeToString(sum[:])
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
