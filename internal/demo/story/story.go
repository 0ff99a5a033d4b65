// Package story tells, on the running system, what the product does for the
// people who use it, and checks each step as it goes.
package story

import (
	"context"
	"crypto/sha1" //nolint:gosec // see PersonalData
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/trigger/triggertest"
)

const (
	// patience is how long a step may take on a slow machine, on top of the report
	// interval, before the story counts as broken.
	patience = 2 * time.Minute

	// inForce is how long after it was applied a trigger counts for sure: the
	// intake remembers for a second which ones there are.
	inForce = 2 * time.Second
)

// teller carries the story from step to step.
type teller struct {
	out      io.Writer
	stack    *stack.Stack
	portal   *hubspottest.Portal
	tenant   *advocatetest.Tenant
	interval time.Duration
}

// Tell tells the whole story and returns an error at the first step that does
// not hold.
func Tell(ctx context.Context, out io.Writer, s *stack.Stack, interval time.Duration) error {
	t := &teller{out: out, stack: s, portal: s.HubSpot.DefaultPortal(), tenant: s.Advocate.Tenant(""), interval: interval}
	for _, step := range []func(context.Context) error{
		t.formMakesParticipant,
		t.participantMakesContact,
		t.editsCrossOver,
		t.namesStayAtHome,
		t.duplicatesDoNoHarm,
		t.lostWebhooksAreHeard,
		t.dealBecomesConversion,
		t.deletedAndRestored,
		t.forgotten,
		t.bothSidesAgree,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(t.out, "\nThe story held.")
	return nil
}

// formMakesParticipant: a visitor fills in a lead form.
func (t *teller) formMakesParticipant(ctx context.Context) error {
	t.say("Annika fills in a form on the website. HubSpot makes a contact of it.")
	form, err := t.portal.DefineForm(hubspottest.Form{Name: "Newsletter", Fields: []string{"email", "firstname", "lastname", bridge.PropReferredByCode}})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := t.portal.SubmitForm(form, map[string]string{"email": annEmail, "firstname": "Annika", "lastname": "Archer"}, "https://shop.example/news"); err != nil {
		return err
	}
	if err := t.until(ctx, "Annika is a participant in Advocate", func() bool {
		_, ok := t.tenant.User(annEmail, annEmail)
		return ok
	}); err != nil {
		return err
	}
	if err := t.until(ctx, "her code, links and ids are on the contact", func() bool { return t.inStep(annEmail) }); err != nil {
		return err
	}
	t.show(annEmail, time.Since(began))
	return nil
}

// participantMakesContact: somebody joins the referral program by themselves.
func (t *teller) participantMakesContact(ctx context.Context) error {
	t.say("Benedikt joins the referral program on the website, unknown to HubSpot.")
	began := time.Now()
	if _, err := t.tenant.Join(benEmail, "Benedikt", "Baker"); err != nil {
		return err
	}
	what := fmt.Sprintf("the report (every %s here, every minute in production) brings him to HubSpot", t.interval)
	if err := t.until(ctx, what, func() bool { return t.inStep(benEmail) }); err != nil {
		return err
	}
	t.show(benEmail, time.Since(began))
	return nil
}

// editsCrossOver: an edit on each side reaches the other.
func (t *teller) editsCrossOver(ctx context.Context) error {
	t.say("Marketing notes on Annika's contact that Benedikt referred her.")
	code := t.user(benEmail).ReferralCodes[stack.Program]
	if err := t.edit(annEmail, map[string]string{bridge.PropReferredByCode: code}); err != nil {
		return err
	}
	if err := t.until(ctx, "Advocate counts Annika as referred by "+code, func() bool {
		return len(t.user(annEmail).ReferredByCodes) == 1
	}); err != nil {
		return err
	}
	t.say("Benedikt gets himself a nicer code in Advocate.")
	if _, err := t.tenant.ChangeCode(benEmail, benEmail, stack.Program, "BENROCKS"); err != nil {
		return err
	}
	return t.until(ctx, "his contact carries BENROCKS", func() bool {
		return t.properties(benEmail)[bridge.PropReferralCode] == "BENROCKS"
	})
}

// namesStayAtHome: personal data of a mapped pair does not travel.
func (t *teller) namesStayAtHome(ctx context.Context) error {
	t.say("Benedikt is called Benjamin in Advocate from now on, and gets another code, so that there is news to carry.")
	if _, err := t.tenant.Edit(benEmail, benEmail, func(u *advocatetest.User) { u.FirstName = "Benjamin" }); err != nil {
		return err
	}
	if _, err := t.tenant.ChangeCode(benEmail, benEmail, stack.Program, "BENJAMIN1"); err != nil {
		return err
	}
	if err := t.until(ctx, "the code arrives", func() bool {
		return t.properties(benEmail)[bridge.PropReferralCode] == "BENJAMIN1"
	}); err != nil {
		return err
	}
	if got := t.properties(benEmail)["firstname"]; got != "Benedikt" {
		return fmt.Errorf("the name crossed over: HubSpot has %q", got)
	}
	t.hold("the contact is still called Benedikt")
	return nil
}

// duplicatesDoNoHarm: HubSpot delivers at least once, in any order.
func (t *teller) duplicatesDoNoHarm(ctx context.Context) error {
	t.say("HubSpot delivers every webhook twice and out of order while Clementine fills in the form.")
	t.stack.HubSpot.Webhooks().Tune(func(k *hubspottest.WebhookKnobs) { k.Duplicate, k.Reorder = 1, true })
	defer t.stack.HubSpot.Webhooks().Tune(func(k *hubspottest.WebhookKnobs) { k.Duplicate, k.Reorder = 0, false })
	before := t.tenant.Count()
	if _, err := t.portal.Person(1).Create("contacts", map[string]string{"email": cleoEmail, "firstname": "Clementine"}); err != nil {
		return err
	}
	if err := t.until(ctx, "Clementine is in step", func() bool { return t.inStep(cleoEmail) }); err != nil {
		return err
	}
	if got := t.tenant.Count() - before; got != 1 {
		return fmt.Errorf("%d participants were made for one contact", got)
	}
	t.hold("there is exactly one participant for her")
	return nil
}

// lostWebhooksAreHeard: what no webhook tells, HubSpot's journal does.
func (t *teller) lostWebhooksAreHeard(ctx context.Context) error {
	t.say("HubSpot loses every webhook while Clementine's contact gets a referral code.")
	t.stack.HubSpot.Webhooks().Tune(func(k *hubspottest.WebhookKnobs) { k.Drop = 1 })
	defer t.stack.HubSpot.Webhooks().Tune(func(k *hubspottest.WebhookKnobs) { k.Drop = 0 })
	code := t.user(benEmail).ReferralCodes[stack.Program]
	if err := t.edit(cleoEmail, map[string]string{bridge.PropReferredByCode: code}); err != nil {
		return err
	}
	return t.until(ctx, "the journal tells of it, and Advocate counts Clementine as referred by "+code, func() bool {
		return len(t.user(cleoEmail).ReferredByCodes) == 1
	})
}

// dealBecomesConversion: a trigger turns a change in HubSpot into a conversion.
func (t *teller) dealBecomesConversion(ctx context.Context) error {
	t.say("Marketing has won deals count as sales at impact.com, by a trigger:")
	for line := range strings.Lines(triggertest.DealWon) {
		fmt.Fprint(t.out, "    ", line)
	}
	if err := t.applyTrigger(ctx, triggertest.DealWon); err != nil {
		return err
	}
	t.say("Annika's deal is won.")
	person, contact := t.portal.Person(1), t.contactID(annEmail)
	deal, err := person.Create("deals", map[string]string{"dealname": "First", "dealstage": "qualifiedtobuy", "amount": "1200", "deal_currency_code": "EUR"})
	if err != nil {
		return err
	}
	if err := errors.Join(person.Associate("deals", deal, "contacts", contact, false),
		person.Edit("deals", deal, map[string]string{"dealstage": "closedwon"})); err != nil {
		return err
	}
	if err := t.until(ctx, "impact.com counts 1200 EUR for her, referred by Benedikt, once", func() bool {
		sales := t.tenant.Conversions()
		return len(sales) == 1 && sales[0].ErrorType == "" && sales[0].UserID == t.user(annEmail).ID &&
			sales[0].Params["Amount"] == "1200" && sales[0].Params["CurrencyCode"] == "EUR"
	}); err != nil {
		return err
	}
	return t.until(ctx, "and its verdict is kept: starter trigger events", func() bool {
		out, err := t.stack.Command(ctx, nil, "trigger", "events", "--json")
		return err == nil && strings.Contains(out, `"state": "complete"`)
	})
}

// applyTrigger makes a definition count, as an operator does.
func (t *teller) applyTrigger(ctx context.Context, definition string) error {
	dir, err := os.MkdirTemp("", "advocatesync-story-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it holds nothing that matters
	file := filepath.Join(dir, "trigger.yaml")
	if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
		return err
	}
	if _, err := t.stack.Command(ctx, nil, "trigger", "apply", "-f", file); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(inForce):
		return nil
	}
}

