package trigger

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
)

// parameter describes one field of a conversion. Sources: impact.com Brand API,
// conversions; lengths without an entry there come from its prose.
type parameter struct {
	takes   kind
	longest int  // characters; 0 means any number
	money   bool // needs CurrencyCode
}

var (
	amount      = parameter{takes: number, money: true}
	plainNumber = parameter{takes: number}
	date        = parameter{takes: moment}
	flag        = parameter{takes: truth}
	free        = parameter{takes: text}
)

func upTo(longest int) parameter { return parameter{takes: text, longest: longest} }

// parameters are the fields of a conversion that a definition may set.
var parameters = map[string]parameter{
	"EventDate": date,
	"ClickId":   upTo(64), "CustomerId": upTo(255), "CustomProfileId": upTo(70), "CustomClickId": free,
	"OrderPromoCode": free, "PromoCode": free, "MediaId": plainNumber, "MediaPartnerId": plainNumber, "UniqueUrl": free,
	"CallerId": free, "GoogAId": free, "AndroidId": free, "AppleIfa": free, "AppleIfv": free,
	"CustomerStatus": free, "CustomerCity": free, "CustomerPostCode": free, "CustomerCountry": free, "CustomerRegion": free,
	"IpAddress": free, "UserAgent": free,
	"CurrencyCode": upTo(3), "Amount": amount, "OrderSubTotalPostDiscount": amount, "OrderDiscount": amount,
	"OrderDiscountRate": plainNumber, "OrderShipping": amount, "OrderTax": amount, "OrderMargin": amount,
	"PaymentType": free, "GiftPurchase": flag,
	"Note": upTo(255), "SharedId": upTo(255), "SubId1": upTo(255), "SubId2": upTo(255), "SubId3": upTo(255),
	"TrackingConsent": flag,
}

var numbered = []struct {
	name  *regexp.Regexp
	takes parameter
}{
	{regexp.MustCompile(`^Text([1-9]|[1-4]\d|50)$`), upTo(64)},
	{regexp.MustCompile(`^Numeric([1-9]|10)$`), plainNumber},
	{regexp.MustCompile(`^Money[123]$`), amount},
	{regexp.MustCompile(`^Date([1-9]|10)$`), date},
	{regexp.MustCompile(`^Item(Sku|Name|Category|SubCategory|Brand|Mpn|PromoCode)[1-9]\d{0,3}$`), free},
	{regexp.MustCompile(`^ItemQuantity[1-9]\d{0,3}$`), plainNumber},
	{regexp.MustCompile(`^Item(Price|SubTotal|Discount|TotalDiscount)[1-9]\d{0,3}$`), amount},
	{regexp.MustCompile(`^ItemText[1-9]\d{0,3}_([1-9]|[1-4]\d|50)$`), upTo(64)},
	{regexp.MustCompile(`^ItemNumeric[1-9]\d{0,3}_([1-9]|10)$`), plainNumber},
	{regexp.MustCompile(`^ItemMoney[1-9]\d{0,3}_[123]$`), amount},
	{regexp.MustCompile(`^ItemDate[1-9]\d{0,3}_([1-9]|10)$`), date},
}

// settled are the fields that a definition cannot set, and the setting that
// determines each.
var settled = map[string]string{
	"CampaignId":      "conversion.campaign_id",
	"ActionTrackerId": "conversion.action_tracker_id",
	"EventTypeId":     "conversion.event_type_id",
	"EventTypeCode":   "conversion.event_type_code",
	"CustomerEmail":   "the customer, in the form that conversion.customer_email names",
	"OrderId":         "the trigger itself, so that nothing counts twice",
	"DispositionCode": "conversion.disposition_code",
}

// attribution are the fields that say whose conversion it is; one of them is
// required. CustomerId is set by default.
var attribution = []string{
	"ClickId", "CustomerId", "CustomProfileId", "CustomClickId", "OrderPromoCode", "PromoCode", "MediaId",
	"MediaPartnerId", "UniqueUrl", "CallerId", "GoogAId", "AndroidId", "AppleIfa", "AppleIfv",
}

