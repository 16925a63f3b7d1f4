package rpc_test

import (
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/fake"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestAColumnThatLooksPersonalHoldsUpARegistrationUntilItIsWaived(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "dpo")
	m := systemOf("shop", goodDataset)
	m.Connection = "grown"
	_, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key1, System: m})
	if code, fields := status.Code(err), status.Convert(err).Details(); code != codes.FailedPrecondition || len(fields) == 0 {
		t.Errorf("neither described nor waived: %v %v", err, fields)
	}
	if _, err := c.GetSystem(deadline(t), &fulfilmentv1.GetSystemRequest{System: "shop"}); status.Code(err) != codes.NotFound {
		t.Errorf("it was registered: %v", err)
	}
	m.Waivers = []*fulfilmentv1.Waiver{{Path: "customer.phone", Reason: "our_own"}}
	if _, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key2, System: m}); err != nil {
		t.Fatalf("waived: %v", err)
	}
	got, err := c.GetSystem(deadline(t), &fulfilmentv1.GetSystemRequest{System: "shop"})
	if w := got.GetSystem().GetWaivers(); err != nil || len(w) != 1 || w[0].GetPath() != "customer.phone" || w[0].GetReason() != "our_own" {
		t.Errorf("shown: %v, %v", w, err)
	}
	for _, path := range []string{"", "phone", "customer.", ".phone", "customer.phone: x", "customer.a\nb"} {
		m.Waivers = []*fulfilmentv1.Waiver{{Path: path, Reason: "our_own"}}
		if _, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key3, System: m}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("a waiver of %q: %v", path, err)
		}
	}
}

func TestACheckSaysWhereADescriptionHoldsNoMore(t *testing.T) {
	s := serve(t)
	c := s.as(t, fake.Tenant, actor, "dpo")
	if _, err := c.CheckSystem(deadline(t), &fulfilmentv1.CheckSystemRequest{System: "shop"}); status.Code(err) != codes.NotFound {
		t.Errorf("a system that nobody knows: %v", err)
	}
	m := systemOf("shop", goodDataset)
	if _, err := c.RegisterSystem(deadline(t), &fulfilmentv1.RegisterSystemRequest{RequestId: key1, System: m}); err != nil {
		t.Fatal(err)
	}
	got, err := c.CheckSystem(deadline(t), &fulfilmentv1.CheckSystemRequest{System: "shop"})
	if err != nil || len(got.GetProblems()) != 0 || got.GetVersion() != 1 || len(got.GetRemarks()) == 0 {
		t.Errorf("one that holds: %v, %v", got, err)
	}
	s.grown.Store(true)
	got, err = c.CheckSystem(deadline(t), &fulfilmentv1.CheckSystemRequest{System: "shop"})
	if p := got.GetProblems(); err != nil || len(p) != 1 || p[0].GetPath() != "customer.phone" || p[0].GetReason() != "COLUMN_NOT_DESCRIBED" {
		t.Errorf("a column more: %v, %v", p, err)
	}
}
