package rpc

import (
	"context"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/internal/mirror"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/consent/policy"
	"habeas.internal/services/consent/recipient"
	"habeas.internal/services/internal/es"
	kit "habeas.internal/services/internal/rpc"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	// maxChanges bounds a message of Watch.
	maxChanges = 1000
	// lookLate is how often a watch that doesn't move is looked at.
	lookLate = time.Second
)

// watching is a stream of Watch.
type watching = grpc.BidiStreamingServer[consentv1.WatchRequest, consentv1.WatchResponse]

// ping is a question how old what was sent is.
type ping struct {
	number uint64
	came   time.Time
}

// Watch sends what changes. Whoever reads too slowly to be served from memory is
// sent away, with a position to go on from.
func (s *AnswerServer) Watch(stream watching) error {
	if s.log.Mirror == nil {
		return errStale
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	from, err := es.ParseToken(first.GetPosition())
	if err != nil {
		return err
	}
	f, err := s.log.Mirror.Follow(kit.PrincipalFrom(stream.Context()).Tenant, from)
	if err != nil {
		return err
	}
	defer f.Leave()
	pings, done := make(chan ping, 1), make(chan error, 2) // neither waits for the other: a blocked one ends with the stream
	go func() { done <- listen(stream, pings) }()
	go func() { done <- tell(stream, f, pings) }()
	late := time.NewTicker(lookLate)
	defer late.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-late.C:
			if f.Late() {
				return mirror.ErrSlow
			}
		}
	}
}

// listen takes pings in. Of several that wait, the last is answered.
func listen(stream watching, pings chan ping) error {
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		p := ping{r.GetPing(), time.Now()}
		select {
		case <-pings:
		default:
		}
		pings <- p
	}
}

// tell sends where the watch begins, then changes and answers to pings.
func tell(stream watching, f *mirror.Follower, pings <-chan ping) error {
	if err := stream.Send(&consentv1.WatchResponse{Position: f.Token().Encode()}); err != nil {
		return err
	}
	for {
		var p ping
		select {
		case <-stream.Context().Done():
			return context.Cause(stream.Context())
		case p = <-pings:
		case <-f.Moved():
		}
		if err := report(stream, f, p); err != nil {
			return err
		}
	}
}

// report sends what has changed, and after it how old that is, if it was asked.
func report(stream watching, f *mirror.Follower, p ping) error {
	fresh := f.Fresh() // before the changes are read: they hold all of it
	for {
		changes, more, err := f.Next(maxChanges)
		if err != nil {
			return err
		}
		out := &consentv1.WatchResponse{Position: f.Token().Encode(), Changes: make([]*consentv1.Change, len(changes))}
		for i, agg := range changes {
			out.Changes[i] = &consentv1.Change{Kind: kindOf(agg.Type), Id: agg.ID}
		}
		if !more && p.number > 0 && !fresh.IsZero() {
			out.Ping, out.Age = p.number, durationpb.New(max(p.came.Sub(fresh), 0))
		}
		if len(changes) > 0 || out.GetPing() > 0 {
			if err := stream.Send(out); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

func kindOf(aggregate string) consentv1.ChangeKind {
	switch aggregate {
	case person.AggregateType:
		return consentv1.ChangeKind_CHANGE_KIND_PERSON
	case policy.AggregateType:
		return consentv1.ChangeKind_CHANGE_KIND_POLICY
	case recipient.AggregateType:
		return consentv1.ChangeKind_CHANGE_KIND_RECIPIENT
	}
	return consentv1.ChangeKind_CHANGE_KIND_UNSPECIFIED
}
