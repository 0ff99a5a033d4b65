package trigger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"advocatesync/internal/bridge"
)

// How old an event may be for impact.com: 88 days, and 398 for one of a media
// partner's property (its docs on file uploads). A day of slack allows for the
// delay until it is sent. An event may be a day in the future, because dates have
// no time zone.
const (
	oldest       = 87 * 24 * time.Hour
	oldestOfSite = 397 * 24 * time.Hour
	furthest     = 24 * time.Hour
)

// Dated says what is wrong with the date of a conversion that would be sent now;
// empty if nothing is. Reversals have no date.
func (r *ConversionRequest) Dated(now time.Time) string {
	sent, dated := r.Fields["EventDate"]
	if !dated {
		if _, reversal := r.Fields["DispositionCode"]; reversal {
			return ""
		}
		return "EventDate is empty"
	}
	at, ok := readISO(sent)
	if !ok {
		return "EventDate is not an ISO 8601 date"
	}
	limit := oldest
	if r.Fields["MediaId"] != "" {
		limit = oldestOfSite
	}
	switch age := now.Sub(at); {
	case age > limit:
		return fmt.Sprintf("EventDate is more than %d days ago, and impact.com does not take events that old", limit/(24*time.Hour))
	case age < -furthest:
		return "EventDate is more than a day ahead"
	default:
		return ""
	}
}

// propCurrency is a deal's own currency. It is empty in portals with one currency,
// and for deals that were created before there were several: their amounts are in
// the portal's currency.
const propCurrency = "deal_currency_code"

// Amounts of a deal by the currency that HubSpot stores them in.
var (
	inDealCurrency   = []string{"amount", "hs_acv", "hs_arr", "hs_mrr", "hs_tcv", "hs_closed_amount", "hs_projected_amount"}
	inPortalCurrency = []string{"amount_in_home_currency", "hs_closed_amount_in_home_currency", "hs_projected_amount_in_home_currency"}
)

// misstated says what is wrong with the currency of a deal's amounts. It is empty
// if nothing is, or if an expression converts them by a rate of its own.
func (t *Trigger) misstated(sent map[string]string, f Facts) string {
	for i, field := range t.def.Conversion.Fields {
		name, p := field.Path[0], t.fields[i]
		if p == nil || p.converts || sent[name] == "" {
			continue
		}
		if takes, _ := parameterOf(name); !takes.money {
			continue
		}
		var currency string
		switch read := p.reads[bridge.ObjectDeal]; {
		case anyOf(read, inDealCurrency):
			currency = cmp.Or(f.Object.Properties[propCurrency], f.Portal.Currency)
		case anyOf(read, inPortalCurrency):
			currency = f.Portal.Currency
		default:
			continue
		}
		switch {
		case currency == "":
			return "the currency of " + name + " is unknown: the deal names none, and HubSpot does not tell the portal's"
		case currency != sent["CurrencyCode"]:
			return "CurrencyCode is not the currency in which HubSpot keeps " + name +
				": it is the deal's own (deal.deal_currency_code), else the portal's (portal.currency)"
		}
	}
	return ""
}

func anyOf(names, wanted []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(wanted, name) })
}

// amountsOfDeals reports whether an amount of a deal is sent.
func (t *Trigger) amountsOfDeals() bool {
	if t.def.Conversion == nil {
		return false
	}
	return slices.ContainsFunc(t.fields, func(p *program) bool {
		return p != nil && (anyOf(p.reads[bridge.ObjectDeal], inDealCurrency) || anyOf(p.reads[bridge.ObjectDeal], inPortalCurrency))
	})
}

// ReadsPortal reports whether decisions need Facts.Portal.
func (t *Trigger) ReadsPortal() bool {
	return t.amountsOfDeals() || slices.ContainsFunc(t.programs(), func(p *program) bool { return p.portal })
}

// PortalDecides reports whether Facts.Portal is needed to decide whether it matches.
func (t *Trigger) PortalDecides() bool {
	return t.when != nil && t.when.portal || t.reverse != nil && t.reverse.portal
}

// programs returns all expressions of the definition.
func (t *Trigger) programs() []*program {
	all := append([]*program{t.when, t.reverse}, t.fields...)
	return slices.DeleteFunc(all, func(p *program) bool { return p == nil })
}

// identifying are the properties that identify a person to anybody, besides
// telephones.
var identifying = []string{
	bridge.PropEmail, "hs_additional_emails", "work_email", bridge.PropFirstName, bridge.PropLastName,
	"hs_full_name_or_email", "hs_linkedin_url", "twitterhandle",
}

// telephones are the properties that hold a telephone number.
var telephones = []string{"phone", "mobilephone", "hs_whatsapp_phone_number", "hs_calculated_phone_number", "hs_calculated_mobile_number"}

// personal are the properties of the customer that CustomerId must not give away. They
// are read if an expression says what CustomerId is.
func (t *Trigger) personal() []string {
	if t.def.Conversion == nil {
		return nil
	}
	for _, f := range t.def.Conversion.Fields {
		if f.Path[0] == "CustomerId" && f.Expr != "" {
			return slices.Concat(identifying, telephones)
		}
	}
	return nil
}

// identifies reports whether a text identifies the customer by itself: it holds an
// email, in whatever form, or is a name or a telephone number of theirs, or has both
// their names.
func identifies(sent string, f Facts) bool {
	known := []map[string]string{f.Change.Entered}
	var email string
	if f.Customer != nil {
		known, email = append(known, f.Customer.Properties), f.Customer.Email
	}
	return bridge.Quotes(sent, email, bridge.NormalEmail(email)) || slices.ContainsFunc(known, func(values map[string]string) bool {
		first, last := values[bridge.PropFirstName], values[bridge.PropLastName]
		return first != "" && last != "" && bridge.Quotes(sent, first) && bridge.Quotes(sent, last) ||
			slices.ContainsFunc(slices.Concat(identifying, telephones), func(name string) bool { return sameText(sent, values[name]) }) ||
			slices.ContainsFunc(telephones, func(name string) bool { return sameNumber(sent, values[name]) })
	})
}

// sameText compares two texts in whatever letter case and form of their accents.
func sameText(a, b string) bool {
	b = bridge.NormalEmail(b)
	return b != "" && bridge.NormalEmail(a) == b
}

// sameNumber tells a telephone number, with or without the codes of its country and
// area. Whoever writes it chooses the signs between the digits.
func sameNumber(a, b string) bool {
	const fewest = 7 // digits that tell whose it is
	a, b = subscriber(a), subscriber(b)
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= fewest && strings.HasSuffix(b, a)
}

// subscriber is a telephone number without what may stand before and between its
// digits; empty if it is none.
func subscriber(text string) string {
	text = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(text)), "tel:")
	if strings.Trim(text, "+0123456789 -.()/\u00a0") != "" {
		return ""
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	return strings.TrimLeft(digits, "0")
}
