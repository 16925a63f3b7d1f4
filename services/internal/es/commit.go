package es

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// MaxCommitBytes bounds an encoded commit; the server's limit is 1 MiB.
const MaxCommitBytes = 512 << 10

// maxTypesBytes bounds the header that lists a commit's types; the server
// takes 64 KiB of headers.
const maxTypesBytes = 32 << 10

// SchemaVersion is the version of the commit's own encoding.
const SchemaVersion = "1"

// Hash is the digest of a commit that its signature covers: subject, id,
// headers and body. The zero value stands before the first commit.
type Hash [sha256.Size]byte

// Event is one fact, encoded. Data holds no personal data in clear.
type Event struct {
	Type     string
	Schema   uint32
	Critical bool // a foreign reader that does not know the type must halt
	Data     []byte
	// ID is known where the event was read from its commit; it is not stored.
	ID string
}

// Commit is what one command did to one aggregate.
type Commit struct {
	ID        string // 26 characters, see NewID
	CommandID string
	Digest    []byte // keyed digest of a client command's body
	Client    bool   // remembered for retries
	Aggregate Aggregate
	Time      time.Time
	Refusal   string // reason code the command was answered with
	Events    []Event
	Meta      Meta
}

// Meta travels in headers beside the commit and holds random ids only.
type Meta struct {
	Correlation string // the business process, such as a request id
	Causation   string // id of the event or command that led here
	Traceparent string // W3C trace context of the append
}

// EventID is the id of a commit's i-th event.
func EventID(commitID string, i int) string {
	return commitID + "-" + strconv.Itoa(i)
}

// Head is where an aggregate stands. The zero value is an aggregate without
// commits.
type Head struct {
	Seq     uint64 // stream sequence of the last commit
	Commits uint64
	Version uint64 // number of events
	Hash    Hash   // of the last commit as published
}

// Position is where a commit stands in the log.
type Position struct {
	Stream string
	Epoch  string
	Seq    uint64
}

// Recorded is a commit as it stands in the log.
type Recorded struct {
	Commit
	Position     Position
	Stored       time.Time // by the store's clock
	FirstVersion uint64
	Prev         Hash
	Hash         Hash
	Message      Message // as published
}

// Headers of a commit's message. They hold no personal data.
const (
	HeaderTypes       = "habeas-types"
	HeaderSchema      = "habeas-schema"
	HeaderCorrelation = "habeas-correlation"
	HeaderCausation   = "habeas-causation"
	HeaderSignature   = "habeas-sig"
	HeaderKeyID       = "habeas-key-id"
	HeaderTraceparent = "traceparent"
)

// Message is a commit in its published form.
type Message struct {
	Subject string
	ID      string // Nats-Msg-Id: the commit's id
	Header  map[string]string
	Data    []byte
}

// Encode makes the message of a commit that follows head, signed by signer.
func Encode(head Head, c Commit, signer Signer) (Message, error) {
	if err := c.Aggregate.Validate(); err != nil {
		return Message{}, err
	}
	id, err := Encoding.DecodeString(c.ID)
	if err != nil || len(id) != 16 || len(c.Events) == 0 {
		return Message{}, fmt.Errorf("encode commit: id or events missing: %w", ErrInvalidAggregate)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(toWire(id, head, c))
	if err != nil {
		return Message{}, fmt.Errorf("encode commit: %w", err)
	}
	names := types(c.Events)
	if len(data) > MaxCommitBytes || len(names) > maxTypesBytes {
		return Message{}, ErrTooLarge
	}
	m := Message{Subject: c.Aggregate.Subject(), ID: c.ID, Data: data, Header: map[string]string{
		HeaderTypes:       names,
		HeaderSchema:      SchemaVersion,
		HeaderCorrelation: c.Meta.Correlation,
		HeaderCausation:   c.Meta.Causation,
	}}
	if c.Meta.Traceparent != "" {
		m.Header[HeaderTraceparent] = c.Meta.Traceparent
	}
	signer.sign(&m)
	return m, nil
}

func types(events []Event) string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.Type + ".v" + strconv.FormatUint(uint64(e.Schema), 10)
	}
	return strings.Join(names, ",")
}

