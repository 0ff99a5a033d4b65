package hubspottest

// kind is an object type. All share one machinery; what differs is here and in
// the built-in properties.
type kind struct {
	typeID   string   // "0-1"
	plural   string   // "contacts"
	singular string   // "contact"
	modified string   // the property of the last change
	shown    []string // properties of a read that names none
	atLeast  []string // a create needs one of these
	builtin  func() []Property
}

var (
	contactKind = kind{
		typeID: "0-1", plural: "contacts", singular: "contact", modified: "lastmodifieddate",
		shown:   []string{"createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"},
		atLeast: []string{"email", "firstname", "lastname"},
		builtin: contactProperties,
	}
	companyKind = kind{
		typeID: "0-2", plural: "companies", singular: "company", modified: "hs_lastmodifieddate",
		shown:   []string{"createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"},
		atLeast: []string{"name", "domain"},
		builtin: companyProperties,
	}
	dealKind = kind{
		typeID: "0-3", plural: "deals", singular: "deal", modified: "hs_lastmodifieddate",
		shown:   []string{"amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"},
		builtin: dealProperties,
	}
	kinds = []*kind{&contactKind, &companyKind, &dealKind}
)

// kindNamed finds an object type by type id, plural or singular name.
func kindNamed(name string) (*kind, bool) {
	for _, k := range kinds {
		if name == k.typeID || name == k.plural || name == k.singular {
			return k, true
		}
	}
	return nil, false
}

func field(name, label, group, typ, fieldType string) Property {
	return Property{Name: name, Label: label, GroupName: group, Type: typ, FieldType: fieldType, FormField: true, builtin: true}
}

func readOnly(name, label, group, typ, fieldType string) Property {
	p := field(name, label, group, typ, fieldType)
	p.FormField, p.readOnly = false, true
	return p
}

func choice(name, label, group string, values ...string) Property {
	p := field(name, label, group, "enumeration", "select")
	for i, v := range values {
		p.Options = append(p.Options, PropertyOption{Label: v, Value: v, DisplayOrder: i})
	}
	return p
}

func contactProperties() []Property {
	const g = "contactinformation"
	email := field("email", "Email", g, "string", "text")
	email.HasUniqueValue = true
	out := []Property{
		email,
		readOnly("hs_additional_emails", "Additional email addresses", g, "enumeration", "checkbox"),
		choice("lifecyclestage", "Lifecycle Stage", g, "subscriber", "lead", "marketingqualifiedlead",
			"salesqualifiedlead", "opportunity", "customer", "evangelist", "other"),
		readOnly("hs_marketable_status", "Marketing contact status", g, "string", "text"),
		readOnly("hs_marketable_until_renewal", "Marketing contact until next update", g, "string", "text"),
		readOnly("hs_calculated_merged_vids", "Merged vids with timestamps", g, "enumeration", "checkbox"),
		readOnly("lastmodifieddate", "Last Modified Date", g, "datetime", "date"),
		field("hubspot_owner_id", "Contact owner", g, "string", "text"),
	}
	for _, p := range []struct{ name, label string }{
		{"firstname", "First Name"}, {"lastname", "Last Name"}, {"phone", "Phone Number"},
		{"mobilephone", "Mobile Phone Number"}, {"company", "Company Name"}, {"website", "Website URL"},
		{"jobtitle", "Job Title"}, {"address", "Street Address"}, {"city", "City"},
		{"state", "State/Region"}, {"zip", "Postal Code"}, {"country", "Country/Region"},
	} {
		out = append(out, field(p.name, p.label, g, "string", "text"))
	}
	return append(out, everywhere(g)...)
}

func companyProperties() []Property {
	const g = "companyinformation"
	out := []Property{
		field("name", "Company name", g, "string", "text"),
		field("domain", "Company Domain Name", g, "string", "text"),
		field("city", "City", g, "string", "text"),
		field("country", "Country/Region", g, "string", "text"),
		field("phone", "Phone Number", g, "string", "text"),
		field("industry", "Industry", g, "string", "text"),
		field("annualrevenue", "Annual Revenue", g, "number", "number"),
		field("numberofemployees", "Number of Employees", g, "number", "number"),
		choice("lifecyclestage", "Lifecycle Stage", g, "subscriber", "lead", "marketingqualifiedlead",
			"salesqualifiedlead", "opportunity", "customer", "evangelist", "other"),
		readOnly("hs_lastmodifieddate", "Last Modified Date", g, "datetime", "date"),
	}
	return append(out, everywhere(g)...)
}

func dealProperties() []Property {
	const g = "dealinformation"
	out := []Property{
		field("dealname", "Deal Name", g, "string", "text"),
		choice("dealstage", "Deal Stage", g, "appointmentscheduled", "qualifiedtobuy", "presentationscheduled",
			"decisionmakerboughtin", "contractsent", "closedwon", "closedlost"),
		choice("pipeline", "Pipeline", g, "default"),
		field("amount", "Amount", g, "number", "number"),
		field("closedate", "Close Date", g, "datetime", "date"),
		choice("deal_currency_code", "Currency", g, "USD", "EUR", "GBP", "CHF"),
		choice("dealtype", "Deal Type", g, "newbusiness", "existingbusiness"),
		field("hubspot_owner_id", "Deal owner", g, "string", "text"),
		readOnly("hs_lastmodifieddate", "Last Modified Date", g, "datetime", "date"),
	}
	return append(out, everywhere(g)...)
}

// everywhere are properties that every object type has.
func everywhere(group string) []Property {
	return []Property{
		readOnly("createdate", "Create Date", group, "datetime", "date"),
		readOnly("hs_object_id", "Record ID", group, "number", "number"),
		readOnly("hs_merged_object_ids", "Merged record IDs", group, "enumeration", "checkbox"),
		readOnly("hs_object_source", "Record source", group, "string", "text"),
		readOnly("hs_object_source_label", "Record source label", group, "string", "text"),
		readOnly("hs_object_source_id", "Record source ID", group, "string", "text"),
	}
}
