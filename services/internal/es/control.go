package es

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	logv1 "habeas.internal/proto/gen/habeas/log/v1"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Control events of a stream and the aggregates that hold them.
const (
	TypeGenesis      = "log.genesis"
	TypeKeyAnnounced = "log.key_announced"

	aggStream = "stream"
	aggKey    = "key"
)

// Control names the control aggregates of one shard: Partition is the first
// partition that the shard owns.
type Control struct {
	Context   string
	Partition string
}

// ControlOf is the control of the shard, out of n, that owns agg.
func ControlOf(agg Aggregate, n int) Control {
	return Control{Context: agg.Context, Partition: ShardPartitions(Shard(agg.Partition(), n), n)[0]}
}

// Stream is the aggregate whose first commit is the stream's genesis.
func (c Control) Stream() Aggregate {
	return Aggregate{Context: c.Context, Tenant: LogTenant, Type: aggStream, ID: c.Partition}
}

// Key is the aggregate of one announced key.
func (c Control) Key(keyID string) Aggregate {
	return Aggregate{Context: c.Context, Tenant: LogTenant, Type: aggKey, ID: c.Partition + "-" + keyID}
}

// GenesisCommit is the commit that begins a stream; the log key signs it.
func GenesisCommit(random io.Reader, c Control, g *logv1.Genesis) (Commit, error) {
	return controlCommit(random, c.Stream(), TypeGenesis, g, g.GetProvisionedAt().AsTime())
}

// Announcement is the commit that makes a public key known: a service key,
// signed by the log key, or an instance key, signed by its service's key.
func Announcement(random io.Reader, c Control, role logv1.KeyRole, service string, public ed25519.PublicKey, at time.Time) (Commit, error) {
	a := &logv1.KeyAnnounced{
		KeyId: KeyID(public), PublicKey: public, Role: role, Service: service, AnnouncedAt: timestamppb.New(at),
	}
	return controlCommit(random, c.Key(a.GetKeyId()), TypeKeyAnnounced, a, at)
}

func controlCommit(random io.Reader, agg Aggregate, eventType string, m proto.Message, at time.Time) (Commit, error) {
	id, err := NewID(random)
	if err != nil {
		return Commit{}, err
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return Commit{}, fmt.Errorf("encode %s: %w", eventType, err)
	}
	return Commit{
		ID: id, CommandID: eventType, Aggregate: agg, Time: at,
		Events: []Event{{Type: eventType, Schema: 1, Critical: true, Data: data}},
	}, nil
}

// Announce appends the announcement of public to the shard, unless it is
// there. store must sign with the announcing key.
func Announce(ctx context.Context, store Store, random io.Reader, c Control, role logv1.KeyRole, service string, public ed25519.PublicKey, at time.Time) error {
	commit, err := Announcement(random, c, role, service, public, at)
	if err != nil {
		return err
	}
	_, err = store.Append(ctx, Head{}, commit)
	if errors.Is(err, ErrConflict) {
		return announcedAs(ctx, store, c, role, service, public)
	}
	if err != nil {
		return fmt.Errorf("announce key: %w", err)
	}
	return nil
}

// announcedAs checks that the announcement that is there says the same.
func announcedAs(ctx context.Context, store Loader, c Control, role logv1.KeyRole, service string, public ed25519.PublicKey) error {
	r, err := first(ctx, store, c.Key(KeyID(public)))
	if err != nil {
		return fmt.Errorf("read announcement: %w", err)
	}
	if w, err := announcement(r); err != nil || w.GetRole() != role || w.GetService() != service {
		return fmt.Errorf("key is announced as something else: %w", ErrUntrusted)
	}
	return nil
}

// MayAnnounce reports whether instances of a service may be announced in a
// shard by a key: ErrUntrusted unless the log key announced it for that
// service. An announcement that nobody vouches for could never be taken back.
func (k *KeyRing) MayAnnounce(ctx context.Context, c Control, service string, key Signer) error {
	a, err := k.key(ctx, c, key.KeyID, logv1.KeyRole_KEY_ROLE_SERVICE)
	var damaged *CorruptError
	switch {
	case errors.Is(err, errAbsent), errors.As(err, &damaged), err == nil && a.service != service:
		return fmt.Errorf("key of service %s was not announced by the log: %w", service, ErrUntrusted)
	case err != nil:
		return fmt.Errorf("find service key: %w", err)
	}
	return nil
}

// Loader is the half of a Store that verification needs.
type Loader interface {
	// Load is Store's.
	Load(ctx context.Context, agg Aggregate, after uint64, from Source) iter.Seq2[Recorded, error]
}

