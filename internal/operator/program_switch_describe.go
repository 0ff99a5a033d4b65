package operator

import "advocatesync/internal/store"

var switchDescriptions = map[store.SwitchState]string{
	store.SwitchHolding:    "waiting for writes that are under way",
	store.SwitchArchiving:  "removing the properties",
	store.SwitchCreating:   "creating the properties that are missing",
	store.SwitchRestoring:  "creating again what was removed, for the former program",
	store.SwitchRefreshing: "giving the contacts the connected program's values",
	store.SwitchDone:       "done",
	store.SwitchRefused:    "refused: the former program stays connected",
}

// SwitchWords returns the state of a switch in words.
func SwitchWords(state store.SwitchState) string { return switchDescriptions[state] }

var outcomeDescriptions = map[store.PropertyOutcome]string{
	store.PropertyWaiting:  "not handled yet",
	store.PropertyKept:     "kept",
	store.PropertyInUse:    "kept, because HubSpot refuses to remove it",
	store.PropertyArchived: "removed for the moment",
	store.PropertyCreated:  "created again",
	store.PropertyRestored: "created again, for the former program",
	store.PropertyRefused:  "missing, because HubSpot refuses to create it; this is tried again",
}

// OutcomeWords returns the outcome for a property in words.
func OutcomeWords(outcome store.PropertyOutcome) string { return outcomeDescriptions[outcome] }

// SwitchAdvice says what an operator can do about a switch that was refused or
// waits for a person; empty if there is nothing to do.
func SwitchAdvice(sw store.ProgramSwitch) string {
	for _, p := range sw.Properties {
		switch p.Outcome {
		case store.PropertyInUse:
			return "Take the properties out of the forms, lists, emails and workflows in HubSpot that use them " +
				"(Settings, Properties, the property's \"used in\") and switch again; or switch with --in-place, " +
				"which keeps the properties and changes their values."
		case store.PropertyRefused:
			return "Correct in HubSpot what its message names, such as a limit on properties. " +
				"Contacts are not written to until the properties are there again."
		}
	}
	return ""
}
