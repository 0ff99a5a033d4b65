package intake

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

const ourApp = 3300221

// receipt is the time at which the tests' events arrive.
var receipt = time.UnixMilli(1795000000000).UTC()

func testParser() parser {
	return parser{appID: fmt.Sprint(ourApp), now: func() time.Time { return receipt }}
}

func TestParse(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1794999000123).UTC()
	tests := map[string]struct {
		element string
		want    []event
		becomes Disposition
	}{
		"a contact was created": {
			`{"eventId":100,"subscriptionId":501,"portalId":4711001,"appId":3300221,"occurredAt":1794999000123,
			  "subscriptionType":"contact.creation","attemptNumber":0,"objectId":508000000001,
			  "changeFlag":"CREATED","changeSource":"CRM_UI","sourceId":"userId:77"}`,
			[]event{{portalID: 4711001, contactID: "508000000001", kind: store.EventCreated, occurredAt: at}}, Accepted,
		},
		"one of the five properties changed": {
			`{"eventId":101,"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.propertyChange",
			  "objectId":508000000001,"propertyName":"email","propertyValue":"ada@example.test","changeSource":"CRM_UI"}`,
			[]event{{portalID: 4711001, contactID: "508000000001", kind: store.EventUpdated, property: "email", occurredAt: at}}, Accepted,
		},
		"a property of no interest changed": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.propertyChange",
			  "objectId":1,"propertyName":"lifecyclestage"}`,
			nil, Ignored,
		},
		"our own write of a code": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.propertyChange",
			  "objectId":1,"propertyName":"advocate_user_id","changeSource":"INTEGRATION","sourceId":"3300221"}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventUpdated, property: "advocate_user_id", occurredAt: at, fromOurself: true}}, Echo,
		},
		"our own creation, source id as a number": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.creation",
			  "objectId":1,"changeSource":"INTEGRATION","sourceId":3300221}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: at, fromOurself: true}}, Echo,
		},
		"another app's write is not ours": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.creation",
			  "objectId":1,"changeSource":"INTEGRATION","sourceId":"3300222"}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: at, bulk: true}}, Accepted,
		},
		"our id without INTEGRATION proves nothing": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.creation",
			  "objectId":1,"changeSource":"CRM_UI","sourceId":"3300221"}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: at}}, Accepted,
		},
		"a contact under its generic name": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"object.creation","objectTypeId":"0-1","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: at}}, Accepted,
		},
		"a contact's property under its generic name": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"object.propertyChange","objectTypeId":"0-1",
			  "objectId":1,"propertyName":"advocate_referral_cookie","isSensitive":false}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventUpdated, property: "advocate_referral_cookie", occurredAt: at}}, Accepted,
		},
		"a contact was deleted": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.deletion","objectId":1,
			  "changeFlag":"DELETED","changeSource":"CRM_UI"}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventDeleted, occurredAt: at, bulk: true}}, Accepted,
		},
		"a contact was deleted for privacy": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.privacyDeletion","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventErased, occurredAt: at}}, Accepted,
		},
		"a contact was restored": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.restore","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventRestored, occurredAt: at}}, Accepted,
		},
		"a deletion is never our own write": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.deletion","objectId":1,
			  "changeSource":"INTEGRATION","sourceId":"3300221"}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventDeleted, occurredAt: at, bulk: true}}, Accepted,
		},
		"nor is a merge": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.merge","objectId":1,
			  "changeSource":"INTEGRATION","sourceId":"3300221"}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventMerged, occurredAt: at}}, Accepted,
		},
		"a merge is news to every contact it names": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.merge","objectId":700,
			  "primaryObjectId":501,"mergedObjectIds":[502,"503",501],"newObjectId":700,"numberOfPropertiesMoved":3}`,
			[]event{
				{portalID: 4711001, contactID: "700", kind: store.EventMerged, occurredAt: at},
				{portalID: 4711001, contactID: "501", kind: store.EventMerged, mergedInto: "700", occurredAt: at},
				{portalID: 4711001, contactID: "502", kind: store.EventMerged, mergedInto: "700", occurredAt: at},
				{portalID: 4711001, contactID: "503", kind: store.EventMerged, mergedInto: "700", occurredAt: at},
			}, Accepted,
		},
		"whoever the object id names, the new one survives": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.merge","objectId":501,
			  "primaryObjectId":501,"mergedObjectIds":[502],"newObjectId":700}`,
			[]event{
				{portalID: 4711001, contactID: "501", kind: store.EventMerged, mergedInto: "700", occurredAt: at},
				{portalID: 4711001, contactID: "700", kind: store.EventMerged, occurredAt: at},
				{portalID: 4711001, contactID: "502", kind: store.EventMerged, mergedInto: "700", occurredAt: at},
			}, Accepted,
		},
		"a merge without an object id of its own, nor a new one: the primary one survives": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"object.merge","objectTypeId":"0-1",
			  "primaryObjectId":501,"mergedObjectIds":[null,-1,"x",[502],502]}`,
			[]event{
				{portalID: 4711001, contactID: "501", kind: store.EventMerged, occurredAt: at},
				{portalID: 4711001, contactID: "502", kind: store.EventMerged, mergedInto: "501", occurredAt: at},
			}, Accepted,
		},
		"merged ids of an unexpected shape are left out": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.merge","objectId":700,"mergedObjectIds":{"a":502}}`,
			[]event{{portalID: 4711001, contactID: "700", kind: store.EventMerged, occurredAt: at}}, Accepted,
		},
		"a merge of nobody": {`{"portalId":4711001,"subscriptionType":"contact.merge","mergedObjectIds":[]}`, nil, Malformed},
		"a contact deleted under the generic name": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"object.deletion","objectTypeId":"0-1","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventDeleted, occurredAt: at, bulk: true}}, Accepted,
		},
		"a contact restored under the generic name": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"object.restore","objectTypeId":"0-1","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventRestored, occurredAt: at}}, Accepted,
		},
		"only merges name more than one contact": {
			`{"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.deletion","objectId":1,"newObjectId":2}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventDeleted, occurredAt: at, bulk: true}}, Accepted,
		},
		"a deal was deleted": {
			`{"portalId":4711001,"subscriptionType":"object.deletion","objectTypeId":"0-3","objectId":1}`, nil, UnknownType,
		},
		"a company under the generic name": {
			`{"portalId":4711001,"subscriptionType":"object.creation","objectTypeId":"0-2","objectId":1}`, nil, UnknownType,
		},
		"a type nobody here handles": {
			`{"portalId":4711001,"subscriptionType":"deal.creation","objectId":1}`, nil, UnknownType,
		},
		"a type that has no object id": {
			`{"portalId":4711001,"subscriptionType":"deal.associationChange","fromObjectId":501,"toObjectId":900}`, nil, UnknownType,
		},
		"the type's other name": {
			`{"portalId":4711001,"occurredAt":1794999000123,"eventType":"contact.creation","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: at}}, Accepted,
		},
		"numbers as text": {
			`{"portalId":"4711001","occurredAt":"1794999000123","subscriptionType":"contact.creation","objectId":"508000000001"}`,
			[]event{{portalID: 4711001, contactID: "508000000001", kind: store.EventCreated, occurredAt: at}}, Accepted,
		},
		"without a time it happened now": {
			`{"portalId":4711001,"subscriptionType":"contact.creation","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: receipt}}, Accepted,
		},
		"a time far ahead must not stay the latest": {
			`{"portalId":4711001,"occurredAt":9223372036854775807,"subscriptionType":"contact.creation","objectId":1}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: receipt}}, Accepted,
		},
		"fields of unexpected shape are left out": {
			`{"portalId":4711001,"occurredAt":{"ms":1},"subscriptionType":"contact.creation","objectId":1,"sourceId":["x"],"changeSource":null}`,
			[]event{{portalID: 4711001, contactID: "1", kind: store.EventCreated, occurredAt: receipt}}, Accepted,
		},
		"without an object":       {`{"portalId":4711001,"subscriptionType":"contact.creation"}`, nil, Malformed},
		"with an object below 1":  {`{"portalId":4711001,"subscriptionType":"contact.creation","objectId":-1}`, nil, Malformed},
		"with a fractional id":    {`{"portalId":4711001,"subscriptionType":"contact.creation","objectId":1.5}`, nil, Malformed},
		"without a portal":        {`{"subscriptionType":"contact.creation","objectId":1}`, nil, Malformed},
		"without a type":          {`{"portalId":4711001,"objectId":1}`, nil, Malformed},
		"an element that is text": {`"contact.creation"`, nil, Malformed},
		"an element that is null": {`null`, nil, Malformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testParser().parse(json.RawMessage(tt.element))
			got, becomes := p.contacts, p.becomes
			diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(event{}), cmpopts.IgnoreFields(event{}, "key"))
			if becomes != tt.becomes || diff != "" {
				t.Errorf("becomes %s, want %s; events (-want +got)\n%s", becomes, tt.becomes, diff)
			}
			keys := map[string]bool{}
			for _, e := range got {
				keys[e.key] = true
			}
			if len(keys) != len(got) || keys[""] {
				t.Errorf("dedupe keys %v of %d events", keys, len(got))
			}
		})
	}
}

