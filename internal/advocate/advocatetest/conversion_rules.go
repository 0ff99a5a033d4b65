package advocatetest

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// fieldRule says what one parameter of a conversion takes. Sources: impact.com
// Brand API, conversions; lengths without an entry there come from its prose.
type fieldRule struct {
	longest int // signs; 0 means any
	number  bool
	date    bool
	money   bool // needs CurrencyCode
}

// conversionFields are the parameters by name; items and custom fields carry a
// number and are matched by pattern.
var conversionFields = map[string]fieldRule{
	"CampaignId": {number: true}, "ActionTrackerId": {number: true}, "EventTypeId": {number: true}, "EventTypeCode": {longest: 64},
	"EventDate": {date: true}, "OrderId": {longest: 64},
	"ClickId": {longest: 64}, "CustomerId": {longest: 255}, "CustomProfileId": {longest: 70}, "CustomClickId": {},
	"OrderPromoCode": {}, "PromoCode": {}, "MediaId": {number: true}, "MediaPartnerId": {number: true}, "UniqueUrl": {},
	"CallerId": {}, "GoogAId": {}, "AndroidId": {}, "AppleIfa": {}, "AppleIfv": {},
	"CustomerEmail": {}, "CustomerStatus": {}, "CustomerCity": {}, "CustomerPostCode": {}, "CustomerCountry": {}, "CustomerRegion": {},
	"IpAddress": {}, "UserAgent": {},
	"CurrencyCode": {longest: 3}, "Amount": {number: true, money: true}, "OrderSubTotalPostDiscount": {number: true, money: true},
	"OrderDiscount": {number: true, money: true}, "OrderDiscountRate": {number: true}, "OrderShipping": {number: true, money: true},
	"OrderTax": {number: true, money: true}, "OrderMargin": {number: true, money: true}, "PaymentType": {}, "GiftPurchase": {},
	"Note": {longest: 255}, "SharedId": {longest: 255}, "SubId1": {longest: 255}, "SubId2": {longest: 255}, "SubId3": {longest: 255},
	"TrackingConsent": {}, "DispositionCode": {},
}

var numberedFields = []struct {
	name *regexp.Regexp
	rule fieldRule
}{
	{regexp.MustCompile(`^Text([1-9]|[1-4]\d|50)$`), fieldRule{longest: 64}},
	{regexp.MustCompile(`^Numeric([1-9]|10)$`), fieldRule{number: true}},
	{regexp.MustCompile(`^Money[123]$`), fieldRule{number: true, money: true}},
	{regexp.MustCompile(`^Date([1-9]|10)$`), fieldRule{date: true}},
	{regexp.MustCompile(`^Item(Sku|Name|Category|SubCategory|Brand|Mpn|PromoCode)[1-9]\d*$`), fieldRule{}},
	{regexp.MustCompile(`^ItemQuantity[1-9]\d*$`), fieldRule{number: true}},
	{regexp.MustCompile(`^Item(Price|SubTotal|Discount|TotalDiscount)[1-9]\d*$`), fieldRule{number: true, money: true}},
	{regexp.MustCompile(`^ItemText[1-9]\d*_([1-9]|[1-4]\d|50)$`), fieldRule{longest: 64}},
	{regexp.MustCompile(`^ItemNumeric[1-9]\d*_([1-9]|10)$`), fieldRule{number: true}},
	{regexp.MustCompile(`^ItemMoney[1-9]\d*_[123]$`), fieldRule{number: true, money: true}},
	{regexp.MustCompile(`^ItemDate[1-9]\d*_([1-9]|10)$`), fieldRule{date: true}},
}

// attributionKeys are the parameters of which one must say whose conversion it
// is.
var attributionKeys = []string{
	"ClickId", "CustomerId", "CustomProfileId", "CustomClickId", "OrderPromoCode", "PromoCode", "MediaId",
	"MediaPartnerId", "UniqueUrl", "CallerId", "GoogAId", "AndroidId", "AppleIfa", "AppleIfv",
}

