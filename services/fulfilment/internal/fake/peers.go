package fake

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb/eventpbtest"
	"habeas.internal/services/internal/seal"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Peers are identity, consent and retention as one value. They answer a command
// id that they know with the first answer, as the services do.
type Peers struct {
	identityv1.SubjectServiceClient
	identityv1.TenantServiceClient
	identityv1.VerificationServiceClient
	identityv1.CheckServiceClient
	identityv1.KeyServiceClient
	identityv1.SuppressionServiceClient
	identityv1.StaffServiceClient
	identityv1.SettingsServiceClient
	consentv1.ConsentServiceClient
	consentv1.DisclosureServiceClient
	consentv1.PolicyServiceClient
	retentionv1.RetentionServiceClient

	Clock *Clock
	Keys  *eventpbtest.Keys
	// Known maps an e-mail address to its subject.
	Known map[string]string
	// Phone is a telephone number of Jane's; none if empty.
	Phone string
	// Keep names categories that must be kept.
	Keep map[string]bool
	// Document is the policy's, as YAML.
	Document string
	// Given is what is in the register of disclosures.
	Given []*consentv1.Disclosure
	// Code is the right one, Level what it reaches.
	Code  string
	Level uint32
	// Safeguards are the tenant's.
	Safeguards *identityv1.Safeguards
	// Provider is where its people sign in, Assurance what it asks for.
	Provider  *identityv1.IdentityProvider
	Assurance *identityv1.Assurance
	// Refuses is what identity says to a proof, if anything.
	Refuses error

	mu         sync.Mutex
	Held       bool
	NotDue     bool   // retention takes back what it announced
	Method     string // of proofs; a code if empty
	TakenBack  bool   // what was proven counts no more
	Young      bool   // no other code would prove more
	Asked      []*identityv1.StartVerificationRequest
	Away       map[string]bool // by method: the service does not answer
	Calls      []string        // "Method arg", in order
	forgotten  map[string]bool
	verified   map[string]*identityv1.GetVerificationResponse
	attempts   uint32
	permits    map[string]*retentionv1.RequestPermitResponse
	open       map[string]time.Time // permit → its end
	Suppressed []string
	Facts      []consentv1.Fact
	Destroyed  []string
	// Remembered is until when "system.column=value" is suppressed.
	Remembered map[string]time.Time
	Ended      []string // classes of keys
	// Refusals are what the person has refused, Kept how many of them are kept, by value.
	Refusals []*identityv1.KeptRefusal
	Kept     map[string]int
	// Approval is the tenant's setting.
	Approval bool
	// Needs are what staff may see: the subject, by "actor case".
	Needs map[string]string
	// Unfenced says that nobody is kept from being separated during a search.
	Unfenced bool
	// Unknown is a reference that nobody has.
	Unknown string
	// Merged are the references that were merged into one.
	Merged   map[string][]string
	searched time.Time // until when somebody looks for the person
}

// Separate undoes a merge: an address is a person's of its own. It reports whether
// that could be, now.
func (p *Peers) Separate(address, ref string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Unfenced && p.Clock.Now().Before(p.searched) {
		return false
	}
	p.Known[address] = ref
	for root, others := range p.Merged {
		p.Merged[root] = slices.DeleteFunc(slices.Clone(others), func(o string) bool { return o == ref })
	}
	return true
}

// NewPeers makes peers at which nothing is known.
func NewPeers(c *Clock, keys *eventpbtest.Keys) *Peers {
	return &Peers{
		Clock: c, Keys: keys, Known: map[string]string{}, Keep: map[string]bool{}, Away: map[string]bool{}, Code: "12345678", Level: 3,
		forgotten: map[string]bool{}, verified: map[string]*identityv1.GetVerificationResponse{},
		Remembered: map[string]time.Time{}, Kept: map[string]int{}, Needs: map[string]string{},
		permits: map[string]*retentionv1.RequestPermitResponse{}, open: map[string]time.Time{},
	}
}

// Refuse is an answer with a code and a reason.
func Refuse(code codes.Code, reason string) error {
	s, err := status.New(code, "refused").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "habeas"})
	if err != nil {
		return err
	}
	return s.Err()
}

func (p *Peers) enter(method, arg string) (leave func(), err error) {
	p.mu.Lock()
	p.Calls = append(p.Calls, method+" "+arg)
	if p.Away[method] {
		p.mu.Unlock()
		return nil, status.Error(codes.Unavailable, "away")
	}
	return p.mu.Unlock, nil
}

// Seen are the calls so far.
func (p *Peers) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.Calls)
}