func TestParse_knowsEveryUpdateTrigger(t *testing.T) {
	t.Parallel()
	for _, name := range bridge.UpdatingProperties() {
		element := fmt.Sprintf(`{"portalId":1,"objectId":1,"subscriptionType":"contact.propertyChange","propertyName":%q}`, name)
		if becomes := testParser().parse(json.RawMessage(element)).becomes; becomes != Accepted {
			t.Errorf("a change of %s is %s", name, becomes)
		}
	}
}

func TestParse_keysFactsHoweverTheyAreTold(t *testing.T) {
	t.Parallel()
	const first = `{"eventId":100,"portalId":4711001,"occurredAt":1794999000123,"attemptNumber":0,
		"subscriptionType":"contact.propertyChange","objectId":508000000001,"propertyName":"email"}`
	key := func(element string) string {
		events := testParser().parse(json.RawMessage(element)).contacts
		return events[0].key
	}
	for said, again := range map[string]string{
		"a repeated delivery":          strings.Replace(first, `"attemptNumber":0`, `"attemptNumber":3`, 1),
		"another subscription's event": strings.Replace(first, `"eventId":100`, `"eventId":101`, 1),
		"the generic subscription's":   strings.Replace(first, `"contact.propertyChange"`, `"object.propertyChange","objectTypeId":"0-1"`, 1),
		"the same with ids as texts":   strings.Replace(first, `"objectId":508000000001`, `"objectId":"508000000001"`, 1),
		"the same of another author":   strings.Replace(first, `"eventId":100`, `"changeSource":"INTEGRATION","sourceId":"3300221"`, 1),
	} {
		if key(again) != key(first) {
			t.Errorf("%s has another key", said)
		}
	}
	timeless := strings.Replace(first, `"occurredAt":1794999000123,`, "", 1)
	if key(timeless) == key(strings.Replace(timeless, `"eventId":100`, `"eventId":101`, 1)) {
		t.Error("two events without a time have the same key")
	}
	for _, change := range [][2]string{
		{"4711001", "4711002"}, {"1794999000123", "1794999000124"},
		{"508000000001", "508000000002"}, {`"email"`, `"advocate_user_id"`},
		{`"contact.propertyChange"`, `"contact.creation"`},
	} {
		if key(strings.Replace(first, change[0], change[1], 1)) == key(first) {
			t.Errorf("%s and %s have the same key", change[0], change[1])
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want int // -1: refused
	}{
		"two events":             {`[{"a":1},{"b":2}]`, 2},
		"no events":              {" []\r\n", 0},
		"elements of any shape":  {`[1,"x",null]`, 3},
		"an object is refused":   {`{"eventId":1}`, -1},
		"null is refused":        {`null`, -1},
		"text is refused":        {`"[]"`, -1},
		"nothing is refused":     {``, -1},
		"cut off is refused":     {`[{"a":1},{"b"`, -1},
		"more after the array":   {`[{"a":1}] x`, -1},
		"not JSON at all":        {`[hello]`, -1},
		"two arrays are refused": {`[][]`, -1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			elements, err := split([]byte(tt.body))
			got := len(elements)
			if err != nil {
				got = -1
			}
			if got != tt.want {
				t.Errorf("%d elements, want %d (%v)", got, tt.want, err)
			}
		})
	}
}

