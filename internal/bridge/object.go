package bridge

import "time"

// ObjectType is a kind of HubSpot record.
type ObjectType string

// The record types whose events we handle.
const (
	ObjectContact ObjectType = "contact"
	ObjectDeal    ObjectType = "deal"
	ObjectCompany ObjectType = "company"
)

// ObjectTypes lists them.
func ObjectTypes() []ObjectType { return []ObjectType{ObjectContact, ObjectDeal, ObjectCompany} }

// Object is a HubSpot record of any type as it is now. Properties that were
// asked for and are empty are absent.
type Object struct {
	Type       ObjectType
	ID         string // decimal, longer than 32 bits
	Properties Properties
	CreatedAt  time.Time
}
