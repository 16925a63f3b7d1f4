package fault_test

import (
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"habeas.internal/services/internal/rpc/fault"
)

func element(name string) *validate.FieldPathElement {
	return &validate.FieldPathElement{FieldName: proto.String(name)}
}

func path(elements ...*validate.FieldPathElement) *validate.FieldPath {
	return &validate.FieldPath{Elements: elements}
}

func TestWhatACallerChoseIsLeftOutOfViolations(t *testing.T) {
	const planted = "jane@example.org"
	item, entry := element("lines"), element("emails")
	item.Subscript = &validate.FieldPathElement_Index{Index: 2}
	entry.Subscript = &validate.FieldPathElement_StringKey{StringKey: planted}
	got := fault.Violations([]*protovalidate.Violation{
		{Proto: &validate.Violation{Field: path(element("address"), item), Rule: path(element("string"), element("min_len")),
			RuleId: proto.String("string.min_len"), Message: proto.String("must be longer")}},
		{Proto: &validate.Violation{Field: path(entry), Rule: path(element("cel")),
			RuleId: proto.String("own-rule"), Message: proto.String(planted + " is not good")}},
		{Proto: &validate.Violation{Field: path(element("x")), Rule: path(element("string"), element("[acme.rules.name]")),
			RuleId: proto.String("acme.name"), Message: proto.String(planted)}},
		{Proto: &validate.Violation{RuleId: proto.String("whole"), Message: proto.String(planted)}},
	})
	want := fault.FieldErrors{
		{Field: "address.lines[2]", Rule: "STRING_MIN_LEN", Text: "must be longer"},
		{Field: "emails[*]", Rule: "OWN_RULE", Text: "breaks a rule of its own"},
		{Field: "x", Rule: "ACME_NAME", Text: "breaks a rule of its own"},
		{Rule: "WHOLE", Text: "breaks a rule of its own"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
