package consentd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	consentv1 "habeas.internal/proto/gen/habeas/consent/v1"
	"habeas.internal/services/consent/person"
	"habeas.internal/services/internal/daemon"
	"habeas.internal/services/internal/es"
	"habeas.internal/services/internal/testserver"
	"habeas.internal/services/internal/testwait"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A watch that isn't read ends when more is unread than the service holds for a
// shard: 6,250 changes of sixteen shards, besides what the connection holds. Nothing
// is let go of before there is twice as much.
const (
	lateShards = 16
	latePeople = 10_500
)

// late are the people of one shard, in the order in which they are written.
func late(tenant string) (out []string) {
	for n := 0; len(out) < latePeople; n++ {
		if id := es.DeriveID("late", "person", fmt.Sprint(n)); es.Shard(es.Partition(tenant, id), lateShards) == 3 {
			out = append(out, id)
		}
	}
	return out
}

// refused are rows of a file in which each of some people refuses something.
func refused(people []string) (out []*consentv1.ImportRow) {
	for n, who := range people {
		out = append(out, &consentv1.ImportRow{
			Line: uint64(n) + 2, SubjectRef: who, Policy: "caseworks", Version: 1, Evidence: "form:1",
			DecidedAt: timestamppb.New(time.Date(2021, 3, 4, 0, 0, n, 0, time.UTC)),
			Choice: &consentv1.Choice{
				Purpose: "trends.track", Decision: consentv1.Decision_DECISION_REFUSED, Expression: consentv1.Expression_EXPRESSION_EXPLICIT,
			},
		})
	}
	return out
}

// TestAWatchThatIsReadLateOrNotAtAllMissesNothing leaves a watch unread until the
// service ends it, and reads on from where it ended. Another one begins only then,
// from before all of it. Both are told what the log tells.
func TestAWatchThatIsReadLateOrNotAtAllMissesNothing(t *testing.T) {
	w := newWorldOf(t, lateShards)
	w.level = "info"
	r, _ := w.start(t)
	publishAll(t, w.dial(t, r, "dpo"))
	answers := consentv1.NewAnswerServiceClient(w.dial(t, r, "holder", grpc.WithStaticStreamWindowSize(64<<10))) // what it holds doesn't grow
	blocked := watchFrom(t, answers, "")
	first, err := blocked.Recv()
	if err != nil {
		t.Fatal(err)
	}
	rows := refused(late("acme"))
	if i, err := taking(t, consentv1.NewImportServiceClient(w.dial(t, r, "product")), rows, false, len(rows)); err != nil || i.GetRecorded() != latePeople {
		t.Fatalf("imported %v, %v", i, err)
	}
	testwait.For(t, time.Minute, func() error {
		if !bytes.Contains(metrics(t, r), []byte("WATCH_TOO_SLOW")) {
			return errors.New("the watch that nobody reads goes on")
		}
		return nil
	})
	want := w.peopleInLog(t)
	if got, _ := drained(t, watchFrom(t, answers, first.GetPosition()), latePeople); !slices.Equal(got, want) {
		t.Errorf("who came late was told of %d changes, want %d in their order", len(got), len(want))
	}
	got, at := drained(t, blocked, 0)
	if len(got) == 0 || len(got) >= latePeople {
		t.Fatalf("who was ended was told of %d changes before", len(got))
	}
	rest, _ := drained(t, watchFrom(t, answers, at), latePeople-len(got))
	if !slices.Equal(append(got, rest...), want) {
		t.Errorf("who went on was told of %d and then %d changes, want %d in their order", len(got), len(rest), len(want))
	}
}

func watchFrom(t *testing.T, c consentv1.AnswerServiceClient, position string) grpc.BidiStreamingClient[consentv1.WatchRequest, consentv1.WatchResponse] {
	t.Helper()
	stream, err := c.Watch(t.Context())
	if err == nil {
		err = stream.Send(&consentv1.WatchRequest{Position: position})
	}
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// drained reads a watch until so many changes have come, or else, if none are
// wanted, until it ends as one that was read too slowly. It says how far that was.
func drained(t *testing.T, stream grpc.BidiStreamingClient[consentv1.WatchRequest, consentv1.WatchResponse], want int) (ids []string, position string) {
	t.Helper()
	for want == 0 || len(ids) < want {
		r, err := stream.Recv()
		if want == 0 && status.Code(err) == codes.Aborted {
			return ids, position
		}
		if err != nil {
			t.Fatalf("after %d changes: %v", len(ids), err)
		}
		position = r.GetPosition()
		for _, c := range r.GetChanges() {
			ids = append(ids, c.GetId())
		}
	}
	return ids, position
}

// peopleInLog are the people whom the log tells of, in its order.
func (w *world) peopleInLog(t *testing.T) (ids []string) {
	t.Helper()
	log := w.in.Open(t, w.nats.Connect(t, testserver.Admin))
	for r, err := range log.Scan(t.Context(), "consent", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Aggregate.Type == person.AggregateType {
			ids = append(ids, r.Aggregate.ID)
		}
	}
	return ids
}

// metrics is what the daemon says of itself.
func metrics(t *testing.T, r daemon.Running) []byte {
	t.Helper()
	answer, err := http.Get("http://" + r.Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
