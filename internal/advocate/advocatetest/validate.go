package advocatetest

import (
	"net/mail"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	customKey = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
	localeTag = regexp.MustCompile(`^[a-z]{2}_[A-Z]{2}$`)
	country   = regexp.MustCompile(`^[A-Z]{2}$`)
	topLevel  = regexp.MustCompile(`^[A-Za-z]{2,63}$|^xn--[a-z0-9-]+$`)
)

// validate refuses field values on their own, before any state is read.
func (in userInput) validate(k Knobs) *apiError {
	if in.Email != nil && !validEmail(*in.Email) {
		return refuse(k, "RS023", "Email %s is invalid", *in.Email)
	}
	// What makes a first name invalid is unpublished; markup, links and excess
	// length are our guess.
	if in.FirstName != nil && (utf8.RuneCountInString(*in.FirstName) > 255 || strings.ContainsAny(*in.FirstName, "<>") || strings.Contains(*in.FirstName, "://")) {
		return refuse(k, "RS024", "First name %s is invalid", *in.FirstName)
	}
	if in.Locale != nil && !localeTag.MatchString(*in.Locale) {
		return refuse(k, "RS039", "Locale %s is invalid", *in.Locale)
	}
	if in.CountryCode != nil && !country.MatchString(*in.CountryCode) {
		return invalid("Country code " + *in.CountryCode + " is invalid")
	}
	return validateCustomFields(in.CustomFields)
}

// validEmail follows the reasons given for RS023: too short, nothing before the
// @, a bad top-level domain.
func validEmail(email string) bool {
	addr, err := mail.ParseAddress(email)
	if err != nil || addr.Address != email || len(email) < 6 || len(email) > 254 {
		return false
	}
	domain := email[strings.LastIndexByte(email, '@')+1:]
	dot := strings.LastIndexByte(domain, '.')
	return dot > 0 && topLevel.MatchString(domain[dot+1:])
}

// validateCustomFields applies the vendor's schema: at most 100 keys of word
// signs, values of at most 1024 signs, numbers, booleans or null.
func validateCustomFields(fields map[string]any) *apiError {
	if len(fields) > 100 {
		return invalid("More than 100 custom fields")
	}
	for key, value := range fields {
		if !customKey.MatchString(key) {
			return invalid("Custom field key " + key + " is invalid")
		}
		switch v := value.(type) {
		case nil, bool, float64, int, int32, int64:
		case string:
			if utf8.RuneCountInString(v) > 1024 {
				return invalid("Custom field " + key + " is too long")
			}
		default:
			return invalid("Custom field " + key + " must be text, a number, a boolean or null")
		}
	}
	return nil
}
