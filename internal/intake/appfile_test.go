package intake

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

func appFile(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../docs/hubspot-app/" + name)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What operators install in HubSpot tells us all that we act on.
func TestAppFile_subscribesToEveryKindOfEventAndProperty(t *testing.T) {
	t.Parallel()
	type subscription struct {
		SubscriptionType, ObjectType, PropertyName string
		Active                                     bool
	}
	var file struct {
		Config struct {
			Settings      struct{ TargetURL string }
			Subscriptions struct{ CrmObjects, LegacyCrmObjects, HubEvents []subscription }
		}
	}
	appFile(t, "src/app/webhooks/webhooks-hsmeta.json", &file)
	subscriptions := file.Config.Subscriptions
	var properties []string
	kinds := map[store.EventKind]bool{}
	for _, s := range slices.Concat(subscriptions.CrmObjects, subscriptions.LegacyCrmObjects, subscriptions.HubEvents) {
		name := s.SubscriptionType
		if change, generic := strings.CutPrefix(name, "object."); generic {
			name = s.ObjectType + "." + change
		}
		kind, known := kindOf(name)
		if !known || !s.Active {
			t.Errorf("nobody handles %+v", s)
		}
		kinds[kind] = true
		if kind == store.EventUpdated {
			properties = append(properties, s.PropertyName)
		}
	}
	for _, kind := range []store.EventKind{store.EventCreated, store.EventUpdated, store.EventDeleted, store.EventErased, store.EventRestored, store.EventMerged} {
		if !kinds[kind] {
			t.Errorf("nobody tells us when a contact was %s", kind)
		}
	}
	want := bridge.UpdatingProperties()
	slices.Sort(want)
	slices.Sort(properties)
	if diff := cmp.Diff(want, properties); diff != "" {
		t.Errorf("properties (-want +got)\n%s", diff)
	}
	if !strings.HasSuffix(file.Config.Settings.TargetURL, Path) {
		t.Errorf("webhooks go to %s", file.Config.Settings.TargetURL)
	}
}

func TestAppFile_asksForTheScopesThatConsentAsksFor(t *testing.T) {
	t.Parallel()
	var file struct {
		Config struct {
			Auth struct{ RequiredScopes, OptionalScopes []string }
		}
	}
	appFile(t, "src/app/app-hsmeta.json", &file)
	if diff := cmp.Diff(hubspot.Scopes, file.Config.Auth.RequiredScopes); diff != "" {
		t.Errorf("required (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(hubspot.OptionalScopes, file.Config.Auth.OptionalScopes); diff != "" {
		t.Errorf("optional (-want +got)\n%s", diff)
	}
}