// deletedAndRestored: a deletion crosses over once it is certain, and can be
// taken back.
func (t *teller) deletedAndRestored(ctx context.Context) error {
	t.say("Somebody deletes Annika's contact.")
	record, _ := t.portal.ContactByEmail(annEmail)
	before := t.user(annEmail).ReferralCodes[stack.Program]
	if err := t.portal.Person(1).Archive("contacts", record.ID); err != nil {
		return err
	}
	if err := t.until(ctx, "held and verified, her participant is deleted", func() bool {
		_, ok := t.tenant.User(annEmail, annEmail)
		return !ok
	}); err != nil {
		return err
	}
	t.say("It was a mistake: her contact is restored.")
	if err := t.portal.Person(1).Restore("contacts", record.ID); err != nil {
		return err
	}
	return t.until(ctx, "she is a participant again, with a new code on her contact", func() bool {
		return t.inStep(annEmail) && t.user(annEmail).ReferralCodes[stack.Program] != before
	})
}

// forgotten: a privacy deletion is for good, whatever comes afterwards.
func (t *teller) forgotten(ctx context.Context) error {
	t.say("Clementine asks to be forgotten. HubSpot deletes her for privacy.")
	record, _ := t.portal.ContactByEmail(cleoEmail)
	if err := t.portal.Person(1).Erase(record.ID); err != nil {
		return err
	}
	if err := t.until(ctx, "her participant is deleted, and Advocate may not track her again", func() bool {
		return t.tenant.Erased(cleoEmail, cleoEmail)
	}); err != nil {
		return err
	}
	t.say("Later her email comes back through a form, which HubSpot allows.")
	again, err := t.portal.DefineForm(hubspottest.Form{Name: "Again", Fields: []string{"email"}})
	if err != nil {
		return err
	}
	if err := t.portal.SubmitForm(again, map[string]string{"email": cleoEmail}, "https://shop.example/again"); err != nil {
		return err
	}
	back, _ := t.portal.ContactByEmail(cleoEmail)
	if err := t.until(ctx, "the contact is looked at and refused", func() bool {
		out, err := t.stack.Command(ctx, nil, "contact", "show", back.ID, "--json")
		return err == nil && strings.Contains(out, `"state": "erased"`)
	}); err != nil {
		return err
	}
	if _, made := t.tenant.User(cleoEmail, cleoEmail); made {
		return errors.New("a forgotten person was made a participant again")
	}
	t.hold("no participant was made of her")
	return nil
}

