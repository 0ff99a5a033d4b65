package store

// Tokens lets the tests of the budget's rules run on a clock of their own.
type Tokens = tokens

// MatchRows is how many rows a page to be matched has.
const MatchRows = matchRows

var (
	Decide       = BudgetOptions.decide
	WithDefaults = BudgetOptions.withDefaults
)

// What becomes of a connection's tables when it ends.
var (
	ForgottenWith = forgottenWith
	KeptAfter     = keptAfter
)

// SealedColumns are what Reseal knows, as table.column.
func SealedColumns() map[string]bool {
	known := map[string]bool{}
	for _, c := range sealedColumns {
		known[c.table+"."+c.column] = true
	}
	return known
}
