package workflows_test

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// TestMoney_isExactOnceAndItsOwnersWhateverHappens: deals of any amount and currency
// are made, edited, won, lost, merged and told of again and again, while answers of
// impact.com get lost. Whatever is counted is the amount that the deal holds at that
// moment, to its last digit, in the currency that it holds with it; it is counted once for
// each deal, once for deals that were merged before they counted, and for a buyer of
// theirs.
func TestMoney_isExactOnceAndItsOwnersWhateverHappens(t *testing.T) {
	t.Parallel()
	const sequences, steps = 8, 14
	var conversions, reversals, merges atomic.Int64
	t.Cleanup(func() { // sequences in which nothing counts would prove nothing
		if conversions.Load() == 0 || reversals.Load() == 0 || merges.Load() == 0 {
			t.Errorf("%d conversions, %d reversals and %d merges in all sequences", conversions.Load(), reversals.Load(), merges.Load())
		}
	})
	for seed := range uint64(sequences) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := newMarket(t, rand.New(rand.NewPCG(seed, 12)))
			for range steps {
				m.step()
				m.notice()
			}
			for range 4 { // verdicts come, and what waits is looked at again
				look(t, m.s)
				m.notice()
			}
			m.judge()
			counted, back := outcomes(m.s)
			conversions.Add(int64(counted))
			reversals.Add(int64(back))
			merges.Add(int64(m.merges))
		})
	}
}

// market is a portal with deals, and what may be counted of them.
type market struct {
	t      *testing.T
	s      *wiringtest.System
	random *rand.Rand
	buyers []string // contacts
	users  []string // the participants that these are mapped to
	deals  []*offer
	merges int
	known  map[string]bool // orders that count already
	log    []string
}

// offer is a deal that lives, with all that were merged into it.
type offer struct {
	id       string
	prices   map[price]bool // that it has ever had
	owners   []string       // participants
	capacity int            // how often it may count
}

type price struct{ amount, currency string }

func newMarket(t *testing.T, random *rand.Rand) *market {
	t.Helper()
	s := wiringtest.New(t)
	apply(t, s, replaced(dealReversed, "deal.deal_currency_code", "deal.?deal_currency_code.orValue(portal.currency)"))
	m := &market{t: t, s: s, random: random, known: map[string]bool{}}
	for _, email := range []string{ann, "ben@shop.example"} {
		m.buyers = append(m.buyers, buyer(t, s, email))
		user, _ := s.Tenant.User(email, email)
		m.users = append(m.users, user.ID)
	}
	return m
}

func (m *market) did(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

// terms are what a person may enter for a price.
func (m *market) terms() map[string]string {
	amounts := []string{"99.5", "0.1", "150", "12345678901234567.89", "100.000000000000000001", "0", "-20", "1e3", ""}
	return map[string]string{
		"amount":             amounts[m.random.IntN(len(amounts))],
		"deal_currency_code": []string{"EUR", "USD", "GBP", ""}[m.random.IntN(4)],
	}
}

// step does one thing that happens.
func (m *market) step() {
	m.t.Helper()
	what := m.random.IntN(10)
	if len(m.deals) == 0 {
		what = 0
	}
	switch what {
	case 0, 1:
		m.offer()
	case 2:
		m.edit(m.terms())
	case 3:
		m.edit(map[string]string{"dealstage": []string{"closedwon", "closedlost"}[m.random.IntN(2)]})
	case 4:
		m.merge()
	case 5:
		o := m.one()
		m.own(o, m.random.IntN(len(m.buyers)))
	case 6:
		m.did("answers get lost")
		m.s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteConversion, DropAfter: true, Times: 1 + m.random.IntN(2)})
	case 7:
		m.did("a round")
		look(m.t, m.s)
	default:
		m.tell(m.one())
	}
}

func (m *market) one() *offer { return m.deals[m.random.IntN(len(m.deals))] }

func (m *market) offer() {
	values := m.terms()
	values["dealname"], values["dealstage"] = "Big", "closedwon"
	o := &offer{id: record(m.t, m.s, "deals", values), prices: map[price]bool{}, capacity: 1}
	m.deals = append(m.deals, o)
	m.did("deal %s of %v", o.id, values)
	if n := m.random.IntN(3); n < len(m.buyers) {
		m.own(o, n)
	}
	m.tell(o)
}

func (m *market) own(o *offer, buyer int) {
	m.did("contact %s buys %s", m.buyers[buyer], o.id)
	associate(m.t, m.s, "deals", o.id, m.buyers[buyer])
	o.owners = append(o.owners, m.users[buyer])
}

