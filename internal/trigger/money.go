package trigger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"advocatesync/internal/bridge"
)

// How far back impact.com counts events: 88 days, and 398 for those of a media
// partner's property (its docs on file uploads). There is a day of slack for the
// way. An event may lie a day ahead, for dates have no zone.
const (
	oldest       = 87 * 24 * time.Hour
	oldestOfSite = 397 * 24 * time.Hour
	furthest     = 24 * time.Hour
)

// Dated says what is wrong with the date of a conversion that would be sent now;
// empty if it can be. Reversals have no date.
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

// propCurrency is a deal's own currency. Portals with one currency, and deals
// that were made before there were several, have none: their amounts are in the
// portal's.
const propCurrency = "deal_currency_code"

// Amounts of a deal by the currency that HubSpot keeps them in.
var (
	inDealCurrency   = []string{"amount", "hs_acv", "hs_arr", "hs_mrr", "hs_tcv", "hs_closed_amount", "hs_projected_amount"}
	inPortalCurrency = []string{"amount_in_home_currency", "hs_closed_amount_in_home_currency", "hs_projected_amount_in_home_currency"}
)

// misstated tells what is wrong with the currency of a deal's amounts; empty:
// nothing, or an expression converts them by a rate of its own, for which it
// answers itself.
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

// amountsOfDeals tells whether money is sent that a deal holds.
func (t *Trigger) amountsOfDeals() bool {
	if t.def.Conversion == nil {
		return false
	}
	return slices.ContainsFunc(t.fields, func(p *program) bool {
		return p != nil && (anyOf(p.reads[bridge.ObjectDeal], inDealCurrency) || anyOf(p.reads[bridge.ObjectDeal], inPortalCurrency))
	})
}

// ReadsPortal tells whether decisions need Facts.Portal.
func (t *Trigger) ReadsPortal() bool {
	return t.amountsOfDeals() || slices.ContainsFunc(t.programs(), func(p *program) bool { return p.portal })
}

// PortalDecides tells whether Facts.Portal is needed for saying whether it matches.
func (t *Trigger) PortalDecides() bool {
	return t.when != nil && t.when.portal || t.reverse != nil && t.reverse.portal
}

// programs are all expressions of the definition.
func (t *Trigger) programs() []*program {
	all := append([]*program{t.when, t.reverse}, t.fields...)
	return slices.DeleteFunc(all, func(p *program) bool { return p == nil })
}

// identifying are properties by which a person is known to everybody.
var identifying = []string{bridge.PropEmail, "phone", "mobilephone", bridge.PropFirstName, bridge.PropLastName, "hs_additional_emails", "work_email"}

// identifies tells whether a text says by itself who the customer is.
func identifies(sent string, f Facts) bool {
	if strings.Contains(sent, "@") {
		return true
	}
	known := []map[string]string{f.Change.Entered}
	if f.Customer != nil {
		known = append(known, f.Customer.Properties)
	}
	for _, values := range known {
		for _, name := range identifying {
			if v := strings.TrimSpace(values[name]); v != "" && strings.EqualFold(v, strings.TrimSpace(sent)) {
				return true
			}
		}
	}
	return false
}
