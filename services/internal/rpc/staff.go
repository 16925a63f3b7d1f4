package rpc

import (
	"cmp"
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
	// Consent says that Agreed has to be asked, too, with what is to be shown.
	Consent bool
}

// Shown is what is about to leave.
type Shown struct {
	Refs []string // whose data it is
	// Policy is what the data is under; empty where only the people's own
	// registrations tell.
	Policy string
	// Categories are those that it holds; nil where the method doesn't know them.
	Categories []string
}

// Staff knows which people may see personal data.
type Staff interface {
	// Check says whether a person may look. After an error nothing is shown.
	Check(ctx context.Context, l Look) (Permission, error)
	// Agreed returns why these people's data is not to be shown after all, or "":
	// ReasonConsent where one of them has not agreed to the look's purpose, or to
	// one of these categories; ReasonOutsideGrant where a grant is for less. It is
	// asked when a Permission says Consent, and its answers are not kept: who
	// withdraws is not shown any more. After an error nothing is shown.
	Agreed(ctx context.Context, l Look, s Shown) (refusal string, err error)
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
	// ReasonOutsideGrant: the answer holds categories that the break-glass grant
	// does not name.
	ReasonOutsideGrant = "OUTSIDE_GRANT"
)

var (
	errNotBound     = fault.New(codes.PermissionDenied, ReasonNotBound, "no undertaking of confidentiality is in force")
	errNoNeed       = fault.New(codes.PermissionDenied, ReasonNoNeed, "neither a case nor a purpose of yours needs this")
	errGlass        = fault.New(codes.PermissionDenied, ReasonGlass, "the break-glass grant is not open for this")
	errConsent      = fault.New(codes.PermissionDenied, ReasonConsent, "the person has not agreed to this purpose, and no break-glass grant is named")
	errOutsideGrant = fault.New(codes.PermissionDenied, ReasonOutsideGrant, "the answer holds categories that the break-glass grant does not name")
	errOutsideNeed  = fault.New(codes.PermissionDenied, "OUTSIDE_NEED", "the case or grant is about somebody else")
	errStaffUnknown = fault.New(codes.Unavailable, "STAFF_CHECK_UNAVAILABLE", "whether you may see this can't be found out now")
)

// permit asks, for a person who wants to see others' data, whether they may, also
// where they come through a service. A service that calls for itself, and a person
// who comes for their own data, need no undertaking.
func (c *call) permit() error {
	p := c.principal
	if !c.method.logged() || p.Service != "" && p.Subject == "" || c.forThemselves() {
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
	case ReasonOutsideGrant:
		return errOutsideGrant
	default:
		return errNoNeed
	}
}

// permits refuses what a handler has declared and the permission is not for.
func (c *call) permits(s *sights) error {
	may := c.permission
	if !may.within(s.asked) || may.Case != "" && may.Case != s.about {
		return errOutsideNeed
	}
	if !may.Consent || len(s.asked) == 0 {
		return nil
	}
	if asked, err := c.handles(s); asked || err != nil {
		return err
	}
	shown := s.shown
	shown.Refs = slices.Compact(slices.Sorted(slices.Values(s.asked)))
	reason, err := c.server.cfg.Staff.Agreed(c, c.look(), shown)
	if err != nil {
		return c.unknown(err)
	}
	return refusalOf(reason)
}

// handles reports whether the caller handles the request that the answer is about,
// and that the people have made themselves: by a need for this very case, which
// they name. Their request is their word for that.
func (c *call) handles(s *sights) (bool, error) {
	l := c.look()
	if !s.own || s.about == "" || l.Case != s.about || l.BreakGlass != "" {
		return false, nil
	}
	l.Purpose = "" // so that no need for a purpose answers
	may, err := c.server.cfg.Staff.Check(c, l)
	if err != nil {
		return false, c.unknown(err)
	}
	return may.Refusal == "" && may.within(s.asked), nil
}

// caseOf is the case that a reading is for: the one that the handler has named, or
// that the caller states and needs these people's data for. Whoever may look for a
// purpose may state any case besides; it is not theirs by that, and a reading that
// is for a case passes for reviewed.
func (c *call) caseOf(s *sights) (string, error) {
	l := c.look()
	if s.about != "" || l.Case == "" || l.Purpose == "" || l.BreakGlass != "" || c.principal.Subject == "" || c.forThemselves() {
		return cmp.Or(s.about, l.Case), nil
	}
	l.Purpose = ""
	may, err := c.server.cfg.Staff.Check(c, l)
	switch {
	case err != nil:
		return "", c.unknown(err)
	case may.Refusal != "" || !may.within(s.refs):
		return "", nil
	}
	return l.Case, nil
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
