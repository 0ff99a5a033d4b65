package outbound

// What the tests of addresses look at.
var (
	IsPublic = isPublic
	PublicBy = publicBy
)
