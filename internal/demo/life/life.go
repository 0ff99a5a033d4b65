// Package life makes the demo's installation look like one that people have worked
// with: some hundred people on both sides, a finished mass sync and reconcile,
// problems of several kinds, deletions that wait for a person, and a second portal
// that somebody may connect.
package life

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
)

const (
	people    = 360 // participants, of whom every third has a contact already
	fillForms = 24  // contacts that come by themselves
	deleted   = 14  // more than the guard lets through without a question

	secondPeople = 10_000 // enough for a mass sync to be paused and stopped on the way

	// patience is how long each step may take on a slow machine.
	patience = 2 * time.Minute
)

// The second portal, and the tenant that it can be connected to.
const (
	secondPortal = 4711002
	secondTenant = "second-shop"
	secondKey    = "LIVE_second_shop"
)

// scene is the installation that is brought to life.
type scene struct {
	out    io.Writer
	stack  *stack.Stack
	portal *hubspottest.Portal

	codeless string // a contact without a referral code
}

// Bring brings a running system to life. It tells what it does, and then what
// somebody could try in the console.
func Bring(ctx context.Context, out io.Writer, s *stack.Stack) error {
	sc := &scene{out: out, stack: s, portal: s.HubSpot.DefaultPortal()}
	fmt.Fprintln(out, "\nFor the console, some hundred people join, and some things go wrong:")
	for _, step := range []struct {
		says string
		do   func(context.Context) error
	}{
		{"a mass sync, after its dry run", sc.massSync},
		{"people who fill in forms", sc.forms},
		{"a contact that gets no referral code", sc.withoutCode},
		{"problems of several kinds", sc.problems},
		{"a reconcile", sc.reconcile},
		{"deletions that wait for approval", sc.deletions},
		{"a second portal, connected to nothing yet", sc.second},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.says, err)
		}
		fmt.Fprintln(out, "  ✓", step.says)
	}
	sc.suggest()
	return nil
}

// suggest says what somebody who runs campaigns could try.
func (s *scene) suggest() {
	fmt.Fprintf(s.out, `
Things to try in the console:

  - Contact %s has no referral code. The page Contacts says why, and leads to
    the contact's page in HubSpot. Put that right there, and see the code come.
  - 14 deletions wait for approval, and some contacts have problems.
  - Switch to another program, in place.
  - Connect another portal: portal id %d, tenant alias %s,
    API key %s, program id %s, without an access token.
    Then run a mass sync of its %d participants, and stop it on the way.
  - Erase a person, and save the signed receipt.
`, s.codeless, secondPortal, secondTenant, secondKey, stack.Program, secondPeople)
}

// withoutCode has somebody add a contact after a phone call, who has forgotten to
// ask for the email.
func (s *scene) withoutCode(ctx context.Context) (err error) {
	if s.codeless, err = s.portal.Person(1).Create("contacts", map[string]string{"firstname": "Ramona", "lastname": "Ringwald"}); err != nil {
		return err
	}
	return s.until(ctx, func() bool {
		out, err := s.stack.Command(ctx, nil, "contact", "show", s.codeless, "--json")
		return err == nil && strings.Contains(out, string(bridge.StateAwaitingEmail))
	})
}

// second has another portal and another tenant come into being.
func (s *scene) second(context.Context) error {
	config := advocatetest.DefaultTenant()
	config.Alias, config.Key, config.AccountSID, config.AuthToken = secondTenant, secondKey, "IR-second-shop", "second-shop-token"
	tenant, err := s.stack.Advocate.AddTenant(config)
	if err != nil {
		return err
	}
	joined := time.Now().Add(-24 * time.Hour).UnixMilli()
	tenant.Seed(secondPeople, func(i int) advocatetest.User {
		return advocatetest.User{Email: fmt.Sprintf("customer%d@second.example", i), FirstName: "Customer", LastName: "Number" + strconv.Itoa(i), DateCreated: joined}
	})
	portal := s.stack.HubSpot.AddPortal(hubspottest.PortalConfig{ID: secondPortal})
	for i := 0; i < secondPeople; i += 20 {
		if _, err := portal.Seed("contacts", "", map[string]string{"email": fmt.Sprintf("customer%d@second.example", i), "firstname": "Customer"}); err != nil {
			return err
		}
	}
	return nil
}

