package identityd_test

import (
	"context"
	"crypto/tls"
	"slices"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/rpctest"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// actor is who the tokens of these tests speak of; another one says what they
// may see.
const actor = "actor-1"

func in(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(d)) }

func (d *running) officer(t *testing.T, tenant string) identityv1.StaffServiceClient {
	t.Helper()
	return identityv1.NewStaffServiceClient(d.somebody(t, tenant, "officer-1", "dpo").conn)
}

// somebody is a person with another name than usual.
func (d *running) somebody(t *testing.T, tenant, name string, roles ...string) *api {
	t.Helper()
	claims := rpctest.With(rpctest.With(rpctest.Claims(time.Now(), roles...), "tenant", tenant), "sub", name)
	return d.dial(t, &tls.Config{}, grpc.WithPerRPCCredentials(bearer(d.world.issuer.Sign(claims))))
}

// employ lets the usual person see personal data for the usual purpose.
func (d *running) employ(t *testing.T, tenant string) {
	t.Helper()
	c := d.officer(t, tenant)
	must(c.RecordUndertaking(deadline(t), binds(actor, in(time.Hour))))(t)
	must(c.GrantNeed(deadline(t), needs(actor, &identityv1.Need{Purpose: "case-handling", Until: in(time.Hour)})))(t)
}

func binds(who string, until *timestamppb.Timestamp) *identityv1.RecordUndertakingRequest {
	return &identityv1.RecordUndertakingRequest{RequestId: newRequestID(), Staff: who, Until: until, Evidence: "contract-1"}
}

func needs(who string, n *identityv1.Need) *identityv1.GrantNeedRequest {
	return &identityv1.GrantNeedRequest{RequestId: newRequestID(), Staff: who, Need: n}
}

func staffMethods() []method {
	on := func(c *api) identityv1.StaffServiceClient { return identityv1.NewStaffServiceClient(c.conn) }
	bind := func(who string, until *timestamppb.Timestamp) call {
		return func(ctx context.Context, c *api) error {
			_, err := on(c).RecordUndertaking(ctx, binds(who, until))
			return err
		}
	}
	grant := func(who string, n *identityv1.Need) call {
		return func(ctx context.Context, c *api) error { _, err := on(c).GrantNeed(ctx, needs(who, n)); return err }
	}
	const other = "somebody-else"
	purpose := &identityv1.Need{Purpose: "case-handling", Until: in(time.Hour)}
	return []method{
		{
			name: identityv1.StaffService_RecordUndertaking_FullMethodName, role: "dpo", wrong: "verifier", good: bind(other, in(time.Hour)),
			bad: []malformed{{"staff", bind("jane@example.com", in(time.Hour))}, {"until", bind(other, nil)}},
		},
		{
			name: identityv1.StaffService_EndUndertaking_FullMethodName, role: "dpo", wrong: "verifier",
			good: func(ctx context.Context, c *api) error {
				_, err := on(c).EndUndertaking(ctx, &identityv1.EndUndertakingRequest{RequestId: newRequestID(), Staff: other})
				return err
			},
		},
		{
			name: identityv1.StaffService_GrantNeed_FullMethodName, role: "dpo", wrong: "verifier", good: grant(other, purpose),
			bad: []malformed{{"staff", grant("", purpose)}, {"need", grant(other, nil)}, {"need.purpose", grant(other, &identityv1.Need{Purpose: "A b"})}},
		},
		{
			name: identityv1.StaffService_EndNeed_FullMethodName, role: "dpo", wrong: "verifier",
			good: func(ctx context.Context, c *api) error {
				_, err := on(c).EndNeed(ctx, &identityv1.EndNeedRequest{RequestId: newRequestID(), Staff: other, Need: purpose})
				return err
			},
		},
		{
			name: identityv1.StaffService_GetStaff_FullMethodName, role: "auditor", wrong: "verifier",
			good: func(ctx context.Context, c *api) error {
				_, err := on(c).GetStaff(ctx, &identityv1.GetStaffRequest{Staff: other})
				return err
			},
		},
		{
			name: identityv1.StaffService_CheckStaff_FullMethodName, wrong: "dpo",
			good: func(ctx context.Context, c *api) error {
				_, err := on(c).CheckStaff(ctx, &identityv1.CheckStaffRequest{Actor: request})
				return err
			},
		},
	}
}

