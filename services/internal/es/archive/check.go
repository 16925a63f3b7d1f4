package archive

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"iter"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"
	"habeas.internal/services/internal/es"

	"google.golang.org/protobuf/proto"
)

// Checker holds every message of a log against the log key: genesis, the
// announced keys, each signature, and the chain of each aggregate. It is given
// the messages in the order in which they stand in the streams.
//
// It keeps one head for each aggregate of the stream that is being read, about
// 120 bytes, and that stream's control commits.
type Checker struct {
	header Header
	logKey ed25519.PublicKey
	stream int
	keys   *controls
	ring   *es.KeyRing
	heads  map[place]es.Head
}

// place stands for a subject in less memory.
type place [16]byte

func placeOf(subject string) place {
	sum := sha256.Sum256([]byte(subject))
	return place(sum[:16])
}

// NewChecker makes the checker of the log that the header describes; the
// digests in it are not used. es.ErrUntrusted: the header names another log
// key than the operator trusts.
func NewChecker(h Header, logKey ed25519.PublicKey) (*Checker, error) {
	if !bytes.Equal(h.LogKey, logKey) {
		return nil, fmt.Errorf("log key %s expected: %w", es.KeyID(logKey), es.ErrUntrusted)
	}
	return &Checker{header: h, logKey: logKey, stream: -1}, nil
}

// Check returns the commit of the next message. What does not continue its
// aggregate, or was not signed by a key announced before it, is an
// es.CorruptError that names the place.
func (c *Checker) Check(ctx context.Context, m Message) (es.Recorded, error) {
	s := c.header.Streams[m.Stream]
	if m.Stream != c.stream {
		c.begin(m.Stream)
	}
	r, err := es.Decode(m.Message, es.Position{Stream: s.Name, Epoch: s.Epoch, Seq: m.Seq}, m.Stored)
	if err != nil {
		return r, err
	}
	if r.Aggregate.Context != s.Context || es.Shard(r.Aggregate.Partition(), c.header.Shards) != s.Shard {
		return r, &es.CorruptError{Stream: s.Name, Sequence: m.Seq, Subject: m.Subject, Reason: es.CorruptSubject}
	}
	if err := c.chain(r); err != nil {
		return r, err
	}
	if r.Aggregate.Tenant == es.LogTenant {
		c.keys.commits[r.Aggregate] = append(c.keys.commits[r.Aggregate], r)
	}
	if m.Seq == 1 {
		return r, c.genesis(ctx, s, r)
	}
	return r, c.ring.Verify(ctx, r)
}

// begin forgets the stream before: aggregates and keys are of one stream.
func (c *Checker) begin(stream int) {
	c.stream = stream
	c.keys = &controls{commits: map[es.Aggregate][]es.Recorded{}}
	c.ring = es.NewKeyRing(c.keys, c.logKey, c.header.Shards)
	c.heads = map[place]es.Head{}
}

func (c *Checker) chain(r es.Recorded) error {
	at := placeOf(r.Message.Subject)
	head, err := c.heads[at].Next(r)
	c.heads[at] = head
	return err
}

func (c *Checker) genesis(ctx context.Context, s Stream, r es.Recorded) error {
	control := es.ControlOf(r.Aggregate, c.header.Shards)
	g, err := es.ReadGenesis(ctx, c.keys, control, c.logKey)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	named := g.GetInstallation() == c.header.Installation && g.GetStream() == s.Name && g.GetEpoch() == s.Epoch &&
		int(g.GetShards()) == c.header.Shards && bytes.Equal(g.GetConfiguration(), s.Configuration)
	if !named {
		return fmt.Errorf("%s: genesis is of another stream: %w", s.Name, es.ErrUntrusted)
	}
	return nil
}

// Signer is the announcement of the key that signed r, which Check returned
// last.
func (c *Checker) Signer(r es.Recorded) (*logv1.KeyAnnounced, error) {
	control := es.ControlOf(r.Aggregate, c.header.Shards)
	commits := c.keys.commits[control.Key(r.Message.Header[es.HeaderKeyID])]
	if len(commits) == 0 {
		return nil, &es.CorruptError{
			Stream: r.Position.Stream, Sequence: r.Position.Seq, Subject: r.Message.Subject, Reason: es.CorruptKey,
		}
	}
	var a logv1.KeyAnnounced
	if err := proto.Unmarshal(commits[0].Events[0].Data, &a); err != nil {
		return nil, fmt.Errorf("decode announcement: %w", err)
	}
	return &a, nil
}

// controls are the control commits of one stream, as far as it was read.
type controls struct {
	commits map[es.Aggregate][]es.Recorded
}

// Load is part of es.Loader.
func (k *controls) Load(_ context.Context, agg es.Aggregate, after uint64, _ es.Source) iter.Seq2[es.Recorded, error] {
	return func(yield func(es.Recorded, error) bool) {
		for _, r := range k.commits[agg] {
			if r.Position.Seq > after && !yield(r, nil) {
				return
			}
		}
	}
}
