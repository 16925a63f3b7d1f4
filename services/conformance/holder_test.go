package conformance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"

	"github.com/google/uuid"
)

// holder is a data system with one table: what it holds of a person by
// category, beside the address by which it knows them.
type holder struct {
	name       string
	db         *sqltest.Database
	address    string // category of the address
	categories []string
}

// variants is how many tenants of its own a row may have join a system.
const variants = 2

// newHolder makes a system of a row. The services can reach it from their start
// on, for the row's own tenants.
func newHolder(t testing.TB, s *stack.Stack, row, name, address string, categories ...string) *holder {
	t.Helper()
	h := &holder{name: name, address: address, categories: categories}
	var columns strings.Builder
	for _, c := range categories {
		fmt.Fprintf(&columns, ", %s TEXT", column(c))
	}
	h.db = sqltest.SQLite(t, "CREATE TABLE held (id INTEGER PRIMARY KEY, address TEXT"+columns.String()+")")
	for i := range variants {
		s.Connections[variantOf(row, i+1)+"/"+name] = h.db.DSN
	}
	return h
}

func column(category string) string { return "c_" + strings.ReplaceAll(category, ".", "_") }

// joins registers the system with a tenant.
func (h *holder) joins(w *world, tenant string) {
	w.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "dataset:\n  - fides_key: %s\n    collections:\n      - name: held\n        fields:\n", strings.ReplaceAll(h.name, "-", "_"))
	b.WriteString("          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}\n")
	fmt.Fprintf(&b, "          - {name: address, data_categories: [%s], fides_meta: {identity: email}}\n", h.address)
	for _, c := range h.categories {
		fmt.Fprintf(&b, "          - {name: %s, data_categories: [%s]}\n", column(c), c)
	}
	w.System(tenant, h.name, fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, []byte(b.String()))
}

// plant puts a row about somebody into the system, and returns its values by
// category. They are found nowhere else.
func (h *holder) plant(t testing.TB, address string) map[string]string {
	t.Helper()
	values, args, marks := map[string]string{}, []any{address}, "?"
	for _, c := range h.categories {
		values[c] = c + " of " + uuid.NewString()
		args, marks = append(args, values[c]), marks+", ?"
	}
	names := "address"
	for _, c := range h.categories {
		names += ", " + column(c)
	}
	h.db.Run(t, "INSERT INTO held ("+names+") VALUES ("+marks+")", args...)
	return values
}

// schedule waits until retention has taken the schedule of a tenant's policy.
func (w *world) schedule(tenant, policy string) {
	w.Helper()
	testwait.For(w, 30*time.Second, func() error {
		_, err := w.As(tenant, "dpo").Retention.GetSchedule(stack.Deadline(w), &retentionv1.GetScheduleRequest{Policy: policy})
		return err
	})
}
