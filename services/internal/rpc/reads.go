package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/paymentcard"
	"habeas.internal/services/internal/rpc/fault"
)

// Read is one look at personal data, or the refusal of one. It holds no value
// that was read.
type Read struct {
	At     time.Time
	Tenant string
	// Actor is the person or client that asked: ActorID of the token's subject.
	Actor string
	// Service is the service that asked, for itself or for the actor.
	Service string
	Roles   []string
	Method  string
	Purpose string
	Case    string
	Class   optionsv1.DataClass
	// Refs are the people whose data it is. None with a refusal.
	Refs []string
	// Refusal is the reason of a refusal, and Count how many such it stands for.
	Refusal string
	Count   uint32
	// BreakGlass is the grant that allowed it outside the usual rule.
	BreakGlass string
	Trace      string
}

// ReadLog writes readings down.
type ReadLog interface {
	// Record returns nil when r stands in the log. After any error nothing may
	// be answered.
	Record(ctx context.Context, r Read) error
}

// ActorID is how a token's subject is known in logs and as a member of staff: an
// opaque id, the same in every service, another in every tenant. Nobody has the
// id "".
func ActorID(tenant, subject string) string {
	if subject == "" {
		return ""
	}
	return es.DeriveID(tenant, "habeas-actor", subject)
}

var errReadLog = fault.New(codes.Unavailable, "READ_LOG_UNAVAILABLE", "the read could not be recorded, so nothing is shown")

var errCaseMismatch = fault.New(codes.PermissionDenied, "CASE_MISMATCH", "the call names another case than the one it reads")

// OnCase says which case the call is about. It is refused when the caller has
// named another one.
func OnCase(ctx context.Context, id string) error {
	c := callFrom(ctx)
	if c == nil || !c.method.logged() {
		return nil
	}
	if stated := c.stated(MetadataCase, validCase); stated != "" && stated != id {
		return errCaseMismatch
	}
	c.sights.mu.Lock()
	defer c.sights.mu.Unlock()
	c.sights.about = id
	return nil
}

// validCase accepts the ids of aggregates.
func validCase(id string) bool {
	return len(id) >= 1 && len(id) <= 64 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") == "" && !paymentcard.Within(id)
}

// errUndeclared is a handler's mistake: it answers with personal data and does
// not say whose.
var errUndeclared = errors.New("handler did not declare whose data it read: rpc.Saw or rpc.SawNobody is missing")

// sights is what a handler has declared.
type sights struct {
	mu       sync.Mutex
	declared bool
	fresh    bool // something was declared that is not recorded yet
	seen     map[string]bool
	refs     []string // those that are not recorded yet
	asked    []string // those that a permission must be for
	may      []string // those that the handler knows it is for
	about    string   // the case that the handler has named
	shown    Shown    // what the handler knows of it; its Refs are not used
	own      bool     // the people asked for it themselves, by the case
}

// Holds declares under which policy the answer's data is, and all of its
// categories. own says that it is what the people were given on their own,
// verified request: the case that the handler names with OnCase.
func Holds(ctx context.Context, policy string, categories []string, own bool) {
	c := callFrom(ctx)
	if c == nil || !c.method.logged() {
		return
	}
	c.sights.mu.Lock()
	defer c.sights.mu.Unlock()
	c.sights.shown, c.sights.own = Shown{Policy: policy, Categories: categories}, own
}

// Saw declares that the answer holds data of these people, by reference. The
// answer leaves when that is recorded. In a method that reads nothing personal
// it does nothing.
func Saw(ctx context.Context, refs ...string) {
	c := callFrom(ctx)
	if c == nil || !c.method.logged() {
		return
	}
	c.sights.add(refs, refs)
}

// SawMerged declares that the answer holds data of one person who is known by
// further references, too. Whoever may see ref may see those.
func SawMerged(ctx context.Context, ref string, others ...string) {
	if c := callFrom(ctx); c != nil && c.method.logged() {
		c.sights.add([]string{ref}, append([]string{ref}, others...))
	}
}

