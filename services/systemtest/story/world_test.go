package story_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"
)

// tenant owns both systems; it has published policy.
const (
	tenant = "shop"
	policy = "caseworks"
)

// world is an installation whose tenant sells music and rents films.
type world struct {
	*stack.Stack
	chinook, sakila *sqltest.Database
}

// newWorld starts databases and services. Amounts and their dates are kept for
// ten years.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Stack: stack.New(t), chinook: sqltest.Chinook(t), sakila: sqltest.Sakila(t)}
	w.Connections[tenant+"/chinook"] = w.chinook.DSN
	w.Connections[tenant+"/sakila"] = w.sakila.DSN
	w.Start()
	w.settle(t)
	return w
}

// settle makes the tenant, its policy, its schedule and its systems.
func (w *world) settle(t *testing.T) {
	t.Helper()
	w.Tenant(tenant)
	w.PublishDocument(tenant, policyWithAmounts(t), time.Now().Add(-24*time.Hour))
	dpo := w.As(tenant, "dpo").Retention
	testwait.For(t, 30*time.Second, func() error {
		res, err := dpo.GetSchedule(stack.Deadline(t), &retentionv1.GetScheduleRequest{Policy: policy})
		if err == nil && !slices.ContainsFunc(res.GetRules(), func(r *retentionv1.Rule) bool { return r.GetCategory() == amounts }) {
			err = errors.New("no rule about amounts")
		}
		return err
	})
	w.System(tenant, "chinook", fulfilmentv1.ConnectorKind_CONNECTOR_KIND_POSTGRESQL, dataset(t, "chinook"))
	w.System(tenant, "sakila", fulfilmentv1.ConnectorKind_CONNECTOR_KIND_MYSQL, dataset(t, "sakila"),
		"actor.first_name", "actor.last_name", "store.address_id")
}

// amounts is the category that tax law keeps.
const amounts = "user.financial"

// policyWithAmounts is the published policy, with a category more and how long
// it is kept.
func policyWithAmounts(t *testing.T) []byte {
	t.Helper()
	text, err := fs.ReadFile(policydoc.Published(), policy+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Replace(string(text), "categories:\n", `categories:
  - id: user.financial
    title: What was paid, and when
    sources: [online]
    personal: true
    collected_for: [billing.charge, legal.retention]
    ends: {after: account_closed, period: P40Y, house: true}
    clause: CW-01
`, 1)
	out = strings.Replace(out, "\nretention:", `
retention:
  - rule: amounts
    category: user.financial
    period: P40Y
    ground: legal_obligation.tax
    authority: 26 CFR 1.6001-1
#`, 1)
	return []byte(out)
}

// dataset reads the description of a sample database.
func dataset(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "fulfilment", "internal", "sqlsystem", "testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