// massSync brings everybody who is in Advocate to HubSpot.
func (s *scene) massSync(ctx context.Context) error {
	vendors := seed.Vendors{HubSpot: s.stack.HubSpotURL, Advocate: s.stack.AdvocateURL}
	err := errors.Join(vendors.Participants(ctx, 0, people), vendors.Contacts(ctx, 0, people, 3, nil))
	if err != nil {
		return err
	}
	if err := s.command(ctx, "mass-sync", "start", "--dry-run", "--wait"); err != nil {
		return err
	}
	return s.command(ctx, "mass-sync", "start", "--wait")
}

// forms has people come one after the other.
func (s *scene) forms(ctx context.Context) error {
	for i := range fillForms {
		props := map[string]string{"email": fmt.Sprintf("visitor%d@shop.example", i), "firstname": "Visitor", "lastname": "Number" + strconv.Itoa(i)}
		if _, err := s.portal.Person(1).Create("contacts", props); err != nil {
			return err
		}
	}
	return s.until(ctx, func() bool {
		record, ok := s.portal.ContactByEmail(fmt.Sprintf("visitor%d@shop.example", fillForms-1))
		return ok && record.Properties[bridge.PropReferralCode] != ""
	})
}

// problems edits contacts as people do who mean well.
func (s *scene) problems(ctx context.Context) error {
	for i, edit := range []map[string]string{
		{bridge.PropUserID: "somebody-else"}, // only one of the two ids
		{bridge.PropUserID: "another"},
		{bridge.PropUserID: "nobody", bridge.PropAccountID: "nobody"}, // ids that name no participant
		{bridge.PropReferredByCode: "NOSUCHCODE"},                     // a code that Advocate does not know
		{bridge.PropReferredByCode: "MISTYPED"},
		{bridge.PropReferredByCode: "EXPIRED"},
	} {
		record, ok := s.portal.ContactByEmail(fmt.Sprintf("visitor%d@shop.example", i))
		if !ok {
			return errors.New("a contact is missing")
		}
		if err := s.portal.Person(1).Edit("contacts", record.ID, edit); err != nil {
			return err
		}
	}
	return s.until(ctx, func() bool {
		out, err := s.stack.Command(ctx, nil, "parked", "causes", "--json")
		return err == nil && strings.Contains(out, string(bridge.CauseHalfPair)) && strings.Contains(out, string(bridge.CauseUnknownPair)) &&
			strings.Contains(out, string(bridge.CauseCodeDropped))
	})
}

// reconcile compares both sides, so that there is an agreement with a date.
func (s *scene) reconcile(ctx context.Context) error {
	return s.command(ctx, "reconcile", "start", "--wait")
}

// deletions has somebody delete more contacts than the guard lets through.
func (s *scene) deletions(ctx context.Context) error {
	for i := range deleted {
		if err := s.portal.Person(1).Archive("contacts", seed.ContactID(3*i)); err != nil {
			return err
		}
	}
	return s.until(ctx, func() bool {
		out, err := s.stack.Command(ctx, nil, "deletions", "show", "--json")
		return err == nil && strings.Contains(out, `"contact_ids"`) && !strings.Contains(out, `"waiting": 0`)
	})
}

func (s *scene) command(ctx context.Context, args ...string) error {
	_, err := s.stack.Command(ctx, nil, args...)
	return err
}

// until waits for something to hold.
func (s *scene) until(ctx context.Context, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Second):
		}
	}
	return nil
}
