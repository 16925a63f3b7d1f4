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

func violation(field, rule *validate.FieldPath, id, text string) *protovalidate.Violation {
	return &protovalidate.Violation{Proto: &validate.Violation{
		Field: field, Rule: rule, RuleId: proto.String(id), Message: proto.String(text),
	}}
}

func TestWhatACallerChoseIsLeftOutOfViolations(t *testing.T) {
	const planted = "jane@example.org"
	item, entry := element("lines"), element("emails")
	item.Subscript = &validate.FieldPathElement_Index{Index: 2}
	entry.Subscript = &validate.FieldPathElement_StringKey{StringKey: planted}
	got := fault.Violations([]*protovalidate.Violation{
		violation(path(element("address"), item), path(element("string"), element("min_len")), "string.min_len", "must be longer"),
		violation(path(entry), path(element("cel")), "own-rule", planted+" is not good"),
		violation(path(element("x")), path(element("string"), element("[acme.rules.name]")), "acme.name", planted),
		violation(nil, nil, "whole", planted),
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
