package rpc

import (
	"context"
	"errors"
	"strings"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/identity/internal/ages"
	"habeas.internal/services/identity/internal/refusals"
	"habeas.internal/services/identity/internal/registry"
	"habeas.internal/services/identity/internal/tenants"
	"habeas.internal/services/identity/subject"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/suppression"
)

// Subjects implements SubjectService.
type Subjects struct {
	identityv1.UnimplementedSubjectServiceServer
	Registry    *registry.Registry
	Directory   *tenants.Directory
	Ages        ages.Desk
	Suppression *suppression.Set
	Refusals    refusals.Desk
	Refused     Refused
	Now         func() time.Time
}

// RegisterSubject makes a subject.
func (s *Subjects) RegisterSubject(ctx context.Context, r *identityv1.RegisterSubjectRequest) (*identityv1.RegisterSubjectResponse, error) {
	values, err := s.normalAll(ctx, "identifiers", r.GetIdentifiers())
	if err != nil {
		return nil, err
	}
	for _, v := range values {
		if (v.Analytics || subject.Analytics(v.Kind)) && len(values) > 1 {
			return nil, subject.ErrMixed
		}
	}
	with, err := s.admit(ctx, r) // first: a refusal leaves nothing at all
	if err != nil {
		s.Refused.note(ctx, tenantOf(ctx), err)
		return nil, err
	}
	erased, err := s.erasedBefore(ctx, values...)
	if err != nil {
		return nil, err
	}
	if with.Before, err = s.Refusals.Of(ctx, tenantOf(ctx), r.GetRequestId(), values...); err != nil {
		return nil, err
	}
	cmd, err := command[subject.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	ref, res, err := s.Registry.Register(ctx, tenantOf(ctx), cmd, values, with)
	if err != nil {
		if with.Age != nil && ref != "" {
			err = errors.Join(err, s.Ages.TakeBack(ctx, tenantOf(ctx), ref))
		}
		return nil, err
	}
	return &identityv1.RegisterSubjectResponse{
		SubjectRef: ref, ConsistencyToken: res.Token().Encode(), ErasedBefore: erased,
	}, nil
}

// admit refuses whom a policy does not serve at their age, where that is said.
func (s *Subjects) admit(ctx context.Context, r *identityv1.RegisterSubjectRequest) (registry.With, error) {
	out := registry.With{Policy: r.GetPolicy()}
	if r.GetBirthDate() == "" {
		if r.GetMandate() != nil || r.GetParentalConsent() != nil {
			return out, fault.FieldErrors{{Field: "birth_date", Rule: "REQUIRED", Text: "is needed where somebody acts or agrees for the person"}}
		}
		return out, nil
	}
	var err error
	out.Age, err = s.Ages.Admit(ctx, tenantOf(ctx), ages.Known{
		Birth: r.GetBirthDate(), Policy: r.GetPolicy(), Mandate: mandateOf(r.GetMandate()), Parental: parental(r.GetParentalConsent()),
	})
	return out, err
}

// System and column prefix under which Habeas's own identifiers stand in the
// suppression set.
const (
	ownSystem = "habeas"
	ownColumn = "identifier."
)

// erasedBefore only reports: who registers again of their own will is welcome,
// and who was restored by mistake can be found by it.
func (s *Subjects) erasedBefore(ctx context.Context, values ...registry.Value) (bool, error) {
	for _, v := range values {
		_, found, err := s.Suppression.Contains(ctx, suppression.Entry{
			Tenant: tenantOf(ctx), System: ownSystem, Column: ownColumn + v.Kind, Value: v.Text,
		})
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}

// LinkIdentifier gives a subject one more identifier.
func (s *Subjects) LinkIdentifier(ctx context.Context, r *identityv1.LinkIdentifierRequest) (*identityv1.LinkIdentifierResponse, error) {
	v, err := s.normal(ctx, "identifier", r.GetIdentifier())
	if err != nil {
		return nil, err
	}
	erased, err := s.erasedBefore(ctx, v)
	if err != nil {
		return nil, err
	}
	cmd, err := command[subject.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	before, err := s.Refusals.Of(ctx, tenantOf(ctx), r.GetRequestId(), v)
	if err != nil {
		return nil, err
	}
	res, err := s.Registry.Link(ctx, tenantOf(ctx), r.GetSubjectRef(), cmd, v, before)
	if err != nil {
		return nil, err
	}
	return &identityv1.LinkIdentifierResponse{ConsistencyToken: res.Token().Encode(), ErasedBefore: erased}, nil
}

// UnlinkIdentifier takes an identifier from a subject.
func (s *Subjects) UnlinkIdentifier(ctx context.Context, r *identityv1.UnlinkIdentifierRequest) (*identityv1.UnlinkIdentifierResponse, error) {
	v, err := s.normal(ctx, "identifier", r.GetIdentifier())
	if err != nil {
		return nil, err
	}
	cmd, err := command[subject.Command](s.Now(), r.GetRequestId(), r)
	if err != nil {
		return nil, err
	}
	res, err := s.Registry.Unlink(ctx, tenantOf(ctx), r.GetSubjectRef(), cmd, v)
	if err != nil {
		return nil, err
	}
	return &identityv1.UnlinkIdentifierResponse{ConsistencyToken: res.Token().Encode()}, nil
}

// ResolveSubject finds who holds an identifier.
func (s *Subjects) ResolveSubject(ctx context.Context, r *identityv1.ResolveSubjectRequest) (*identityv1.ResolveSubjectResponse, error) {
	v, err := s.normal(ctx, "identifier", r.GetIdentifier())
	if err != nil {
		return nil, err
	}
	ref, err := s.Registry.Resolve(ctx, tenantOf(ctx), v)
	if err != nil {
		return nil, err
	}
	return &identityv1.ResolveSubjectResponse{SubjectRef: ref}, nil
}

// GetSubject says where a subject stands.
func (s *Subjects) GetSubject(ctx context.Context, r *identityv1.GetSubjectRequest) (*identityv1.GetSubjectResponse, error) {
	if _, err := es.ParseToken(r.GetConsistencyToken()); err != nil {
		return nil, err
	}
	who, err := s.Registry.Load(ctx, tenantOf(ctx), r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	out := &identityv1.GetSubjectResponse{
		State: identityv1.SubjectState_SUBJECT_STATE_ACTIVE, RegisteredAt: stamp(who.RegisteredAt),
	}
	if who.Phase != subject.Active {
		out.State = identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN
	}
	for _, i := range who.Held {
		out.Kinds = append(out.Kinds, kindFrom(i.Kind))
	}
	out.MergingInto = who.Into.Subject
	if who.Into.Done {
		out.MergedInto, out.MergingInto = who.Into.Subject, ""
	}
	for _, m := range who.Standing() {
		out.MergedRefs = append(out.MergedRefs, m.Other)
	}
	return out, nil
}

// purposeShow is the purpose of the leases under which values are shown: whatever
// the caller states is in the read log, and is no name for a lease.
const purposeShow = "show"

// ListIdentifiers records the read, then opens what is held.
func (s *Subjects) ListIdentifiers(ctx context.Context, r *identityv1.ListIdentifiersRequest) (*identityv1.ListIdentifiersResponse, error) {
	caller, tenant := kit.PrincipalFrom(ctx), tenantOf(ctx)
	if err := s.mayShow(ctx, tenant, r.GetSubjectRef()); err != nil {
		return nil, err
	}
	held, err := s.Registry.Record(ctx, tenant, r.GetSubjectRef(), subject.Read{
		Purpose: kit.PurposeFrom(ctx), Service: caller.Service, Caller: caller.Subject, Roles: roles(caller),
	})
	if err != nil {
		return nil, err
	}
	out := &identityv1.ListIdentifiersResponse{}
	for _, i := range held {
		v, err := s.Registry.Open(ctx, purposeShow, tenant, i.Ref, i.Identifier)
		if errors.Is(err, seal.ErrErased) {
			return nil, subject.ErrForgotten
		}
		if err != nil {
			return nil, err
		}
		out.Identifiers = append(out.Identifiers, &identityv1.Identifier{Kind: kindFrom(v.Kind), Value: v.Text})
	}
	kit.SawMerged(ctx, r.GetSubjectRef(), owners(held)...)
	return out, nil
}

// mayShow refuses to show a person's identifiers before that is recorded with the
// person: what they are told was read was to be shown. Nobody is shown of whom
// nothing is held any more.
func (s *Subjects) mayShow(ctx context.Context, tenant, ref string) error {
	root, who, err := s.Registry.Root(ctx, tenant, ref)
	if err != nil || who.Phase != subject.Active {
		return err
	}
	held, err := s.Registry.Everything(ctx, tenant, root, who)
	if err != nil {
		return err
	}
	kit.SawMerged(ctx, ref, owners(held)...)
	return kit.Show(ctx)
}

// owners are the references that hold identifiers.
func owners(held []registry.Held) []string {
	refs := make([]string, 0, len(held))
	for _, h := range held {
		refs = append(refs, h.Ref)
	}
	return refs
}

// roles are those of a caller, by their words.
func roles(p kit.Principal) []string {
	var out []string
	for n := range len(optionsv1.Role_name) {
		role := optionsv1.Role(n)
		if p.Roles.Has(role) {
			out = append(out, strings.ToLower(strings.TrimPrefix(role.String(), "ROLE_")))
		}
	}
	return out
}

// ForgetSubject ends a subject.
func (s *Subjects) ForgetSubject(ctx context.Context, r *identityv1.ForgetSubjectRequest) (*identityv1.ForgetSubjectResponse, error) {
	end, res, err := s.Registry.Forget(ctx, tenantOf(ctx), r.GetSubjectRef(), r.GetRequestId(), r.GetRequest())
	if err != nil {
		return nil, err
	}
	return &identityv1.ForgetSubjectResponse{
		KeysDestroyed: end.KeysDestroyed, ResidueEndsAt: stamp(end.ResidueEndsAt), ConsistencyToken: res.Token().Encode(),
	}, nil
}

// FixIdentifiers keeps what a person is known by as it is during an erasure.
func (s *Subjects) FixIdentifiers(ctx context.Context, r *identityv1.FixIdentifiersRequest) (*identityv1.FixIdentifiersResponse, error) {
	if r.GetSearch() != nil {
		_, _, err := s.Registry.Search(ctx, tenantOf(ctx), r.GetSubjectRef(), r.GetRequest(), s.Now(), r.GetSearch().AsDuration())
		if err != nil {
			return nil, err
		}
		return &identityv1.FixIdentifiersResponse{}, nil
	}
	change := s.Registry.Fix
	if r.GetRelease() {
		change = s.Registry.Release
	}
	if err := change(ctx, tenantOf(ctx), r.GetSubjectRef(), r.GetRequestId(), r.GetRequest(), s.Now()); err != nil {
		return nil, err
	}
	return &identityv1.FixIdentifiersResponse{}, nil
}

// RecordTouch lists what is about to be done to a merged person.
func (s *Subjects) RecordTouch(ctx context.Context, r *identityv1.RecordTouchRequest) (*identityv1.RecordTouchResponse, error) {
	tenant := tenantOf(ctx)
	root, who, err := s.Registry.Root(ctx, tenant, r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	err = s.Registry.Touch(ctx, tenant, root, subject.Touch{Kind: touchOf(r.GetKind()), Reference: r.GetReference(), At: s.Now()})
	if err != nil {
		return nil, err
	}
	return &identityv1.RecordTouchResponse{Merged: len(who.Standing()) > 0}, nil
}
