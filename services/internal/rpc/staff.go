package rpc

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/rpc/fault"
)

// Look is one look at personal data by a person.
type Look struct {
	Tenant  string
	Actor   string // ActorID
	Purpose string // as stated; may be empty
	Case    string // as stated; may be empty
}

// Permission is what a look may show.
type Permission struct {
	// Refusal is why it may show nothing: ReasonNotBound or ReasonNoNeed. Empty
	// when it may.
	Refusal string
	// Subjects are the people whose data it may show; empty for everybody's.
	Subjects []string
	// BreakGlass is the grant that allows it outside the usual rule.
	BreakGlass string
}

// Staff knows which people may see personal data.
type Staff interface {
	// Check says whether a person may look. After an error nothing is shown.
	Check(ctx context.Context, l Look) (Permission, error)
}

// Reasons for which staff see nothing.
const (
	ReasonNotBound = "UNDERTAKING_REQUIRED"
	ReasonNoNeed   = "NEED_REQUIRED"
)

var (
	errNotBound     = fault.New(codes.PermissionDenied, ReasonNotBound, "no undertaking of confidentiality is in force")
	errNoNeed       = fault.New(codes.PermissionDenied, ReasonNoNeed, "neither a case nor a purpose of yours needs this")
	errOutsideNeed  = fault.New(codes.PermissionDenied, "OUTSIDE_NEED", "the case or grant is about somebody else")
	errStaffUnknown = fault.New(codes.Unavailable, "STAFF_CHECK_UNAVAILABLE", "whether you may see this can't be found out now")
)

// permit asks, for a person who wants to see others' data, whether they may. A
// service that calls for itself, and a person who comes for their own data, need
// no undertaking.
func (c *call) permit() error {
	p := c.principal
	if !c.method.logged() || c.server.cfg.Staff == nil || p.Service != "" || c.forThemselves() {
		return nil
	}
	may, err := c.server.cfg.Staff.Check(c, Look{
		Tenant: p.Tenant, Actor: ActorID(p.Tenant, p.Subject),
		Purpose: c.stated(MetadataPurpose, validPurpose), Case: c.stated(MetadataCase, validCase),
	})
	switch {
	case err != nil:
		c.server.cfg.Log.ErrorContext(c, "check of staff", errAttr(err))
		return errStaffUnknown
	case may.Refusal == ReasonNotBound:
		return errNotBound
	case may.Refusal != "":
		return errNoNeed
	}
	c.permission = may
	return nil
}

// forThemselves reports whether only the role of the person concerned lets the
// caller in. Whose data that is, the handler looks at.
func (c *call) forThemselves() bool {
	others := slices.DeleteFunc(slices.Clone(c.method.access.GetRoles()), func(r optionsv1.Role) bool {
		return r == optionsv1.Role_ROLE_SUBJECT
	})
	return !slices.ContainsFunc(others, c.principal.Roles.Has)
}

// within reports whether a permission is for these people.
func (p Permission) within(refs []string) bool {
	return len(p.Subjects) == 0 || !slices.ContainsFunc(refs, func(ref string) bool { return !slices.Contains(p.Subjects, ref) })
}
