package rpc

import (
	"maps"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"habeas.internal/services/internal/paymentcard"
	"habeas.internal/services/internal/rpc/fault"
)

// searched is a message's fields that can hold text, with what is in them. No
// field is left out for its name: ids, digests and tokens are told by their
// shape, see the package paymentcard.
type searched struct{ fields []searchedField }

type searchedField struct {
	protoreflect.FieldDescriptor
	kind protoreflect.Kind // of a map, that of its values
	into *searched         // of a message, nil otherwise
	text bool              // one string alone, which can be a part of a number
}

// search finds the fields of a message that can hold text. Messages that were
// found before are in known, so that one may contain itself.
func search(d protoreflect.MessageDescriptor, known map[protoreflect.FullName]*searched) *searched {
	if s := known[d.FullName()]; s != nil {
		return s
	}
	s := &searched{}
	known[d.FullName()] = s
	for i := range d.Fields().Len() {
		f := searchedField{FieldDescriptor: d.Fields().Get(i)}
		holds := f.FieldDescriptor
		if f.IsMap() {
			holds = f.MapValue()
		}
		f.kind = holds.Kind()
		switch f.kind {
		case protoreflect.MessageKind, protoreflect.GroupKind:
			f.into = search(holds.Message(), known)
		case protoreflect.StringKind, protoreflect.BytesKind:
			f.text = f.kind == protoreflect.StringKind && f.Cardinality() != protoreflect.Repeated
		default:
			if !f.IsMap() || f.MapKey().Kind() != protoreflect.StringKind {
				continue
			}
		}
		s.fields = append(s.fields, f)
	}
	return s
}

// refuse is the refusal of a message that holds numbers of payment cards, by the
// paths of its fields; nil if there are none.
func (s *searched) refuse(message any) error {
	m, ok := message.(proto.Message)
	if s == nil || !ok {
		return nil
	}
	var all fault.FieldErrors
	for _, path := range s.paths(m.ProtoReflect()) {
		all = append(all, fault.FieldError{Field: path, Rule: reasonCard, Text: textCard})
	}
	if all == nil {
		return nil
	}
	return all.Because(reasonCard, textCard)
}

const (
	reasonCard = "PAYMENT_CARD_NUMBER"
	textCard   = "numbers of payment cards are not accepted"
)

// paths are where a message holds a number of a payment card.
func (s *searched) paths(m protoreflect.Message) []string {
	var all []string
	parts := 0
	for i := range s.fields {
		f := &s.fields[i]
		if !m.Has(f.FieldDescriptor) {
			continue
		}
		v := m.Get(f.FieldDescriptor)
		switch {
		case f.IsMap():
			all = append(all, f.ofMap(v.Map())...)
		case f.IsList():
			all = append(all, f.ofList(v.List())...)
		case f.into != nil:
			all = append(all, under(f.TextName(), f.into.paths(v.Message()))...)
		default:
			if f.holds(v) {
				all = append(all, f.TextName())
			}
			if f.text && paymentcard.Part(v.String()) {
				parts++
			}
		}
	}
	if parts > 1 {
		all = append(all, s.spread(m)...)
	}
	return all
}

// pieces are texts that can be parts of one number, and the path of each.
type pieces struct{ paths, parts []string }

func (p *pieces) add(path, text string) {
	if paymentcard.Part(text) {
		p.paths, p.parts = append(p.paths, path), append(p.parts, text)
	}
}

// joined are the paths of those that hold a number together.
func (p *pieces) joined() []string {
	if first, end, ok := paymentcard.Joined(p.parts); ok {
		return slices.Clone(p.paths[first:end])
	}
	return nil
}

// holds reports whether one value that is no message holds a number.
func (f *searchedField) holds(v protoreflect.Value) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return paymentcard.Within(v.String())
	case protoreflect.BytesKind:
		return paymentcard.WithinBytes(v.Bytes())
	}
	return false
}

func (f *searchedField) ofList(list protoreflect.List) []string {
	var all []string
	var items pieces
	fields := map[string]*pieces{} // of messages, by their path in each
	for i := range list.Len() {
		v, name := list.Get(i), f.TextName()+"["+strconv.Itoa(i)+"]"
		if f.into != nil {
			all = append(all, under(name, f.into.paths(v.Message()))...)
			f.into.gather(v.Message(), name, "", fields)
			continue
		}
		if f.holds(v) {
			all = append(all, name)
		}
		if f.kind == protoreflect.StringKind {
			items.add(name, v.String())
		}
	}
	all = append(all, items.joined()...)
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		all = append(all, fields[path].joined()...)
	}
	return all
}

// gather adds the texts of a message, and of single messages inside, to those that
// other items of the same list have at the same path.
func (s *searched) gather(m protoreflect.Message, item, path string, fields map[string]*pieces) {
	for i := range s.fields {
		f := &s.fields[i]
		if f.IsMap() || f.IsList() || !m.Has(f.FieldDescriptor) {
			continue
		}
		at, v := path+"."+f.TextName(), m.Get(f.FieldDescriptor)
		switch {
		case f.into != nil:
			f.into.gather(v.Message(), item, at, fields)
		case f.text:
			if fields[at] == nil {
				fields[at] = &pieces{}
			}
			fields[at].add(item+at, v.String())
		}
	}
}

// ofMap looks at keys too. A path does not name a key, since a caller chose it.
func (f *searchedField) ofMap(entries protoreflect.Map) []string {
	var all []string
	name := f.TextName() + "[*]"
	entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		if f.MapKey().Kind() == protoreflect.StringKind && paymentcard.Within(k.String()) {
			all = append(all, name)
		}
		if f.into != nil {
			all = append(all, under(name, f.into.paths(v.Message()))...)
		} else if f.holds(v) {
			all = append(all, name)
		}
		return true
	})
	return all
}

// spread finds a number of which several fields of one message have a part each,
// in the order of the contract, and names the fields.
func (s *searched) spread(m protoreflect.Message) []string {
	var all pieces
	for i := range s.fields {
		f := &s.fields[i]
		if !f.text || !m.Has(f.FieldDescriptor) {
			continue
		}
		all.add(f.TextName(), m.Get(f.FieldDescriptor).String())
	}
	return all.joined()
}

func under(name string, paths []string) []string {
	for i, p := range paths {
		paths[i] = name + "." + p
	}
	return paths
}