// Set changes the peers while they are in use.
func (p *Peers) Set(change func(p *Peers)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func id(parts ...string) string { return es.DeriveID("fake", parts[0], fmt.Sprint(parts)) }

// ResolveSubject finds who is known by an e-mail address.
func (p *Peers) ResolveSubject(_ context.Context, r *identityv1.ResolveSubjectRequest, _ ...grpc.CallOption) (*identityv1.ResolveSubjectResponse, error) {
	leave, err := p.enter("ResolveSubject", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	ref, ok := p.Known[r.GetIdentifier().GetValue()]
	if !ok || p.forgotten[ref] {
		return nil, Refuse(codes.NotFound, "SUBJECT_NOT_FOUND")
	}
	return &identityv1.ResolveSubjectResponse{SubjectRef: ref}, nil
}

// RecordTouch is told what is about to be done. Nobody here is merged.
func (p *Peers) RecordTouch(_ context.Context, r *identityv1.RecordTouchRequest, _ ...grpc.CallOption) (*identityv1.RecordTouchResponse, error) {
	leave, err := p.enter("RecordTouch", r.GetKind().String())
	if err != nil {
		return nil, err
	}
	defer leave()
	return &identityv1.RecordTouchResponse{}, nil
}

// FixIdentifiers is told that an erasure looks for the person.
func (p *Peers) FixIdentifiers(_ context.Context, r *identityv1.FixIdentifiersRequest, _ ...grpc.CallOption) (*identityv1.FixIdentifiersResponse, error) {
	what := "fix"
	switch {
	case r.GetRelease():
		what = "release"
	case r.GetSearch() != nil:
		what = "search"
	}
	leave, err := p.enter("FixIdentifiers", what)
	if err != nil {
		return nil, err
	}
	defer leave()
	if r.GetSearch() != nil {
		p.searched = p.Clock.Now().Add(r.GetSearch().AsDuration())
	}
	return &identityv1.FixIdentifiersResponse{}, nil
}

// ListIdentifiers returns a subject's address.
func (p *Peers) ListIdentifiers(_ context.Context, r *identityv1.ListIdentifiersRequest, _ ...grpc.CallOption) (*identityv1.ListIdentifiersResponse, error) {
	leave, err := p.enter("ListIdentifiers", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	out, who := &identityv1.ListIdentifiersResponse{}, r.GetSubjectRef()
	for root, others := range p.Merged {
		if slices.Contains(others, who) {
			who = root
			break
		}
	}
	for _, address := range slices.Sorted(maps.Keys(p.Known)) {
		if ref := p.Known[address]; ref == who && !p.forgotten[ref] {
			out.Identifiers = append(out.Identifiers, &identityv1.Identifier{
				Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL, Value: address,
			})
		}
	}
	if len(out.GetIdentifiers()) == 0 {
		return nil, Refuse(codes.NotFound, "SUBJECT_NOT_FOUND")
	}
	if p.Phone != "" {
		out.Identifiers = append(out.Identifiers, &identityv1.Identifier{Kind: identityv1.IdentifierKind_IDENTIFIER_KIND_PHONE, Value: p.Phone})
	}
	return out, nil
}

// ForgetSubject forgets.
func (p *Peers) ForgetSubject(_ context.Context, r *identityv1.ForgetSubjectRequest, _ ...grpc.CallOption) (*identityv1.ForgetSubjectResponse, error) {
	leave, err := p.enter("ForgetSubject", r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	defer leave()
	p.forgotten[r.GetSubjectRef()] = true
	return &identityv1.ForgetSubjectResponse{KeysDestroyed: 1, ResidueEndsAt: timestamppb.New(p.Clock.Now().AddDate(0, 0, 8))}, nil
}

// GetTenant describes the tenant.
func (p *Peers) GetTenant(context.Context, *identityv1.GetTenantRequest, ...grpc.CallOption) (*identityv1.GetTenantResponse, error) {
	leave, err := p.enter("GetTenant", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	return &identityv1.GetTenantResponse{Tenant: "acme", DisplayName: Organisation, TimeZone: "America/New_York", Calendar: "us", Safeguards: p.Safeguards, Provider: p.Provider, Assurance: p.Assurance}, nil
}

// Organisation is what the tenant is called.
const Organisation = "Acme Stores"

// StartVerification sends a code to whoever is known.
func (p *Peers) StartVerification(_ context.Context, r *identityv1.StartVerificationRequest, _ ...grpc.CallOption) (*identityv1.StartVerificationResponse, error) {
	leave, err := p.enter("StartVerification", r.GetSubjectRef())
	if err != nil {
		return nil, err
	}
	defer leave()
	v := id("verification", r.GetRequestId())
	p.Asked = append(p.Asked, r)
	if p.verified[v] == nil {
		p.verified[v] = &identityv1.GetVerificationResponse{
			State: identityv1.VerificationState_VERIFICATION_STATE_OPEN, Request: r.GetRequest(), SubjectRef: r.GetSubjectRef(),
			ExpiresAt: timestamppb.New(p.Clock.Now().Add(15 * time.Minute)),
		}
	}
	return &identityv1.StartVerificationResponse{Verification: v, ExpiresAt: p.verified[v].GetExpiresAt()}, nil
}

// CheckCode takes an attempt.
func (p *Peers) CheckCode(_ context.Context, r *identityv1.CheckCodeRequest, _ ...grpc.CallOption) (*identityv1.CheckCodeResponse, error) {
	leave, err := p.enter("CheckCode", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	if p.Refuses != nil {
		return nil, p.Refuses
	}
	v := p.verified[r.GetVerification()]
	if v == nil {
		return nil, Refuse(codes.NotFound, "VERIFICATION_NOT_FOUND")
	}
	if v.GetState() == identityv1.VerificationState_VERIFICATION_STATE_OPEN {
		if p.attempts++; (r.GetCode() == p.Code || r.GetIdToken() == p.Code) && v.GetSubjectRef() != "" {
			v.State, v.AssuranceLevel = identityv1.VerificationState_VERIFICATION_STATE_PASSED, p.Level
		} else if p.attempts >= 5 {
			v.State = identityv1.VerificationState_VERIFICATION_STATE_FAILED
		}
	}
	return &identityv1.CheckCodeResponse{State: v.GetState(), AttemptsLeft: 5 - p.attempts, AssuranceLevel: v.GetAssuranceLevel()}, nil
}

// GetVerification says how far a verification got.
func (p *Peers) GetVerification(_ context.Context, r *identityv1.GetVerificationRequest, _ ...grpc.CallOption) (*identityv1.GetVerificationResponse, error) {
	leave, err := p.enter("GetVerification", "")
	if err != nil {
		return nil, err
	}
	defer leave()
	v := p.verified[r.GetVerification()]
	if v == nil {
		return nil, Refuse(codes.NotFound, "VERIFICATION_NOT_FOUND")
	}
	out := &identityv1.GetVerificationResponse{
		State: v.GetState(), Request: v.GetRequest(), SubjectRef: v.GetSubjectRef(), AssuranceLevel: v.GetAssuranceLevel(),
		ExpiresAt: v.GetExpiresAt(), Method: cmp.Or(p.Method, "code"), CheckedBy: v.GetCheckedBy(),
	}
	if !p.Young {
		out.BetterFrom = timestamppb.New(p.Clock.Now())
	}
	if p.TakenBack && v.GetState() == identityv1.VerificationState_VERIFICATION_STATE_PASSED {
		out.State = identityv1.VerificationState_VERIFICATION_STATE_FAILED
	}
	if v.GetState() == identityv1.VerificationState_VERIFICATION_STATE_OPEN {
		out.Nonce = "nonce-" + r.GetVerification()
	}
	return out, nil
}

// DestroyKeys ends keys.
func (p *Peers) DestroyKeys(_ context.Context, r *identityv1.DestroyKeysRequest, _ ...grpc.CallOption) (*identityv1.DestroyKeysResponse, error) {
	leave, err := p.enter("DestroyKeys", r.GetReason())
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, k := range r.GetKeys() {
		holder, err := seal.ParseHolder(k.GetHolder())
		if err != nil {
			return nil, err
		}
		p.Keys.Destroy(seal.KeyID{Tenant: Tenant, Holder: holder, Class: k.GetClass()})
		p.Destroyed = append(p.Destroyed, r.GetReason())
		p.Ended = append(p.Ended, k.GetClass().String())
	}
	return &identityv1.DestroyKeysResponse{ResidueEndsAt: timestamppb.New(p.Clock.Now().AddDate(0, 0, 8))}, nil
}

// Suppress remembers values.
func (p *Peers) Suppress(_ context.Context, r *identityv1.SuppressRequest, _ ...grpc.CallOption) (*identityv1.SuppressResponse, error) {
	leave, err := p.enter("Suppress", r.GetErasureRef())
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, v := range r.GetValues() {
		p.Suppressed = append(p.Suppressed, v.GetSystem()+"."+v.GetColumn())
		p.Remembered[v.GetSystem()+"."+v.GetColumn()+"="+v.GetValue()] = r.GetUntil().AsTime()
	}
	return &identityv1.SuppressResponse{}, nil
}

// RecordCheck takes what a member of staff has done: a confirmation reaches the
// level that the peers are set to.
func (p *Peers) RecordCheck(_ context.Context, r *identityv1.RecordCheckRequest, _ ...grpc.CallOption) (*identityv1.RecordCheckResponse, error) {
	leave, err := p.enter("RecordCheck", r.GetPurpose())
	if err != nil {
		return nil, err
	}
	defer leave()
	v := p.verified[r.GetVerification()]
	if v == nil {
		return nil, Refuse(codes.NotFound, "VERIFICATION_NOT_FOUND")
	}
	switch r.GetCheck().GetResult() {
	case identityv1.CheckResult_CHECK_RESULT_BEGUN:
		v.ExpiresAt = timestamppb.New(p.Clock.Now().Add(14 * 24 * time.Hour))
		return &identityv1.RecordCheckResponse{State: v.GetState()}, nil
	case identityv1.CheckResult_CHECK_RESULT_CONFIRMED:
		v.State, v.AssuranceLevel, v.CheckedBy = identityv1.VerificationState_VERIFICATION_STATE_PASSED, p.Level, r.GetBy()
	case identityv1.CheckResult_CHECK_RESULT_NOT_CONFIRMED, identityv1.CheckResult_CHECK_RESULT_UNSPECIFIED:
		v.State, v.CheckedBy = identityv1.VerificationState_VERIFICATION_STATE_FAILED, r.GetBy()
	}
	return &identityv1.RecordCheckResponse{State: v.GetState(), AssuranceLevel: v.GetAssuranceLevel()}, nil
}
