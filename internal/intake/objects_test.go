package intake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/relay/relaytest"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
	"advocatesync/workflows"
)

var (
	dealCreated = trigger.Watch{Object: bridge.ObjectDeal, Created: true}
	dealStage   = trigger.Watch{Object: bridge.ObjectDeal, Property: "dealstage"}
	leadStage   = trigger.Watch{Object: bridge.ObjectContact, Property: "lifecyclestage"}
	anyEmail    = trigger.Watch{Object: bridge.ObjectContact, Property: "email"}
	companyCity = trigger.Watch{Object: bridge.ObjectCompany, Property: "city"}
)

func TestParse_whatTriggersMayWatch(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1794999000123).UTC()
	object := func(of bridge.ObjectType, id string, kind store.ObjectEventKind, property string) *objectEvent {
		return &objectEvent{portalID: 4711001, objectType: of, objectID: id, kind: kind, property: property, occurredAt: at}
	}
	imported := object(bridge.ObjectDeal, "9", store.ObjectChanged, "dealstage")
	imported.imported = true
	tests := map[string]struct {
		element string
		want    *objectEvent
	}{
		"a stage changed by an import": {`"subscriptionType":"deal.propertyChange","objectId":9,"propertyName":"dealstage","changeSource":"IMPORT"`, imported},
		"a deal was created":           {`"subscriptionType":"deal.creation","objectId":9`, object(bridge.ObjectDeal, "9", store.ObjectCreated, "")},
		"a stage changed":              {`"subscriptionType":"deal.propertyChange","objectId":9,"propertyName":"dealstage","propertyValue":"closedwon"`, object(bridge.ObjectDeal, "9", store.ObjectChanged, "dealstage")},
		"under its generic name":       {`"subscriptionType":"object.propertyChange","objectTypeId":"0-3","objectId":9,"propertyName":"dealstage"`, object(bridge.ObjectDeal, "9", store.ObjectChanged, "dealstage")},
		"a company, generic":           {`"subscriptionType":"object.creation","objectTypeId":"0-2","objectId":"9"`, object(bridge.ObjectCompany, "9", store.ObjectCreated, "")},
		"a contact":                    {`"subscriptionType":"contact.propertyChange","objectId":9,"propertyName":"lifecyclestage"`, object(bridge.ObjectContact, "9", store.ObjectChanged, "lifecyclestage")},
		"another app's write":          {`"subscriptionType":"deal.creation","objectId":9,"changeSource":"INTEGRATION","sourceId":"1"`, object(bridge.ObjectDeal, "9", store.ObjectCreated, "")},
		"our own write":                {`"subscriptionType":"contact.creation","objectId":9,"changeSource":"INTEGRATION","sourceId":"3300221"`, nil},
		"a contact joined a deal":      {`"subscriptionType":"deal.associationChange","associationType":"DEAL_TO_CONTACT","fromObjectId":9,"toObjectId":501,"associationRemoved":false`, object(bridge.ObjectDeal, "9", store.ObjectRecheck, "")},
		"the same from the other side": {`"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_DEAL","fromObjectId":501,"toObjectId":9`, object(bridge.ObjectDeal, "9", store.ObjectRecheck, "")},
		"the same, generic":            {`"subscriptionType":"object.associationChange","fromObjectTypeId":"0-3","toObjectTypeId":"0-1","fromObjectId":9,"toObjectId":501`, object(bridge.ObjectDeal, "9", store.ObjectRecheck, "")},
		"a contact left a deal":        {`"subscriptionType":"deal.associationChange","associationType":"DEAL_TO_CONTACT","fromObjectId":9,"toObjectId":501,"associationRemoved":true`, nil},
		"a deal joined a company":      {`"subscriptionType":"deal.associationChange","associationType":"DEAL_TO_COMPANY","fromObjectId":9,"toObjectId":501`, nil},
		"a deal was deleted":           {`"subscriptionType":"deal.deletion","objectId":9`, nil},
		"a ticket was created":         {`"subscriptionType":"ticket.creation","objectId":9`, nil},
		"a change of nothing":          {`"subscriptionType":"deal.propertyChange","objectId":9`, nil},
		"nobody's creation":            {`"subscriptionType":"deal.creation"`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := testParser().parse(json.RawMessage(`{"portalId":4711001,"eventId":1,"occurredAt":1794999000123,` + tt.element + `}`))
			if diff := cmp.Diff(tt.want, p.object, cmp.AllowUnexported(objectEvent{}), cmpopts.IgnoreFields(objectEvent{}, "key")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if p.object != nil && p.object.key == "" {
				t.Error("without a key")
			}
		})
	}
}

// stageEvent is a change of a deal's stage, told once more.
func stageEvent(eventID, deal int, at int64, extra string) string {
	return fmt.Sprintf(`{"eventId":%d,"portalId":%d,"occurredAt":%d,"subscriptionType":"deal.propertyChange","objectId":%d,
		"propertyName":"dealstage","propertyValue":"closedwon"%s}`, eventID, ourPortal, at, deal, extra)
}

