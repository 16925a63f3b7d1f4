package eventpb_test

import (
	"regexp"
	"strings"
	"testing"

	_ "habeas.internal/proto/gen/habeas/consent/v1"
	_ "habeas.internal/proto/gen/habeas/fulfilment/v1"
	_ "habeas.internal/proto/gen/habeas/identity/v1"
	_ "habeas.internal/proto/gen/habeas/log/v1"
	_ "habeas.internal/proto/gen/habeas/retention/v1"
	_ "habeas.internal/proto/gen/habeas/sample/v1"
	"habeas.internal/services/internal/es/eventpb"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

var eventName = regexp.MustCompile(`^[a-z][a-z_]*\.[a-z][a-z_]*$`)

// TestEveryEventIsNamed: a message of an events.proto is an event, with a name
// of its own, or a part of one.
func TestEveryEventIsNamed(t *testing.T) {
	owner := map[string]protoreflect.FullName{}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(f.Path(), "habeas/") || !strings.HasSuffix(f.Path(), "events.proto") {
			return true
		}
		parts := partsOf(f)
		for i := range f.Messages().Len() {
			m := f.Messages().Get(i)
			name := eventpb.Name(m)
			switch {
			case name == "" && !parts[m.FullName()]:
				t.Errorf("%s is neither an event, by its option event, nor a part of one", m.FullName())
			case name != "" && !eventName.MatchString(name):
				t.Errorf("%s is named %q; want the aggregate's type, a dot, what happened", m.FullName(), name)
			case name != "" && owner[name] != "":
				t.Errorf("%s and %s are both named %s", owner[name], m.FullName(), name)
			}
			owner[name] = m.FullName()
		}
		return true
	})
	if len(owner) < 10 {
		t.Errorf("only %d events were found", len(owner))
	}
}

// partsOf are the messages of a file that others of it hold.
func partsOf(f protoreflect.FileDescriptor) map[protoreflect.FullName]bool {
	out := map[protoreflect.FullName]bool{}
	for i := range f.Messages().Len() {
		fields := f.Messages().Get(i).Fields()
		for j := range fields.Len() {
			if m := fields.Get(j).Message(); m != nil {
				out[m.FullName()] = true
			}
		}
	}
	return out
}