// bothSidesAgree: what no webhook tells of is found, and that nothing else differs
// is on record.
func (t *teller) bothSidesAgree(ctx context.Context) error {
	t.say("An import overwrites Annika's code. HubSpot tells nobody of it. A reconcile compares both sides.")
	if err := t.edit(annEmail, map[string]string{bridge.PropReferralCode: "OVERWRITTEN"}); err != nil {
		return err
	}
	if _, err := t.stack.Command(ctx, nil, "reconcile", "start", "--wait", "--json"); err != nil {
		return err
	}
	if !t.inStep(annEmail) {
		return errors.New("the reconcile did not repair Annika's contact")
	}
	t.hold("her code is back on the contact")
	out, err := t.stack.Command(ctx, nil, "connection", "show", "--json")
	if err != nil {
		return err
	}
	var status struct {
		Agreement *struct {
			AgreedAt time.Time `json:"agreed_at"`
			Pairs    int64     `json:"pairs"`
			Repaired int64     `json:"repaired"`
		} `json:"agreement"`
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		return fmt.Errorf("connection show: %w", err)
	}
	agreed := status.Agreement
	if agreed == nil || agreed.Repaired == 0 {
		return fmt.Errorf("no agreement after the reconcile: %s", out)
	}
	t.hold(fmt.Sprintf("both sides agreed at %s, of %d pairs, %d repaired", agreed.AgreedAt.UTC().Format(time.TimeOnly), agreed.Pairs, agreed.Repaired))
	return nil
}

