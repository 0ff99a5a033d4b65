package main

import (
	"context"
	"errors"
	"fmt"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
)

// connects has the worker's version get work, and joins the stand-ins' portal and
// tenant, as an operator does.
func (c *check) connects(ctx context.Context) error {
	if err := c.promote(ctx, former); err != nil {
		return err
	}
	if _, err := c.starter(ctx, stack.Credentials(), "connect"); err != nil {
		return err
	}
	c.held("starter connect, in the starter's container")
	return nil
}

// tellsTheStory is the demo's story as far as it can be told over the stand-ins'
// admin APIs.
func (c *check) tellsTheStory(ctx context.Context) error {
	const ann, ben, cleo = "annika@shop.example", "benedikt@shop.example", "clementine@shop.example"
	annID, err := c.form(ctx, ann)
	if err != nil {
		return err
	}
	if err := c.inStep(ctx, ann); err != nil {
		return err
	}
	if err := c.vendors.Join(ctx, ben, "Benedikt"); err != nil {
		return err
	}
	if err := c.inStep(ctx, ben); err != nil {
		return err
	}
	if err := c.vendors.ArchiveContact(ctx, annID); err != nil {
		return err
	}
	if err := c.participant(ctx, ann, false); err != nil {
		return err
	}
	if err := c.vendors.RestoreContact(ctx, annID); err != nil {
		return err
	}
	if err := c.inStep(ctx, ann); err != nil {
		return err
	}
	cleoID, err := c.form(ctx, cleo)
	if err != nil {
		return err
	}
	if err := errors.Join(c.inStep(ctx, cleo), c.vendors.EraseContact(ctx, cleoID)); err != nil {
		return err
	}
	return c.participant(ctx, cleo, false)
}

// form makes a contact, as a form on a website does, and returns its id.
func (c *check) form(ctx context.Context, email string) (string, error) {
	return c.vendors.CreateContact(ctx, map[string]string{"email": email, "firstname": "Somebody"})
}

// participant waits until somebody is a participant, or is none.
func (c *check) participant(ctx context.Context, email string, wanted bool) error {
	what := email + " is no participant any more"
	if wanted {
		what = email + " is a participant"
	}
	return c.until(ctx, what, func(ctx context.Context) (bool, error) {
		_, is, err := c.vendors.ParticipantByEmail(ctx, email)
		return is == wanted, err
	})
}

// inStep waits until somebody is on both sides, and the contact carries what the
// participant shares.
func (c *check) inStep(ctx context.Context, email string) error {
	return c.until(ctx, fmt.Sprintf("%s is in step on both sides", email), func(ctx context.Context) (bool, error) {
		user, is, err := c.vendors.ParticipantByEmail(ctx, email)
		if err != nil || !is {
			return false, err
		}
		contact, is, err := c.vendors.ContactByEmail(ctx, email)
		if err != nil || !is {
			return false, err
		}
		want := bridge.SharedProperties(bridge.Participant{
			AccountID: user.AccountID, UserID: user.ID,
			ReferralCode: user.ReferralCodes[stack.Program], ShareLink: user.ShareLinks[stack.Program],
		}, bridge.Program{ID: stack.Program, Tenant: advocatetest.DefaultAlias, BaseURL: "http://standins:9091"})
		return len(bridge.Properties(contact.Properties).Changes(want)) == 0, nil
	})
}
