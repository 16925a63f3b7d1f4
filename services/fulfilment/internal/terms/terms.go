// Package terms pins what a request is answered by: the policy and its version,
// the rule packs, the calendar, the time zone, and so the day.
package terms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/law"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/policydoc"
	"habeas.internal/services/internal/rpc/client"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var (
	// ErrNoPolicy says that the tenant has no policy of that name in force, or
	// none at all.
	ErrNoPolicy = errors.New("no policy is in force")
	// ErrWhichPolicy says that the tenant has several and one must be named.
	ErrWhichPolicy = errors.New("tenant has several policies")
	// ErrNoTenant says that there is no such tenant.
	ErrNoTenant = errors.New("tenant does not exist")
	// ErrNoRight says that neither the policy nor any of its laws grants the right.
	ErrNoRight = errors.New("right is not granted")
	// ErrSettings says that the tenant's zone, calendar or policy can't be used
	// to count days.
	ErrSettings = errors.New("tenant's settings give no deadline")
)

// Pinner looks terms up. It is safe for concurrent use.
type Pinner struct {
	Tenants  identityv1.TenantServiceClient
	Policies consentv1.PolicyServiceClient
	// Packs count whatever a policy says.
	Packs []law.Pack
	// Known are all that there are: a policy names those that it is under besides.
	Known []law.Pack
}

// Asked is a request as its terms depend on it. Policy may be empty for the
// tenant's only one.
type Asked struct {
	Right      request.Right
	Policy     string
	Theirs     bool   // whoever asks has chosen the policy
	Channel    string // for age, the policy has a clock of its own
	Service    bool   // a service asks for itself, which no controller is asked about
	ReceivedAt time.Time
	ArrivedAt  string // the address or number of ours; empty if nobody knows
}

// Pin is the terms of a request.
func (p Pinner) Pin(ctx context.Context, tenant string, asked Asked) (request.Terms, error) {
	policy := asked.Policy
	ctx = client.WithTenant(ctx, tenant)
	t, err := p.Tenants.GetTenant(ctx, &identityv1.GetTenantRequest{})
	if status.Code(err) == codes.NotFound {
		return request.Terms{}, ErrNoTenant
	}
	if err != nil {
		return request.Terms{}, fmt.Errorf("get tenant: %w", err)
	}
	if policy == "" {
		if policy, err = p.only(ctx); err != nil {
			return request.Terms{}, err
		}
	}
	doc, err := p.Policies.GetPolicy(ctx, &consentv1.GetPolicyRequest{Policy: policy})
	if status.Code(err) == codes.NotFound || Reason(err) == "POLICY_NOT_IN_FORCE" {
		return request.Terms{}, ErrNoPolicy
	}
	if err != nil {
		return request.Terms{}, fmt.Errorf("get policy: %w", err)
	}
	return p.due(asked, t, doc)
}

// Unasked is the terms of an erasure that a policy itself demands: it is held for
// nobody to cancel.
func (p Pinner) Unasked(ctx context.Context, tenant, policy string, received time.Time) (request.Terms, error) {
	out, err := p.Pin(ctx, tenant, Asked{Right: request.Erasure, Policy: policy, Channel: request.ChannelRetention, Service: true, ReceivedAt: received})
	out.Delay = 0
	return out, err
}