var eventTypeKeys = []string{"ActionTrackerId", "EventTypeId", "EventTypeCode"}

// conversionError is one complaint in the body of a refused conversion.
type conversionError struct {
	Field   string `json:"field"`
	Level   string `json:"level"`
	Message string `json:"message"`
}

type complaints []conversionError

func (c *complaints) add(field, message string) {
	*c = append(*c, conversionError{Field: field, Level: "ERROR", Message: message})
}

// write answers in one of the two forms that the vendor documents.
func (c complaints) write(w http.ResponseWriter, k Knobs) {
	if !k.GeneralErrors {
		writeJSON(w, http.StatusBadRequest, map[string]any{"Status": "ERROR", "errors": c})
		return
	}
	general := brandError{Status: "ERROR", Message: "Validation failed"}
	for _, e := range c {
		general.Errors = append(general.Errors, brandField{Field: e.Field, Message: e.Message})
	}
	writeJSON(w, http.StatusBadRequest, general)
}

// checkConversion applies all rules and reports every breach. It goes beyond
// the vendor in refusing parameters it does not know: a typo must not pass.
func checkConversion(form url.Values, rawEmail bool) complaints {
	var out complaints
	for _, name := range []string{"CampaignId", "EventDate", "OrderId"} {
		if form.Get(name) == "" {
			out.add(name, "is required")
		}
	}
	if countSet(form, eventTypeKeys) == 0 {
		out.add("ActionTrackerId", "one of "+strings.Join(eventTypeKeys, ", ")+" is required")
	}
	if countSet(form, attributionKeys) == 0 {
		out.add("ClickId", "one of "+strings.Join(attributionKeys, ", ")+" is required")
	}
	out.checkFields(form)
	if email := form.Get("CustomerEmail"); email != "" && !rawEmail && !isHex(email, 40) && !isHex(email, 64) {
		out.add("CustomerEmail", "must be a SHA-1 or SHA-256 hash")
	}
	return out
}

// checkFields looks at the parameters one by one.
func (c *complaints) checkFields(form url.Values) {
	money := false
	for _, name := range slices.Sorted(maps.Keys(form)) {
		rule, known := ruleOf(name)
		if !known {
			c.add(name, "is unknown")
			continue
		}
		money = money || rule.money
		if problem := rule.check(form.Get(name)); problem != "" {
			c.add(name, problem)
		}
		if item, isPrice := strings.CutPrefix(name, "ItemPrice"); isPrice && form.Has("ItemSubTotal"+item) {
			c.add(name, "excludes ItemSubTotal"+item)
		}
		if (strings.HasPrefix(name, "SubId") || name == "SharedId") && !form.Has("MediaId") {
			c.add(name, "needs MediaId")
		}
	}
	if money && form.Get("CurrencyCode") == "" {
		c.add("CurrencyCode", "is required with money")
	}
}

func countSet(form url.Values, names []string) int {
	n := 0
	for _, name := range names {
		if form.Get(name) != "" {
			n++
		}
	}
	return n
}

func ruleOf(name string) (fieldRule, bool) {
	if rule, known := conversionFields[name]; known {
		return rule, true
	}
	for _, f := range numberedFields {
		if f.name.MatchString(name) {
			return f.rule, true
		}
	}
	return fieldRule{}, false
}

func (r fieldRule) check(value string) string {
	if r.longest > 0 && utf8.RuneCountInString(value) > r.longest {
		return "is longer than " + strconv.Itoa(r.longest)
	}
	if value == "" {
		return ""
	}
	if _, err := strconv.ParseFloat(value, 64); r.number && err != nil {
		return "must be a number"
	}
	if _, ok := eventDate(value, time.Time{}); r.date && !ok {
		return "must be an ISO 8601 date"
	}
	return ""
}

// eventDate reads ISO 8601, or NOW.
func eventDate(text string, now time.Time) (time.Time, bool) {
	if text == "NOW" {
		return now, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
