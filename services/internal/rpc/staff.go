package rpc

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc/auth"
	"habeas.internal/services/internal/rpc/fault"
)

// Look is one look at personal data by a person.
type Look struct {
	Tenant  string
	Actor   string // ActorID
	Purpose string // as stated; may be empty
	Case    string // as stated; may be empty
	// BreakGlass is the grant that they name to look outside the usual rule; may
	// be empty.
	BreakGlass string
	Method     string
}

// Permission is what a look may show.
type Permission struct {
	// Refusal is why it may show nothing: one of the reasons below. Empty when it
	// may.
	Refusal string
	// Subjects are the people whose data it may show; empty for everybody's.
	Subjects []string
	// Case is the one case that it may show, which the handler must have named
	// with OnCase; empty for any.
	Case string
	// BreakGlass is the grant that allows it outside the usual rule.
	BreakGlass string
	// Consent says that the people whose data it is must have agreed, too.
	Consent bool
}

// Staff knows which people may see personal data.
type Staff interface {
	// Check says whether a person may look. After an error nothing is shown.
	Check(ctx context.Context, l Look) (Permission, error)
	// Agreed returns why these people's data is not to be shown after all, or "":
	// ReasonConsent where one of them has not agreed to the look's purpose. It is
	// asked when a Permission says Consent, and its answers are not kept: who
	// withdraws is not shown any more. After an error nothing is shown.
	Agreed(ctx context.Context, l Look, refs []string) (refusal string, err error)
}

// Reasons for which staff see nothing.
const (
	ReasonNotBound = "UNDERTAKING_REQUIRED"
	ReasonNoNeed   = "NEED_REQUIRED"
	// ReasonGlass: the break-glass grant that was named is none, not open, not
	// the caller's, or for another case.
	ReasonGlass = "BREAK_GLASS_CLOSED"
	// ReasonConsent: under the tenant's policy staff see somebody's data with
	// their consent, or by break-glass, and neither is there.
	ReasonConsent = "CONSENT_REQUIRED"
)

var (
	errNotBound     = fault.New(codes.PermissionDenied, ReasonNotBound, "no undertaking of confidentiality is in force")
	errNoNeed       = fault.New(codes.PermissionDenied, ReasonNoNeed, "neither a case nor a purpose of yours needs this")
	errGlass        = fault.New(codes.PermissionDenied, ReasonGlass, "the break-glass grant is not open for this")
	errConsent      = fault.New(codes.PermissionDenied, ReasonConsent, "the person has not agreed to this purpose, and no break-glass grant is named")
	errOutsideNeed  = fault.New(codes.PermissionDenied, "OUTSIDE_NEED", "the case or grant is about somebody else")
	errStaffUnknown = fault.New(codes.Unavailable, "STAFF_CHECK_UNAVAILABLE", "whether you may see this can't be found out now")
)

// permit asks, for a person who wants to see others' data, whether they may. A
// service that calls for itself, and a person who comes for their own data, need
// no undertaking.
func (c *call) permit() error {
	p := c.principal
	if !c.method.logged() || p.Service != "" || c.forThemselves() {
		return nil
	}
	may, err := c.server.cfg.Staff.Check(c, c.look())
	if err != nil {
		return c.unknown(err)
	}
	c.permission = may
	return refusalOf(may.Refusal)
}

// look is what the caller says about the call.
func (c *call) look() Look {
	p := c.principal
	return Look{
		Tenant: p.Tenant, Actor: ActorID(p.Tenant, p.Subject), Method: c.method.name,
		Purpose: c.stated(MetadataPurpose, validPurpose), Case: c.stated(MetadataCase, validCase),
		BreakGlass: c.stated(MetadataBreakGlass, validCase),
	}
}

// unknown logs why nobody knows, and tells the caller that nobody does.
func (c *call) unknown(err error) error {
	c.server.cfg.Log.ErrorContext(c, "check of staff", errAttr(err))
	return errStaffUnknown
}

// refusalOf is the error of a reason. One that is not known refuses, too.
func refusalOf(reason string) error {
	switch reason {
	case "":
		return nil
	case ReasonNotBound:
		return errNotBound
	case ReasonGlass:
		return errGlass
	case ReasonConsent:
		return errConsent
	default:
		return errNoNeed
	}
}

// permits refuses what a handler has declared and the permission is not for.
func (c *call) permits(asked []string, about string) error {
	may := c.permission
	if !may.within(asked) || may.Case != "" && may.Case != about {
		return errOutsideNeed
	}
	if !may.Consent || len(asked) == 0 {
		return nil
	}
	reason, err := c.server.cfg.Staff.Agreed(c, c.look(), slices.Compact(slices.Sorted(slices.Values(asked))))
	if err != nil {
		return c.unknown(err)
	}
	return refusalOf(reason)
}

// forThemselves reports whether only the role of the person concerned lets the
// caller in. Whose data that is, the handler looks at.
func (c *call) forThemselves() bool {
	others := slices.DeleteFunc(slices.Clone(c.method.access.GetRoles()), func(r optionsv1.Role) bool {
		return r == optionsv1.Role_ROLE_SUBJECT
	})
	return !slices.ContainsFunc(others, c.principal.Roles.Has)
}

// onlyThemselves reports whether the caller is nobody but a person concerned: a
// token with a role of staff besides, for whatever method, is one of staff.
func (c *call) onlyThemselves() bool {
	return c.forThemselves() && c.principal.Roles&^auth.RolesOf(optionsv1.Role_ROLE_SERVICE) == auth.RolesOf(optionsv1.Role_ROLE_SUBJECT)
}

// within reports whether a permission is for these people.
func (p Permission) within(refs []string) bool {
	return len(p.Subjects) == 0 || !slices.ContainsFunc(refs, func(ref string) bool { return !slices.Contains(p.Subjects, ref) })
}
