package consent

import (
	"bytes"
	"fmt"
	"testing"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestEveryFieldOfAQuestionTellsItFromOthers(t *testing.T) {
	plain := question(jane)
	fields := plain.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		f, q := fields.Get(i), proto.CloneOf(plain)
		if f.Name() == "subject_ref" {
			continue // has its own place
		}
		differ(q, f)
		if same := bytes.Equal(appendKey(nil, q), appendKey(nil, plain)); keepable(q) && same {
			t.Errorf("two questions that differ by %s share an answer", f.Name())
		}
	}
	split, joined := question(jane), question(jane)
	split.Categories, joined.Categories = []string{"a", "b"}, []string{"ab"}
	if bytes.Equal(appendKey(nil, split), appendKey(nil, joined)) {
		t.Error("lists run together")
	}
	later := question(jane)
	later.ProtoReflect().SetUnknown(protoreflect.RawFields{0xf8, 0x3f, 1})
	if keepable(later) {
		t.Error("a question with a field from a later contract is kept")
	}
}

// differ changes one field.
func differ(q *consentv1.Question, f protoreflect.FieldDescriptor) {
	m := q.ProtoReflect()
	switch {
	case f.IsList():
		m.Mutable(f).List().Append(protoreflect.ValueOfString("other"))
	case f.Kind() == protoreflect.MessageKind:
		m.Set(f, protoreflect.ValueOfMessage(timestamppb.Now().ProtoReflect()))
	case f.Kind() == protoreflect.EnumKind:
		m.Set(f, protoreflect.ValueOfEnum(4))
	case f.Kind() == protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString("other"))
	case f.Kind() == protoreflect.Uint64Kind:
		m.Set(f, protoreflect.ValueOfUint64(7))
	case f.Kind() == protoreflect.Uint32Kind:
		m.Set(f, protoreflect.ValueOfUint32(7))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	cfg := patient()
	cfg.Answers = 2 * parts
	_, c := start(t, cfg)
	for i := range 20 * parts {
		c.answers(t, question(fmt.Sprintf("%025da", i)), "CONSENT_GIVEN")
	}
	size, held := 0, 0
	for i := range c.parts {
		size += c.parts[i].size
		for _, answers := range c.parts[i].people {
			held += len(answers)
		}
	}
	if size != held || size > 2*parts || size < parts {
		t.Errorf("%d answers are held, and %d counted; at most %d may be", held, size, 2*parts)
	}
}

func BenchmarkCheckFromMemory(b *testing.B) {
	_, c := start(b, patient())
	var questions []*consentv1.Question
	for i := range 1024 {
		q := question(fmt.Sprintf("%025da", i))
		c.answers(b, q, "CONSENT_GIVEN")
		questions = append(questions, q)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if a, err := c.Check(b.Context(), questions[i%len(questions)]); err != nil || !a.Allowed {
			b.Fatal(a, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "answers/s")
}