func parameterOf(name string) (parameter, bool) {
	if p, ok := parameters[name]; ok {
		return p, true
	}
	for _, n := range numbered {
		if n.name.MatchString(name) {
			return n.takes, true
		}
	}
	return parameter{}, false
}

// target checks the trigger's target, and compiles its fields.
func (c *compiler) target() []*program {
	d := c.def
	switch {
	case d.Conversion != nil && d.Advocate != nil:
		c.wrong("advocate_event", "a trigger has one target: a conversion or an Advocate event")
		return nil
	case d.Conversion != nil:
		return c.conversion(*d.Conversion)
	case d.Advocate != nil:
		return c.advocateEvent(*d.Advocate)
	case !c.mistakes.has("conversion") && !c.mistakes.has("advocate_event"):
		c.wrong("", "say where it leads to: conversion or advocate_event")
	}
	return nil
}

const conversionFields = "conversion.fields"

func (c *compiler) conversion(v Conversion) []*program {
	if v.CampaignID == 0 {
		c.wrong("conversion.campaign_id", "impact.com needs CampaignId: the program in which the event type was created")
	}
	c.eventType(v)
	if c.def.ReverseWhen != "" {
		if v.ActionTrackerID == 0 {
			c.wrong("conversion.action_tracker_id", "impact.com reverses by action tracker: with reverse_when, name the event type by its action_tracker_id")
		}
		if v.DispositionCode == "" {
			c.wrong("conversion.disposition_code", "impact.com wants a reason for reversals: with reverse_when, give one of the account's disposition codes")
		}
	}
	programs := make([]*program, len(v.Fields))
	for i, f := range v.Fields {
		programs[i] = c.parameter(f)
	}
	c.together(v.Fields)
	return programs
}

func (c *compiler) eventType(v Conversion) {
	named := 0
	for _, given := range []bool{v.ActionTrackerID != 0, v.EventTypeID != 0, v.EventTypeCode != ""} {
		if given {
			named++
		}
	}
	broken := c.mistakes.has("conversion.action_tracker_id") || c.mistakes.has("conversion.event_type_id")
	if named != 1 && !broken {
		c.wrong("conversion", "impact.com needs one of action_tracker_id, event_type_id and event_type_code, and %d are given", named)
	}
	if utf8.RuneCountInString(v.EventTypeCode) > 64 {
		c.wrong("conversion.event_type_code", "is longer than 64 characters")
	}
}

// parameter checks one field of a conversion.
func (c *compiler) parameter(f Field) *program {
	name := f.Path[0]
	path := join(conversionFields, name)
	if by, is := settled[name]; is {
		c.wrong(path, "is filled by %s", by)
		return nil
	}
	takes, known := parameterOf(name)
	if !known {
		all := make([]string, 0, len(parameters))
		for n := range parameters {
			all = append(all, n)
		}
		c.wrong(path, "impact.com has no such field%s", suggestion(name, all))
		return nil
	}
	if f.Expr == "" {
		if problem := takes.check(name, f.Text); problem != "" {
			c.wrong(path, "%s", problem)
		}
		return nil
	}
	p := c.expression(path, f.Expr)
	switch {
	case p == nil:
	case !takes.accepts(p.ast.OutputType()):
		c.wrong(path, "takes %s, but this gives %s", takes.takes.words(), typeWords(plain(p.ast.OutputType())))
		return nil
	case name == "CustomerId" && !c.applied:
		c.personalCustomerID(path, p)
	}
	return p
}

// together checks what fields require of each other.
func (c *compiler) together(fields []Field) {
	filled := map[string]bool{}
	for _, f := range fields {
		filled[f.Path[0]] = f.Expr != "" || f.Text != ""
	}
	attributed := false
	for _, name := range attribution {
		given, there := filled[name]
		attributed = attributed || given || name == "CustomerId" && !there
	}
	if !attributed {
		c.wrong(conversionFields+".CustomerId", "impact.com needs to know whose conversion it is: leave CustomerId to the customer's email, or fill one of %s",
			strings.Join(attribution, ", "))
	}
	for _, f := range fields {
		name := f.Path[0]
		p, _ := parameterOf(name)
		path := join(conversionFields, name)
		item, price := strings.CutPrefix(name, "ItemPrice")
		switch {
		case p.money && filled[name] && !filled["CurrencyCode"]:
			c.wrong(conversionFields+".CurrencyCode", "impact.com needs the currency of %s", name)
		case price && filled["ItemSubTotal"+item]:
			c.wrong(path, "excludes ItemSubTotal%s", item)
		case (strings.HasPrefix(name, "SubId") || name == "SharedId") && !filled["MediaId"]:
			c.wrong(path, "needs MediaId")
		}
	}
}

