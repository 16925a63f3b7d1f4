package consentd_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"habeas.internal/proto/client/consent"
	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// follows runs a client's Run until the test ends.
func follows(t *testing.T, c *consent.Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
}

// acts is a random act of one of some people on one of some purposes.
func act(t *testing.T, c consentv1.ConsentServiceClient, r *rand.Rand, n int, who string) {
	t.Helper()
	if r.IntN(8) == 0 {
		_, err := c.WithdrawAll(deadline(t), &consentv1.WithdrawAllRequest{RequestId: request(5000 + n), SubjectRef: who, DecidedAt: timestamppb.Now()})
		if err != nil {
			t.Fatalf("withdraw all: %v", err)
		}
		return
	}
	d := []consentv1.Decision{consentv1.Decision_DECISION_GIVEN, consentv1.Decision_DECISION_GIVEN, consentv1.Decision_DECISION_REFUSED, consentv1.Decision_DECISION_WITHDRAWN}
	_, err := c.RecordDecision(deadline(t), &consentv1.RecordDecisionRequest{
		RequestId: request(5000 + n), SubjectRef: who, Policy: "qcera", DecidedAt: timestamppb.Now(), Evidence: "sha256:abc",
		Choices: []*consentv1.Choice{{
			Purpose: []string{"mail.periodic", "leave.operate"}[r.IntN(2)], Decision: d[r.IntN(len(d))],
			Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
		}},
	})
	if err != nil {
		t.Fatalf("record: %v", err)
	}
}

// questions are those that random histories are asked about.
func questions(who string) []*consentv1.Question {
	leave := mail().GetQuestion()
	leave.Purpose, leave.Categories, leave.Channel = "leave.operate", []string{"leave.absence"}, ""
	out := []*consentv1.Question{mail().GetQuestion(), leave}
	for _, q := range out {
		q.SubjectRef = who
	}
	return out
}

// TestAClientsMemoryAgreesWithTheService lets people act at random at one
// replica and asks a client that follows another one. An answer from memory may
// be from before an act only as long as the bound lets it.
func TestAClientsMemoryAgreesWithTheService(t *testing.T) {
	const bound = time.Second
	w := newWorld(t)
	first, _ := w.start(t)
	second, _ := w.start(t)
	patient(t, w.dial(t, first, "dpo"))
	writer := consentv1.NewConsentServiceClient(w.dial(t, first, "product"))
	client := consent.New(w.dial(t, second, "product"), consent.Config{Bound: bound, Patience: 10 * time.Second})
	follows(t, client)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	people := []string{subject, "ccccccccccccccccccccccccca", "ddddddddddddddddddddddddda"}
	for n := range 60 {
		act(t, writer, r, n, people[r.IntN(len(people))])
		acked := time.Now()
		for _, who := range people {
			for _, q := range questions(who) {
				truth, err := writer.Check(deadline(t), &consentv1.CheckRequest{Question: q})
				if err != nil {
					t.Fatalf("check: %v", err)
				}
				for {
					asked := time.Now()
					got, err := client.Check(t.Context(), q)
					if err != nil {
						t.Fatalf("act %d: %v", n, err)
					}
					want := truth.GetAnswer()
					if got.Allowed == want.GetAllowed() && got.Reason == want.GetReason() && got.Version == want.GetVersion() && got.Clause == want.GetClause() {
						break
					}
					if old := asked.Sub(acked); old >= bound {
						t.Fatalf("act %d: %s after it the client says %s, and the truth is %s", n, old, got.Reason, want.GetReason())
					}
				}
			}
		}
	}
}

func TestAWatchTellsItsTenantsChangesAndGoesOnAtAnotherReplica(t *testing.T) {
	w := newWorld(t)
	first, stop := w.start(t)
	second, _ := w.start(t)
	patient(t, w.dial(t, second, "dpo"))
	writer := consentv1.NewConsentServiceClient(w.dial(t, second, "product"))
	position := watchUntil(t, consentv1.NewAnswerServiceClient(w.dial(t, first, "holder")), "", func() {
		decide(t, writer, 1, consentv1.Decision_DECISION_GIVEN)
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	decide(t, writer, 2, consentv1.Decision_DECISION_WITHDRAWN) // while nobody watches
	watchUntil(t, consentv1.NewAnswerServiceClient(w.dial(t, second, "holder")), position, func() {})

	stream, err := consentv1.NewAnswerServiceClient(w.dial(t, second, "dpo")).Watch(deadline(t))
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("somebody without the role: %v", err)
	}
	stream, err = consentv1.NewAnswerServiceClient(w.dial(t, second, "holder")).Watch(deadline(t))
	if err == nil {
		err = stream.Send(&consentv1.WatchRequest{Position: writerToken(t, writer)})
	}
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.OutOfRange {
		t.Errorf("from a position that knows one stream alone: %v", err)
	}
}

// writerToken is a token of a check.
func writerToken(t *testing.T, c consentv1.ConsentServiceClient) string {
	t.Helper()
	q := mail().GetQuestion()
	res, err := c.ListDecisions(deadline(t), &consentv1.ListDecisionsRequest{SubjectRef: q.GetSubjectRef()})
	if err != nil || len(res.GetDecisions()) == 0 {
		t.Fatalf("decisions: %v, error %v", res, err)
	}
	decided, err := c.WithdrawAll(deadline(t), &consentv1.WithdrawAllRequest{RequestId: request(7000), SubjectRef: q.GetSubjectRef(), DecidedAt: timestamppb.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return decided.GetConsistencyToken()
}

// watchUntil watches until the person has changed and a ping is answered, and
// says how far that was.
func watchUntil(t *testing.T, c consentv1.AnswerServiceClient, from string, then func()) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stream, err := c.Watch(ctx)
	if err == nil {
		err = stream.Send(&consentv1.WatchRequest{Position: from})
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := stream.Recv()
	if err != nil || r.GetPosition() == "" || len(r.GetChanges()) > 0 {
		t.Fatalf("begun with %v, error %v", r, err)
	}
	then()
	changed, pinged, n := false, false, uint64(0)
	testwait.For(t, time.Minute, func() error {
		n++
		if err := stream.Send(&consentv1.WatchRequest{Ping: n}); err != nil {
			return testwait.Final(err)
		}
		for {
			if r, err = stream.Recv(); err != nil {
				return testwait.Final(err)
			}
			for _, change := range r.GetChanges() {
				changed = changed || change.GetKind() == consentv1.ChangeKind_CHANGE_KIND_PERSON && change.GetId() == subject
			}
			if r.GetPing() > 0 {
				pinged = pinged || r.GetAge().AsDuration() < 20*time.Second
				break
			}
		}
		if !changed || !pinged {
			return errors.Join(errors.New("nothing yet"), fmt.Errorf("changed %v, pinged %v", changed, pinged))
		}
		return nil
	})
	return r.GetPosition()
}
