package consents

import (
	"context"
	"fmt"
	"sync/atomic"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/bench/internal/eventlog"
	"habeas.internal/services/bench/internal/measure"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// WritesSection is the section of decisions.
func WritesSection(ctx context.Context, in eventlog.Settings) (*eventlog.Section, error) {
	s := &eventlog.Section{
		Name: writes, Title: "Decisions", Base: eventlog.Base{Variant: eventlog.RawFile, Callers: fewest}, Notes: []string{
			fmt.Sprintf("RecordDecision: one purpose of a person, given and refused by turns, to a consentd in a process of its own over TLS with a token, counted against limits in Redis; the answer is on disk. Each caller walks over %d people of its own, over one connection.", in.Working),
			"JetStream alone: nats.go publishing 300 bytes with an expectation to the same server, as in the section of appends: what is left of a bare file's rate before anything of ours.",
			"raw append + fdatasync: 400 bytes written at the end of a file and synced, one writer; its points are spread over the round.",
			"Audit: a write reads nobody's data, so that the read log has no part in it. Sealing does not exist yet; there is nothing to turn on.",
		},
	}
	if err := eventlog.AddRawFile(ctx, s, in); err != nil {
		return s, err
	}
	for _, kind := range []struct {
		shards       int
		callers      []int
		ours, theirs string
	}{{1, callers(), Record1, JetStream1}, {4, callers()[1:], Record4, JetStream4}} {
		w, err := newWorld(ctx, s, in, fmt.Sprint(kind.shards), kind.shards)
		if err != nil {
			return s, err
		}
		r, err := newRecorder(ctx, w)
		if err != nil {
			return s, err
		}
		bare, err := eventlog.Publisher(ctx, s, w.NATS, kind.shards, in.Working)
		if err != nil {
			return s, err
		}
		for _, n := range kind.callers {
			s.Variants = append(s.Variants,
				measure.Variant{Name: kind.ours, Callers: n, Op: r.record, CPU: eventlog.Sum(w.NATS.CPU, w.redis.CPU, r.server.CPU)},
				measure.Variant{Name: kind.theirs, Callers: n, Op: bare, CPU: w.NATS.CPU})
		}
	}
	s.SpreadBase()
	return s, nil
}

// recorder records decisions, each caller those of people of its own.
type recorder struct {
	server *replica
	client consentv1.ConsentServiceClient
	walks  [most]people
	done   [most]atomic.Int64
}

func newRecorder(ctx context.Context, w *world) (*recorder, error) {
	r := &recorder{}
	var err error
	if r.server, err = w.start(ctx, "writes", ServeCommand); err != nil {
		return nil, err
	}
	if err := w.publish(ctx, r.server); err != nil {
		return nil, err
	}
	conn, err := w.product(r.server)
	if err != nil {
		return nil, err
	}
	r.client = consentv1.NewConsentServiceClient(conn)
	for c := range r.walks {
		if r.walks[c], err = newPeople(w.in.Working); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *recorder) record(ctx context.Context, caller int) error {
	walk, n := r.walks[caller], int(r.done[caller].Add(1))
	return record(ctx, r.client, &consentv1.RecordDecisionRequest{
		RequestId: uuid.NewString(), SubjectRef: walk[n%len(walk)], Policy: policy, DecidedAt: timestamppb.Now(), Evidence: "sha256:" + textHash,
		Choices: []*consentv1.Choice{choice(purposes()[n%decided][0], n/len(walk)%2 == 0)},
	})
}
