package rpc_test

import (
	"testing"

	fulfilmentv1 "habeas.internal/proto/gen/habeas/fulfilment/v1"
	"habeas.internal/services/fulfilment/internal/carry"
	"habeas.internal/services/fulfilment/internal/fake"
	"habeas.internal/services/fulfilment/request"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
)

const (
	john    = "john@example.com"
	johnRef = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// couple has a package of Jane's, when John was taken for her.
func couple(t *testing.T) (*service, *api, string) {
	s := serve(t)
	s.AddSystem("shop")
	s.Peers.Known[john] = fake.JaneRef
	s.Peers.Merged = map[string][]string{fake.JaneRef: {johnRef}}
	c := s.as(t, fake.Tenant, actor, "intake", "agent")
	id := submit(t, c, key1, fulfilmentv1.Right_RIGHT_ACCESS)
	s.Settle()
	verify(t, c, id, key2, s.Peers.Code)
	s.Run(s.Clock.Now().Add(day))
	return s, c, id
}

func TestTheReadingOfAPackageIsOnRecordForAllWhoseDataItHolds(t *testing.T) {
	s, c, id := couple(t)
	if _, err := download(t, c, id); err != nil {
		t.Fatal(err)
	}
	all := s.reads.All()
	if diff := cmp.Diff([]string{fake.JaneRef, johnRef}, all[len(all)-1].Refs); diff != "" {
		t.Errorf("whose reading is on record (-want +got):\n%s", diff)
	}
}

func TestThePackageOfTwoWhoAreNoLongerOneIsGivenToNobody(t *testing.T) {
	s, c, id := couple(t)
	s.Peers.Set(func(p *fake.Peers) { p.Away["GetSubject"] = true })
	if _, err := download(t, c, id); err == nil {
		t.Error("given out while nobody knows whose data it holds")
	}
	s.Peers.Set(func(p *fake.Peers) { p.Away["GetSubject"] = false })
	if !s.Peers.Separate(john, johnRef) {
		t.Fatal("not separated")
	}
	before := len(s.reads.All())
	for range 2 {
		_, err := download(t, c, id)
		if code, reason, _ := answer(err); code != codes.FailedPrecondition || reason != "PACKAGE_NOT_AVAILABLE" {
			t.Errorf("%s %s", code, reason)
		}
		s.Settle()
	}
	if n := len(s.reads.All()) - before; n != 0 {
		t.Errorf("%d readings are on record of what nobody was shown", n)
	}
	if r := s.State(carry.RequestOf(fake.Tenant, id)); !r.Package.Expired || r.Package.Revoked != request.PackageSeparated {
		t.Errorf("the package has not ended: %+v", r.Package)
	}
}