// add notes references; asked are those that a permission must be for.
func (s *sights) add(asked, refs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = s.fresh || !s.declared
	s.declared = true
	for _, ref := range asked {
		if !slices.Contains(s.may, ref) {
			s.asked = append(s.asked, ref)
		}
	}
	for _, ref := range refs {
		if s.seen[ref] {
			continue
		}
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		s.seen[ref], s.fresh, s.refs = true, true, append(s.refs, ref)
	}
}

// MayShow refuses, before the answer, what would be refused when it leaves: the
// caller may not see those whom the handler has declared.
func MayShow(ctx context.Context) error {
	c := callFrom(ctx)
	if c == nil || !c.method.logged() {
		return nil
	}
	c.sights.mu.Lock()
	defer c.sights.mu.Unlock()
	if err := c.permits(&c.sights); err != nil {
		return err
	}
	c.sights.may = append(c.sights.may, c.sights.asked...)
	c.sights.asked = nil
	return nil
}

// Show does, before the answer, what is done when it leaves: it is MayShow, and
// records the reading. A handler that tells of the reading itself asks it first, so
// that nothing tells of one that was refused or could not be recorded.
func Show(ctx context.Context) error {
	if err := MayShow(ctx); err != nil {
		return err
	}
	if c := callFrom(ctx); c != nil {
		return c.release()
	}
	return nil
}

// SawNobody declares that the answer holds nobody's data: a list is empty.
func SawNobody(ctx context.Context) { Saw(ctx) }

// logged reports whether the method's answers are recorded before they leave.
func (m *method) logged() bool {
	class := m.access.GetReads()
	return class == optionsv1.DataClass_DATA_CLASS_PERSONAL || class == optionsv1.DataClass_DATA_CLASS_EVIDENCE
}

// release records what the handler has declared since the last answer. Without
// a record nothing leaves.
func (c *call) release() error {
	if !c.method.logged() {
		return nil
	}
	s := &c.sights
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.declared {
		return errUndeclared
	}
	if err := c.permits(s); err != nil {
		return err
	}
	if s.asked = nil; !s.fresh {
		return nil
	}
	r := c.reading()
	r.BreakGlass = c.permission.BreakGlass
	r.Refs = s.refs
	var err error
	if r.Case, err = c.caseOf(s); err != nil {
		return err
	}
	r.Roles = roleNames(c.method.access.GetRoles(), c.principal)
	if err = c.server.cfg.Reads.Record(c, r); err != nil {
		c.server.cfg.Log.ErrorContext(c, "read log", errAttr(err))
		return errReadLog
	}
	s.fresh, s.refs = false, nil
	return nil
}

// reading is what is known of the call.
func (c *call) reading() Read {
	r := Read{
		At: c.server.cfg.Now().UTC(), Tenant: c.principal.Tenant, Actor: ActorID(c.principal.Tenant, c.principal.Subject),
		Service: c.principal.Service, Method: c.method.name, Purpose: c.stated(MetadataPurpose, validPurpose), Case: c.stated(MetadataCase, validCase), Class: c.method.access.GetReads(),
	}
	if span := trace.SpanContextFromContext(c); span.IsValid() {
		r.Trace = span.TraceID().String()
	}
	return r
}

// stated is what the caller says in the metadata, if it can be written down.
func (c *call) stated(key string, valid func(string) bool) string {
	if value, err := single(c, key); err == nil && valid(value) {
		return value
	}
	return ""
}

// roleNames are those of the listed roles that a caller has.
func roleNames(roles []optionsv1.Role, p Principal) []string {
	var out []string
	for _, r := range roles {
		if p.Roles.Has(r) {
			out = append(out, strings.ToLower(strings.TrimPrefix(r.String(), "ROLE_")))
		}
	}
	return out
}

// allRoles are all that there are.
func allRoles() []optionsv1.Role {
	var out []optionsv1.Role
	for n := range len(optionsv1.Role_name) {
		out = append(out, optionsv1.Role(n))
	}
	return out
}