// ReadGenesis returns a shard's genesis after checking it against the log key
// that the reader was given.
func ReadGenesis(ctx context.Context, store Loader, c Control, logKey ed25519.PublicKey) (*logv1.Genesis, error) {
	r, err := first(ctx, store, c.Stream())
	if err != nil {
		return nil, fmt.Errorf("read genesis: %w", err)
	}
	var g logv1.Genesis
	if len(r.Events) != 1 || r.Events[0].Type != TypeGenesis || proto.Unmarshal(r.Events[0].Data, &g) != nil {
		return nil, fmt.Errorf("read genesis: %w", ErrUntrusted)
	}
	if !bytes.Equal(g.GetLogKey(), logKey) || !verify(r.Message, logKey) {
		return nil, fmt.Errorf("read genesis: %w", ErrUntrusted)
	}
	return &g, nil
}

var errAbsent = errors.New("aggregate has no commits")

func first(ctx context.Context, store Loader, agg Aggregate) (Recorded, error) {
	for _, source := range []Source{AnyReplica, Leader} {
		for r, err := range store.Load(ctx, agg, 0, source) {
			return r, err
		}
	}
	return Recorded{}, errAbsent
}

// KeyRing verifies commits by the keys announced in their own shard, back to
// the log key. Verified keys are kept; it is safe for concurrent use.
type KeyRing struct {
	store  Loader
	logKey ed25519.PublicKey
	shards int
	known  sync.Map // Control + key id -> announced
	heads  *seenSet
}

type announced struct {
	public   ed25519.PublicKey
	service  string
	imported bool // it signed commits of an earlier installation, and no later ones
}

// NewKeyRing makes the key ring of a reader that trusts logKey. shards is the
// number of shards of each context.
func NewKeyRing(store Loader, logKey ed25519.PublicKey, shards int) *KeyRing {
	return &KeyRing{store: store, logKey: logKey, shards: shards, heads: newSeenSet(verifiedHeads)}
}

// verifiedHeads bounds the memory of commits whose signature was checked.
const verifiedHeads = 1 << 16

// Verify checks the signature of r. Failing is a CorruptError; not reaching
// the log is another error.
func (k *KeyRing) Verify(ctx context.Context, r Recorded) error {
	mark := markOf(r.Message.Digest(), r.Message)
	if k.heads.has(mark) {
		return nil
	}
	if err := k.verify(ctx, r); err != nil {
		return err
	}
	k.heads.add(mark)
	return nil
}

// markOf is that of a message and its signature.
func markOf(digest Hash, m Message) Hash {
	return Hash(sha256.Sum256(append(digest[:], m.Header[HeaderSignature]...)))
}

// Own tells the ring of a commit of agg that this process has just signed itself:
// read again as it is, its signature is not verified. That holds only once the ring
// knows that the key was announced in the commit's shard.
func (k *KeyRing) Own(agg Aggregate, m Message) {
	id := keyMark(ControlOf(agg, k.shards), m.Header[HeaderKeyID], logv1.KeyRole_KEY_ROLE_INSTANCE)
	v, _ := k.known.Load(id)
	if a, known := v.(announced); known && !a.imported && agg.Tenant != LogTenant {
		k.heads.add(markOf(m.Digest(), m))
	}
}

// keyMark is under what a key of a shard is kept.
func keyMark(c Control, keyID string, role logv1.KeyRole) string {
	return fmt.Sprintf("%s.%s.%s.%d", c.Context, c.Partition, keyID, role)
}

func (k *KeyRing) verify(ctx context.Context, r Recorded) error {
	if r.Aggregate.Tenant == LogTenant {
		return k.verifyControl(ctx, r)
	}
	c := ControlOf(r.Aggregate, k.shards)
	return k.signedBy(ctx, r, c, logv1.KeyRole_KEY_ROLE_INSTANCE)
}

// verifyControl checks genesis and announcements: the log key vouches for
// everything, a service's key for its own instances.
func (k *KeyRing) verifyControl(ctx context.Context, r Recorded) error {
	if r.Message.Header[HeaderKeyID] == KeyID(k.logKey) {
		if !verify(r.Message, k.logKey) {
			return corrupt(r, CorruptSignature)
		}
		return nil
	}
	a, err := announcement(r)
	if err != nil || a.GetRole() != logv1.KeyRole_KEY_ROLE_INSTANCE {
		return corrupt(r, CorruptSignature)
	}
	c := Control{Context: r.Aggregate.Context, Partition: r.Aggregate.Partition()}
	signer, err := k.key(ctx, c, r.Message.Header[HeaderKeyID], logv1.KeyRole_KEY_ROLE_SERVICE)
	if err != nil {
		return k.keyError(r, err)
	}
	if signer.service != a.GetService() || !verify(r.Message, signer.public) {
		return corrupt(r, CorruptSignature)
	}
	return nil
}

