package workflows_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// The contact's latest email never reached Advocate. Another contact that has it is
// matched to somebody else, so it cannot take the participant over.
func TestContactLifecycle_anEmailThatDoesNotLeadToTheParticipantKeepsItForNobody(t *testing.T) {
	t.Parallel()
	const ben = "ben@shop.example"
	for name, secondLivesFirst := range map[string]bool{"the other contact has a participant": true, "the other contact has none yet": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			first := mappedContact(t, s, ann)
			s.EditContact(t, first, map[string]string{bridge.PropEmail: ben})
			live(t, s, first, updated())
			archive(t, s, first)
			second := s.CreateContact(t, map[string]string{bridge.PropEmail: ben})
			if secondLivesFirst {
				live(t, s, second, created())
			}

			live(t, s, first, deleted())
			live(t, s, second, created())

			wantParticipant(t, s, ann, false)
			wantState(t, s, first, bridge.StateDeleted)
			s.InStep(t, second, ben, ben)
			wantNothingParked(t, s)
		})
	}
}

// Staff gave the participant another email. The contact's own leads to it all the same.
func TestContactLifecycle_anEmailThatLeadsToTheParticipantHandsItOver(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	first := mappedContact(t, s, ann)
	giveEmail(t, s, ann, "ann@work.example")
	archive(t, s, first)
	second := s.CreateContact(t, map[string]string{bridge.PropEmail: ann})
	due(t, s, second)

	live(t, s, first, deleted())
	live(t, s, second, due(t, s, second))

	s.InStep(t, second, ann, ann)
	wantNothingParked(t, s)
}

// restoring has a person restore a contact just before HubSpot is asked who holds its
// email.
type restoring struct {
	activities.HubSpot
	once    *sync.Once
	restore func()
}

func (p restoring) Holder(ctx context.Context, email string) (bridge.Contact, error) {
	p.once.Do(p.restore)
	return p.HubSpot.Holder(ctx, email)
}

func TestContactLifecycle_keepsTheParticipantOfAContactRestoredWhileItsDeletionIsCarriedOut(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	before, _ := s.Tenant.User(ann, ann)
	archive(t, s, id)
	env := environment(s)
	var once sync.Once
	connections := through{s.Connections, func(crm activities.HubSpot) activities.HubSpot {
		return restoring{crm, &once, func() { restore(t, s, id) }}
	}}
	contacts := activities.NewContacts(connections, s.Store, wiringtest.Hold, time.Now)
	env.RegisterActivityWithOptions(contacts.SyncContact, activity.RegisterOptions{Name: "SyncContact", DisableAlreadyRegisteredCheck: true})
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalHints, deleted()) }, 0)
	runLife(t, env, s, id)

	after, _ := s.Tenant.User(ann, ann)
	if after.ReferralCodes[wiringtest.Program] != before.ReferralCodes[wiringtest.Program] {
		t.Error("the participant was deleted")
	}
	wantState(t, s, id, bridge.StateMapped)
}
