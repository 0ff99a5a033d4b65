package store

// BudgetWindow lets the tests of the budget's rules run on a clock of their own.
type BudgetWindow = budgetWindow

// MatchRows is how many rows a page to be matched has.
const MatchRows = matchRows

var (
	Decide       = BudgetOptions.decide
	WithDefaults = BudgetOptions.withDefaults
)

// What becomes of a connection's tables when it ends.
var (
	DeletedTables  = deletedTables
	RetainedTables = retainedTables
)

// SealedColumns are what Reseal knows, as table.column.
func SealedColumns() map[string]bool {
	known := map[string]bool{}
	for _, c := range sealedColumns {
		known[c.table+"."+c.column] = true
	}
	return known
}

// HashedColumns are what a rotation of the pepper carries over, as table.column, and
// which of their rows; empty: all.
func HashedColumns() map[string]string {
	known := map[string]string{}
	for _, t := range hashedTables {
		for _, column := range t.columns {
			known[t.table+"."+column] = t.where
		}
	}
	return known
}