// The people of the story exist nowhere else.
const (
	annEmail  = "annika@shop.example"
	benEmail  = "benedikt@shop.example"
	cleoEmail = "clementine@shop.example"
)

// PersonalData lists what the story's people would not want to find anywhere
// but at the two vendors.
func PersonalData(s *stack.Stack) []string {
	t := &teller{portal: s.HubSpot.DefaultPortal(), tenant: s.Advocate.Tenant("")}
	hashed := sha1.Sum([]byte(annEmail)) //nolint:gosec // the form in which impact.com takes a customer's email
	data := []string{hex.EncodeToString(hashed[:]), "Annika", "Archer", "Benedikt", "Baker", "Benjamin", "Clementine", "BENROCKS"}
	for _, email := range []string{annEmail, benEmail, cleoEmail} {
		data = append(data, email, t.tenant.StoredID(email))
		if user := t.user(email); user.ID != "" { // not forgotten
			data = append(data, user.ReferralCodes[stack.Program], user.ShareLinks[stack.Program])
		}
	}
	return data
}

func (t *teller) user(email string) advocatetest.User {
	u, _ := t.tenant.User(email, email)
	return u
}

func (t *teller) properties(email string) map[string]string {
	record, _ := t.portal.ContactByEmail(email)
	return record.Properties
}

func (t *teller) contactID(email string) string {
	record, _ := t.portal.ContactByEmail(email)
	return record.ID
}

func (t *teller) edit(email string, values map[string]string) error {
	record, ok := t.portal.ContactByEmail(email)
	if !ok {
		return fmt.Errorf("no contact has the email %s", email)
	}
	return t.portal.Person(1).Edit("contacts", record.ID, values)
}

// inStep reports whether the contact carries everything its participant shares.
func (t *teller) inStep(email string) bool {
	user, props := t.user(email), bridge.Properties(t.properties(email))
	want := bridge.SharedProperties(bridge.Participant{
		AccountID: user.AccountID, UserID: user.ID,
		ReferralCode: user.ReferralCodes[stack.Program], ShareLink: user.ShareLinks[stack.Program],
	}, bridge.Program{ID: stack.Program, Tenant: advocatetest.DefaultAlias, BaseURL: t.stack.AdvocateURL})
	return user.ID != "" && len(props.Changes(want)) == 0
}

func (t *teller) say(line string) { fmt.Fprintln(t.out, "\n"+line) }

func (t *teller) hold(line string) { fmt.Fprintln(t.out, "  ✓", line) }

func (t *teller) show(email string, took time.Duration) {
	props := t.properties(email)
	links := 0
	for name := range props {
		if strings.HasPrefix(name, bridge.PropMessageLinkPrefix) {
			links++
		}
	}
	fmt.Fprintf(t.out, "    code %s, share link %s, %d message links, after %.2f s\n",
		props[bridge.PropReferralCode], props[bridge.PropShareLink], links, took.Seconds())
}

// until waits for a condition, and says how it went.
func (t *teller) until(ctx context.Context, what string, holds func() bool) error {
	limit := t.interval + patience
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s", limit, what)
		case <-tick.C:
		}
	}
	t.hold(what)
	return nil
}
