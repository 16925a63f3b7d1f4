package seal_test

import (
	"regexp"
	"strings"
	"testing"

	"habeas.internal/services/internal/seal"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// alphabet is what an id is written in.
const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

// TestTheContractTakesAnIDInItsOneSpelling: 26 characters hold two bits more
// than an id has. A field that took another spelling would hand a service an
// id that nobody's data is under, and that it can't say the field of.
func TestTheContractTakesAnIDInItsOneSpelling(t *testing.T) {
	fields := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "habeas/") {
			return true
		}
		for pattern, field := range patterns(file.Messages()) {
			form, err := regexp.Compile(pattern)
			if err != nil {
				t.Errorf("%s: %v", field, err)
				continue
			}
			if !ofIDs(form) {
				continue
			}
			fields++
			for _, last := range alphabet {
				id := strings.Repeat("z", 25) + string(last)
				_, err := seal.NewHolder(seal.Request, id)
				if form.MatchString(id) != (err == nil) {
					t.Errorf("%s takes %s: %v; and as the name of a request it is: %v", field, id, form.MatchString(id), err)
				}
			}
		}
		return true
	})
	if fields < 3 {
		t.Errorf("only %d kinds of fields take ids: the test looks in the wrong place", fields)
	}
}

// ofIDs reports whether a form is of ids: it knows their length.
func ofIDs(form *regexp.Regexp) bool {
	return form.MatchString(strings.Repeat("a", 26)) && !form.MatchString(strings.Repeat("a", 27)) && !form.MatchString(strings.Repeat("a", 25))
}

// patterns are the forms that fields ask for, each with one of its fields.
func patterns(messages protoreflect.MessageDescriptors) map[string]protoreflect.FullName {
	out := map[string]protoreflect.FullName{}
	for i := range messages.Len() {
		for pattern, field := range patterns(messages.Get(i).Messages()) {
			out[pattern] = field
		}
		for j := range messages.Get(i).Fields().Len() {
			field := messages.Get(i).Fields().Get(j)
			rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
			for _, text := range []string{rules.GetString().GetPattern(), rules.GetRepeated().GetItems().GetString().GetPattern()} {
				if text != "" {
					out[text] = field.FullName()
				}
			}
		}
	}
	return out
}
