package rows

import (
	"context"
	"errors"
	"fmt"
)

// Clear removes every row whose subject matches a filter, bytes included, and
// counts them. Run it again until it counts none.
func Clear(ctx context.Context, store Store, filter string) (removed uint32, err error) {
	for row, err := range store.List(ctx, filter, 0) {
		if err != nil {
			return removed, fmt.Errorf("list rows: %w", err)
		}
		err = store.Delete(ctx, row.Subject, row.Rev)
		if err != nil && !errors.Is(err, ErrConflict) {
			return removed, fmt.Errorf("remove row: %w", err)
		}
		removed++
	}
	return removed, nil
}

// Count counts the rows whose subjects match a filter.
func Count(ctx context.Context, store Store, filter string) (n uint32, err error) {
	seen := map[string]bool{} // a row may come twice
	for row, err := range store.List(ctx, filter, 0) {
		if err != nil {
			return 0, fmt.Errorf("list rows: %w", err)
		}
		seen[row.Subject] = true
	}
	return uint32(len(seen)), nil
}