func TestParse_whatComesByTheThousandIsBulk(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		subscription, source string
		want                 bool
	}{
		"an import's creation":              {"contact.creation", "IMPORT", true},
		"a bulk edit":                       {"contact.propertyChange", "CRM_UI_BULK_ACTION", true},
		"another app's creation":            {"contact.creation", "INTEGRATION", true},
		"a source that nobody has heard of": {"contact.creation", "QUANTUM_SYNC", true},
		"a form":                            {"contact.creation", "FORM", false},
		"an edit by hand":                   {"contact.propertyChange", "CRM_UI", false},
		"no source":                         {"contact.creation", "", false},
		"a deletion in bulk":                {"contact.deletion", "CRM_UI_BULK_ACTION", true},
		"a deletion by hand, which is held": {"contact.deletion", "CRM_UI", true},
		"a restore in bulk":                 {"contact.restore", "CRM_UI_BULK_ACTION", false},
		"a privacy deletion by an app":      {"contact.privacyDeletion", "INTEGRATION", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wire := wireEvent{SubscriptionType: scalar(tt.subscription), ChangeSource: scalar(tt.source)}
			kind, known := kindOf(tt.subscription)
			if got := bulk(wire, kind); !known || got != tt.want {
				t.Errorf("bulk = %v, want %v", got, tt.want)
			}
		})
	}
}
