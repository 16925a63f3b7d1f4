package audit

import (
	"encoding/hex"
	"strings"
	"time"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// fields are the set fields of a message as plain values.
func fields(m protoreflect.Message) map[string]any {
	out := map[string]any{}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(f.Name())
		switch {
		case f.IsMap():
			entries := map[string]any{}
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				entries[k.String()] = value(f.MapValue(), v)
				return true
			})
			out[name] = entries
		case f.IsList():
			var items []any
			for i := range v.List().Len() {
				items = append(items, value(f, v.List().Get(i)))
			}
			out[name] = items
		default:
			out[name] = value(f, v)
		}
		return true
	})
	return out
}

func value(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() { //nolint:exhaustive // the rest are plain values
	case protoreflect.MessageKind:
		return message(v.Message())
	case protoreflect.EnumKind:
		return enumName(f.Enum(), v.Enum())
	case protoreflect.BytesKind:
		return bytesText(f, v.Bytes())
	}
	return v.Interface()
}

func message(m protoreflect.Message) any {
	switch w := m.Interface().(type) {
	case *sealv1.Sealed:
		return "[sealed under " + string(w.GetHolder()) + "]"
	case *timestamppb.Timestamp:
		return w.AsTime().Format(time.RFC3339Nano)
	case *durationpb.Duration:
		return w.AsDuration().String()
	}
	return fields(m)
}

// enumName is a value's name without the enum's own: RIGHT_ERASURE is erasure.
func enumName(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) any {
	v := e.Values().ByNumber(n)
	if v == nil {
		return int32(n)
	}
	var prefix strings.Builder
	for i, r := range string(e.Name()) {
		if i > 0 && r >= 'A' && r <= 'Z' {
			prefix.WriteByte('_')
		}
		prefix.WriteRune(r)
	}
	return strings.ToLower(strings.TrimPrefix(string(v.Name()), strings.ToUpper(prefix.String())+"_"))
}

// bytesText is hex, but for published content that is text.
func bytesText(f protoreflect.FieldDescriptor, b []byte) string {
	data, _ := proto.GetExtension(f.Options(), optionsv1.E_Data).(optionsv1.Data)
	if data == optionsv1.Data_DATA_PUBLISHED {
		return string(b)
	}
	return hex.EncodeToString(b)
}
