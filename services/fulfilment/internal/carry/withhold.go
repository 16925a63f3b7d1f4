package carry

import (
	"slices"

	"habeas.internal/services/fulfilment/internal/connector"
)

// without leaves out of what a system gives what was rejected: the columns of the
// category, and what has none if nothing of the collection is left.
func without(withheld []connector.Part, kept map[string][]string, yield func(connector.Row) error) func(connector.Row) error {
	if len(withheld) == 0 {
		return yield
	}
	return func(r connector.Row) error {
		if !slices.ContainsFunc(withheld, func(p connector.Part) bool { return p.Collection == r.Collection }) {
			return yield(r)
		}
		if len(kept[r.Collection]) == 0 {
			return nil
		}
		r.Columns = slices.DeleteFunc(slices.Clone(r.Columns), func(c connector.Column) bool {
			return slices.Contains(withheld, connector.Part{Collection: r.Collection, Category: c.Category})
		})
		return yield(r)
	}
}
