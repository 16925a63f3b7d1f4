package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	"habeas.internal/services/internal/rpc/fault"
	"habeas.internal/services/internal/seal"
	"habeas.internal/services/internal/seal/fence"

	"google.golang.org/grpc"
)

// errLeaving tells followers to come back elsewhere.
var errLeaving = errors.New("this instance is leaving")

// FollowDrops makes the caller a member of the fence for as long as the stream
// lasts. When it ends, the caller may still hold keys: it is waited out.
func (s *Keys) FollowDrops(stream grpc.BidiStreamingServer[identityv1.FollowDropsRequest, identityv1.FollowDropsResponse]) error {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	if first.GetNumber() != 0 || first.GetReader() == "" {
		return fault.FieldErrors{{Field: "reader", Rule: "REQUIRED", Text: "must be named on joining"}}
	}
	m := &follower{send: stream.Send, waiting: map[uint64]chan struct{}{}, gone: make(chan struct{})}
	leave, err := m.join(s.Fence, reader(stream.Context(), first.GetReader()))
	defer leave(false)
	defer m.end()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- m.listen(stream.Recv) }()
	select {
	case err := <-ended:
		return err
	case <-s.Leaving:
		return errLeaving
	}
}

// follower is a process that holds keys, at the other end of a stream.
type follower struct {
	gone chan struct{} // closed when the stream has ended

	mu      sync.Mutex // over sending, too
	send    func(*identityv1.FollowDropsResponse) error
	number  uint64
	waiting map[uint64]chan struct{} // by drop; closed when it is confirmed
	ended   bool
}

var _ fence.Member = (*follower)(nil)

// Drop is part of fence.Member: it tells the process, and waits for its answer.
func (f *follower) Drop(ctx context.Context, id seal.KeyID) error {
	number, confirmed, err := f.tell(id)
	if err != nil {
		return err
	}
	defer f.forget(number)
	select {
	case <-confirmed:
		return nil
	case <-f.gone:
		return errLeaving
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *follower) tell(id seal.KeyID) (uint64, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return 0, nil, errLeaving
	}
	f.number++
	confirmed := make(chan struct{})
	f.waiting[f.number] = confirmed
	return f.number, confirmed, f.send(&identityv1.FollowDropsResponse{
		Number: f.number, Tenant: id.Tenant, Key: &identityv1.KeyName{Holder: id.Holder.String(), Class: id.Class},
	})
}

// join makes the process a member and says so, before anything else is said.
func (f *follower) join(at *fence.Registry, name string) (leave func(dropped bool), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return at.Join(name, f), f.send(&identityv1.FollowDropsResponse{})
}

func (f *follower) forget(number uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, number)
}

// listen takes confirmations until the stream ends.
func (f *follower) listen(receive func() (*identityv1.FollowDropsRequest, error)) error {
	for {
		m, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f.confirm(m.GetNumber())
	}
}

func (f *follower) confirm(number uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if confirmed := f.waiting[number]; confirmed != nil {
		close(confirmed)
		delete(f.waiting, number)
	}
}

// end lets nobody wait for the process any more, nor send to it.
func (f *follower) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	close(f.gone)
}
