package sqlsystem

import (
	"context"
	"database/sql"

	"habeas.internal/services/fulfilment/internal/connector"
)

// moved refuses to change a table that holds more of the person than was found
// when the orders were made, less what earlier chunks have deleted of it. Its rows
// are locked by then, as far as they are changed.
func (e *erasure) moved(ctx context.Context, tx *sql.Tx, t *task) error {
	if len(t.ordered) == 0 {
		return nil
	}
	now, err := e.locate(ctx, tx, e.plan, t.table, e.person)
	if err != nil {
		return err
	}
	for _, o := range e.orders {
		if o.Erase && o.Collection == t.name && (o.Exceeds(now) || now.Rows+t.deleted > o.Rows) {
			return failed("erase in "+t.name, connector.ErrMoved, "")
		}
	}
	return nil
}
