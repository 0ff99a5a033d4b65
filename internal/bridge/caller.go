package bridge

// Role says what a caller of the admin API may do. Viewer sees nothing personal;
// operator runs the sync; privacy reveals, exports and erases people; admin does
// all of that, and manages connections, tokens and keys. Operator and privacy
// are apart on purpose: neither includes the other.
type Role string

// The roles, from the one that may do least.
const (
	RoleViewer   Role = "viewer"
	RoleOperator Role = "operator"
	RolePrivacy  Role = "privacy"
	RoleAdmin    Role = "admin"
)

// Roles lists all roles.
func Roles() []Role { return []Role{RoleViewer, RoleOperator, RolePrivacy, RoleAdmin} }

// Valid reports whether there is such a role.
func (r Role) Valid() bool {
	switch r {
	case RoleViewer, RoleOperator, RolePrivacy, RoleAdmin:
		return true
	default:
		return false
	}
}

// Allows reports whether a caller with this role may do what needs another one.
func (r Role) Allows(needed Role) bool {
	return r.Valid() && needed.Valid() && (r == needed || r == RoleAdmin || needed == RoleViewer)
}

// CallerKind says how a caller proved who they are.
type CallerKind string

const (
	CallerToken     CallerKind = "token"     // with a named token
	CallerBootstrap CallerKind = "bootstrap" // with ADMIN_TOKEN, while there is no admin's token
	CallerPerson    CallerKind = "person"    // at an identity provider, for the console alone
	CallerLocal     CallerKind = "local"     // as a user of the machine that holds the database's credentials
)

// Caller is who asks for something.
type Caller struct {
	Kind    CallerKind
	Name    string // the token's, the identity provider's, or the operating system's; for CallerBootstrap "ADMIN_TOKEN"
	TokenID string // with CallerToken alone
	Role    Role
}
