package identityd_test

import (
	"context"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// ApplyRefusals notes of whom what is told.
func (c *consent) ApplyRefusals(_ context.Context, r *consentv1.ApplyRefusalsRequest) (*consentv1.ApplyRefusalsResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.here(); err != nil {
		return nil, err
	}
	if c.refusals == nil {
		c.refusals = map[string]string{}
	}
	for _, k := range r.GetRefusals() {
		c.refusals[r.GetSubjectRef()] += k.GetPolicy() + "/" + k.GetPurpose() + "/" + k.GetRefusedOn() + " "
	}
	return &consentv1.ApplyRefusalsResponse{}, nil
}

func (c *consent) told(ref string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusals[ref]
}

func TestWhoComesBackByAnIdentifierHasRefusedWhatWasRefusedByIt(t *testing.T) {
	w, d := found(t)
	fulfilment, product := d.service(t, "fulfilment", tenant), d.as(t, tenant, "product")
	keep := func(until time.Time, refusals []*identityv1.KeptRefusal, ids ...*identityv1.Identifier) {
		t.Helper()
		must(fulfilment.KeepRefusals(deadline(t), &identityv1.KeepRefusalsRequest{Identifiers: ids, Refusals: refusals, Until: timestamppb.New(until)}))(t)
	}
	register := func(requestID string, id *identityv1.Identifier) (string, error) {
		t.Helper()
		res, err := product.RegisterSubject(deadline(t), &identityv1.RegisterSubjectRequest{RequestId: requestID, Identifiers: []*identityv1.Identifier{id}})
		return res.GetSubjectRef(), err
	}
	mail := []*identityv1.KeptRefusal{{Policy: "qcera", Purpose: "mail.periodic", Channel: "email", RefusedOn: "2026-01-02"}}
	later, phone := time.Now().Add(time.Hour), &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, Value: "+4915112345678"}
	keep(later, mail, email("Jane@Example.com"), phone)
	keep(later, mail, email("linked@example.com"))
	keep(later, mail, email("imported@example.com"))
	keep(later, mail, email("agreed@example.com"))
	keep(later, nil, email("agreed@example.com"))
	keep(time.Now().Add(-time.Hour), mail, email("ended@example.com"))
	const want = "qcera/mail.periodic/2026-01-02 "
	w.peer.leave(true)
	jane := newRequestID()
	_, err := register(jane, email("jane@example.com"))
	expect(t, err, codes.Unavailable, "CONSENT_UNAVAILABLE")
	w.peer.leave(false)
	ref, err := register(jane, email("jane@example.com"))
	if err != nil || w.peer.told(ref) != want {
		t.Errorf("by the address: told %q, %v", w.peer.told(ref), err)
	}
	for _, tc := range []struct {
		name string
		id   *identityv1.Identifier
		want string
	}{
		{"by a number, to which no mail goes", phone, ""},
		{"by an address of which all was taken back", email("agreed@example.com"), ""},
		{"by an address after its time", email("ended@example.com"), ""},
		{"by another address", email("joan@example.com"), ""},
	} {
		ref, err := register(newRequestID(), tc.id)
		if err != nil || w.peer.told(ref) != tc.want {
			t.Errorf("%s: told %q, %v; want %q", tc.name, w.peer.told(ref), err, tc.want)
		}
	}
	ref, err = register(newRequestID(), email("other@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	must(product.LinkIdentifier(deadline(t), &identityv1.LinkIdentifierRequest{RequestId: newRequestID(), SubjectRef: ref, Identifier: email("linked@example.com")}))(t)
	if w.peer.told(ref) != want {
		t.Errorf("linked: told %q", w.peer.told(ref))
	}
	enrolled := must(d.service(t, "consent", tenant).EnrolSubjects(deadline(t), &identityv1.EnrolSubjectsRequest{
		Cause: request, Identifiers: []*identityv1.Identifier{email("imported@example.com")},
	}))(t).GetSubjects()
	if ref := enrolled[0].GetSubjectRef(); ref == "" || w.peer.told(ref) != want {
		t.Errorf("imported: %v, told %q", enrolled, w.peer.told(ref))
	}
	_, err = product.KeepRefusals(deadline(t), &identityv1.KeepRefusalsRequest{Identifiers: []*identityv1.Identifier{email("x@example.com")}, Until: timestamppb.New(later)})
	expect(t, err, codes.PermissionDenied, "ROLE_REQUIRED")
}
