package seal_test

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	_ "habeas.internal/proto/gen/habeas/access/v1"
	_ "habeas.internal/proto/gen/habeas/consent/v1"
	_ "habeas.internal/proto/gen/habeas/fulfilment/v1"
	_ "habeas.internal/proto/gen/habeas/identity/v1"
	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	_ "habeas.internal/proto/gen/habeas/retention/v1"
	_ "habeas.internal/proto/gen/habeas/sample/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	_ "google.golang.org/protobuf/types/known/wrapperspb" // to be planted
)

// protoFolder is where the contract's sources lie, seen from this package.
const protoFolder = "../../../proto"

// TestEveryPersonalFieldSealed walks everything that can stand in an event: a
// field that holds text or bytes says what it holds, and personal data is
// sealed.
func TestEveryPersonalFieldSealed(t *testing.T) {
	linked := map[string]bool{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if isOfEvents(file.Path()) {
			linked[file.Path()] = true
			for _, violation := range unsealed(file) {
				t.Error(violation)
			}
		}
		return true
	})
	envelope := walker{seen: map[protoreflect.FullName]bool{}}
	envelope.message((*logv1.Commit)(nil).ProtoReflect().Descriptor())
	for _, violation := range envelope.found {
		t.Error(violation)
	}
	for _, name := range eventSources(t) {
		if !linked[name] {
			t.Errorf("%s is not linked into this test: import its Go package above", name)
		}
	}
}

// isOfEvents tells the files whose messages are events.
func isOfEvents(name string) bool {
	return strings.HasPrefix(name, "habeas/") && strings.HasSuffix(name, "events.proto")
}

func eventSources(t *testing.T) []string {
	t.Helper()
	var out []string
	err := fs.WalkDir(os.DirFS(protoFolder), "habeas", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && isOfEvents(name) {
			out = append(out, name)
		}
		return err
	})
	if err != nil || len(out) < 3 {
		t.Fatalf("found %d files of events under %s: %v", len(out), protoFolder, err)
	}
	return out
}

// unsealed lists what is wrong with the messages of a file and with all that
// they can hold.
func unsealed(file protoreflect.FileDescriptor) []string {
	w := walker{seen: map[protoreflect.FullName]bool{}}
	w.messages(file.Messages())
	return w.found
}

type walker struct {
	seen  map[protoreflect.FullName]bool
	found []string
}

func (w *walker) messages(all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		w.message(all.Get(i))
		w.messages(all.Get(i).Messages())
	}
}

func (w *walker) message(m protoreflect.MessageDescriptor) {
	if w.seen[m.FullName()] || m.IsMapEntry() {
		return
	}
	w.seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		w.field(m.Fields().Get(i))
	}
}

func (w *walker) field(f protoreflect.FieldDescriptor) {
	data, _ := proto.GetExtension(f.Options(), optionsv1.E_Data).(optionsv1.Data)
	personal := data == optionsv1.Data_DATA_PERSONAL
	sealed := holds(f, func(v protoreflect.FieldDescriptor) bool {
		return v.Message() != nil && v.Message().FullName() == sealedName()
	})
	text := holds(f, func(v protoreflect.FieldDescriptor) bool {
		return v.Kind() == protoreflect.StringKind || v.Kind() == protoreflect.BytesKind
	})
	switch {
	case personal && !sealed:
		w.report(f, "is personal and not of type "+string(sealedName()))
	case sealed && !personal:
		w.report(f, "is sealed and not marked as personal")
	case sealed && text:
		w.report(f, "is a map with sealed values and a key that would say whose")
	case text && data == optionsv1.Data_DATA_UNSPECIFIED:
		w.report(f, "holds text or bytes and does not say what")
	}
	for _, v := range values(f) {
		if v.Message() != nil {
			w.message(v.Message())
		}
	}
}

func (w *walker) report(f protoreflect.FieldDescriptor, what string) {
	w.found = append(w.found, fmt.Sprintf("%s %s", f.FullName(), what))
}

// values are what a field holds: itself, or a map's key and value.
func values(f protoreflect.FieldDescriptor) []protoreflect.FieldDescriptor {
	if f.IsMap() {
		return []protoreflect.FieldDescriptor{f.MapKey(), f.MapValue()}
	}
	return []protoreflect.FieldDescriptor{f}
}

func holds(f protoreflect.FieldDescriptor, is func(protoreflect.FieldDescriptor) bool) bool {
	for _, v := range values(f) {
		if is(v) {
			return true
		}
	}
	return false
}

func sealedName() protoreflect.FullName {
	return (*sealv1.Sealed)(nil).ProtoReflect().Descriptor().FullName()
}