func (k *KeyRing) signedBy(ctx context.Context, r Recorded, c Control, role logv1.KeyRole) error {
	key, err := k.key(ctx, c, r.Message.Header[HeaderKeyID], role)
	if err != nil {
		return k.keyError(r, err)
	}
	if !verify(r.Message, key.public) {
		return corrupt(r, CorruptSignature)
	}
	if key.imported {
		return k.beforeImportEnded(ctx, r, c)
	}
	return nil
}

// beforeImportEnded checks that a commit under a readmitted key stands before
// the end of the import: what an old installation's instance signs later is
// not of this log.
func (k *KeyRing) beforeImportEnded(ctx context.Context, r Recorded, c Control) error {
	end, err := k.importEnd(ctx, c)
	if err != nil {
		return fmt.Errorf("find the end of the import: %w", err)
	}
	if end != 0 && r.Position.Seq > end {
		return corrupt(r, CorruptKey)
	}
	return nil
}

// importEnd is the sequence at which a shard's import ended, 0 while it runs.
func (k *KeyRing) importEnd(ctx context.Context, c Control) (uint64, error) {
	id := "import." + c.Context + "." + c.Partition
	if v, ok := k.known.Load(id); ok {
		seq, _ := v.(uint64)
		return seq, nil
	}
	for r, err := range k.store.Load(ctx, c.Stream(), 0, AnyReplica) {
		if err != nil {
			return 0, err
		}
		if r.Events[0].Type != TypeImported {
			continue
		}
		if err := k.verifyControl(ctx, r); err != nil {
			return 0, err
		}
		k.known.Store(id, r.Position.Seq)
		return r.Position.Seq, nil
	}
	return 0, nil
}

func (k *KeyRing) keyError(r Recorded, err error) error {
	if errors.Is(err, errAbsent) {
		return corrupt(r, CorruptKey)
	}
	return fmt.Errorf("find signing key: %w", err)
}

// key finds a key of the shard that was announced for role. The log key alone
// announces services, so the search ends there.
func (k *KeyRing) key(ctx context.Context, c Control, keyID string, role logv1.KeyRole) (announced, error) {
	id := keyMark(c, keyID, role)
	if v, ok := k.known.Load(id); ok {
		a, _ := v.(announced)
		return a, nil
	}
	agg := c.Key(keyID)
	if agg.Validate() != nil {
		return announced{}, errAbsent
	}
	r, err := first(ctx, k.store, agg)
	if err != nil {
		return announced{}, err
	}
	w, err := announcement(r)
	if err != nil || w.GetKeyId() != keyID || w.GetRole() != role {
		return announced{}, corrupt(r, CorruptKey)
	}
	byLog := r.Message.Header[HeaderKeyID] == KeyID(k.logKey)
	if role == logv1.KeyRole_KEY_ROLE_SERVICE && !byLog {
		return announced{}, corrupt(r, CorruptSignature)
	}
	if err := k.verifyControl(ctx, r); err != nil {
		return announced{}, err
	}
	a := announced{public: w.GetPublicKey(), service: w.GetService(), imported: w.GetImportedFrom() != ""}
	k.known.Store(id, a)
	return a, nil
}

func announcement(r Recorded) (*logv1.KeyAnnounced, error) {
	var w logv1.KeyAnnounced
	if r.Aggregate.Type != aggKey || len(r.Events) != 1 || r.Events[0].Type != TypeKeyAnnounced {
		return nil, errAbsent
	}
	if err := proto.Unmarshal(r.Events[0].Data, &w); err != nil {
		return nil, fmt.Errorf("decode announcement: %w", err)
	}
	if KeyID(w.GetPublicKey()) != w.GetKeyId() {
		return nil, errAbsent
	}
	return &w, nil
}

func corrupt(r Recorded, reason string) error {
	return &CorruptError{Stream: r.Position.Stream, Sequence: r.Position.Seq, Subject: r.Message.Subject, Reason: reason}
}

// seenSet remembers a bounded number of digests: two generations, of which
// the older is forgotten when the newer is full.
type seenSet struct {
	mu       sync.Mutex
	max      int
	new, old map[Hash]struct{}
}

func newSeenSet(limit int) *seenSet {
	return &seenSet{max: limit / 2, new: map[Hash]struct{}{}}
}

func (s *seenSet) has(h Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.new[h]; ok {
		return true
	}
	_, ok := s.old[h]
	return ok
}

func (s *seenSet) add(h Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.new) >= s.max {
		s.old, s.new = s.new, map[Hash]struct{}{}
	}
	s.new[h] = struct{}{}
}