func TestHandler_keepsWhatTriggersWatch(t *testing.T) {
	t.Parallel()
	const at = 1794999000123
	generic := fmt.Sprintf(`{"eventId":77,"portalId":%d,"occurredAt":%d,"subscriptionType":"object.propertyChange","objectTypeId":"0-3",
		"objectId":9,"propertyName":"dealstage"}`, ourPortal, at)
	lifecycle := fmt.Sprintf(`{"eventId":5,"portalId":%d,"occurredAt":%d,"subscriptionType":"contact.propertyChange","objectId":501,
		"propertyName":"lifecyclestage"}`, ourPortal, at)
	tests := map[string]struct {
		body              string
		watches           []trigger.Watch
		objects, contacts int
		want              map[Disposition]int
	}{
		"one trigger's stage": {array(stageEvent(1, 9, at, "")), []trigger.Watch{dealStage}, 1, 0, map[Disposition]int{Accepted: 1}},
		"no trigger's stage":  {array(stageEvent(1, 9, at, "")), []trigger.Watch{dealCreated, companyCity}, 0, 0, map[Disposition]int{Ignored: 1}},
		"five times, under different event ids": {
			array(stageEvent(1, 9, at, ""), stageEvent(2, 9, at, ""), stageEvent(3, 9, at, `,"attemptNumber":2`), stageEvent(1, 9, at, ""), generic),
			[]trigger.Watch{dealStage}, 1, 0, map[Disposition]int{Accepted: 1, Duplicate: 4},
		},
		"another moment, another deal": {
			array(stageEvent(1, 9, at, ""), stageEvent(1, 9, at+1, ""), stageEvent(1, 10, at, "")),
			[]trigger.Watch{dealStage}, 3, 0, map[Disposition]int{Accepted: 3},
		},
		"a contact's property that only a trigger wants": {array(lifecycle), []trigger.Watch{leadStage}, 1, 0, map[Disposition]int{Accepted: 1}},
		"a contact's property that both want":            {array(newEmail), []trigger.Watch{anyEmail}, 1, 1, map[Disposition]int{Accepted: 1}},
		"told again":                                     {array(newEmail, newEmail), []trigger.Watch{anyEmail}, 1, 1, map[Disposition]int{Accepted: 1, Duplicate: 1}},
		"our own write is no trigger's":                  {array(ownWrite), []trigger.Watch{{Object: bridge.ObjectContact, Property: "advocate_user_id"}}, 0, 1, map[Disposition]int{Echo: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake(tt.watches...)
			if w := in.deliver(signed(tt.body, receipt)); w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if len(in.inbox.objects) != tt.objects || len(in.inbox.events) != tt.contacts {
				t.Errorf("%d objects and %d contacts kept, want %d and %d", len(in.inbox.objects), len(in.inbox.events), tt.objects, tt.contacts)
			}
			if (in.objPokes > 0) != (tt.objects > 0) || (in.pokes > 0) != (tt.contacts > 0) {
				t.Errorf("poked %d times for objects, %d for contacts", in.objPokes, in.pokes)
			}
			if diff := cmp.Diff(tt.want, in.counts(t)); diff != "" {
				t.Errorf("counters (-want +got)\n%s", diff)
			}
			if strings.Contains(fmt.Sprint(in.inbox.objects), "closedwon") {
				t.Error("a value was kept")
			}
		})
	}
}

func TestIntake_aChangeToldFiveTimesIsOneSignal(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.sink.portals.watches = watching{dealStage}.Watches
	const at = 1794999000123
	for i := range 5 {
		w.deliver(t, array(stageEvent(i, 9, at, ""), creation))
	}
	signaler := &relaytest.Signaler{}
	w.carryObjects(t, signaler)
	if len(signaler.Calls()) != 1 {
		t.Fatalf("%d signals", len(signaler.Calls()))
	}
	got := signaler.Calls()[0]
	if got.WorkflowID != "track/"+w.connectionID+"/deal/9" || got.Name != workflows.SignalChanges || got.Workflow != workflows.TrackEventName {
		t.Errorf("signal %q to workflow %v with id %q", got.Name, got.Workflow, got.WorkflowID)
	}
	if diff := cmp.Diff(bridge.ObjectHints{Changed: map[string]time.Time{"dealstage": time.UnixMilli(at)}}, got.Arg); diff != "" {
		t.Errorf("hints (-want +got)\n%s", diff)
	}
	want := []any{workflows.TrackEventInput{ConnectionID: w.connectionID, ObjectType: bridge.ObjectDeal, ObjectID: "9"}}
	if diff := cmp.Diff(want, got.Args); diff != "" {
		t.Errorf("workflow input (-want +got)\n%s", diff)
	}
}
