package fulfilmentd_test

import (
	"fmt"
	"strings"
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// TestASlipOfThePenErasesNothingAndIsMendedByANewVersion: the invoices' category
// is misspelt, and no rule finds what it has to keep.
func TestASlipOfThePenErasesNothingAndIsMendedByANewVersion(t *testing.T) {
	w := newWorld(t)
	w.peers.Document = "categories: [{id: user.financial}]\nretention: [{rule: tax, category: user.financial}]\n"
	r, _ := w.start(t)
	c := w.client(t, r, "dpo", "intake", "agent")
	shop := &fulfilmentv1.System{
		System: "shop", Connector: fulfilmentv1.ConnectorKind_CONNECTOR_KIND_SQLITE, Connection: "shop-db", Region: "us",
		BackupDays: 30, Owner: "shop-team", Dataset: []byte(strings.Replace(shopDataset, "user.financial", "user.finacial", 1)),
	}
	notThere := proto.CloneOf(shop)
	notThere.Dataset = []byte(strings.Replace(shopDataset, "name: amount", "name: sum", 1))
	_, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key1[:35] + "8", System: notThere})
	if about := fmt.Sprint(status.Convert(err).Details()); status.Code(err) != codes.FailedPrecondition || !strings.Contains(about, "DATASET_MISMATCH") ||
		!strings.Contains(about, "system.dataset.invoice.sum") {
		t.Errorf("a column that is not there: %v %s", err, about)
	}
	got, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key1, System: shop})
	const remark = "invoice.amount: CATEGORY_UNKNOWN: user.finacial; nearest: user.financial"
	if err != nil || len(got.GetRemarks()) == 0 || !strings.HasPrefix(got.GetRemarks()[0], remark) {
		t.Fatalf("register: %v, error %v", got, err)
	}
	shown, err := c.GetSystem(deadline(t), &fulfilmentv1.GetSystemRequest{System: "shop"})
	if err != nil || len(shown.GetRemarks()) == 0 || !strings.HasPrefix(shown.GetRemarks()[0], remark) {
		t.Errorf("shown: %v, error %v", shown.GetRemarks(), err)
	}
	id := ask(t, w, c, fulfilmentv1.Right_RIGHT_ERASURE)
	testwait.For(t, patience, func() error {
		x, err := c.ExplainRequest(deadline(t), &fulfilmentv1.ExplainRequestRequest{Request: id})
		if err == nil && x.GetReason() != "CATEGORY_UNKNOWN" {
			return errNotExplained
		}
		if err == nil && (x.GetNextActor() != "system_owner" || x.GetOwner() != "shop-team" || x.GetSystem() != "shop" || x.GetCategory() != "user.finacial") {
			t.Errorf("%s of %s has to act, for %s in %s", x.GetNextActor(), x.GetOwner(), x.GetCategory(), x.GetSystem())
		}
		return err
	})
	if n := w.count(t, `SELECT count(*) FROM customer c JOIN invoice i ON i.customer_id = c.id WHERE c.email = '`+fake.Jane+`' AND i.amount = '12.50'`); n != 1 {
		t.Errorf("%d rows are as they were, want 1", n)
	}
	shop.Dataset = []byte(shopDataset)
	if _, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key1[:35] + "7", System: shop}); err != nil {
		t.Fatal(err)
	}
	if last := watch(t, c, id); last.GetOutcome() != fulfilmentv1.Outcome_OUTCOME_COMPLETE_WITH_RETAINED {
		t.Errorf("ended as %v", last)
	}
	if n := w.count(t, `SELECT count(*) FROM invoice WHERE amount = '12.50'`); n != 1 {
		t.Error("the invoice is gone")
	}
}