func (m *market) edit(values map[string]string) {
	o := m.one()
	m.did("%s becomes %v", o.id, values)
	if err := m.s.Portal.Person(1).Edit("deals", o.id, values); err != nil {
		m.t.Fatal(err)
	}
	m.tell(o)
}

// tell has HubSpot tell of a deal, once or several times.
func (m *market) tell(o *offer) {
	held, _ := m.s.Portal.Record("deals", o.id)
	o.prices[price{held.Properties["amount"], held.Properties["deal_currency_code"]}] = true
	m.did("told of %s: %v", o.id, held.Properties["dealstage"])
	change := stageChanged()
	heard(m.t, m.s, bridge.ObjectDeal, o.id, slices.Repeat([]bridge.ObjectHints{change}, 1+m.random.IntN(2))...)
}

func (m *market) merge() {
	if len(m.deals) < 2 {
		return
	}
	at := m.random.Perm(len(m.deals))
	a, b := m.deals[at[0]], m.deals[at[1]]
	counted := len(m.counted(a)) + len(m.counted(b))
	survivor := &offer{id: mergeDeals(m.t, m.s, a.id, b.id), prices: map[price]bool{}, owners: append(slices.Clone(a.owners), b.owners...), capacity: max(1, counted)}
	for _, part := range []*offer{a, b} {
		for p := range part.prices {
			survivor.prices[p] = true
		}
	}
	m.merges++
	m.deals = append(slices.DeleteFunc(m.deals, func(o *offer) bool { return o == a || o == b }), survivor)
	m.did("%s and %s, counted %d times, become %s", a.id, b.id, counted, survivor.id)
	m.tell(survivor)
}

// counted are the conversions that the vendor counts for an offer, taken back or not.
func (m *market) counted(o *offer) []advocatetest.Conversion {
	orders := map[string]bool{}
	for _, e := range events(m.t, m.s) {
		if e.ObjectID == o.id {
			orders[e.OrderID] = true
		}
	}
	return slices.DeleteFunc(m.s.Tenant.Conversions(), func(c advocatetest.Conversion) bool {
		return c.Type != "Conversion" || c.ErrorType != "" || !orders[c.OrderID]
	})
}

// notice holds what has just been counted against the deal as it is.
func (m *market) notice() {
	m.t.Helper()
	for _, e := range events(m.t, m.s) {
		for _, c := range m.s.Tenant.Conversions() {
			if c.OrderID != e.OrderID || c.Type != "Conversion" || c.ErrorType != "" || m.known[e.OrderID] {
				continue
			}
			m.known[e.OrderID] = true
			deal, lives := m.s.Portal.Record("deals", e.ObjectID)
			now := price{deal.Properties["amount"], deal.Properties["deal_currency_code"]}
			if !lives || !now.is(c.Params["Amount"], c.Params["CurrencyCode"]) {
				m.t.Errorf("deal %s, of %v, counts %s %s", e.ObjectID, now, c.Params["Amount"], c.Params["CurrencyCode"])
			}
		}
	}
}

// judge holds what the vendor counts against what may be counted.
func (m *market) judge() {
	m.t.Helper()
	attributed := 0
	for _, o := range m.deals {
		counted := m.counted(o)
		attributed += len(counted)
		if len(counted) > o.capacity {
			m.t.Errorf("deal %s counts %d times, may count %d", o.id, len(counted), o.capacity)
		}
		for _, c := range counted {
			if !slices.Contains(o.owners, c.UserID) {
				m.t.Errorf("deal %s is credited to %s, its buyers are %v", o.id, c.UserID, o.owners)
			}
			if !o.had(c.Params["Amount"], c.Params["CurrencyCode"]) {
				m.t.Errorf("deal %s counts %s %s; it has had %v", o.id, c.Params["Amount"], c.Params["CurrencyCode"], o.prices)
			}
		}
	}
	conversions, reversals := outcomes(m.s)
	if conversions != attributed || reversals > conversions {
		m.t.Errorf("%d conversions, %d of them of deals that live, %d taken back", conversions, attributed, reversals)
	}
	if m.t.Failed() {
		m.t.Logf("what happened:\n%s", fmt.Sprintf("%q", m.log))
	}
}

// had tells whether an amount in a currency is a price that the offer has had.
func (o *offer) had(amount, currency string) bool {
	for p := range o.prices {
		if p.is(amount, currency) {
			return true
		}
	}
	return false
}

// is tells whether an amount in a currency is this price: the portal's currency, US
// dollars, where it names none.
func (p price) is(amount, currency string) bool {
	sent, ok := new(big.Rat).SetString(amount)
	held, number := new(big.Rat).SetString(p.amount)
	return ok && number && held.Cmp(sent) == 0 && cmp.Or(p.currency, "USD") == currency
}