// TestTheWalkFindsWhatIsNotSealed plants one fault at a time.
func TestTheWalkFindsWhatIsNotSealed(t *testing.T) {
	sealedType := "." + string(sealedName())
	for _, c := range []struct {
		name  string
		field *descriptorpb.FieldDescriptorProto
		want  string
	}{
		{"nothing in a sealed personal field", message("f", sealedType, optionsv1.Data_DATA_PERSONAL), ""},
		{"nothing in a number", scalar("f", descriptorpb.FieldDescriptorProto_TYPE_INT32, optionsv1.Data_DATA_UNSPECIFIED), ""},
		{"nothing in a time", message("f", ".google.protobuf.Timestamp", optionsv1.Data_DATA_UNSPECIFIED), ""},
		{"nothing in a reference", scalar("f", descriptorpb.FieldDescriptorProto_TYPE_STRING, optionsv1.Data_DATA_REFERENCE), ""},
		{
			"a text that says nothing", scalar("f", descriptorpb.FieldDescriptorProto_TYPE_STRING, optionsv1.Data_DATA_UNSPECIFIED),
			"planted.Happened.f holds text or bytes and does not say what",
		},
		{
			"bytes that say nothing", scalar("f", descriptorpb.FieldDescriptorProto_TYPE_BYTES, optionsv1.Data_DATA_UNSPECIFIED),
			"planted.Happened.f holds text or bytes and does not say what",
		},
		{
			"personal data in clear", scalar("f", descriptorpb.FieldDescriptorProto_TYPE_STRING, optionsv1.Data_DATA_PERSONAL),
			"planted.Happened.f is personal and not of type habeas.seal.v1.Sealed",
		},
		{
			"a personal number in clear", scalar("f", descriptorpb.FieldDescriptorProto_TYPE_INT32, optionsv1.Data_DATA_PERSONAL),
			"planted.Happened.f is personal and not of type habeas.seal.v1.Sealed",
		},
		{
			"a sealed field without its mark", message("f", sealedType, optionsv1.Data_DATA_UNSPECIFIED),
			"planted.Happened.f is sealed and not marked as personal",
		},
		{
			"a sealed field that calls itself a code", message("f", sealedType, optionsv1.Data_DATA_CODE),
			"planted.Happened.f is sealed and not marked as personal",
		},
		{
			"a text inside another message", message("f", ".planted.Detail", optionsv1.Data_DATA_UNSPECIFIED),
			"planted.Detail.note holds text or bytes and does not say what",
		},
		{
			"a text inside a type of others", message("f", ".google.protobuf.StringValue", optionsv1.Data_DATA_UNSPECIFIED),
			"google.protobuf.StringValue.value holds text or bytes and does not say what",
		},
		{
			"a map with a text for a key", mapOf(optionsv1.Data_DATA_UNSPECIFIED),
			"planted.Happened.f holds text or bytes and does not say what",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var want []string
			if c.want != "" {
				want = []string{c.want}
			}
			if diff := cmp.Diff(want, unsealed(planted(t, c.field))); diff != "" {
				t.Errorf("violations differ (-want +got):\n%s", diff)
			}
		})
	}
}

func options(d optionsv1.Data) *descriptorpb.FieldOptions {
	o := new(descriptorpb.FieldOptions)
	if d != optionsv1.Data_DATA_UNSPECIFIED {
		proto.SetExtension(o, optionsv1.E_Data, d)
	}
	return o
}

func scalar(name string, kind descriptorpb.FieldDescriptorProto_Type, d optionsv1.Data) *descriptorpb.FieldDescriptorProto {
	return &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Number: proto.Int32(1), Type: kind.Enum(), Options: options(d),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
}

func message(name, of string, d optionsv1.Data) *descriptorpb.FieldDescriptorProto {
	f := scalar(name, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, d)
	f.TypeName = proto.String(of)
	return f
}

// mapOf is a map from text to numbers; its entry type is FEntry.
func mapOf(d optionsv1.Data) *descriptorpb.FieldDescriptorProto {
	f := message("f", ".planted.Happened.FEntry", d)
	f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	return f
}

// planted is a file of events with one message, Happened, that has one field.
func planted(t *testing.T, f *descriptorpb.FieldDescriptorProto) protoreflect.FileDescriptor {
	t.Helper()
	value := scalar("value", descriptorpb.FieldDescriptorProto_TYPE_INT32, optionsv1.Data_DATA_UNSPECIFIED)
	value.Number = proto.Int32(2)
	happened := &descriptorpb.DescriptorProto{
		Name: proto.String("Happened"), Field: []*descriptorpb.FieldDescriptorProto{f},
	}
	if f.GetTypeName() == ".planted.Happened.FEntry" {
		happened.NestedType = []*descriptorpb.DescriptorProto{{
			Name:    proto.String("FEntry"),
			Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
			Field: []*descriptorpb.FieldDescriptorProto{
				scalar("key", descriptorpb.FieldDescriptorProto_TYPE_STRING, optionsv1.Data_DATA_UNSPECIFIED), value,
			},
		}}
	}
	detail := &descriptorpb.DescriptorProto{Name: proto.String("Detail"), Field: []*descriptorpb.FieldDescriptorProto{
		scalar("note", descriptorpb.FieldDescriptorProto_TYPE_STRING, optionsv1.Data_DATA_UNSPECIFIED),
	}}
	messages := []*descriptorpb.DescriptorProto{happened}
	if f.GetTypeName() == ".planted.Detail" {
		messages = append(messages, detail)
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("habeas/planted/v1/events.proto"), Package: proto.String("planted"), Syntax: proto.String("proto3"),
		Dependency: []string{
			"habeas/seal/v1/sealed.proto", "google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto",
		},
		MessageType: messages,
	}, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
