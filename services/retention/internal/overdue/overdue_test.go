package overdue_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"testing"
	"time"

	"habeas.internal/services/internal/es"
	"habeas.internal/services/retention/compliance"
	"habeas.internal/services/retention/internal/overdue"
	"habeas.internal/services/retention/internal/rpc"

	metrics "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace/noop"
)

// trusting vouches for every commit: who wrote them is not the point here.
type trusting struct{}

func (trusting) Verify(context.Context, es.Recorded) error { return nil }

func handler(t *testing.T) rpc.Reviews {
	t.Helper()
	signer, err := es.GenerateSigner(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	reviews, err := rpc.NewReviews(rpc.Reviews{
		Store: es.NewMemoryStore(signer), Verifier: trusting{}, Digester: es.KeyedDigester("key"),
		Tracer: noop.NewTracerProvider().Tracer(""), Random: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	return reviews
}

func TestAMissedReviewIsAnnouncedOnceAndStaysMissedUntilItIsDone(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	reviews := handler(t)
	agg, dates, read := rpc.ReviewsOf("acme"), overdue.New(reviews.Registry), es.Checkpoint{}
	steps := 0
	do := func(data compliance.Command) {
		t.Helper()
		steps++
		if _, err := reviews.Handle(t.Context(), agg, es.Command[compliance.Command]{ID: es.StepID(agg, "test", steps), At: noon, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	do(compliance.Schedule{Scope: "soon", Period: compliance.Period{Months: 12}, DueAt: noon.Add(time.Hour), At: noon})
	do(compliance.Schedule{Scope: "later", Period: compliance.Period{Months: 12}, DueAt: noon.Add(2 * time.Hour), At: noon})
	for _, tc := range []struct {
		name    string
		first   compliance.Command
		after   time.Duration
		commits int // in the log
	}{
		{"before its date nothing is announced", nil, time.Hour - 1, 2},
		{"then it is", nil, time.Hour, 3},
		{"once", nil, time.Hour + 1, 3},
		{
			"what is done in time is not missed",
			compliance.Complete{Scope: "later", Zone: time.UTC, At: noon.Add(time.Hour)},
			3 * time.Hour, 4,
		},
		{"and a year later both are missed that nobody did", nil, 366 * 24 * time.Hour, 5},
	} {
		if tc.first != nil {
			do(tc.first)
		}
		for range 2 { // what was announced is read, and changes nothing more
			var batch []es.Recorded
			for r, err := range reviews.Store.Load(t.Context(), agg, read.Seq, es.Leader) {
				if err != nil {
					t.Fatal(err)
				}
				batch = append(batch, r)
			}
			if len(batch) > 0 {
				if err := dates.Apply(t.Context(), read, batch); err != nil {
					t.Fatal(err)
				}
				read = es.CheckpointAt(batch[len(batch)-1])
			}
			a, err := overdue.Announcer{
				Dates: dates, Reviews: reviews, Now: func() time.Time { return noon.Add(tc.after) }, Every: time.Hour,
				Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			}.Metered(metrics.NewMeterProvider())
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Announce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_, head, err := reviews.Load(t.Context(), agg, es.Leader)
		if err != nil || head.Version != uint64(tc.commits) {
			t.Errorf("%s: the log has %d events, want %d, error %v", tc.name, head.Version, tc.commits, err)
		}
	}
}
