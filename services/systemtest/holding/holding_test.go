// Package holding_test tells the story of data that lies behind a product team's
// service: shown and erased by requests, through all services.
package holding_test

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/proto/holder"
	"habeas.internal/proto/holder/crm"
	"habeas.internal/services/internal/sqltest"
	"habeas.internal/services/internal/testwait"
	"habeas.internal/services/systemtest/stack"
)

const (
	tenant = "caseworks"
	janes  = "jane@people.example"
	johns  = "john@people.example"
)

const described = `dataset:
- fides_key: crm
  collections:
  - name: contact
    fields:
    - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
    - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
    - {name: name, data_categories: [user.name]}
  - name: note
    fields:
    - {name: contact_id, data_categories: [system.operations], fides_meta: {references: [{dataset: crm, field: contact.id, direction: from}]}}
    - {name: text, data_categories: [user.content]}
`

const held = `
CREATE TABLE contact (id TEXT NOT NULL PRIMARY KEY, email TEXT, name TEXT, since DATETIME NOT NULL);
CREATE TABLE note (id TEXT NOT NULL PRIMARY KEY, contact_id TEXT NOT NULL REFERENCES contact(id), text TEXT, tag TEXT, since DATETIME NOT NULL);
INSERT INTO contact VALUES ('c1', '` + janes + `', 'Jane Secret', '2024-02-01 10:00:00'), ('c2', '` + johns + `', 'John Public', '2024-02-02 10:00:00');
INSERT INTO note VALUES ('n1', 'c1', 'likes secrets', NULL, '2024-03-01 10:00:00'), ('n2', 'c2', 'likes nothing', NULL, '2024-05-01 10:00:00');
`

// shaky is the team's service with a fault: it fails so many deletions, in the middle
// of a transaction.
type shaky struct {
	crm.CRM
	faults *atomic.Int32
}

func (s shaky) InTransaction(ctx context.Context, work func(holder.Rows) error) error {
	return s.CRM.InTransaction(ctx, func(r holder.Rows) error { return work(faulty{r, s.faults}) })
}

type faulty struct {
	rows   holder.Rows
	faults *atomic.Int32
}

func (f faulty) Of(ctx context.Context, p holder.Person, collection, after string) iter.Seq2[holder.Row, error] {
	return f.rows.Of(ctx, p, collection, after)
}

func (f faulty) Delete(ctx context.Context, collection, key string) error {
	if collection == "contact" && f.faults.Add(-1) >= 0 {
		return errors.New("planted-secret: out of disk")
	}
	return f.rows.Delete(ctx, collection, key)
}

func (f faulty) Clear(ctx context.Context, collection, key string, fields []string) error {
	return f.rows.Clear(ctx, collection, key, fields)
}

// newWorld runs an installation with the team's service in it.
func newWorld(t *testing.T) (*stack.Stack, *sqltest.Database, *atomic.Int32) {
	t.Helper()
	s := stack.New(t)
	store := sqltest.SQLite(t, held)
	db, err := sql.Open("sqlite", store.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	faults := new(atomic.Int32)
	s.Holder(tenant, "crm", shaky{crm.CRM{DB: db}, faults})
	s.Start()
	s.Tenant(tenant)
	s.Employ(tenant, "case.identity", "access.art15")
	s.Publish(tenant, tenant, time.Now().Add(-time.Hour))
	for _, address := range []string{janes, johns} {
		s.Register(tenant, address)
	}
	s.System(tenant, "crm", fulfilmentv1.ConnectorKind_CONNECTOR_KIND_GRPC, []byte(described))
	testwait.For(t, 30*time.Second, func() error {
		_, err := s.As(tenant, "dpo").Retention.GetSchedule(stack.Deadline(t), &retentionv1.GetScheduleRequest{Policy: tenant})
		return err
	})
	return s, store, faults
}

func TestDataBehindAServiceIsShownAndErased(t *testing.T) {
	s, store, faults := newWorld(t)
	access := s.Ask(tenant, fulfilmentv1.Right_RIGHT_ACCESS, tenant, janes)
	s.Until(tenant, access, "ready to be read", func(r *fulfilmentv1.Request) bool {
		return r.GetState() == fulfilmentv1.RequestState_REQUEST_STATE_CLOSED
	})
	shown := ""
	for _, text := range s.PackageByCase(tenant, access) {
		shown += text
	}
	for _, want := range []string{"Jane Secret", "likes secrets", janes} {
		if !strings.Contains(shown, want) {
			t.Errorf("the package lacks %q", want)
		}
	}
	if strings.Contains(shown, "John Public") || strings.Contains(shown, "likes nothing") {
		t.Error("the package shows somebody else's data")
	}

	faults.Store(1)
	done := s.Closed(tenant, s.Ask(tenant, fulfilmentv1.Right_RIGHT_ERASURE, tenant, janes))
	for _, l := range done.GetLeaves() {
		if l.GetOutcome() != fulfilmentv1.LeafOutcome_LEAF_OUTCOME_ERASED {
			t.Errorf("%s %s %s ended as %v", l.GetSystem(), l.GetCollection(), l.GetCategory(), l.GetOutcome())
		}
	}
	if len(done.GetLeaves()) != 3 || done.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE {
		t.Errorf("%d leaves, %v", len(done.GetLeaves()), done.GetOutcome())
	}
	if left := faults.Load(); left >= 1 {
		t.Error("the fault was never met")
	}
	if found := store.Find(t, janes, "Jane Secret", "likes secrets"); len(found) != 0 {
		t.Errorf("found in %v", found)
	}
	if got := store.Rows(t, "SELECT c.name, n.text FROM contact c JOIN note n ON n.contact_id = c.id"); len(got) != 1 || !strings.Contains(got[0], "John Public") {
		t.Errorf("others' rows: %q", got)
	}
	if strings.Contains(s.Logs.String(), "planted-secret") {
		t.Error("a log holds a text of the team's")
	}
}