// Reason is the reason that another service has given for an error.
func Reason(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// only is the one policy that the tenant has posted.
func (p Pinner) only(ctx context.Context) (string, error) {
	var names []string
	token := ""
	for {
		page, err := p.Policies.ListPolicies(ctx, &consentv1.ListPoliciesRequest{PageToken: token})
		if err != nil {
			return "", fmt.Errorf("list policies: %w", err)
		}
		for _, v := range page.GetVersions() {
			if v.GetPostedAt() != nil && !slices.Contains(names, v.GetPolicy()) {
				names = append(names, v.GetPolicy())
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	switch len(names) {
	case 0:
		return "", ErrNoPolicy
	case 1:
		return names[0], nil
	}
	return "", ErrWhichPolicy
}

func (p Pinner) due(from Asked, t *identityv1.GetTenantResponse, doc *consentv1.GetPolicyResponse) (request.Terms, error) {
	zone, err := time.LoadLocation(t.GetTimeZone())
	if err != nil || t.GetTimeZone() == "" { // empty would be taken for UTC
		return request.Terms{}, ErrSettings
	}
	code := t.GetCalendar()
	if code == "" {
		code = "none"
	}
	calendar, ok := law.CalendarOf(code)
	if !ok {
		return request.Terms{}, ErrSettings
	}
	policy, err := read(doc.GetDocument())
	if err != nil {
		return request.Terms{}, err
	}
	clocks, err := policy.promised(from.Channel)
	if err != nil {
		return request.Terms{}, err
	}
	elsewhere := missed(policy.Requests, from)
	packs := p.laws(policy.Rules)
	a, err := law.Due(law.Question{
		Right: lawful(from.Right), ReceivedAt: from.ReceivedAt, Elsewhere: elsewhere, Zone: zone, Calendar: calendar,
		Packs: packs, PolicyClocks: clocks,
	})
	if errors.Is(err, law.ErrNoClock) {
		return request.Terms{}, ErrNoRight
	}
	if err != nil {
		return request.Terms{}, ErrSettings
	}
	out := request.Terms{
		Policy: doc.GetPolicy(), PolicyVersion: doc.GetVersion(), Pack: a.Pack, Rule: a.Rule, Calendar: code,
		Zone: t.GetTimeZone(), DueAt: a.DueAt, AcknowledgeBy: a.AckBy,
		Level: request.NeededFor(request.DeedOf(from.Right), wished(from, doc.GetPolicy(), t)), Delay: t.GetSafeguards().GetDelay().AsDuration(),
		Elsewhere: elsewhere,
	}
	if from.Right == request.DisclosureList {
		year := from.ReceivedAt.In(zone).Year()
		out.Year = uint32(year - 1) //nolint:gosec // a year of the calendar
		out.AnswersUntil = time.Date(year+1, time.January, 1, 0, 0, 0, 0, zone).UTC()
	}
	for _, pack := range packs {
		out.Packs = append(out.Packs, request.Pinned{Pack: pack.Ref(), Hash: pack.Hash})
		if pack.Ref() == a.Pack {
			out.PackHash = pack.Hash
		}
	}
	if !from.Service {
		out.Instructing, err = policy.instructing(lawful(from.Right))
	}
	return out, err
}

// levels are those for access and erasure, of a tenant or of one of its policies.
type levels interface {
	GetAccess() uint32
	GetErasure() uint32
}

// wished is the level of assurance that a tenant asks for under a policy. An answer
// is about everything, whichever policy was named: so who asks gets by with no less
// than any policy wants by naming another.
func wished(from Asked, policy string, t *identityv1.GetTenantResponse) uint32 {
	of := func(l levels) uint32 {
		switch from.Right {
		case request.Erasure:
			return l.GetErasure()
		case request.Access, request.Accounting:
			return l.GetAccess()
		}
		return 0 // the tenant asks for nothing of its own
	}
	level, most := of(t.GetAssurance()), of(t.GetAssurance())
	for _, p := range t.GetAssurance().GetPolicies() {
		most = max(most, of(p))
		if p.GetPolicy() == policy && of(p) > 0 {
			level = of(p)
		}
	}
	if from.Theirs {
		return most
	}
	return level
}

// Offers are the proofs that a tenant can take beside codes and links.
func Offers(t *identityv1.GetTenantResponse) request.Offers {
	p := t.GetProvider()
	if p == nil {
		return request.Offers{}
	}
	best := request.LevelMatched
	for _, l := range p.GetLevels() {
		best = max(best, l.GetLevel())
	}
	return request.Offers{SignIn: best}
}

// lawful is a right as laws name it.
func lawful(r request.Right) law.Right {
	switch r {
	case request.Access:
		return law.Access
	case request.Erasure:
		return law.Erasure
	case request.DisclosureList:
		return law.DisclosureList
	case request.Accounting:
		return law.Accounting
	}
	return ""
}

// missed reports whether a request is known not to have arrived at an address that
// is designated for its right. Of what nobody knows the shorter time holds.
func missed(asked policydoc.Requests, from Asked) bool {
	at := strings.TrimSpace(from.ArrivedAt)
	for _, r := range asked.Rights {
		if law.Right(r.Right) != lawful(from.Right) || r.Designated == nil || at == "" {
			continue
		}
		d := r.Designated
		return !slices.ContainsFunc([]string{d.Mail, d.Post, d.Phone}, func(own string) bool { return own != "" && strings.EqualFold(own, at) })
	}
	return false
}