// TestARoleAloneShowsNothing: an undertaking and a need are asked for, too, both
// of them now, and nobody gives them to themselves.
func TestARoleAloneShowsNothing(t *testing.T) {
	w, d := found(t)
	jane, john := d.register(t, email("jane@example.com")), d.register(t, email("john@example.com"))
	officer, vera := d.officer(t, tenant), d.somebody(t, tenant, "vera", "verifier")
	look := func(ref, of string) error {
		ctx := withPurpose(deadline(t))
		if of != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, rpc.MetadataCase, of)
		}
		_, err := vera.ListIdentifiers(ctx, &identityv1.ListIdentifiersRequest{SubjectRef: ref})
		return err
	}
	expect(t, look(jane, ""), codes.PermissionDenied, "UNDERTAKING_REQUIRED")
	must(officer.RecordUndertaking(deadline(t), binds("vera", in(time.Hour))))(t)
	expect(t, look(jane, ""), codes.PermissionDenied, "NEED_REQUIRED")
	must(officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{CaseId: request, SubjectRef: jane, Until: in(time.Hour)})))(t)
	expect(t, look(jane, ""), codes.PermissionDenied, "NEED_REQUIRED")
	if err := look(jane, request); err != nil {
		t.Errorf("with the case: %v", err)
	}
	expect(t, look(john, request), codes.PermissionDenied, "OUTSIDE_NEED")
	if shown := w.history(t, "subject", tenant, john); slices.Contains(shown, "subject.identifiers_read") {
		t.Error("his identifiers were shown to nobody, and his history says that they were")
	}
	must(officer.EndNeed(deadline(t), &identityv1.EndNeedRequest{RequestId: newRequestID(), Staff: "vera", Need: &identityv1.Need{CaseId: request}}))(t)
	expect(t, look(jane, request), codes.PermissionDenied, "NEED_REQUIRED")
	must(officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{Purpose: "case-handling", Until: in(time.Hour)})))(t)
	if err := look(john, ""); err != nil {
		t.Errorf("with the purpose: %v", err)
	}
	must(officer.EndUndertaking(deadline(t), &identityv1.EndUndertakingRequest{RequestId: newRequestID(), Staff: "vera"}))(t)
	expect(t, look(john, ""), codes.PermissionDenied, "UNDERTAKING_REQUIRED")

	_, err := officer.RecordUndertaking(deadline(t), binds("officer-1", in(time.Hour)))
	expect(t, err, codes.PermissionDenied, "STAFF_SELF")
	_, err = officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{Until: in(time.Hour)}))
	expect(t, err, codes.InvalidArgument, "NEED_INVALID")
	_, err = officer.RecordUndertaking(deadline(t), binds("vera", in(-time.Hour)))
	expect(t, err, codes.InvalidArgument, "UNTIL_INVALID")
	got := must(officer.GetStaff(deadline(t), &identityv1.GetStaffRequest{Staff: "vera"}))(t)
	if got.GetActor() != rpc.ActorID(tenant, "vera") || got.GetBoundUntil() != nil || len(got.GetNeeds()) != 1 {
		t.Errorf("shown %v", got)
	}
	check := identityv1.NewStaffServiceClient(d.service(t, "fulfilment", tenant).conn)
	may := must(check.CheckStaff(deadline(t), &identityv1.CheckStaffRequest{Actor: rpc.ActorID(tenant, actor), Purpose: "case-handling"}))(t)
	if may.GetRefusal() != "" || len(may.GetSubjectRefs()) != 0 {
		t.Errorf("another service is told %v", may)
	}
}

// TestWhoEndsWhatIsNotThereLearnsIt: a misspelt name or purpose leaves somebody's
// rights as they are. A repeated command gets the first answer.
func TestWhoEndsWhatIsNotThereLearnsIt(t *testing.T) {
	_, d := found(t)
	officer := d.officer(t, tenant)
	must(officer.RecordUndertaking(deadline(t), binds("vera", in(time.Hour))))(t)
	must(officer.GrantNeed(deadline(t), needs("vera", &identityv1.Need{Purpose: "case-handling", Until: in(time.Hour)})))(t)
	need := func(staff, purpose string) func(id string) (bool, error) {
		return func(id string) (bool, error) {
			got, err := officer.EndNeed(deadline(t), &identityv1.EndNeedRequest{RequestId: id, Staff: staff, Need: &identityv1.Need{Purpose: purpose}})
			return got.GetEnded(), err
		}
	}
	bound := func(staff string) func(id string) (bool, error) {
		return func(id string) (bool, error) {
			got, err := officer.EndUndertaking(deadline(t), &identityv1.EndUndertakingRequest{RequestId: id, Staff: staff})
			return got.GetEnded(), err
		}
	}
	for _, tc := range []struct {
		name  string
		end   func(id string) (bool, error)
		there bool
	}{
		{"a need of a misspelt purpose", need("vera", "case-handlin"), false},
		{"a need of somebody misspelt", need("verra", "case-handling"), false},
		{"a need", need("vera", "case-handling"), true},
		{"an undertaking of somebody misspelt", bound("verra"), false},
		{"an undertaking", bound("vera"), true},
	} {
		id := newRequestID()
		for _, call := range []struct {
			id   string
			want bool
		}{{id, tc.there}, {id, tc.there}, {newRequestID(), false}} {
			if ended, err := tc.end(call.id); err != nil || ended != call.want {
				t.Errorf("%s: ended %t, want %t: %v", tc.name, ended, call.want, err)
			}
		}
	}
}
