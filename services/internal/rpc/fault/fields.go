package fault

import (
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
)

// FieldError is one field of a request that breaks a rule. It says where and
// which rule, never what the field held.
type FieldError struct {
	// Field is the path: "address.lines[2]".
	Field string
	// Rule is the rule's id in upper snake case: "STRING_MIN_LEN".
	Rule string
	// Text explains the rule. It must be constant.
	Text string
}

// FieldErrors is an error that becomes InvalidArgument with a BadRequest.
// Handlers return it for rules that the contract cannot express.
type FieldErrors []FieldError

// Error counts; the details are in the status.
func (e FieldErrors) Error() string { return "invalid request: " + strconv.Itoa(len(e)) + " fields" }

// maxFieldErrors bounds how much of a hopeless request is explained.
const maxFieldErrors = 32

func (e FieldErrors) fault() *Fault {
	return e.Because(ReasonInvalid, "the request breaks rules of the contract")
}

// Because makes the answer to fields that are wrong for one reason, which callers are
// told apart from all others. The text must be constant.
func (e FieldErrors) Because(reason, text string) *Fault {
	return build(codes.InvalidArgument, reason, text, nil, e.details())
}

// Unmet makes the answer to a request that is well formed, and of which the
// fields don't go with something outside it. The text must be constant.
func (e FieldErrors) Unmet(reason, text string) *Fault {
	return build(codes.FailedPrecondition, reason, text, nil, e.details())
}

func (e FieldErrors) details() *errdetails.BadRequest {
	bad := &errdetails.BadRequest{}
	for _, f := range e[:min(len(e), maxFieldErrors)] {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: f.Field, Reason: f.Rule, Description: f.Text,
		})
	}
	return bad
}

// Violations turns what the contract's validator found into FieldErrors,
// leaving out whatever may hold a value of the request.
func Violations(violations []*protovalidate.Violation) FieldErrors {
	all := make(FieldErrors, len(violations))
	for i, v := range violations {
		all[i] = FieldError{Field: fieldPath(v.Proto.GetField()), Rule: ruleName(v.Proto.GetRuleId()), Text: ruleText(v.Proto)}
	}
	return all
}

// fieldPath writes a path. Keys of maps are left out when they are text,
// because a caller chose them.
func fieldPath(path *validate.FieldPath) string {
	var b strings.Builder
	for i, e := range path.GetElements() {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(e.GetFieldName())
		b.WriteString(subscript(e))
	}
	return b.String()
}

func subscript(e *validate.FieldPathElement) string {
	switch s := e.GetSubscript().(type) {
	case *validate.FieldPathElement_Index:
		return "[" + strconv.FormatUint(s.Index, 10) + "]"
	case nil:
		return ""
	default:
		return "[*]"
	}
}

func ruleName(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' {
			return '_'
		}
		return r
	}, strings.ToUpper(id))
}

// ruleText explains standard rules in their own words. The text of a rule
// written for one message may be computed from the value, so it is left out.
func ruleText(v *validate.Violation) string {
	for _, e := range v.GetRule().GetElements() {
		if name := e.GetFieldName(); strings.HasPrefix(name, "cel") || strings.HasPrefix(name, "[") {
			return ownRule
		}
	}
	if len(v.GetRule().GetElements()) == 0 {
		return ownRule
	}
	return v.GetMessage()
}

const ownRule = "breaks a rule of its own"
