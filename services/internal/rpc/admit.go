package rpc

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/paymentcard"
	"habeas.internal/services/internal/rpc/auth"
)

const (
	// shave is kept back from a caller's deadline, so that this side, which
	// knows why, reports that time ran out; at most a fifth of what is left.
	shave = 20 * time.Millisecond
	// leastTime is what must be left to begin at all. It is short, because an
	// answer from memory takes a fraction of it and its callers are impatient.
	leastTime = 10 * time.Millisecond
	// stepUpAge is how long a step-up counts.
	stepUpAge = 10 * time.Minute
	// clockSkew is how far ahead an identity provider's clock may be.
	clockSkew = 30 * time.Second
)

// admit takes a call through the steps before its request is read. The cancel
// function is never nil.
func (s *Server) admit(c *call) (context.CancelFunc, error) {
	if c.method.open {
		return func() {}, nil
	}
	cancel, err := c.bound()
	if err != nil {
		return cancel, err
	}
	if err := s.authenticate(c); err != nil {
		return cancel, err
	}
	if err := s.authorise(c); err != nil {
		return cancel, err
	}
	if err := s.count(c); err != nil {
		return cancel, err
	}
	if s.cfg.Limit != nil {
		if err := s.cfg.Limit(c, c.method.name); err != nil {
			return cancel, err
		}
	}
	return cancel, c.permit()
}

// bound gives the call the deadline that it may use.
func (c *call) bound() (context.CancelFunc, error) {
	var cancel context.CancelFunc
	if !c.method.capped {
		c.Context, cancel = context.WithCancel(c.Context)
		return cancel, nil
	}
	end, ok := c.Deadline()
	left := end.Sub(c.began)
	switch {
	case !ok:
		return func() {}, errDeadlineRequired
	case left < leastTime:
		return func() {}, errDeadlineTooNear
	}
	left = min(left-min(shave, left/5), c.method.limits.Deadline)
	c.Context, cancel = context.WithDeadline(c.Context, c.began.Add(left))
	return cancel, nil
}

// authenticate finds out who calls, from the certificate, the token, or both.
func (s *Server) authenticate(c *call) error {
	service := peerService(c)
	token, err := bearer(c)
	if err != nil {
		return err
	}
	if token != "" {
		if c.principal, err = s.cfg.Tokens.Verify(c, token); err != nil {
			return err
		}
		if !holdsCertificate(c, c.principal.Certificate) {
			return errTokenBound
		}
	}
	if service != "" {
		return c.authenticateService(service)
	}
	switch stated, err := single(c, MetadataTenant); {
	case token == "":
		return errNoCredentials
	case stated != "" || err != nil:
		return errTenantForbidden
	default:
		return nil
	}
}

// authenticateService adds the calling service to the principal. With a token
// it calls for a person, in the token's tenant; alone it must say for whom.
func (c *call) authenticateService(service string) error {
	if !c.method.callers[service] {
		return errServiceForbidden
	}
	stated, err := single(c, MetadataTenant)
	switch {
	case err != nil:
		return errTenantInvalid
	case c.principal.Tenant != "" && stated != "" && stated != c.principal.Tenant:
		return errTenantForbidden
	case c.principal.Tenant == "" && stated == "":
		return errTenantRequired
	case stated != "" && !auth.ValidTenant(stated):
		return errTenantInvalid
	}
	if c.principal.Tenant == "" {
		c.principal.Tenant = stated
	}
	c.principal.Service = service
	c.principal.Roles |= auth.RolesOf(optionsv1.Role_ROLE_SERVICE)
	return nil
}

// authorise applies the method's access rule.
func (s *Server) authorise(c *call) error {
	rule := c.method.access
	if !c.principal.Roles.Intersects(c.method.roles) {
		return errRoleRequired
	}
	if rule.GetStepUp() && !c.onlyThemselves() && !fresh(c.principal.StepUpAt, s.cfg.Now()) {
		return errStepUpRequired
	}
	if !rule.GetPurposeRequired() {
		return nil
	}
	purpose, err := single(c, MetadataPurpose)
	switch {
	case err != nil || purpose != "" && !validPurpose(purpose):
		return errPurposeInvalid
	case purpose == "":
		return errPurposeRequired
	}
	c.purpose = purpose
	return nil
}

// NeedStepUp refuses a person who has not proven themselves anew a moment ago: for
// methods that need it of some calls only. A service that calls for nobody has
// nothing but its certificate to prove itself by.
func NeedStepUp(ctx context.Context) error {
	c := callFrom(ctx)
	if c == nil || c.principal.Subject != "" && !fresh(c.principal.StepUpAt, c.server.cfg.Now()) {
		return errStepUpRequired
	}
	return nil
}

func fresh(at, now time.Time) bool {
	age := now.Sub(at)
	return !at.IsZero() && age <= stepUpAge && age >= -clockSkew
}

// validPurpose accepts dotted names, as policies have them; purposes are
// recorded, so that a card's number is none.
func validPurpose(p string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789_-."
	return len(p) <= 128 && strings.Trim(p, letters) == "" && !paymentcard.Within(p)
}

// peerService returns the service at the other end of the connection, or "".
func peerService(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(peerInfo); ok {
			return info.service
		}
	}
	return ""
}

// bearer returns the call's token, or "" if it has none.
func bearer(ctx context.Context) (string, error) {
	value, err := single(ctx, "authorization")
	if err != nil || value == "" {
		return "", err
	}
	const scheme = "bearer "
	if len(value) <= len(scheme) || !strings.EqualFold(value[:len(scheme)], scheme) {
		return "", errBadCredentials
	}
	return value[len(scheme):], nil
}

// single returns the one value of a metadata key, or "" if it is not there.
// Several values are refused, because nobody could say which one counts.
func single(ctx context.Context, key string) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, key)
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	default:
		return "", errBadCredentials
	}
}
