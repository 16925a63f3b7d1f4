package rpc_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	identityv1 "habeas.internal/proto/gen/habeas/identity/v1"
	retentionv1 "habeas.internal/proto/gen/habeas/retention/v1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// people is identity: it answers for everybody alike, by default that it knows
// them. Who went into whom is told beforehand.
type people struct {
	code  atomic.Uint32 // of the refusal
	state atomic.Int32

	mu    sync.Mutex
	into  map[string]string // merged
	going map[string]string // about to be
	asked int
	then  func(asked int) // called after each answer
}

func (p *people) GetSubject(_ context.Context, r *identityv1.GetSubjectRequest, _ ...grpc.CallOption) (*identityv1.GetSubjectResponse, error) {
	if code := codes.Code(p.code.Load()); code != codes.OK {
		return nil, status.Error(code, "x")
	}
	state := identityv1.SubjectState(p.state.Load())
	if state == identityv1.SubjectState_SUBJECT_STATE_UNSPECIFIED {
		state = identityv1.SubjectState_SUBJECT_STATE_ACTIVE
	}
	p.mu.Lock()
	out := &identityv1.GetSubjectResponse{State: state, MergedInto: p.into[r.GetSubjectRef()], MergingInto: p.going[r.GetSubjectRef()]}
	for goes, stays := range p.into {
		if stays == r.GetSubjectRef() {
			out.MergedRefs = append(out.MergedRefs, goes)
		}
	}
	p.asked++
	asked, then := p.asked, p.then
	p.mu.Unlock()
	if then != nil {
		then(asked)
	}
	return out, nil
}

// merge makes the references one person.
func (p *people) merge(goes, stays string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.into = map[string]string{goes: stays}
}

func (p *people) part() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.into = nil
}

func TestAHoldIsForAPersonWhomIdentityKnows(t *testing.T) {
	w := newWorld(t)
	dpo := w.client(t, person("dpo"))
	ask := &retentionv1.PlaceHoldRequest{
		RequestId: uuid2, SubjectRef: subject, Ground: "legal_claim", Authority: "Case 4/26",
		ReviewAt: timestamppb.New(time.Now().Add(time.Hour)),
	}
	for _, c := range []struct {
		code  codes.Code
		state identityv1.SubjectState
		want  codes.Code
	}{
		{codes.NotFound, 0, codes.NotFound},
		{codes.Unavailable, 0, codes.Unavailable},
		{codes.OK, identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN, codes.FailedPrecondition},
	} {
		w.people.code.Store(uint32(c.code))
		w.people.state.Store(int32(c.state))
		before := w.store.appends.Load()
		_, err := dpo.PlaceHold(deadline(t), ask)
		if got := status.Code(err); got != c.want || w.store.appends.Load() != before {
			t.Errorf("identity says %v %v: %v, %d appended", c.code, c.state, err, w.store.appends.Load()-before)
		}
	}
	w.people.code.Store(uint32(codes.OK))
	w.people.state.Store(int32(identityv1.SubjectState_SUBJECT_STATE_ACTIVE))
	first, err := dpo.PlaceHold(deadline(t), ask)
	if err != nil {
		t.Fatal(err)
	}
	w.people.state.Store(int32(identityv1.SubjectState_SUBJECT_STATE_FORGOTTEN))
	again, err := dpo.PlaceHold(deadline(t), ask)
	if err != nil || again.GetHold() != first.GetHold() {
		t.Errorf("a repeat after the person was forgotten: %v, %v", again, err)
	}
}
