package audit

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	optionsv1 "habeas.internal/proto/gen/habeas/options/v1"
	sealv1 "habeas.internal/proto/gen/habeas/seal/v1"
	"habeas.internal/services/internal/es"

	// The events that can be shown are those that are linked.
	_ "habeas.internal/proto/gen/habeas/access/v1"
	_ "habeas.internal/proto/gen/habeas/consent/v1"
	_ "habeas.internal/proto/gen/habeas/fulfilment/v1"
	_ "habeas.internal/proto/gen/habeas/identity/v1"
	_ "habeas.internal/proto/gen/habeas/log/v1"
	_ "habeas.internal/proto/gen/habeas/retention/v1"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Registry knows the message of every event of the contract. The same type may
// mean different messages in different contexts.
type Registry struct {
	types map[eventName]protoreflect.MessageType
}

type eventName struct{ context, event string }

// logContext is the package of control events, which every context has.
const logContext = "log"

// NewRegistry lists the events that are linked into the program.
func NewRegistry() *Registry {
	r := &Registry{types: map[eventName]protoreflect.MessageType{}}
	protoregistry.GlobalTypes.RangeMessages(func(t protoreflect.MessageType) bool {
		event, ok := proto.GetExtension(t.Descriptor().Options(), optionsv1.E_Event).(string)
		parts := strings.Split(string(t.Descriptor().FullName()), ".") // habeas.<context>.v1.<Message>
		if ok && event != "" && len(parts) == 4 {
			r.types[eventName{parts[1], event}] = t
		}
		return true
	})
	return r
}

// Names are the types of all events that can be shown, sorted.
func (r *Registry) Names() []string {
	var out []string
	for name := range r.types {
		out = append(out, name.event)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Event is one fact as an auditor sees it.
type Event struct {
	ID   string `json:"id"`
	Type string `json:"type"`
	// Data holds the fields that are set, by name. Sealed ones are text that says
	// under whose key they are. It is nil when the type is not known here.
	Data map[string]any `json:"data,omitempty"`
	// Unknown says that this program has no description of the type.
	Unknown bool `json:"unknown,omitempty"`

	message protoreflect.Message
}

// decode reads an event of a commit. Bytes that are no message of the type are
// an error: the commit was signed, so a service wrote what it should not have.
func (r *Registry) decode(agg es.Aggregate, e es.Event, id string) (Event, error) {
	out := Event{ID: id, Type: e.Type}
	t, ok := r.types[eventName{agg.Context, e.Type}]
	if !ok && agg.Tenant == es.LogTenant {
		t, ok = r.types[eventName{logContext, e.Type}]
	}
	if !ok {
		out.Unknown = true
		return out, nil
	}
	m := t.New()
	if err := proto.Unmarshal(e.Data, m.Interface()); err != nil {
		return out, fmt.Errorf("decode event %s of type %s: not what the type says", id, e.Type)
	}
	out.message = m
	return out, nil
}

// show fills in the fields.
func (e *Event) show() {
	if e.message != nil {
		e.Data = fields(e.message)
	}
}

// references yields every id that the event's fields name, and the holders of
// its sealed fields.
func (e Event) references() iter.Seq[string] {
	return func(yield func(string) bool) {
		if e.message != nil {
			walkReferences(e.message, yield)
		}
	}
}

func walkReferences(m protoreflect.Message, yield func(string) bool) bool {
	if s, ok := m.Interface().(*sealv1.Sealed); ok {
		return named(string(s.GetHolder()), yield)
	}
	more := true
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap(): // events hold none
		case f.IsList():
			for i := range v.List().Len() {
				if more = reference(f, v.List().Get(i), yield); !more {
					break
				}
			}
		default:
			more = reference(f, v, yield)
		}
		return more
	})
	return more
}

func reference(f protoreflect.FieldDescriptor, v protoreflect.Value, yield func(string) bool) bool {
	switch f.Kind() { //nolint:exhaustive // other kinds hold no reference
	case protoreflect.MessageKind:
		return walkReferences(v.Message(), yield)
	case protoreflect.StringKind:
		data, ok := proto.GetExtension(f.Options(), optionsv1.E_Data).(optionsv1.Data)
		if ok && data == optionsv1.Data_DATA_REFERENCE {
			return named(v.String(), yield)
		}
	}
	return true
}

// named yields an id, and that of a holder without its kind: "subject-<ref>".
func named(id string, yield func(string) bool) bool {
	if _, ref, ok := strings.Cut(id, "-"); ok && !yield(ref) {
		return false
	}
	return yield(id)
}
