package bridge

// State is the outcome of a contact's last sync, kept beside the write ledger and
// shown to operators.
type State string

const (
	StateNew              State = ""                  // never synced
	StateMapped           State = "mapped"            // in step with its participant
	StateAwaitingEmail    State = "awaiting_email"    // cannot become a participant before it has an email
	StateNotShared        State = "not_shared"        // a sharing rule keeps it out
	StateParked           State = "parked"            // needs a person; see the parked item
	StateDoNotTrack       State = "do_not_track"      // Advocate refuses the person for good
	StateErased           State = "erased"            // one of our tombstones covers the person
	StateMissing          State = "missing"           // HubSpot announced it, but shows no such contact
	StateDeleted          State = "deleted"           // gone; its participant was deleted too unless another contact has it
	StateAwaitingApproval State = "awaiting_approval" // gone, but so many were deleted that a person has to approve
	StateMergedAway       State = "merged_away"       // lives on under another contact's id
)

// Action is what one sync of a contact asks us to do.
type Action string

const (
	Nothing           Action = "nothing"
	AwaitContact      Action = "await_contact"      // HubSpot does not show it yet: sync again
	AwaitEmail        Action = "await_email"        // wait, visibly, until an email arrives
	CreateParticipant Action = "create_participant" // or match the one Advocate already has
	UpdateParticipant Action = "update_participant" // send changed inputs, put back what is missing
	WriteBack         Action = "write_back"         // write the shared properties to the contact, and send nothing
	MapByIDs          Action = "map_by_ids"         // the contact names a participant: map if it exists
	ParkHalfPair      Action = "park_half_pair"     // only one id was edited: keep the mapping, park
	ParkUnknownPair   Action = "park_unknown_pair"  // the ids name no participant: keep the mapping, park
	ParkErasedIDs     Action = "park_erased_ids"    // the ids name an erased participant, but the contact is somebody else: park
	ParkPending       Action = "park_pending"       // an erasure of somebody with its email or participant is not verified yet: park until it is
	HoldDeletion      Action = "hold_deletion"      // wait for hints that may belong to the deletion, then sync again
	DeleteParticipant Action = "delete_participant" // the contact is verified as gone
	AwaitApproval     Action = "await_approval"     // one of too many deletions: a person has to approve them
	Unmap             Action = "unmap"              // the contact is gone, but another has the participant
	UnmapRemoved      Action = "unmap_removed"      // Advocate's staff deleted the participant: clear the contact, park
	FollowMerge       Action = "follow_merge"       // the contact lives on under another id
	HoldErasure       Action = "hold_erasure"       // HubSpot still shows the contact of a privacy deletion: sync again later
	DoubtErasure      Action = "doubt_erasure"      // HubSpot still shows it after an hour: erase nothing, park
	EraseParticipant  Action = "erase_participant"  // delete the participant with do-not-track, and leave tombstones
)

// Reason says why an action was chosen. Logs, pages and commands share the words.
type Reason string

const (
	ReasonErased         Reason = "erased"
	ReasonErasurePending Reason = "erasure_pending"
	ReasonDoNotTrack     Reason = "do_not_track"
	ReasonNotReadable    Reason = "not_readable"
	ReasonNoEmail        Reason = "no_email"
	ReasonContactCreated Reason = "contact_created"
	ReasonContactUpdated Reason = "contact_updated"
	ReasonRuleOff        Reason = "rule_off"
	ReasonInStep         Reason = "in_step"
	ReasonInputsChanged  Reason = "inputs_changed"
	ReasonFieldsMissing  Reason = "fields_missing"
	ReasonStale          Reason = "values_stale"
	ReasonResync         Reason = "resync_requested"
	ReasonIDsEdited      Reason = "ids_edited"
	ReasonIDsGiven       Reason = "ids_given"
	ReasonHalfPair       Reason = "half_pair"
	ReasonUnknownPair    Reason = "unknown_pair"
	ReasonRemoved        Reason = "participant_removed" // by Advocate's staff
	ReasonNothingHeard   Reason = "nothing_heard"
	ReasonDeleted        Reason = "contact_deleted"
	ReasonGuarded        Reason = "deletions_guarded" // one of too many within an hour
	ReasonRejected       Reason = "deletion_rejected" // a person wants the participant to stay
	ReasonErasureDenied  Reason = "erasure_rejected"  // gone without a trace, but a person denies that it was a privacy deletion
	ReasonShared         Reason = "participant_shared"
	ReasonEmailShared    Reason = "email_shared" // another live contact has the participant's email
	ReasonMerged         Reason = "contact_merged"
	ReasonPrivacy        Reason = "privacy_deletion"
	ReasonStillShown     Reason = "contact_still_shown" // although HubSpot announced its privacy deletion
	ReasonRestored       Reason = "contact_restored"
	ReasonSuspended      Reason = "connection_held" // paused, or a vendor refuses its credentials
	ReasonDisconnected   Reason = "connection_gone"
)
