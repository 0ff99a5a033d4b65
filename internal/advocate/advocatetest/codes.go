package advocatetest

import (
	"cmp"
	"net/url"
	"strings"
)

// Generated codes carry the user's position and program, scrambled, behind a
// readable stem: unique by construction, found again without an index, and
// different after a person was deleted and made anew.
const (
	codeAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789" // 32 signs, none to mistake
	linkAlphabet = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	codeDigits   = 8 // 5 bits each: 40 bits = 32 of position, 5 of program, 3 spare
	codeMask     = 1<<40 - 1
	scrambler    = 0x5851f42d4d // odd, hence a bijection modulo 2^40
	codeOffset   = 0x9e3779b97f // keeps the first codes from being all the same sign
)

// unscrambler is the inverse of scrambler modulo 2^40 (Newton's iteration).
var unscrambler = func() uint64 {
	inv := uint64(scrambler)
	for range 6 {
		inv *= 2 - scrambler*inv
	}
	return inv & codeMask
}()

func scramble(pos uint32, program int) uint64 {
	return ((uint64(pos)<<5 | uint64(program)) + codeOffset) * scrambler & codeMask
}

// stem makes the readable start of a code from a person's name.
func stem(first, last string) string {
	var b strings.Builder
	for _, r := range strings.ToUpper(first + last) {
		if r >= 'A' && r <= 'Z' && b.Len() < 6 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func generatedCode(u *user, program int) string {
	n := scramble(u.pos, program)
	buf := make([]byte, 0, len(u.stem)+codeDigits)
	buf = append(buf, u.stem...)
	for i := range codeDigits {
		buf = append(buf, codeAlphabet[n>>(5*(codeDigits-1-i))&31])
	}
	return string(buf)
}

// code is the user's primary code in a program, empty if there is none yet.
func (t *Tenant) code(u *user, program int) string {
	if u.programs&(1<<program) == 0 {
		return ""
	}
	id := t.programs[program].ID
	for _, c := range u.detail().codes {
		if c.program == id {
			return c.text
		}
	}
	return generatedCode(u, program)
}

// owner finds who a code refers to, and in which program; nil if nobody.
func (t *Tenant) owner(code string) (*user, int) {
	for i, p := range t.programs {
		if pos, ok := t.customCodes[codeKey{p.ID, code}]; ok && t.people.users[pos] != nil {
			return t.people.users[pos], i
		}
	}
	if len(code) < codeDigits {
		return nil, 0
	}
	var n uint64
	for _, c := range []byte(code[len(code)-codeDigits:]) {
		at := strings.IndexByte(codeAlphabet, c)
		if at < 0 {
			return nil, 0
		}
		n = n<<5 | uint64(at)
	}
	n = (n*unscrambler - codeOffset) & codeMask
	pos, program := n>>5, int(n&31)
	if pos >= uint64(len(t.people.users)) || program >= len(t.programs) {
		return nil, 0
	}
	u := t.people.users[pos]
	if u == nil || u.programs&(1<<program) == 0 || generatedCode(u, program) != code {
		return nil, 0
	}
	return u, program
}

// mediumCodes are the two signs that open a short link, by engagement and share
// medium (impact.com Advocate docs, examples of GET shareurls).
var mediumCodes = map[string]map[string]string{
	"UNKNOWN": {"DIRECT": "mv", "UNKNOWN": "mz", "EMAIL": "mL", "FACEBOOK": "mm", "TWITTER": "mR", "LINKEDIN": "m6", "SMS": "mk", "FBMESSENGER": "m0", "WHATSAPP": "mI", "LINEMESSENGER": "m8", "PINTEREST": "mp"},
	"EMAIL":   {"DIRECT": "mP", "UNKNOWN": "mV", "EMAIL": "mb", "FACEBOOK": "mT", "TWITTER": "mG", "LINKEDIN": "m1", "SMS": "mO", "FBMESSENGER": "m4", "WHATSAPP": "mi", "LINEMESSENGER": "my", "PINTEREST": "RL"},
	"MOBILE":  {"DIRECT": "me", "UNKNOWN": "mj", "EMAIL": "mE", "FACEBOOK": "mn", "TWITTER": "mC", "LINKEDIN": "m3", "SMS": "mN", "FBMESSENGER": "mU", "WHATSAPP": "ms", "LINEMESSENGER": "md", "PINTEREST": "RR"},
	"POPUP":   {"DIRECT": "m5", "UNKNOWN": "mB", "EMAIL": "mo", "FACEBOOK": "m9", "TWITTER": "mM", "LINKEDIN": "m7", "SMS": "ma", "FBMESSENGER": "mh", "WHATSAPP": "mF", "LINEMESSENGER": "mD", "PINTEREST": "Rz"},
	"HOSTED":  {"DIRECT": "mt", "UNKNOWN": "mA", "EMAIL": "ml", "FACEBOOK": "mu", "TWITTER": "mS", "LINKEDIN": "mY", "SMS": "mq", "FBMESSENGER": "mK", "WHATSAPP": "mr", "LINEMESSENGER": "mW", "PINTEREST": "Rm"},
	"EMBED":   {"DIRECT": "mQ", "UNKNOWN": "mX", "EMAIL": "mJ", "FACEBOOK": "mw", "TWITTER": "mc", "LINKEDIN": "mH", "SMS": "m2", "FBMESSENGER": "mg", "WHATSAPP": "mZ", "LINEMESSENGER": "mx", "PINTEREST": "mf"},
}

// shareLink is a short link, empty if the user has no code in the program yet
// or the vendor has no such pair of media.
func (t *Tenant) shareLink(u *user, program int, engagement, share string) string {
	opener := mediumCodes[engagement][share]
	if opener == "" || u.programs&(1<<program) == 0 {
		return ""
	}
	id := t.programs[program].ID
	for _, v := range u.detail().vanity {
		if v.program == id {
			return v.text + "?" + opener
		}
	}
	return "https://" + t.cfg.ShareDomain + "/" + opener + linkCode(u, program)
}

// cleanLink is the vanity link where there is one, else the link of unknown
// media.
func (t *Tenant) cleanLink(u *user, program int) string {
	for _, v := range u.detail().vanity {
		if v.program == t.programs[program].ID {
			return v.text
		}
	}
	return t.shareLink(u, program, "UNKNOWN", "UNKNOWN")
}

func linkCode(u *user, program int) string {
	n := scramble(u.pos, program)
	var buf [7]byte
	for i := range buf {
		buf[i] = linkAlphabet[n%uint64(len(linkAlphabet))]
		n /= uint64(len(linkAlphabet))
	}
	return string(buf[:])
}

// messageLink is the redirect to a share dialog, empty for other media. An empty
// base means the vendor's own host.
func (t *Tenant) messageLink(base string, u *user, program int, engagement, share string) string {
	if dialogs[share] == "" || u.programs&(1<<program) == 0 {
		return ""
	}
	q := url.Values{
		"accountId": {u.accountID}, "userId": {u.id},
		"programId": {t.programs[program].ID}, "engagementMedium": {engagement},
	}
	return cmp.Or(strings.TrimSuffix(base, "/"), "https://app.referralsaasquatch.com") + "/a/" + url.PathEscape(t.cfg.Alias) +
		"/message/redirect/" + share + "?" + q.Encode()
}
