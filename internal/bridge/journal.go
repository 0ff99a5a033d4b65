package bridge

// JournalState is the state of the installation's reader of HubSpot's webhooks
// journal; for a connection, also whether the journal covers its portal.
type JournalState string

// The states.
const (
	JournalIdle          JournalState = "idle"           // nobody has read yet
	JournalFollowing     JournalState = "following"      // read as it is published
	JournalMissingScopes JournalState = "missing_scopes" // the app may not read it
	JournalRefused       JournalState = "refused"        // HubSpot refuses the app or its secret
	JournalFailing       JournalState = "failing"        // the last attempt to read it failed
	JournalNotRecorded   JournalState = "not_recorded"   // the journal does not cover the portal
)

// JournalScopes lists the scopes that the HubSpot app needs to follow the journal,
// besides the scopes of the records in it (HubSpot docs: webhooks journal).
func JournalScopes() []string {
	return []string{
		"developer.webhooks_journal.read", "developer.webhooks_journal.subscriptions.read", "developer.webhooks_journal.subscriptions.write",
	}
}

// Advice says what an operator can do about a state; empty where there is nothing
// to do.
func (s JournalState) Advice() string {
	switch s {
	case JournalIdle:
		return `The journal is read by "starter serve" with HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET set.`
	case JournalMissingScopes:
		return "Webhooks and reconciles work without it. Add the scopes developer.webhooks_journal.read, .subscriptions.read and .subscriptions.write to the HubSpot app; it is tried again every minute."
	case JournalRefused:
		return "Webhooks and reconciles work without it. Check HUBSPOT_CLIENT_ID and HUBSPOT_CLIENT_SECRET."
	case JournalFailing:
		return "It is retried, and continues where it stopped. Webhooks and reconciles work without it."
	case JournalNotRecorded:
		return "Webhooks and reconciles work without it. Install the HubSpot app in the portal; it is tried again every ten minutes."
	default:
		return ""
	}
}