func toWire(id []byte, head Head, c Commit) *logv1.Commit {
	w := &logv1.Commit{
		CommitId:      id,
		CommandId:     c.CommandID,
		CommandDigest: c.Digest,
		ClientCommand: c.Client,
		Context:       c.Aggregate.Context,
		Tenant:        c.Aggregate.Tenant,
		AggregateType: c.Aggregate.Type,
		AggregateId:   c.Aggregate.ID,
		FirstVersion:  head.Version + 1,
		Time:          timestamppb.New(c.Time),
		Refusal:       c.Refusal,
	}
	if head.Hash != (Hash{}) {
		w.PrevHash = head.Hash[:]
	}
	for _, e := range c.Events {
		w.Events = append(w.Events, &logv1.Event{Type: e.Type, Schema: e.Schema, Critical: e.Critical, Data: e.Data})
	}
	return w
}

// Record is what Decode would make of a message that Encode has just made of c
// behind head, without reading it again. When it was stored is not known.
func Record(head Head, c Commit, m Message, at Position) Recorded {
	return Recorded{
		Commit: c, Position: at, FirstVersion: head.Version + 1, Prev: head.Hash, Hash: m.Digest(), Message: m,
	}
}

// Decode reads a message back. What cannot be a commit of the message's
// subject is a CorruptError that names the position.
func Decode(m Message, at Position, stored time.Time) (Recorded, error) {
	corrupt := func(reason string) (Recorded, error) {
		return Recorded{}, &CorruptError{Stream: at.Stream, Sequence: at.Seq, Subject: m.Subject, Reason: reason}
	}
	agg, err := ParseSubject(m.Subject)
	if err != nil {
		return corrupt(CorruptSubject)
	}
	var w logv1.Commit
	if err := proto.Unmarshal(m.Data, &w); err != nil {
		return corrupt(CorruptEncoding)
	}
	named := Aggregate{Context: w.GetContext(), Tenant: w.GetTenant(), Type: w.GetAggregateType(), ID: w.GetAggregateId()}
	if named != agg || Encoding.EncodeToString(w.GetCommitId()) != m.ID {
		return corrupt(CorruptSubject)
	}
	malformed := len(w.GetCommitId()) != 16 || len(w.GetEvents()) == 0 || w.GetFirstVersion() == 0 ||
		(len(w.GetPrevHash()) != 0 && len(w.GetPrevHash()) != sha256.Size) || w.GetTime().CheckValid() != nil
	if malformed {
		return corrupt(CorruptEncoding)
	}
	r := fromWire(&w, agg, m, at, stored)
	if types(r.Events) != m.Header[HeaderTypes] || m.Header[HeaderSchema] != SchemaVersion {
		return corrupt(CorruptHeader)
	}
	return r, nil
}

func fromWire(w *logv1.Commit, agg Aggregate, m Message, at Position, stored time.Time) Recorded {
	r := Recorded{
		Commit: Commit{
			ID:        m.ID,
			CommandID: w.GetCommandId(),
			Digest:    w.GetCommandDigest(),
			Client:    w.GetClientCommand(),
			Aggregate: agg,
			Time:      w.GetTime().AsTime(),
			Refusal:   w.GetRefusal(),
			Events:    make([]Event, len(w.GetEvents())),
			Meta: Meta{
				Correlation: m.Header[HeaderCorrelation],
				Causation:   m.Header[HeaderCausation],
				Traceparent: m.Header[HeaderTraceparent],
			},
		},
		Position:     at,
		Stored:       stored,
		FirstVersion: w.GetFirstVersion(),
		Hash:         m.Digest(),
		Message:      m,
	}
	copy(r.Prev[:], w.GetPrevHash())
	for i, e := range w.GetEvents() {
		r.Events[i] = Event{Type: e.GetType(), Schema: e.GetSchema(), Critical: e.GetCritical(), Data: e.GetData()}
	}
	return r
}

// Next is the head after r, which must continue h: the next version, the hash
// of the previous commit, a later sequence. Anything else is a CorruptError.
func (h Head) Next(r Recorded) (Head, error) {
	reason := ""
	switch {
	case r.Prev != h.Hash:
		reason = CorruptChain
	case r.FirstVersion != h.Version+1:
		reason = CorruptVersion
	case r.Position.Seq <= h.Seq:
		reason = CorruptGap
	}
	if reason != "" {
		return h, &CorruptError{Stream: r.Position.Stream, Sequence: r.Position.Seq, Subject: r.Message.Subject, Reason: reason}
	}
	return Head{Seq: r.Position.Seq, Commits: h.Commits + 1, Version: h.Version + uint64(len(r.Events)), Hash: r.Hash}, nil
}
