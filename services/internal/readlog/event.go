package readlog

import (
	"crypto/sha256"
	"fmt"
	"slices"

	accessv1 "habeas.internal/proto/gen/habeas/access/v1"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/es/eventpb"
	"habeas.internal/services/internal/rpc"

	"google.golang.org/protobuf/proto"
)

// MaxListed is how many references of people one event lists; the others are
// counted and vouched for by a digest.
const MaxListed = 100

func (l *Log) event(r rpc.Read) (es.Event, error) {
	id, err := es.NewID(l.cfg.Random)
	if err != nil {
		return es.Event{}, err
	}
	reading := &accessv1.Reading{
		ReadingId: id, At: eventpb.Stamp(r.At), Actor: r.Actor, Caller: r.Service, Roles: r.Roles, Method: r.Method,
		Purpose: r.Purpose, CaseId: r.Case, Reads: r.Class, BreakGlass: r.BreakGlass, TraceId: r.Trace,
	}
	if r.Refusal != "" {
		return encode(&accessv1.ReadRefused{Reading: reading, Reason: r.Refusal, Count: r.Count})
	}
	refs := slices.Compact(slices.Sorted(slices.Values(r.Refs)))
	out := &accessv1.ReadAllowed{Reading: reading, SubjectRefs: refs, Subjects: uint32(len(refs))}
	if len(refs) > MaxListed {
		out.SubjectRefs, out.SubjectsDigest = refs[:MaxListed], Digest(refs)
	}
	return encode(out)
}

// Digest is what an event holds of references that it does not list: SHA-256
// over all of them, which must be sorted.
func Digest(refs []string) []byte {
	h := sha256.New()
	for _, ref := range refs {
		_, _ = h.Write([]byte(ref + "\n"))
	}
	return h.Sum(nil)
}

func encode(m proto.Message) (es.Event, error) {
	name := eventpb.Name(m.ProtoReflect().Descriptor())
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return es.Event{}, fmt.Errorf("encode %s: %w", name, err)
	}
	return es.Event{Type: name, Schema: 1, Data: data}, nil
}