// longestEventText is the limit of a text field of an Advocate event, in bytes.
const longestEventText = 1500

func (c *compiler) advocateEvent(e AdvocateEvent) []*program {
	if e.Key == "" {
		c.wrong("advocate_event.key", "an Advocate event needs a key, by which the program's rules know it")
	}
	if c.def.ReverseWhen != "" {
		c.wrong("reverse_when", "an Advocate event cannot be taken back: make a trigger of its own that sends a refund event")
	}
	programs := make([]*program, len(e.Fields))
	for i, f := range e.Fields {
		path := "advocate_event.fields." + strings.Join(f.Path, ".")
		if f.Expr == "" {
			if len(f.Text) > longestEventText {
				c.wrong(path, "is longer than %d bytes", longestEventText)
			}
			continue
		}
		p := c.expression(path, f.Expr)
		if p != nil && !isScalar(plain(p.ast.OutputType())) {
			c.wrong(path, "takes text, a number, a date or true or false, but this gives %s", typeWords(plain(p.ast.OutputType())))
			p = nil
		}
		programs[i] = p
	}
	return programs
}

// plain returns the type within an optional value.
func plain(t *cel.Type) *cel.Type {
	if t.Kind() == cel.OpaqueKind && t.TypeName() == "optional_type" && len(t.Parameters()) == 1 {
		return t.Parameters()[0]
	}
	return t
}

func isScalar(t *cel.Type) bool {
	switch t.Kind() {
	case cel.StringKind, cel.DoubleKind, cel.IntKind, cel.UintKind, cel.BoolKind, cel.TimestampKind:
		return true
	default:
		return false
	}
}

// accepts reports whether an expression's type fits. Text accepts any type.
func (p parameter) accepts(t *cel.Type) bool {
	t = plain(t)
	if !isScalar(t) {
		return false
	}
	switch p.takes {
	case number:
		return t.Kind() == cel.DoubleKind || t.Kind() == cel.IntKind || t.Kind() == cel.UintKind
	case truth:
		return t.Kind() == cel.BoolKind
	case moment:
		return t.Kind() == cel.TimestampKind
	default:
		return true
	}
}

func (k kind) words() string {
	switch k {
	case number:
		return "a number"
	case truth:
		return "true or false"
	case moment:
		return "a date"
	default:
		return "text"
	}
}

// The years of dates that may be sent.
const (
	firstYear = 1900
	lastYear  = 2199
)

// check returns what is wrong with a value as it will be sent; empty values are not
// sent. The answer does not quote the value, which may be personal.
func (p parameter) check(name, sent string) string {
	if sent == "" {
		return ""
	}
	if p.longest > 0 && utf8.RuneCountInString(sent) > p.longest {
		return fmt.Sprintf("is longer than %d characters", p.longest)
	}
	if name == "CurrencyCode" && !currencies[sent] {
		return "is no ISO 4217 code, as EUR and USD are"
	}
	switch p.takes {
	case number:
		if _, ok := parseDecimal(sent); !ok || strings.ContainsAny(sent, "eE+") {
			return "is not a number, as 1200.50 is"
		}
	case truth:
		if sent != "true" && sent != "false" {
			return "is neither true nor false"
		}
	case moment:
		at, ok := readISO(sent)
		if !ok {
			return "is not an ISO 8601 date"
		}
		if at.Year() < firstYear || at.Year() > lastYear {
			return fmt.Sprintf("is not a date between %d and %d", firstYear, lastYear)
		}
	}
	return ""
}
