package hubspot

import "advocatesync/internal/bridge"

// Group is a group of contact properties.
type Group struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

// OwnedGroup is the group that holds our properties.
func OwnedGroup() Group {
	return Group{Name: bridge.PropertyGroup, Label: "impact.com Advocate"}
}

// Owned is a property of ours as HubSpot has to be told of it.
func Owned(def bridge.PropertyDefinition) Property {
	field := "text"
	if def.Long {
		field = "textarea"
	}
	return Property{
		Name: def.Name, Label: def.Label, Description: def.Description, GroupName: bridge.PropertyGroup,
		Type: "string", FieldType: field, FormField: def.FormField,
	}
}
