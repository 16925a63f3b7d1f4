package carry

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/fulfilment/request"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/personal"
	"habeas.internal/services/internal/rpc/client"
)

// acknowledge owes an acknowledgement to an address that identity knows. Nobody
// else is written to: whoever submits names the address, and it may be anybody's.
func (j *journey) acknowledge(ctx context.Context) error {
	address := personal.Text{}
	if j.s.Kind == kindEmail {
		id, err := j.identifier(ctx)
		if err != nil {
			return err
		}
		if address, err = j.mayWrite(ctx, id); err != nil {
			return err
		}
	}
	return j.owe(ctx, request.TemplateAcknowledged, address)
}

// mayWrite is the address of an identifier, in the spelling by which identity
// knows it; none for a stranger's, and for one that has got enough lately.
func (j *journey) mayWrite(ctx context.Context, id *identityv1.Identifier) (personal.Text, error) {
	_, err := j.cfg.Peers.Subjects.ResolveSubject(ctx, &identityv1.ResolveSubjectRequest{Identifier: id})
	if gone(err) || malformed(err) {
		return personal.Text{}, nil
	}
	if err != nil {
		return personal.Text{}, fmt.Errorf("resolve subject: %w", err)
	}
	address := plain(id).Value
	if !j.post.allow(j.agg, address, j.cfg.Now()) {
		return personal.Text{}, nil
	}
	return personal.Clear(address), nil
}

// channel is the address to which identity sent a code for the request: the first
// that it knows of whoever the request's identifier belongs to. None if it belongs
// to nobody, or if the address has got enough lately.
func (j *journey) channel(ctx context.Context) (personal.Text, error) {
	id, err := j.identifier(ctx)
	if err != nil {
		return personal.Text{}, err
	}
	found, err := j.cfg.Peers.Subjects.ResolveSubject(ctx, &identityv1.ResolveSubjectRequest{Identifier: id})
	if gone(err) || malformed(err) {
		return personal.Text{}, nil
	}
	if err != nil {
		return personal.Text{}, fmt.Errorf("resolve subject: %w", err)
	}
	known, err := j.cfg.Peers.Subjects.ListIdentifiers(client.WithPurpose(ctx, purpose),
		&identityv1.ListIdentifiersRequest{SubjectRef: found.GetSubjectRef()})
	if gone(err) {
		return personal.Text{}, nil
	}
	if err != nil {
		return personal.Text{}, fmt.Errorf("list identifiers: %w", err)
	}
	for _, i := range known.GetIdentifiers() {
		if i.GetKind() != identityv1.IdentifierKind_IDENTIFIER_KIND_EMAIL {
			continue
		}
		if address := plain(i).Value; j.post.allow(j.agg, address, j.cfg.Now()) {
			return personal.Clear(address), nil
		}
		break
	}
	return personal.Text{}, nil
}

const (
	// most is how many requests an address is written to about, before anybody has
	// proven who asks, within a window and from one process.
	most   = 5
	window = time.Hour
	// manyAddresses bounds what is remembered.
	manyAddresses = 100_000
)

// letterbox counts what addresses have got. It remembers no address: a hash under
// a seed of this process stands for each. It may be used from several
// goroutines.
type letterbox struct {
	seed maphash.Seed

	mu  sync.Mutex
	got map[uint64]*letters
}

// letters are the requests about which an address was written to in a window.
type letters struct {
	since time.Time
	about map[es.Aggregate]bool
}

func newLetterbox() *letterbox {
	return &letterbox{seed: maphash.MakeSeed(), got: map[uint64]*letters{}}
}

// allow reports whether an address may get a message about a request now, and
// counts it. The same request counts once, however often it is tried.
func (b *letterbox) allow(about es.Aggregate, address string, now time.Time) bool {
	id := maphash.String(b.seed, about.Tenant+"\x00"+address)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.got) >= manyAddresses {
		b.tidy(now)
	}
	l := b.got[id]
	if l == nil || !now.Before(l.since.Add(window)) {
		if len(b.got) >= manyAddresses && l == nil {
			return false
		}
		l = &letters{since: now, about: map[es.Aggregate]bool{}}
		b.got[id] = l
	}
	if l.about[about] {
		return true
	}
	if len(l.about) >= most {
		return false
	}
	l.about[about] = true
	return true
}

func (b *letterbox) tidy(now time.Time) {
	for id, l := range b.got {
		if !now.Before(l.since.Add(window)) {
			delete(b.got, id)
		}
	}
}
