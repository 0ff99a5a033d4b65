package store

// Tokens lets the tests of the budget's rules run on a clock of their own.
type Tokens = tokens

var (
	Decide       = BudgetOptions.decide
	WithDefaults = BudgetOptions.withDefaults
)
